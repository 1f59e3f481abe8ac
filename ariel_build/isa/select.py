"""select(calls, board, workers): the one place where an instruction set's kernels replace portable ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ariel_build.isa import armv7e_m, scalar, vfpv4_sp
from ariel_build.kernels import KernelCall

if TYPE_CHECKING:
    from ariel_build.boards.board import Board

__all__ = ["for_cores", "select"]

Kernels = Mapping[str, Callable[[KernelCall], KernelCall]]
#: The instruction sets of Arm's M profile that have all of Thumb-2.
_THUMB2 = ("armv7-m", "armv7e-m", "armv8-m.main")


def select(calls: Sequence[KernelCall], board: Board, workers: int = 1, *, small: bool = False) -> list[KernelCall]:
    """Returns the calls with the kernels that the first `workers` cores run fastest, with `small` those of least code.

    The results are the same.
    """
    families = kernels_of(board, workers)
    chosen = [_first(call, families) for call in calls]
    return armv7e_m.shrink(calls, chosen) if small else chosen


def for_cores(calls: Sequence[KernelCall], workers: int) -> list[KernelCall]:
    """Returns the calls as several cores share them best; results are the same."""
    return [scalar.shared(call, workers) for call in calls] if workers > 1 else list(calls)


def _first(call: KernelCall, families: Sequence[Kernels]) -> KernelCall:
    """Returns the call with the kernel of the first family that can compute it."""
    for kernels in families:
        found = kernels[call.kernel](call) if call.kernel in kernels else call
        if found is not call:
            return found
    return call


def kernels_of(board: Board, workers: int = 1) -> list[Kernels]:
    """Returns what replaces the portable kernels on the cores that take part, by their names, the best first."""
    families: list[Kernels] = []
    cores = board.cores[:workers]
    if board.target in vfpv4_sp.TARGETS and all(core.fpu is not None for core in cores):
        families.append(vfpv4_sp.KERNELS)
        if all(core.dsp for core in cores):
            families.append(armv7e_m.nearest(workers))
    dsp = [core.dsp and core.isa != "armv7-m" for core in cores]
    if not any(dsp) and all(core.isa in _THUMB2 for core in cores):
        families.append(scalar.THUMB2)
    if all(core.isa in _THUMB2 for core in cores):
        families.append(armv7e_m.kernels(dsp))
    if not board.is_host and not all(dsp):
        families.append(scalar.KERNELS)
        if all(core.isa.startswith("rv32") for core in cores):
            families[-1] = {**scalar.KERNELS, **scalar.RISCV}
    return families
