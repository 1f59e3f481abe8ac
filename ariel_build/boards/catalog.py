"""Boards: `boards/<name>.toml` -> frozen `Board`, `Core`, `Memory`, `Emulation`.

A board file says what the compiler and `run` cannot know by themselves: the target triple, the cores (which need not be
equal), the memories, and how the board is emulated. `board_file.KEYS` is its grammar.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ariel_build.boards import board_file
from ariel_build.boards.board import Board, Core, Emulation, FloatUnit, Memory, MemoryKind
from ariel_build.errors import BoardError
from ariel_build.machine import resources

__all__ = ["Board", "Core", "Emulation", "Memory", "MemoryKind", "adapted", "generic_for", "is_path", "known", "load"]


def known() -> list[str]:
    """Returns the names of all boards that come with the compiler, sorted."""
    return sorted(path.stem for path in resources.path("boards").glob("*.toml"))


def is_path(name_or_path: str) -> bool:
    """Whether that is the path of a board file of the user's own, and no name."""
    return name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path


def load(name_or_path: str, image: str | None = None, *, first: bool = False) -> Board:
    """Returns the board of that name, or the one in the TOML file at that path, for one of its programs.

    Without `image`, of a board whose cores run programs of their own it is what the first program has to itself; with
    `first` the board for that program, in which all take part.
    """
    board = _load(name_or_path)
    if image is None and first and board.images:
        return board.of(board.images[0])
    if image is None:
        return board.alone()
    if not board.images:
        raise BoardError(f"the cores of {board.name} run one program, which has no name", help="leave `image` out")
    if image not in board.images:
        raise BoardError(
            f"no core of {board.name} runs `{image}`" + board_file.closest(image, list(board.images)),
            help=f"its programs are {', '.join(board.images)}",
        )
    return board.of(image)


def _load(name_or_path: str) -> Board:
    if is_path(name_or_path):
        path = Path(name_or_path)
    else:
        path = resources.path("boards") / f"{name_or_path}.toml"
        if name_or_path not in known():
            raise BoardError(
                f"there is no board `{name_or_path}`" + board_file.closest(name_or_path, known()),
                help="`ariel-build boards` lists those known; the path of a TOML file of your own works, too",
            )
    return board_file.read(str(path), path.stem, board_file.document(path))


def generic_for(target: str) -> Board:
    """Returns the single-core board that stands for a target triple: the generic board with the longest fitting prefix.

    What the triple tells (hardware floating point, RISC-V extensions) is taken from it.
    """
    boards = [board for board in map(load, known()) if board.target_prefix is not None]
    fitting = [board for board in boards if target.startswith(board.target_prefix or "")]
    return _for(max(fitting, key=lambda board: len(board.target_prefix or "")), target)


def adapted(board: Board, target: str) -> Board | None:
    """Returns the board as code for `target` may use it, or None where that is code for other cores.

    A generic board serves every target that it stands for, and a board with hardware floating point the soft-float
    target of the same cores, whose code does without it: start-up code for it does not switch these units on.
    """
    if board.image_target == target:
        return board
    if board.target_prefix is not None and target.startswith(board.target_prefix):
        return _for(board, target)
    if board.target == f"{target}hf":
        return replace(board, target=target, cores=tuple(replace(core, fpu=None, mve=None) for core in board.cores))
    return None


def _for(board: Board, target: str) -> Board:
    """Returns a generic board for one of its targets, with what the triple tells."""
    core = board.cores[0]
    if target.startswith("thumb") and target.endswith("hf"):
        core = replace(core, fpu="single")
    riscv = re.match(r"riscv32([a-z]+)", target)
    if riscv:
        # The letters behind `g` or `i` are the extensions: f and d are floating point.
        letters = riscv[1]
        fpu: FloatUnit | None = "double" if "d" in letters or "g" in letters else "single" if "f" in letters else None
        core = replace(core, isa=f"rv32{letters}", fpu=fpu)
    return replace(board, target=target, cores=(core,))
