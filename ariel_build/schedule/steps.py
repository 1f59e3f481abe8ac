"""Schedule = steps in the order of their starts, each a kernel call with its tiles and its interval of time.

Time is logical. All that the run time promises is this: where `a.end <= b.start`, step `a` is complete before step `b`
starts. Steps whose intervals overlap may run side by side, so whatever they touch lives at the same time. A sequence
on one core is the case where step `i` has the interval [i, i + 1). Memory planning reads intervals and never indices,
so that a schedule with branches side by side needs no other planner.

Control flow takes ticks of its own, in which no step runs: one in which the condition is read, one behind each body in
which what it gives is read, and one in which the results are written, though nothing is moved: they lie where the body
made them. A run passes through the ticks in their order and leaves out those of the bodies that it does not choose. A
loop has ticks for its beginning and one behind its body, in which all is read that the next iteration needs, too: from
there a run goes back to the first tick of the body.

A step may be streamed: it runs in pieces, each a range of its units at a time of its own, and other steps may run
between them. What a piece writes is needed from that piece on, what it reads until then: so the rows of a value come
and go one after the other, and the bytes of those that are gone hold others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from ariel_build.ir import Value
from ariel_build.kernels import Feed, KernelCall
from ariel_build.kernels.flow import Flow, Loop, blocks, worst
from ariel_build.records import dataclass
from ariel_build.schedule.cost import work_of
from ariel_build.schedule.tiles import Tile, cut

__all__ = ["BEFORE", "Interval", "Moment", "Piece", "Schedule", "Step", "Tile", "schedule", "tiles_of"]

#: The tick before the first step: inputs and states hold their contents from here on.
BEFORE = -1
#: Work of a tile, where nothing else is said.
_WORK = 20_000


class Interval(NamedTuple):
    """Ticks from `start` up to, not including, `end`."""

    start: int
    end: int

    def overlaps(self, other: Interval) -> bool:
        """Whether some tick belongs to both."""
        return self.start < other.end and other.start < self.end


class Piece(NamedTuple):
    """The units of a step that run during `time`."""

    tile: Tile
    time: Interval


@dataclass(frozen=True)
class Step:
    """One kernel call: a blocking run takes each piece at once, an async run yields after at most a tile of it.

    `streamed` are the pieces in the order of their times; a step without any is one piece, during all of its time.
    """

    index: int
    call: KernelCall
    tiles: tuple[Tile, ...]
    time: Interval
    streamed: tuple[Piece, ...] = ()

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces, in the order of their times."""
        return self.streamed or (Piece(self.whole, self.time),)

    @property
    def whole(self) -> Tile:
        """The tile that is the whole output."""
        return Tile(0, self.call.tiling.extent)

    @property
    def tile_units(self) -> int:
        """Units of each tile but the last, which may have fewer."""
        return self.tiles[0].end - self.tiles[0].start if self.tiles else 0

    @property
    def name(self) -> str:
        """How messages and reports call the step."""
        return self.call.label or f"{self.call.kernel.path} (step {self.index})"


@dataclass(frozen=True)
class Moment:
    """A tick of control flow: values that are read in it, or written."""

    time: Interval
    reads: tuple[Value, ...] = ()
    writes: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Schedule:
    """Steps with their times; `cores` workers may run tiles of one step side by side, each with its own scratch.

    `flow` says which steps run, `moments` when it decides that, in the order of their times.
    """

    steps: tuple[Step, ...]
    cores: int = 1
    flow: Flow = ()
    moments: tuple[Moment, ...] = ()

    @property
    def end(self) -> int:
        """The tick at which every step is complete."""
        return max([0, *(s.time.end for s in self.steps), *(m.time.end for m in self.moments)])

    @property
    def blocks(self) -> list[range]:
        """Steps that run one after the other, with no decision between them; all of them are one without a flow."""
        return list(blocks(self.flow)) or [range(len(self.steps))]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference, the most where control flow decides.

        A loop without a bound counts as one iteration.
        """
        flow = self.flow or (range(len(self.steps)),)
        return int(worst(flow, lambda block: sum(self.steps[k].call.macs for k in block), unbounded=1))

    @property
    def pieces(self) -> list[tuple[Step, Piece]]:
        """All pieces of all steps, in the order of their times."""
        return sorted(((s, p) for s in self.steps for p in s.pieces), key=lambda item: (item[1].time, item[0].index))

    @property
    def takes_rows(self) -> bool:
        """Whether rows of the input are given one by one."""
        return any(isinstance(step.call.kernel, Feed) for step in self.steps)

    @property
    def is_streamed(self) -> bool:
        """Whether some step runs in more than one piece."""
        return any(len(s.pieces) > 1 for s in self.steps)

    @property
    def calls(self) -> list[KernelCall]:
        """The kernel calls, in the order of the steps."""
        return [s.call for s in self.steps]


def tiles_of(call: KernelCall) -> tuple[Tile, ...]:
    """Returns the tiles of a call where nothing else is said."""
    return cut(call.tiling, work_of(call), _WORK)


def schedule(
    calls: Sequence[KernelCall],
    *,
    cores: int = 1,
    tiles: Callable[[KernelCall], tuple[Tile, ...]] | None = None,
    order: Sequence[tuple[int, Tile]] | None = None,
    flow: Flow = (),
) -> Schedule:
    """Returns one step for each call, one after the other, in `tiles`: without, of about 20,000 MACs (see `cost`).

    `order` gives the pieces in which they run instead: (index of the call, tile), one after the other. `flow` says
    which of the calls run, where that is decided at run time: then they are not in pieces.
    """
    streamed: dict[int, list[Piece]] = {}
    for tick, (index, tile) in enumerate(order or ()):
        streamed.setdefault(index, []).append(Piece(tile, Interval(tick, tick + 1)))
    steps = []
    starts, moments = _times(flow or (range(len(calls)),))
    for index, call in enumerate(calls):
        pieces = tuple(streamed.get(index, ()))
        start = starts[index]
        time = Interval(pieces[0].time.start, pieces[-1].time.end) if pieces else Interval(start, start + 1)
        cut_so = tiles_of(call) if tiles is None else tiles(call)
        steps.append(Step(index, call, cut_so, time, pieces if len(pieces) > 1 else ()))
    return Schedule(tuple(steps), cores, flow, moments)


def _times(flow: Flow) -> tuple[dict[int, int], tuple[Moment, ...]]:
    """Returns the tick of each call, and the moments between them."""
    ticks = count()
    starts: dict[int, int] = {}

    def moment(reads: tuple[Value, ...] = (), writes: tuple[Value, ...] = ()) -> Moment:
        tick = next(ticks)
        return Moment(Interval(tick, tick + 1), reads, writes)

    def walk(flow: Flow) -> Iterator[Moment]:
        for item in flow:
            if isinstance(item, range):
                starts.update((index, next(ticks)) for index in item)
                continue
            if isinstance(item, Loop):
                yield moment(item.begins)
                yield moment(writes=(*item.carried, *item.counters))
                if item.test is not None:
                    yield from walk(item.test.flow)
                    # Where it ends here, what is carried is what it gives.
                    yield moment((*item.test.gives, *item.carried))
                yield from walk(item.body.flow)
                yield moment((*item.body.gives, *item.kept, *item.counters))
            else:
                yield moment((item.condition,))
                for body in item.bodies:
                    yield from walk(body.flow)
                    yield moment(body.gives)
            yield moment(writes=item.results)

    moments = tuple(walk(flow))
    return starts, moments
