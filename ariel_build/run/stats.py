"""stats.json: what an inference costs. A number that a board cannot give is null, never a guess."""

from __future__ import annotations

from collections.abc import Sequence

from ariel_build.boards import Board
from ariel_build.records import dataclass
from ariel_build.run import emulators
from ariel_build.run.elf import Sizes
from ariel_build.run.emulate import Emulated

__all__ = ["Facts", "Stats", "collect"]

#: A value of stats.json.
Number = int | float | None
Stats = dict[str, "str | Number | list[Number]"]


@dataclass(frozen=True)
class Facts:
    """What the compiler knows of a model: bytes of weights and arena, and multiply-accumulates of an inference."""

    weights_bytes: int
    arena_bytes: int
    macs: int


def collect(
    board: Board, emulated: Emulated, facts: Facts | None, sizes: Sizes | None, baseline: Sizes | None, *, cores: int
) -> Stats:
    """Returns the contents of stats.json; `sizes` and `baseline` are of the firmware with the model and without."""
    counts = emulated.counts or []
    stack = emulated.stack
    pool = emulated.pool or []
    cost = sizes is not None and baseline is not None
    return {
        "board": board.name,
        "cores": cores,
        "samples": len(emulated.outputs),
        "instructions_per_inference": _mean([sum(count.instructions) for count in counts]),
        "instructions_per_core": _per_core([count.instructions for count in counts], cores),
        "makespan_instructions": _mean([count.makespan for count in counts if count.makespan is not None]),
        "cycles": _mean([count.cycles for count in counts if count.cycles is not None]),
        "cycles_kind": _kind(board) if any(count.cycles is not None for count in counts) else None,
        "cycles_per_core": _per_core([count.awake for count in counts], cores),
        "bus_waits_per_core": _per_core([count.bus_waits for count in counts], cores),
        "units_per_inference": _each(len(emulated.outputs), [core.units for core in pool]),
        "steals_per_inference": _each(len(emulated.outputs), [core.steals for core in pool]),
        "sleeps_per_inference": _each(len(emulated.outputs), [core.sleeps for core in pool]),
        "flash_bytes": sizes.flash - baseline.flash if cost and sizes and baseline else None,
        "ram_bytes": sizes.ram - baseline.ram if cost and sizes and baseline else None,
        "weights_bytes": facts.weights_bytes if facts else None,
        "arena_bytes": facts.arena_bytes if facts else None,
        "stack_bytes": max(stack) if stack else None,
        "stack_per_core": list(stack) if stack else [None] * cores,
        "elf_flash_bytes": sizes.flash if sizes else None,
        "elf_ram_bytes": sizes.all_ram if sizes else None,
        "macs": facts.macs if facts else None,
    }


def _each(inferences: int, cores: Sequence[int]) -> Number:
    """Returns the mean over the inferences of what all cores did."""
    if not cores or not inferences:
        return None
    mean = round(sum(cores) / inferences, 1)
    return int(mean) if mean == int(mean) else mean


def _kind(board: Board) -> str:
    """Returns what cycles are: of the verilated core itself, of a model of the core, or estimated from its manual."""
    if board.run is not None and board.run.timing:
        return "estimated"
    return emulators.of(board)[1].cycles_kind


def _mean(values: Sequence[int]) -> Number:
    """Returns the mean to a tenth, as an integer where it is one."""
    if not values:
        return None
    mean = round(sum(values) / len(values), 1)
    return int(mean) if mean == int(mean) else mean


def _per_core(rows: Sequence[Sequence[int] | None], cores: int) -> list[Number]:
    """Returns the mean of each core over the inferences, or None for each where they were not counted."""
    counted = [row for row in rows if row is not None]
    return [_mean([row[core] for row in counted]) for core in range(cores)]
