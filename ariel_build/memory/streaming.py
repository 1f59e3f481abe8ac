"""streaming = argmin of the arena over ways to run calls in pieces, at a bounded cost in instructions.

A way cuts the sequence of calls into stretches: a call by itself, whole or in pieces, or a chain of calls whose pieces
are interleaved. What a stretch needs does not depend on the others (`peaks`), so for a given number of bytes the
cheapest way is found by dynamic programming. The search lowers that number step by step and places each way that comes
out: what the arena needs besides, since every value is one run of bytes, only placing tells. Between the calls of
a chain there need only be the rows under the windows (`rolling`): that costs moves, and kernels for fewer rows.

Pieces of a call by itself run upwards or downwards. Downwards, the output follows above its input in the arena, upwards
below it: neighbours that take turns stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain

from ariel_build.ir import Value
from ariel_build.kernels import Feed, KernelCall
from ariel_build.memory.peaks import Peaks
from ariel_build.memory.stretches import Known, Stretch, Stretches
from ariel_build.records import dataclass
from ariel_build.schedule import Tile, work_of
from ariel_build.schedule.overhead import FED

__all__ = ["RAM", "SPEED", "WHOLE", "Effort", "Estimates", "Streaming", "streaming"]


@dataclass(frozen=True)
class Streaming:
    """The order of all pieces, and the calls that are one tile in place of their input."""

    order: tuple[tuple[int, Tile], ...]
    in_place: frozenset[int]
    #: The values of which only the rows under the windows are there (`rolling`).
    rolled: frozenset[Value] = frozenset()


#: Rows of the calls of a chain whose values roll at a time on one core.
_PULLED = (1, 2)
#: The same where programs are judged.
_FEW = (1,)
#: By how much the search lowers the bytes, at the end, and how often.
_STEP, _LAST_STEP, _STEPS = 0.96, 0.99, 40
#: The same where a goal is given: what is a little less, since there may be gaps in an arena.
_FEW_STEPS, _FEW_TRIALS = 3, 2
#: By how much a guess of offsets must be better than one before it.
_NEARLY = 0.98
#: How many times as many pieces are tried, and how many orders are placed.
_FINER, _TRIALS = (2, 3), 40
#: How many of the orders that bettered those before them are placed in earnest.
_HOPEFUL = 3


class _Search(Stretches):
    """The search among ways to cut a program into stretches."""

    def cheapest(self, most: int, longest: int, *, follows: bool = False) -> list[Stretch] | None:
        """Returns the cheapest way in which no stretch needs more than `most` bytes; None where there is none.

        Chains have at most `longest` calls; with `follows`, who gives rows of the input is in one with what reads them.
        """
        count = len(self.peaks.calls)
        wholes = [self.stretches(range(i, i + 1))[0] for i in range(count)]
        fed = self.fed
        chained = follows and any(
            self.stretches(range(fed, end)) for end in range(fed + 2, min(fed + longest, count) + 1)
        )
        #: The cost of the cheapest way up to a call, and the last stretch of it.
        best: list[tuple[int, Stretch | None] | None] = [(0, None)] + [None] * count
        for end in range(1, count + 1):
            # Shorter ones first: a longer one is found at some length, and of those that cost the same it is taken.
            for start in range(end - 1, max(end - longest, 0) - 1, -1):
                before, here = best[start], best[end]
                if before is None or (here is not None and before[0] >= here[0] and start < end - 1):
                    # Any chain costs something.
                    continue
                span = range(start, end)
                if len(span) > 1 and span[0] != fed and all(wholes[i].peak <= most for i in span):
                    continue
                if self.rolls and len(span) > 1 and max(self.peaks.between(start), self.peaks.between(end)) > most:
                    continue
                if end == fed + 1 and chained:
                    # What computes on rows of the input runs as they come.
                    continue
                if here is not None and len(span) > 1 and before[0] + self.least(span) > here[0]:
                    continue
                fitting = next((w for w in self.stretches(span) if w.peak <= most), None)
                if fitting and (here is None or before[0] + fitting.cost <= here[0]):
                    best[end] = before[0] + fitting.cost, fitting
        way: list[Stretch] = []
        while (last := best[count]) and last[1]:
            way.append(last[1])
            count = last[1].calls[0]
        return way[::-1] if last else None

    def ways(self, longest: int, goal: int = 0) -> Iterator[list[Stretch]]:
        """Yields ways within the budget that need less and less by the estimate, with chains of at most `longest`.

        With a `goal` it is a few that need no more than that.
        """
        calls = range(len(self.peaks.calls))
        most = goal or max((self.stretches(range(i, i + 1))[0].peak for i in calls), default=0)
        floor = self.peaks.largest(rolls=self.rolls)
        # Rows of the input come one by one, whatever that saves.
        follows = self.fed >= 0
        step = 1.0 if follows or goal else _STEP
        for _ in range(_FEW_STEPS if goal else _STEPS):
            lower = max(int(most * step), floor)
            way = self.cheapest(lower, longest, follows=follows)
            if way is None or sum(w.cost for w in way) > self.budget:
                if step != _LAST_STEP and self.fed >= 0:
                    # Somewhat more may do.
                    step = _LAST_STEP
                elif follows:
                    # Or rows of the input are kept, and what computes on them runs behind them.
                    step, follows = _STEP, False
                else:
                    return
                continue
            yield way
            step = min(step, _STEP)
            reached = max(w.peak for w in way)
            if reached <= floor or lower == floor:
                return
            most = min(lower, reached)

    def finer(self, way: Sequence[Stretch]) -> Iterator[list[Stretch]]:
        """Yields the way, and ways with smaller pieces, so that outputs follow their inputs more closely."""
        yield list(way)
        for times in _FINER:
            finer = []
            for stretch in way:
                pieces = len(stretch.order) * times
                others = [w for w in self.stretches(stretch.calls) if stretch.turns and len(w.order) >= pieces]
                finer.append(min(others, key=lambda w: w.cost, default=stretch))
            if finer != list(way) and sum(w.cost for w in finer) <= self.budget:
                yield finer

    def turning(self, way: Sequence[Stretch], goal: int) -> list[int]:
        """Returns which stretches may run downwards; with a goal, those that need no more then than that.

        They may need more: of the last pieces, which come first then, some are smaller.
        """
        return [
            index
            for index, stretch in enumerate(way)
            if stretch.turns and (not goal or self.peaks.of(stretch.calls, stretch.order[::-1]) <= goal)
        ]


@dataclass(frozen=True)
class Effort:
    """What streaming may cost, in instructions per unit of the model's work (see `cost`).

    An instruction per unit of work spent must save `price` of the arena; arenas smaller than `worth` stay as they are.
    """

    budget: float
    price: float = 0.0
    worth: int = 4096
    #: The most calls of a chain; a search for each. Those by themselves have more room to be placed, chains need less.
    chains: tuple[int, ...] = (1, 6)
    #: The same for chains between whose calls only the rows under the windows are there.
    rolls: tuple[int, ...] = (12,)
    #: Rows of the calls of these chains at a time, where several cores share them.
    pulled: tuple[int, ...] = (1, 2, 4)
    #: How hard each order is placed (see `plan`).
    placing: int = 0
    #: How many pieces and calls are placed at most: what bounds the search in long models.
    pieces: int = 50_000
    #: What is tried before.
    before: Effort | None = None
    #: Bytes that are few enough: the search begins with ways that need no more, and ends where an arena has no more.
    goal: int = 0


#: Every call runs whole; streaming costs hardly anything; whatever it costs.
WHOLE, SPEED = Effort(0.0), Effort(0.04, 2.0)
RAM = Effort(0.5, 0.0, 256, (1, 6, 8, 10), (8,), placing=20_000, pieces=100_000, before=SPEED)


@dataclass
class Estimates:
    """Tells what programs need that differ in some calls, without a place for any value.

    What a stretch needs does not depend on the calls around it: it is found once for all programs that have it.
    `peaks` counts the bytes of a program.
    """

    peaks: Callable[[Sequence[KernelCall]], Peaks]
    effort: Effort
    _known: Known = field(default_factory=Known)

    def cost(self, calls: Sequence[KernelCall], most: int) -> int | None:
        """Returns the instructions that pieces cost with which no more than `most` bytes are needed.

        None where there are no such pieces, or they cost more than the effort.
        """
        search = _Search(
            self.peaks(calls),
            _budget(calls, self.effort),
            lambda _: [1.0],
            _FEW,
            few=True,
            known=self._known,
        )
        lengths = [(length, True) for length in self.effort.rolls] + [(length, False) for length in self.effort.chains]
        for longest, search.rolls in lengths:
            for follows in (True, False) if search.fed >= 0 else (False,):
                way = search.cheapest(most, longest, follows=follows)
                if way is not None and (cost := sum(w.cost for w in way)) <= search.budget:
                    return cost
        return None


def _budget(calls: Sequence[KernelCall], effort: Effort) -> int:
    """Returns the instructions that pieces may cost; what rows of the input cost is not the pieces' affair."""
    fed = sum(FED * call.tiling.extent for call in calls if isinstance(call.kernel, Feed))
    return int(sum(map(work_of, calls)) * effort.budget) + fed


