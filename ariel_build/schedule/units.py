"""Units: the tiles of all steps as a graph whose edges are the only order that the cores keep.

The sequence of the steps is the meaning of the program. Two tiles conflict where their bytes meet and one of them
writes; of two that conflict, the one of the earlier step must be complete before the other starts. Everything else may
run at any time on any core. Where all tiles of one step wait for all of another, a gate (a unit without work) stands
between them: k + k edges in place of k * k.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ariel_build.memory import MemoryPlan
from ariel_build.schedule import Schedule, Step, Tile
from ariel_build.schedule.access import Blocks, overlap, reads_of, writes_of

__all__ = ["Unit", "Units", "build_units"]


@dataclass
class Unit:
    """A tile of a step, or a gate (`step` None); `worker` is where it would best run."""

    step: int | None
    tile: Tile
    worker: int
    needs: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Units:
    """The units in an order in which one core can run them; `needs` are indices of earlier ones."""

    units: tuple[Unit, ...]
    workers: int

    def successors(self) -> list[list[int]]:
        """Returns for each unit those that need it."""
        table: list[list[int]] = [[] for _ in self.units]
        for index, unit in enumerate(self.units):
            for need in unit.needs:
                table[need].append(index)
        return table

    @property
    def most_ready(self) -> int:
        """Bound of the units that can be ready and unstarted at once: what a deque must hold."""
        steps: dict[int | None, int] = {}
        for unit in self.units:
            steps[unit.step] = steps.get(unit.step, 0) + 1
        return max([sum(sorted(steps.values())[-2:]), 1])


#: Where the tiles of a step are cut for so many workers.
Cut = Callable[[Step, int], Sequence[Tile]]


def build_units(schedule: Schedule, plan: MemoryPlan, workers: int, cut: Cut) -> Units:
    """Returns the units of a scheduled and planned model for `workers` cores."""
    units: list[Unit] = []
    spans: list[range] = []
    touches: list[tuple[list[Blocks], list[Blocks]]] = []
    ancestors: list[int] = []

    def add(unit: Unit, reads: list[Blocks], writes: list[Blocks]) -> int:
        units.append(unit)
        touches.append((reads, writes))
        reach = 0
        for need in unit.needs:
            reach |= ancestors[need] | 1 << need
        ancestors.append(reach)
        return len(units) - 1

    for step in schedule.steps:
        tiles = cut(step, workers)
        access = [(reads_of(step.call, t, plan), writes_of(step.call, t, plan)) for t in tiles]
        wanted = [_needs(reads, writes, spans, touches, ancestors) for reads, writes in access]
        shared = _common(wanted)
        gate = None
        if len(tiles) > 1 and len(shared) > 1:
            gate = add(Unit(None, Tile(0, 0), 0, sorted(shared)), [], [])
        first = len(units)
        for index, (tile, (reads, writes), needs) in enumerate(zip(tiles, access, wanted, strict=True)):
            rest = needs if gate is None else [n for n in needs if not ancestors[gate] >> n & 1] + [gate]
            add(Unit(step.index, tile, index * workers // len(tiles), sorted(rest)), reads, writes)
        spans.append(range(first, len(units)))
    return Units(tuple(units), workers)


def _needs(
    reads: list[Blocks],
    writes: list[Blocks],
    spans: Sequence[range],
    touches: Sequence[tuple[list[Blocks], list[Blocks]]],
    ancestors: Sequence[int],
) -> list[int]:
    """Returns the latest units that conflict with these accesses; those that they need in turn are left out."""
    needs: list[int] = []
    covered = 0
    for span in reversed(spans):
        for index in reversed(span):
            if covered >> index & 1:
                continue
            earlier_reads, earlier_writes = touches[index]
            if _meet(writes, earlier_reads) or _meet(writes, earlier_writes) or _meet(reads, earlier_writes):
                needs.append(index)
                covered |= ancestors[index] | 1 << index
    return needs


def _meet(a: list[Blocks], b: list[Blocks]) -> bool:
    return any(overlap(x, y) for x in a for y in b)


def _common(wanted: Sequence[list[int]]) -> set[int]:
    """Returns the needs that all tiles of a step share."""
    return set.intersection(*(set(w) for w in wanted)) if wanted else set()
