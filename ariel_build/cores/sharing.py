"""Sharing = cores that have one model: in which pieces its values are there, and which core computes what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ariel_build.cores.check_units import check_units
from ariel_build.cores.predict import Clock, predict
from ariel_build.cores.split import Split
from ariel_build.cores.units import Units, build_units
from ariel_build.memory import WHOLE, Effort, MemoryPlan
from ariel_build.records import dataclass
from ariel_build.schedule import Schedule, work_of
from ariel_build.schedule.overhead import overhead

__all__ = ["Planned", "Sharing"]

Planned = tuple[Schedule, MemoryPlan]
#: How much longer several cores may take for pieces, by prediction and estimate; counted, it has been up to 7 %.
_IDLE = 0.045


@dataclass(frozen=True)
class Sharing:
    """So many cores at one model, the time of a call on each, and what cuts steps for them."""

    workers: int
    clock: Clock
    cut: Split

    def plan(self, planned: Callable[[Effort], Planned], effort: Effort) -> Planned:
        """Returns the plan in pieces, unless these leave cores idle for longer than the bytes are worth (see `Effort`).

        Where those of values that roll do, it may have pieces of values that are there in whole.
        """
        pieces = planned(effort)
        if not pieces[0].is_streamed:
            return pieces
        whole = planned(WHOLE)
        if self._is_worth(pieces, whole, effort.price):
            return pieces
        if pieces[1].slides and self._is_worth(pieces := planned(replace(effort, rolls=())), whole, effort.price):
            return pieces
        return whole

    def units(self, schedule: Schedule, plan: MemoryPlan) -> Units:
        """Cuts the work for the cores, proved by a checker of its own."""
        units = self._units(schedule, plan)
        check_units(units, schedule, plan)
        return units

    def _units(self, schedule: Schedule, plan: MemoryPlan) -> Units:
        return build_units(schedule, plan, self.workers, lambda step, _: self.cut.tiles(step), self.cut.shares)

    def _is_worth(self, pieces: Planned, whole: Planned, price: float) -> bool:
        """Whether the cores take so little longer in pieces that the bytes are worth it.

        The prediction tells for how long they wait, the estimate of the search what pieces cost a kernel.
        """
        after, before = (predict(s, self._units(s, p), self.clock, 0, 0).cycles for s, p in (pieces, whole))
        steps = pieces[0].steps
        spent = sum(overhead(step.call, [piece.tile for piece in step.pieces]) for step in steps)
        more = after / max(before, 1) - 1 + spent / max(sum(work_of(step.call) for step in steps), 1)
        worse = 1 + price * max(more, 0.0)
        return more <= _IDLE and pieces[1].arena_bytes * worse < whole[1].arena_bytes
