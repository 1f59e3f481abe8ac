"""The emulated boards as parameters of tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from _pytest.mark import ParameterSet

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.run.emulators.rp2040 import Rp2040

__all__ = ["ALL", "CLOCKED", "ON", "SEVERAL", "TWO"]


def _marks(board: Board) -> list[pytest.MarkDecorator]:
    """Returns what skips a test where a tool is missing."""
    assert board.run is not None
    emulator = pytest.mark.pico if board.run.emulator in Rp2040.names else pytest.mark.emulator(board.run.emulator)
    return [emulator, pytest.mark.target(board.target)]


_NAMES = ("cortex-m7", "cortex-m4", "cortex-m3", "cortex-m0", "cortex-m33x2", "riscv32")
_BOARDS = [boards.load(f"qemu-{name}") for name in _NAMES]
_PICO = boards.load("rp2040-sim")

#: Each board on which instructions are counted, with its marks.
ON = {board.name: pytest.param(board, id=board.name, marks=_marks(board)) for board in [*_BOARDS, _PICO]}
CLOCKED = list(ON.values())


def _several(wanted: Callable[[Board], Iterable[int]]) -> list[ParameterSet]:
    """Returns the boards with several cores, each with the numbers of cores that are wanted of it."""
    return [
        pytest.param(board, cores, id=f"{cores} of {board.name}", marks=_marks(board))
        for board in _BOARDS
        if len(board.cores) > 1
        for cores in wanted(board)
    ]


#: The boards with several cores, and a makespan in instructions: each with every number of cores from two on, with two,
#: and with all.
SEVERAL = _several(lambda board: range(2, len(board.cores) + 1))
TWO = _several(lambda _: [2])
ALL = _several(lambda board: [len(board.cores)])
