"""The independent checker of units: whatever may run at the same time touches no byte together, unless both read.

It shares no code with `units.py` but the accesses: it walks all pairs of tiles, and asks of each pair that conflicts
whether the edges order it, and order it as the sequence of the steps does. Then every tile's inputs are complete
before it starts, since whoever writes them conflicts with it.
"""

from __future__ import annotations

from ariel_build.errors import InternalError
from ariel_build.memory import MemoryPlan
from ariel_build.schedule import Schedule, Tile
from ariel_build.schedule.access import Blocks, overlap, reads_of, scratch_of, writes_of
from ariel_build.schedule.units import Units

__all__ = ["check_units"]


def check_units(units: Units, schedule: Schedule, plan: MemoryPlan) -> None:
    """Raises InternalError naming two units where the plan would let them race, or runs a tile twice or never."""
    before = _reachable(units)
    _check_cover(units, schedule)
    access: dict[int, tuple[list[Blocks], list[Blocks], list[Blocks]]] = {}
    for index, unit in enumerate(units.units):
        if unit.step is not None:
            step = schedule.steps[unit.step]
            reads, writes = reads_of(step.call, unit.tile, plan), writes_of(step.call, unit.tile, plan)
            access[index] = reads, writes, scratch_of(step, plan, units.workers)
    for later, (reads, writes, scratch) in access.items():
        for earlier, (old_reads, old_writes, old_scratch) in access.items():
            if earlier >= later:
                break
            if before[later] >> earlier & 1:
                continue
            other = units.units[later].step != units.units[earlier].step
            # Tiles of one step have scratch of their own, each that of its worker; tiles of two steps may share it.
            mine, theirs = (scratch, old_scratch) if other else ([], [])
            pairs = [(a, b) for a in (*writes, *mine) for b in (*old_reads, *old_writes, *theirs)]
            pairs += [(a, b) for a in reads for b in (*old_writes, *theirs)]
            if any(overlap(a, b) for a, b in pairs):
                raise InternalError(
                    "two tiles could touch the same bytes at the same time",
                    {"unit": later, "other": earlier, "steps": (units.units[later].step, units.units[earlier].step)},
                )


def _reachable(units: Units) -> list[int]:
    """Returns for each unit the set of those that are complete before it starts, as a bit mask."""
    before: list[int] = []
    for index, unit in enumerate(units.units):
        if any(not 0 <= need < index for need in unit.needs):
            raise InternalError("a unit needs one that does not come before it", {"unit": index})
        reach = 0
        for need in unit.needs:
            reach |= before[need] | 1 << need
        before.append(reach)
    if before and before[-1] != (1 << len(before) - 1) - 1:
        raise InternalError("the last unit does not wait for all others", {"units": len(before)})
    if any(not unit.needs for unit in units.units[1:]):
        raise InternalError("more than one unit waits for none", {"units": len(before)})
    return before


def _check_cover(units: Units, schedule: Schedule) -> None:
    """Every unit of every step is computed by exactly one tile, and steps come in their order."""
    tiles: dict[int, list[Tile]] = {}
    last = -1
    for unit in units.units:
        if unit.step is None:
            continue
        if unit.step < last:
            raise InternalError("units are not in the order of their steps", {"step": unit.step})
        last = unit.step
        tiles.setdefault(unit.step, []).append(unit.tile)
    for step in schedule.steps:
        at = 0
        for tile in sorted(tiles.get(step.index, [])):
            if tile.start != at or tile.end <= at:
                raise InternalError("tiles overlap or leave a gap", {"step": step.index, "tile": tile})
            at = tile.end
        if at != step.call.tiling.extent:
            raise InternalError("tiles do not cover a step", {"step": step.index})
