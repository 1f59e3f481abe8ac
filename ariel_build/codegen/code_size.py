"""Bounds of flash and stack: weights + constants of the steps + the code of each kernel that is used, once + the rest.

`code_sizes.json` holds what each kernel takes, measured by `python -m tools.code_sizes` at opt-level 3, s and z; the
margins are for what the linker's optimiser makes of it (`tests/codegen/test_bounds.py` runs models on emulated boards).
What firmware is expected to take at opt-level 3 is told by `linked_size`, of the same parts.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from ariel_build.codegen import linked_size
from ariel_build.codegen.parts import PART_BYTES, linked_kernels, parts_of
from ariel_build.codegen.program import Program
from ariel_build.records import dataclass
from ariel_build.schedule import Schedule

__all__ = ["Bounds", "bounds_of", "code_of", "stack_of"]

#: Bytes of code that a kernel takes that has not been measured yet, and of stack.
_UNKNOWN_CODE, _UNKNOWN_STACK = 6_144, 768
#: The target of cores with an FPU, and that of those with Helium as well.
_HARD, _HELIUM = "thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf"
#: What the linker's optimiser may add to measured code: it copies small functions into their callers.
_MARGIN = 1.15
#: And to what it made of models that were measured.
_SEEN = 1.1
#: Frames of the model's own functions, and what a call saves.
_BASE_STACK = 192
#: What the pool of several cores adds.
_POOL_STACK = 512


@dataclass(frozen=True)
class Bounds:
    """Bytes of flash that a model takes at most, weights included, and bytes of stack of an inference.

    The `expected` are those that firmware is thought to have at opt-level 3.
    """

    flash: int
    stack: int
    expected_flash: int
    expected_stack: int


def bounds_of(
    schedule: Schedule,
    weight_bytes: int,
    target: str,
    units: int = 0,
    shorter: int | None = None,
    runs: Program | None = None,
    core: str = "",
) -> Bounds:
    """Returns the bounds on a target triple; on one that has not been measured, the largest of those that have.

    `units` is the number of pieces of work that several cores share; 0 for one core. `shorter` is the number of steps
    that leave out what there is not of a bounded dimension; None where no dimension is bounded. `runs` are the kernels
    and pieces, where they are not those of the schedule. `core` is the name of the one that code is made for.
    """
    parts = parts_of(schedule, units, shorter, runs)
    beside = sum(PART_BYTES[name] * count for name, count in parts.items())
    linked = linked_kernels(schedule, runs)
    kernels = frozenset(linked)
    tables = _tables(target)
    flash = weight_bytes + beside + max(int(table.code(kernels) * _MARGIN) for table in tables)
    stack = _BASE_STACK + max(table.stack(kernels) for table in tables) + (_POOL_STACK if units else 0)
    expected = [
        linked_size.expected(
            f"{table.target} {core}",
            linked,
            parts,
            table.code(kernels),
            {kernel: table.stack([kernel]) for kernel in kernels},
        )
        for table in tables
    ]
    likely = max(flash for flash, _ in expected), max(stack for _, stack in expected) + (_POOL_STACK if units else 0)
    # The linker may make several functions of one: where that was seen, the bound has room for it.
    flash = max(flash, weight_bytes + int(likely[0] * _SEEN))
    stack = max(stack, int(likely[1] * _SEEN))
    return Bounds((flash + 15) // 16 * 16, (stack + 7) // 8 * 8, weight_bytes + likely[0], likely[1])


def code_of(target: str, kernels: AbstractSet[str]) -> int:
    """Returns the bytes of code of all these kernels together, at most."""
    return max(table.code(kernels) for table in _tables(target))


def stack_of(target: str, kernel: str) -> int:
    """Returns the bytes of stack of a kernel, at most."""
    return max(table.stack([kernel]) for table in _tables(target))


@dataclass(frozen=True)
class _Table:
    """What the kernels take on one target: bytes of their own, bytes that several need, and stack."""

    target: str
    own: Mapping[str, int]
    shared: tuple[tuple[int, frozenset[str]], ...]
    stacks: Mapping[str, int]

    def code(self, kernels: AbstractSet[str]) -> int:
        """Returns the bytes of all these kernels together."""
        own = sum(self.own.get(kernel, _UNKNOWN_CODE) for kernel in kernels)
        return own + sum(size for size, users in self.shared if users & kernels)

    def and_also(self, other: _Table) -> _Table:
        """Returns the table with the kernels of another one, which has none of these."""
        return _Table(
            other.target, {**self.own, **other.own}, (*self.shared, *other.shared), {**self.stacks, **other.stacks}
        )

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
            target=target,
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
