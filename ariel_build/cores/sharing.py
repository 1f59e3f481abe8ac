"""Sharing = cores that have one model: in which pieces its values are there, and which core computes what."""

from __future__ import annotations

import math
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
        """Returns the best plan in pieces; that without, where cores would be idle for longer than the bytes are worth.

        The search estimates what pieces cost; of what it finds with rows that are pulled, and with rows that are made
        as far as the last call needs, the prediction tells which is best. Where neither is worth it, pieces of values
        that are there in whole may be.
        """
        pieces = planned(effort)
        if not pieces[0].is_streamed:
            return pieces
        whole = planned(WHOLE)
        time = self._time(whole)

        def worth(one: Planned) -> float:
            return self._worth(one, self._time(one) / max(time, 1) - 1, effort.price)

        tried = [whole, pieces, planned(replace(effort, pulled=()))] if effort.rolls else [whole, pieces]
        best = min(tried, key=worth)
        return min(whole, planned(replace(effort, rolls=())), key=worth) if best is whole and effort.rolls else best

    def units(self, schedule: Schedule, plan: MemoryPlan) -> Units:
        """Cuts the work for the cores, proved by a checker of its own."""
        units = self._units(schedule, plan)
        check_units(units, schedule, plan)
        return units

    def _units(self, schedule: Schedule, plan: MemoryPlan) -> Units:
        return build_units(schedule, plan, self.workers, lambda step, _: self.cut.tiles(step), self.cut.shares)

    def _time(self, planned: Planned) -> float:
        """Returns for how long the cores take by prediction."""
        schedule, plan = planned
        return predict(schedule, self._units(schedule, plan), self.clock, 0, 0).cycles

    def _worth(self, planned: Planned, longer: float, price: float) -> float:
        """Returns the bytes of the arena, with those that the time is worth; infinity where the cores take too long.

        The prediction tells how much longer they wait than with whole calls, the estimate of the search what pieces
        cost a kernel.
        """
        steps = planned[0].steps
        spent = sum(overhead(step.call, [piece.tile for piece in step.pieces]) for step in steps)
        more = longer + spent / max(sum(work_of(step.call) for step in steps), 1)
        return planned[1].arena_bytes * (1 + price * max(more, 0.0)) if more <= _IDLE else math.inf
