"""The emulated boards as parameters of tests."""

from __future__ import annotations

import pytest

from ariel_build import boards
from ariel_build.boards import Board

__all__ = ["CLOCKED", "ON", "SEVERAL"]


def _marks(board: Board) -> list[pytest.MarkDecorator]:
    """Returns what skips a test where a tool is missing."""
    assert board.run is not None
    return [pytest.mark.emulator(board.run.emulator), pytest.mark.target(board.target)]


_NAMES = ("cortex-m7", "cortex-m4", "cortex-m3", "cortex-m0", "cortex-m33x2", "riscv32")
_BOARDS = [boards.load(f"qemu-{name}") for name in _NAMES]

#: Each board on which instructions are counted, with its marks.
ON = {board.name: pytest.param(board, id=board.name, marks=_marks(board)) for board in _BOARDS}
CLOCKED = list(ON.values())

#: The boards with several cores, with each number of cores that they can run with.
SEVERAL = [
    pytest.param(board, cores, id=f"{cores} of {board.name}", marks=_marks(board))
    for board in _BOARDS
    for cores in range(2, len(board.cores) + 1)
]
