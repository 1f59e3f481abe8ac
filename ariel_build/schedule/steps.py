"""Schedule = steps in the order of their starts, each a kernel call with its tiles and its interval of time.

Time is logical. All that the run time promises is this: where `a.end <= b.start`, step `a` is complete before step `b`
starts. Steps whose intervals overlap may run side by side, so whatever they touch lives at the same time. A sequence
on one core is the case where step `i` has the interval [i, i + 1). Memory planning reads intervals and never indices,
so that a schedule with branches side by side needs no other planner.

A step may be streamed: it runs in pieces, each a range of its units at a time of its own, and other steps may run
between them. What a piece writes is needed from that piece on, what it reads until then: so the rows of a value come
and go one after the other, and the bytes of those that are gone hold others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ariel_build.kernels import KernelCall
from ariel_build.schedule.cost import work_of
from ariel_build.schedule.tiles import Tile, cut

__all__ = ["BEFORE", "Interval", "Piece", "Schedule", "Step", "Tile", "schedule", "tiles_of"]

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
class Schedule:
    """Steps with their times; `cores` workers may run tiles of one step side by side, each with its own scratch."""

    steps: tuple[Step, ...]
    cores: int = 1

    @property
    def end(self) -> int:
        """The tick at which every step is complete."""
        return max((s.time.end for s in self.steps), default=0)

    @property
    def pieces(self) -> list[tuple[Step, Piece]]:
        """All pieces of all steps, in the order of their times."""
        return sorted(((s, p) for s in self.steps for p in s.pieces), key=lambda item: (item[1].time, item[0].index))

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
) -> Schedule:
    """Returns one step for each call, one after the other, in `tiles`: without, of about 20,000 MACs (see `cost`).

    `order` gives the pieces in which they run instead: (index of the call, tile), one after the other.
    """
    streamed: dict[int, list[Piece]] = {}
    for tick, (index, tile) in enumerate(order or ()):
        streamed.setdefault(index, []).append(Piece(tile, Interval(tick, tick + 1)))
    steps = []
    for index, call in enumerate(calls):
        pieces = tuple(streamed.get(index, ()))
        time = Interval(pieces[0].time.start, pieces[-1].time.end) if pieces else Interval(index, index + 1)
        cut_so = tiles_of(call) if tiles is None else tiles(call)
        steps.append(Step(index, call, cut_so, time, pieces if len(pieces) > 1 else ()))
    return Schedule(tuple(steps), cores)
