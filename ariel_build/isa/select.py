"""select(calls, board): the one place where an instruction set's kernels replace portable ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ariel_build.isa import armv7e_m, scalar, vfpv4_sp
from ariel_build.kernel import KernelCall

if TYPE_CHECKING:
    from ariel_build.board import Board

__all__ = ["select"]

Kernels = Mapping[str, Callable[[KernelCall], KernelCall]]


def select(calls: Sequence[KernelCall], board: Board, *, small: bool = False) -> list[KernelCall]:
    """Returns the calls with the kernels that every core of the board runs fastest, with `small` those of least code.

    The results are the same.
    """
    kernels = kernels_of(board)
    chosen = [kernels[call.kernel](call) if call.kernel in kernels else call for call in calls]
    return armv7e_m.shrink(calls, chosen) if small else chosen


def kernels_of(board: Board) -> Kernels:
    """Returns what replaces the portable kernels on a board, by their names."""
    kernels: dict[str, Callable[[KernelCall], KernelCall]] = {}
    if board.cores and all(core.isa == "armv7e-m" and core.dsp for core in board.cores):
        kernels |= armv7e_m.KERNELS
    elif not board.is_host:
        kernels |= scalar.KERNELS
        if all(core.isa.startswith("rv32") for core in board.cores):
            kernels |= scalar.RISCV
    if board.target in vfpv4_sp.TARGETS and all(core.fpu is not None for core in board.cores):
        kernels |= vfpv4_sp.KERNELS
    return kernels
