"""Bounds of flash and stack: weights + constants of the steps + the code of each kernel that is used, once + the rest.

`code_sizes.json` holds what each kernel takes, measured by `python -m tools.code_sizes` at opt-level 3, s and z; the
margins are for what the linker's optimiser makes of it (`tests/codegen/test_bounds.py` runs models on emulated boards).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ariel_build.codegen.fields import near_bytes
from ariel_build.codegen.flow import operations
from ariel_build.codegen.program import Program
from ariel_build.kernels import Feed, Field, Operand, Packed, Part, Scratch, Source, Variant
from ariel_build.schedule import Schedule

__all__ = ["Bounds", "bounds_of"]

#: Bytes of code that a kernel takes that has not been measured yet, and of stack.
_UNKNOWN_CODE, _UNKNOWN_STACK = 6_144, 768
#: The target of cores with an FPU, and that of those with Helium as well.
_HARD, _HELIUM = "thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf"
#: What the linker's optimiser may add to measured code: it copies small functions into their callers.
_MARGIN = 1.15
#: The model's own functions, and the gaps that alignment leaves.
_BASE_CODE = 640
#: The call of a step, in a blocking run and in an async one.
_CALL_CODE = 40
#: What a streamed model knows of each piece.
_PIECE_BYTES = 12
#: A move of rows, and the code that moves them.
_SLIDE_BYTES, _SLIDE_CODE = 16, 128
#: A copy of a kernel whose operand lies further on, and an operand.
_MOVING_CODE = 24
#: What takes rows of the input one by one, in a blocking run and in an async one.
_STREAM_CODE = 1_024
#: What a model with control flow knows of each operation, and the code of a decision.
_OPERATION_BYTES = 12 + 32
#: A model with bounded dimensions: what sets and tells sizes, and, in both runs, what leaves out units of a step.
_SIZES_CODE, _SHORTER_CODE = 320, 2 * 56
#: Frames of the model's own functions, and what a call saves.
_BASE_STACK = 192
#: Several cores: the pool, and what it knows of each unit of work.
_POOL_CODE, _UNIT_BYTES, _POOL_STACK = 10_240, 40, 512


@dataclass(frozen=True)
class Bounds:
    """Bytes of flash that a model takes at most, weights included, and bytes of stack of an inference."""

    flash: int
    stack: int


def bounds_of(
    schedule: Schedule,
    weight_bytes: int,
    target: str,
    units: int = 0,
    shorter: int | None = None,
    runs: Program | None = None,
) -> Bounds:
    """Returns the bounds on a target triple; on one that has not been measured, the largest of those that have.

    `units` is the number of pieces of work that several cores share; 0 for one core. `shorter` is the number of steps
    that leave out what there is not of a bounded dimension; None where no dimension is bounded. `runs` are the kernels
    and pieces, where they are not those of the schedule.
    """
    kernels = {step.call.kernel.path for step in schedule.steps if not isinstance(step.call.kernel, Feed)}
    tables = _tables(target)
    flash = weight_bytes + _BASE_CODE + max(int(table.code(kernels) * _MARGIN) for table in tables)
    flash += sum(
        _CALL_CODE + _bytes(kernel) + near_bytes(kernel)
        for kernel in (runs.kernels if runs else (s.call.kernel for s in schedule.steps))
    )
    flash += _PIECE_BYTES * len(runs.runs) if runs else 0
    flash += (_CALL_CODE + _SLIDE_BYTES) * runs.moves + (_SLIDE_CODE if runs.moves else 0) if runs else 0
    flash += sum(_MOVING_CODE * (1 + len(run.strides)) for run in runs.runnables if run.strides) if runs else 0
    flash += _STREAM_CODE if schedule.takes_rows else 0
    flash += _OPERATION_BYTES * operations(schedule.flow) if schedule.moments else 0
    flash += _SIZES_CODE + _SHORTER_CODE * shorter if shorter is not None else 0
    stack = _BASE_STACK + max(table.stack(kernels) for table in tables)
    if units:
        flash, stack = flash + _POOL_CODE + units * _UNIT_BYTES, stack + _POOL_STACK
    return Bounds((flash + 15) // 16 * 16, (stack + 7) // 8 * 8)


@dataclass(frozen=True)
class _Table:
    """What the kernels take on one target: bytes of their own, bytes that several need, and stack."""

    own: Mapping[str, int]
    shared: tuple[tuple[int, frozenset[str]], ...]
    stacks: Mapping[str, int]

    def code(self, kernels: AbstractSet[str]) -> int:
        """Returns the bytes of all these kernels together."""
        own = sum(self.own.get(kernel, _UNKNOWN_CODE) for kernel in kernels)
        return own + sum(size for size, users in self.shared if users & kernels)

    def and_also(self, other: _Table) -> _Table:
        """Returns the table with the kernels of another one, which has none of these."""
        return _Table({**self.own, **other.own}, (*self.shared, *other.shared), {**self.stacks, **other.stacks})

    def stack(self, kernels: Iterable[str]) -> int:
        """Returns the bytes of the deepest of these kernels."""
        return max((self.stacks.get(kernel, _UNKNOWN_STACK) for kernel in kernels), default=0)


@functools.cache
def _measured() -> Mapping[str, _Table]:
    data: Mapping[str, Any] = json.loads(Path(__file__).with_name("code_sizes.json").read_text(encoding="utf-8"))
    tables = {}
    for target, table in data.items():
        kernels: list[str] = table["kernels"]
        tables[target] = _Table(
            own=dict(zip(kernels, table["own"], strict=True)),
            shared=tuple((size, frozenset(kernels[k] for k in users)) for size, users in table["shared"]),
            stacks=dict(zip(kernels, table["stack"], strict=True)),
        )
    # Of cores with Helium only what the others have not was measured.
    tables[_HELIUM] = tables[_HARD].and_also(tables[_HELIUM])
    return tables


def _tables(target: str) -> list[_Table]:
    """Returns the tables that may apply to a target: cores of one kind, with the same way to calculate in floats."""
    measured = _measured()
    if target in measured:
        return [measured[target]]
    if target.startswith("thumbv8m.base"):
        return [measured["thumbv6m-none-eabi"]]
    if target.startswith("thumb"):
        hard = measured[_HARD]
        return [hard] if target.endswith("hf") else [hard, measured["thumbv7m-none-eabi"]]
    if target.startswith("riscv32"):
        return [measured["riscv32imac-unknown-none-elf"]]
    return list(measured.values())


def _bytes(value: Field) -> int:
    """Returns at least the bytes that a kernel's field takes in its constants, on a 32-bit core."""
    match value:
        case Operand() | Scratch() | Packed():
            return 8
        case Source():
            return 12
        case Part() if value.FIELDS:
            return sum(_bytes(field) for _, field in value)
        case tuple():
            # Structs stand behind a pointer.
            behind = 8 if any(isinstance(item, Part) for item in value) else 0
            return behind + sum(map(_bytes, value))
        case Variant():
            return 12 if "(" in value.path else 4
        case _:
            return 4
