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

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from itertools import chain

from ariel_build.ir import Value
from ariel_build.kernels import Feed, KernelCall
from ariel_build.memory.peaks import Peaks
from ariel_build.memory.rolling import can_roll, distinct, rolling
from ariel_build.records import dataclass
from ariel_build.schedule import Tile, work_of
from ariel_build.schedule.interleave import interleaved, pulled, quantum, row, whole_rows
from ariel_build.schedule.overhead import CALL, FED, overhead, parted, slid
from ariel_build.schedule.parts import for_rows
from ariel_build.schedule.ranges import can_stream
from ariel_build.schedule.tiles import dealt

__all__ = ["RAM", "SPEED", "WHOLE", "Effort", "Estimates", "Streaming", "streaming"]

Order = list[tuple[int, Tile]]


@dataclass(frozen=True)
class Streaming:
    """The order of all pieces, and the calls that are one tile in place of their input."""

    order: tuple[tuple[int, Tile], ...]
    in_place: frozenset[int]
    #: The values of which only the rows under the windows are there (`rolling`).
    rolled: frozenset[Value] = frozenset()


#: Rows of the last call of a chain at a time.
_ROWS = (1, 2, 4, 8)
#: What a piece costs each core besides its share: to take units of it, and to wait for what comes before.
_SHARED = 300
#: Rows of the calls of a chain whose values roll at a time on one core.
_PULLED = (1, 2)
#: The same where programs are judged.
_FEW = (1,)
#: Into how many pieces a call by itself is cut.
_PIECES = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64)
#: Into how many pieces the last call of a chain is cut at most.
_MOST = 2000
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


@dataclass(frozen=True)
class Stretch:
    """Calls that run together: the order of their pieces, what they need, and what that costs in instructions."""

    calls: range
    order: tuple[tuple[int, Tile], ...]
    peak: int
    cost: int
    #: Whether the call is to be one tile, in place of its input.
    in_place: bool = False
    rolled: frozenset[Value] = frozenset()

    @property
    def turns(self) -> bool:
        """Whether it may run downwards as well."""
        return len(self.calls) == 1 and len(self.order) > 1

    def moved(self, by: int) -> Stretch:
        """Returns the same where so many more calls are before it."""
        span = range(self.calls.start + by, self.calls.stop + by)
        return replace(self, calls=span, order=tuple((index + by, tile) for index, tile in self.order))


#: Stretches by the calls that run together, and whether values between them roll.
_Stretches = dict[tuple[tuple[KernelCall, ...], bool], list[Stretch]]
#: Of a call in such pieces: its scratch, and what they cost.
_Parts = dict[tuple[KernelCall, tuple[Tile, ...]], tuple[int, int]]