def streaming(
    peaks: Peaks,
    effort: Effort,
    size: float,
    place: Callable[[Streaming], int],
    shares: Callable[[KernelCall], Sequence[float]],
) -> list[tuple[float, Streaming]]:
    """Returns orders of pieces with small arenas, each with the factor by which its cost makes it worse.

    `size` is the arena of whole calls, `place` gives that of an order, with offsets that were found quickly.
    `shares` says how fast each core is with a call.
    """
    work, budget = max(sum(map(work_of, peaks.calls)), 1), _budget(peaks.calls, effort)

    def factor(way: Sequence[Stretch]) -> float:
        return 1 + effort.price * sum(w.cost for w in way) / work

    search = _Search(peaks, budget, shares, _PULLED if peaks.cores == 1 else effort.pulled)
    found, rolled = list[tuple[float, Streaming]](), False
    best, room = size, effort.pieces
    chains = [length for length in effort.chains if length > 1 or search.fed < 0]
    # What rolls needs least: placed first, it leaves little of the rest that could still be better.
    for longest, search.rolls in [*((c, True) for c in effort.rolls), *((c, False) for c in chains)]:
        if effort.price and rolled and longest > 1 and not search.rolls:
            # Where chains roll, those whose values are there in whole need more.
            continue
        trials = _FEW_TRIALS if effort.goal else _TRIALS // 2 if search.rolls else _TRIALS
        bettered = list[tuple[float, Streaming]]()
        candidates = [fine for way in search.ways(longest, effort.goal) for fine in search.finer(way)]
        if not effort.goal:
            candidates.sort(key=lambda way: max(w.peak for w in way) * factor(way))
        for way in candidates:
            bound = max(w.peak for w in way)
            if min(trials, room) <= 0 or bound * factor(way) >= best:
                break
            for placed, order in _turned(search.turning(way, effort.goal), way, bound, place):
                trials, room = trials - 1, room - len(order.order) - len(peaks.calls)
                # Of rolling ways those that come later need more by the estimate: a better guess of offsets is little.
                if placed * factor(way) < best * (_NEARLY if search.rolls and bettered else 1):
                    best = placed * factor(way)
                    bettered.append((factor(way), order))
                elif effort.goal:
                    # All need few enough: a better guess of offsets is little.
                    bettered.append((factor(way), order))
                if room <= 0 or (effort.goal and trials <= 0):
                    break
        found += bettered if effort.goal else bettered[: -_HOPEFUL - 1 : -1]
        rolled |= search.rolls and bool(bettered)
    return found


def _turned(
    turning: Sequence[int], way: Sequence[Stretch], bound: int, place: Callable[[Streaming], int]
) -> Iterator[tuple[int, Streaming]]:
    """Yields arenas and orders of a way as the directions of the pieces of `turning` are changed, while that helps.

    To begin with, neighbours take turns; all that have a direction the first time, the others the second.
    """
    for first in (True, False) if turning else (False,):
        down = {index: (k % 2 == 0) is first for k, index in enumerate(turning)}
        order = _order(way, down)
        best = place(order)
        yield best, order
        for index in turning:
            if best <= bound:
                return
            down[index] = not down[index]
            order = _order(way, down)
            size = place(order)
            yield size, order
            if size <= best:
                best = size
            else:
                down[index] = not down[index]


def _order(way: Sequence[Stretch], down: Mapping[int, bool]) -> Streaming:
    pieces = (reversed(w.order) if down.get(k) else w.order for k, w in enumerate(way))
    in_place = frozenset(w.calls[0] for w in way if w.in_place)
    return Streaming(
        tuple(chain.from_iterable(pieces)), in_place, frozenset(chain.from_iterable(w.rolled for w in way))
    )
