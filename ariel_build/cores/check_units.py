"""The independent checker of units: whatever may run at the same time touches no byte together, unless both read.

It shares nothing with `units.py`: what tiles touch it derives itself (`touches.py`), byte by byte, and what moves of
rows touch from the plan. It asks of each pair of units that conflicts whether the edges order it, and order it as the
sequence of the pieces does. Then every tile's inputs are complete, and where it reads them, before it starts, since
whoever writes or moves them conflicts with it. Blocks run one after the other, each
once the one before is complete: every unit of one is before every unit of those behind it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ariel_build.cores.touches import bytes_between, reads, writes
from ariel_build.cores.units import Unit, Units
from ariel_build.errors import InternalError
from ariel_build.memory import FAST, MemoryPlan, Region
from ariel_build.records import dataclass
from ariel_build.schedule import Schedule, Step, Tile

__all__ = ["check_units"]

#: What there is where units are missing.
_NONE = Unit(None, Tile(0, 0), 0)


@dataclass(frozen=True)
class _Touched:
    """What a tile reads and writes."""

    reads: int
    writes: int

    def conflicts(self, other: _Touched) -> bool:
        """Whether they meet in a byte that one of them writes."""
        return bool(self.writes & (other.reads | other.writes) or self.reads & other.writes)


def check_units(units: Units, schedule: Schedule, plan: MemoryPlan) -> None:
    """Raises InternalError naming two units where the plan would let them race, or runs a tile twice or never."""
    before = _reachable(units)
    _check_cover(units, schedule, plan)
    # Tiles of one step have scratch of their own, each that of its worker; tiles of two steps may share it.
    alone: dict[int, _Touched] = {}
    beside: dict[int, _Touched] = {}
    scratch = [_scratch(step.index, plan, units.workers) for step in schedule.steps]
    # Moves are of no step: they need no scratch.
    steps = [None if unit.move else unit.step for unit in units.units]
    for index, unit in enumerate(units.units):
        if unit.move is not None:
            source, target = (bytes_between(place.offset, place.end) for place in unit.move)
            alone[index] = beside[index] = _Touched(source, target)
        elif unit.step is not None:
            call = schedule.steps[unit.step].call
            read, written = (touched(call, unit.tile, plan, unit.tick) for touched in (reads, writes))
            _check_scratch(unit.step, read | written, scratch[unit.step], plan)
            alone[index] = _Touched(read, written)
            beside[index] = _Touched(read, written | scratch[unit.step])
    for later in alone:
        # Pairs that the edges order need no look: of a long model a few neighbours are left.
        for earlier in _bits(((1 << later) - 1) & ~before[later]):
            if earlier in alone:
                touched = alone if steps[earlier] == steps[later] else beside
                if touched[later].conflicts(touched[earlier]):
                    raise InternalError(
                        "two tiles could touch the same bytes at the same time",
                        {"unit": later, "other": earlier, "steps": (steps[later], steps[earlier])},
                    )


def _bits(mask: int) -> Iterator[int]:
    """Yields the numbers of the bits that are set, the highest first."""
    while mask:
        highest = mask.bit_length() - 1
        yield highest
        mask ^= 1 << highest


def _scratch(step: int, plan: MemoryPlan, workers: int) -> int:
    """Returns the scratch that all workers have during a step: in the arena, for a core runs one tile at a time."""
    found = 0
    for worker in range(workers):
        offset, size = plan.scratch(step, worker)
        if offset < FAST:
            found |= bytes_between(offset, offset + size)
    return found


def _check_scratch(step: int, touched: int, all_workers: int, plan: MemoryPlan) -> None:
    """The scratch of a step holds its parts, for every worker one, and none of what a tile reads and writes."""
    scratch = plan.scratches[step]
    if scratch is None:
        return
    if any(part.end > scratch.stride for part in scratch.parts):
        raise InternalError("two workers share scratch", {"step": step})
    if all_workers & touched:
        raise InternalError("scratch lies in what a step reads or writes", {"step": step})


def _reachable(units: Units) -> list[int]:
    """Returns for each unit the set of those that are complete before it starts, as a bit mask."""
    before: list[int] = []
    for block in units.blocks:
        if block.start != len(before) or block.stop > len(units.units):
            raise InternalError("blocks of units overlap or leave a gap", {"block": block})
        earlier = (1 << block.start) - 1
        for index in block:
            unit = units.units[index]
            if any(need not in range(block.start, index) for need in unit.needs):
                raise InternalError("a unit needs one that does not come before it", {"unit": index})
            reach = earlier
            for need in unit.needs:
                reach |= before[need] | 1 << need
            before.append(reach)
        if block and before[-1] != (1 << len(before) - 1) - 1:
            raise InternalError("the last unit does not wait for all others", {"units": len(before)})
        if any(not units.units[index].needs for index in block[1:]):
            raise InternalError("more than one unit waits for none", {"units": len(before)})
    if len(before) != len(units.units):
        raise InternalError("a unit is in no block", {"units": len(before)})
    return before


def _check_cover(units: Units, schedule: Schedule, plan: MemoryPlan) -> None:
    """The units with work are the pieces in order, each in tiles that follow each other, behind what moves for it.

    The steps of a block are those of its units.
    """
    for block, steps in zip(units.blocks, schedule.blocks, strict=True):
        if any(step is not None and step not in steps for step in (units.units[index].step for index in block)):
            raise InternalError("a unit is in another block than its step", {"block": block})
    rest = iter([unit for unit in units.units if unit.step is not None])
    for step, piece in schedule.pieces:
        for place in _moves(step, piece.time.start, plan):
            unit = next(rest, _NONE)
            if (unit.step, unit.tick, unit.move) != (step.index, piece.time.start, place):
                raise InternalError("rows do not move before the piece that needs their room", {"step": step.index})
        at = piece.tile.start
        while at < piece.tile.end:
            unit = next(rest, _NONE)
            if (unit.step, unit.tick, unit.move) != (step.index, piece.time.start, None):
                raise InternalError("units are not in the order of the pieces", {"step": step.index, "unit": unit})
            if unit.tile.start != at or not at < unit.tile.end <= piece.tile.end:
                raise InternalError("tiles overlap or leave a gap", {"step": step.index, "tile": unit.tile})
            at = unit.tile.end
    if next(rest, None) is not None:
        raise InternalError("there are more units than pieces have tiles", {})


def _moves(step: Step, tick: int, plan: MemoryPlan) -> list[tuple[Region, Region]]:
    """Returns from where to where rows that a step makes move before its piece of a tick."""
    slides = [(v, s) for v in step.call.outputs for s in plan.slides.get(v, ()) if s.time == tick and s.kept]
    starts = [plan.region(value).offset for value, _ in slides]
    return [(Region(at + s.by, s.kept), Region(at, s.kept)) for at, (_, s) in zip(starts, slides, strict=True)]