@dataclass
class _Search:
    peaks: Peaks
    #: The most that a way may cost.
    budget: int
    #: How fast each core is with a call.
    shares: Callable[[KernelCall], Sequence[float]]
    #: Rows of the calls of a chain whose values roll at a time.
    pulled: Sequence[int]
    #: Whether values between the calls of a chain roll.
    rolls: bool = False
    #: Whether each chain is looked at in one way alone.
    few: bool = False
    _known: _Stretches = field(default_factory=dict)
    _parts: _Parts = field(default_factory=dict)

    @cached_property
    def fed(self) -> int:
        """The call that stands for who gives rows of the input; -1 where it is there in whole."""
        return next((i for i, call in enumerate(self.peaks.calls) if isinstance(call.kernel, Feed)), -1)

    def whole(self, index: int, *, in_place: bool = False) -> Stretch:
        order = ((index, Tile(0, self.peaks.calls[index].tiling.extent)),)
        span = range(index, index + 1)
        return Stretch(span, order, self.peaks.of(span, order, in_place=in_place), 0, in_place)

    def stretches(self, span: range) -> list[Stretch]:
        """Returns the ways to run the calls of `span` together, the cheapest first."""
        key = tuple(self.peaks.calls[span.start : span.stop]), self.rolls and len(span) > 1
        if key not in self._known:
            if key[1]:
                ways = list(self._rolls(span))
            else:
                orders = self._alone(span[0]) if len(span) == 1 else self._chains(span)
                ways = [Stretch(span, tuple(o), self.peaks.of(span, o), self._cost(span, o)) for o in orders]
            if len(span) == 1:
                ways.append(self.whole(span[0]))
                if self.peaks.cores == 1 and self.peaks.calls[span[0]].in_place_whole:
                    ways.append(self.whole(span[0], in_place=True))
            self._known[key] = sorted(ways, key=lambda w: (w.cost, w.in_place, w.peak))
        known = self._known[key]
        if known and known[0].calls != span:
            known = self._known[key] = [way.moved(span.start - way.calls.start) for way in known]
        return known

    def _alone(self, index: int) -> Iterator[Order]:
        call = self.peaks.calls[index]
        # Rows of the input are given in their order, and others may only run in between in a chain.
        if can_stream(call) and not isinstance(call.kernel, Feed):
            step, extent = quantum(call), call.tiling.extent
            rows = -(-extent // step)
            for units in dict.fromkeys(-(-rows // pieces) * step for pieces in _PIECES if pieces <= rows):
                yield [(index, Tile(start, min(start + units, extent))) for start in range(0, extent, units)]

    def _chains(self, span: range) -> Iterator[Order]:
        calls = self.peaks.calls
        if all(can_stream(calls[i]) for i in span):
            step, extent = quantum(calls[span[-1]]), calls[span[-1]].tiling.extent
            base = max(step, row(calls[span[-1]]))
            for units in dict.fromkeys(min(base * rows, extent) for rows in _ROWS):
                # Too many pieces to be worth their calls, or to be looked at in reasonable time.
                pieces = -(-extent // units)
                if 1 < pieces <= min(self.budget // CALL + 1, _MOST):
                    yield interleaved(calls, span, units, self.peaks.aliases)

    def _rolls(self, span: range) -> Iterator[Stretch]:
        """Yields ways to run a chain between whose calls there are only the rows under the windows."""
        calls = self.peaks.calls
        values = can_roll(calls, span, self.peaks.kept, self.peaks.aliases, self.peaks.users)
        if not values or not all(can_stream(calls[i]) for i in span):
            return
        last = calls[span[-1]]
        base = max(whole_rows(last), row(last))
        if sum(-(-calls[i].tiling.extent // max(whole_rows(calls[i]), row(calls[i]))) for i in span) > 2 * _MOST:
            return
        orders = [pulled(calls, span, rows, self.peaks.aliases) for rows in self.pulled]
        if not self.few:
            orders += [interleaved(calls, span, base, self.peaks.aliases, whole_rows)]
        for order in orders:
            if len(order) > min(self.budget // CALL + 1, _MOST):
                continue
            tiles: dict[int, list[Tile]] = {}
            for index, tile in order:
                tiles.setdefault(index, []).append(tile)
            if any(len(tiles[index]) < 2 for index in span):
                continue
            parts = {index: self._parted(index, tuple(tiles[index])) for index in span}
            cost = sum(cost for _, cost in parts.values())
            if cost > self.budget:
                # However little moves.
                continue
            buffers = rolling(calls, order, values)
            cost += sum(slid(len(b.slides), b.moved) for b in distinct(buffers))
            if cost > self.budget:
                continue
            scratches = {index: scratch for index, (scratch, _) in parts.items()}
            yield Stretch(span, tuple(order), self.peaks.of(span, order, buffers, scratches), cost, rolled=values)

    def _parted(self, index: int, tiles: tuple[Tile, ...]) -> tuple[int, int]:
        """Returns the scratch of a call in such pieces, and what they cost; chains that overlap ask for the same."""
        call = self.peaks.calls[index]
        key = call, tiles
        if key not in self._parts:
            fitted = for_rows(call, tiles)
            self._parts[key] = fitted.arena_scratch_bytes, parted(fitted, call, tiles) + self._idle(call, tiles)
        return self._parts[key]

    def _idle(self, call: KernelCall, tiles: Sequence[Tile]) -> int:
        """Returns the instructions for which cores that share pieces wait for each other, and of handing them over.

        Where a piece's granules cannot be dealt as the cores are fast, some have nothing to do.
        """
        shares = self.shares(call)
        if len(shares) == 1:
            return 0
        work, idle = work_of(call), 0
        for units, count in Counter(tile.end - tile.start for tile in tiles).items():
            granules = -(-units // max(call.tiling.granularity, 1))
            # How many granules the fastest core could compute until the last core is done, over those that it has to.
            longest = max(n / share for n, share in zip(dealt(granules, shares), shares, strict=True))
            least = work * units // call.tiling.extent
            idle += count * (int(least * (longest * sum(shares) / granules - 1)) + len(shares) * _SHARED)
        return idle

    def _cost(self, span: range, order: Order) -> int:
        return sum(overhead(self.peaks.calls[i], [tile for index, tile in order if index == i]) for i in span)

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
    _known: _Stretches = field(default_factory=dict)
    _parts: _Parts = field(default_factory=dict)

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
            _known=self._known,
            _parts=self._parts,
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
