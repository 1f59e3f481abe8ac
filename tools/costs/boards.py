"""The emulated boards on which kernels are measured, one for each kind of core in `ariel_build.schedule.cost`."""

from __future__ import annotations

from dataclasses import replace

from ariel_build import boards
from ariel_build.boards.board import Board
from tools.costs.measure import Way

__all__ = ["KINDS", "OWN", "WAYS", "board_of"]

#: Kinds of cores with the board that stands for each.
KINDS = {
    "armv6-m": "qemu-cortex-m3",
    "armv7-m": "qemu-cortex-m3",
    "armv7e-m": "qemu-cortex-m4",
    "rv32": "qemu-riscv32",
    "cortex-m55": "qemu-cortex-m55",
    "cortex-m7": "qemu-cortex-m7",
}
#: Single cores -> kernels that the compiler makes otherwise for them than for the kind of core that they are.
OWN = {
    # All else is what cores with the DSP extension run.
    "cortex-m55": ("isa::mve::",),
    "cortex-m7": tuple(f"recurrent::{name}F32" for name in ("Gru", "Lstm", "Rnn", "Svdf")),
}
#: The ways in which models are compiled there: only kernels for cores with DSP have shorter forms.
WAYS = {kind: (Way.FAST, Way.PORTABLE, *((Way.SMALL,) if kind == "armv7e-m" else ())) for kind in KINDS}


def board_of(kind: str) -> Board:
    """Returns the board; it has one core.

    The only Armv6-M board that QEMU has is too small for most models, but a Cortex-M3 executes the same instructions.
    """
    board = boards.load(KINDS[kind])
    core = board.cores[0]
    if kind == "armv6-m":
        core = replace(core, name="cortex-m0", isa="armv6-m", dsp=False, fpu=None)
        board = replace(board, target="thumbv6m-none-eabi", rustflags=())
    return replace(board, name=f"costs-{kind}", cores=(core,))
