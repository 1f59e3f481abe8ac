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
        time, spent = self._taken(whole)
        work = max(sum(work_of(step.call) for step in whole[0].steps), 1)

        def worth(one: Planned) -> float:
            longer, more = self._taken(one)
            return self._worth(one, longer / max(time, 1) - 1 + (more - spent) / work, effort.price)

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

    def _taken(self, planned: Planned) -> tuple[float, int]:
        """Returns for how long the cores take by prediction, and what pieces take more, as the search estimates it.

        What it knows of lines was counted on a Cortex-M0+: there each core's tile of a piece counts. On RISC-V,
        where lines cost less, pieces tell it.
        """
        schedule, plan = planned
        units = self._units(schedule, plan)
        tiles = [[piece.tile for piece in step.pieces] for step in schedule.steps]
        if all(core.isa == "armv6-m" for core in self.clock.cores):
            tiles = [[] for _ in schedule.steps]
            for unit in units.units:
                if unit.step is not None and unit.move is None:
                    tiles[unit.step].append(unit.tile)
        spent = sum(overhead(step.call, of) for step, of in zip(schedule.steps, tiles, strict=True) if of)
        return predict(schedule, units, self.clock, 0, 0).cycles, spent

    def _worth(self, planned: Planned, more: float, price: float) -> float:
        """Returns the bytes of the arena, with those that the time is worth; infinity where the cores take too long.

        `more` is how much longer they take than with whole calls: the prediction tells how long they wait, the estimate
        of the search what their tiles cost a kernel.
        """
        return planned[1].arena_bytes * (1 + price * max(more, 0.0)) if more <= _IDLE else math.inf
