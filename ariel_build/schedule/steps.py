"""Schedule = steps in the order of their starts, each a kernel call with its tiles and its interval of time.

Time is logical. All that the run time promises is this: where `a.end <= b.start`, step `a` is complete before step `b`
starts. Steps whose intervals overlap may run side by side, so whatever they touch lives at the same time. A sequence
on one core is the case where step `i` has the interval [i, i + 1). Memory planning reads intervals and never indices,
so that a schedule with branches side by side needs no other planner.

A call that is to run piece by piece between others is several calls, each of which writes a part of the value (an
alias of it, see `aliases`): every part then has a life of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ariel_build.kernel import KernelCall
from ariel_build.schedule.cost import work_of
from ariel_build.schedule.tiles import Tile, cut

__all__ = ["BEFORE", "Interval", "Schedule", "Step", "Tile", "schedule"]

#: The tick before the first step: inputs and states hold their contents from here on.
BEFORE = -1


class Interval(NamedTuple):
    """Ticks from `start` up to, not including, `end`."""

    start: int
    end: int

    def overlaps(self, other: Interval) -> bool:
        """Whether some tick belongs to both."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Step:
    """One kernel call: a blocking run takes `whole` at once, an async run yields after each of `tiles`."""

    index: int
    call: KernelCall
    tiles: tuple[Tile, ...]
    time: Interval

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
        return self.call.label or f"{self.call.kernel} (step {self.index})"


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
    def calls(self) -> list[KernelCall]:
        """The kernel calls, in the order of the steps."""
        return [s.call for s in self.steps]


def schedule(calls: Sequence[KernelCall], *, cores: int = 1, target_macs_per_tile: int = 20_000) -> Schedule:
    """Returns one step for each call, one after the other, in tiles of about `target_macs_per_tile` (see `cost`)."""
    steps = [
        Step(index, call, cut(call.tiling, work_of(call), target_macs_per_tile), Interval(index, index + 1))
        for index, call in enumerate(calls)
    ]
    return Schedule(tuple(steps), cores)
