"""Refuses a model that a board's memories cannot hold: before the build, and again from what the linker says."""

from __future__ import annotations

import re
from dataclasses import replace

from ariel_build.boards import Board, MemoryKind
from ariel_build.config.options import ModelOptions
from ariel_build.errors import BoardError, Diagnostic

__all__ = ["check_cores", "check_fits", "refuse_overflow", "workers_of"]

_HELP: dict[MemoryKind, str] = {
    "ram": 'a board with more RAM, `optimize = "ram"`, or a model with smaller activations',
    "flash": "a board with more flash, or a model with fewer weights",
}
#: lld's words, and those of GNU ld.
_OVERFLOW = re.compile(
    r"in region '(RAM|FLASH)': overflowed by (\d+) bytes|region `(RAM|FLASH)' overflowed by (\d+) bytes"
)


def workers_of(board: Board, options: ModelOptions) -> int:
    """Returns how many cores share a model: the `cores` asked for, else all of the board, else what the model allows.

    A model whose input comes row by row is for one core (`memory/streamable.py`).
    """
    return options.cores or (1 if options.stream else len(board.cores))


def check_cores(board: Board, cores: int | None, origin: str) -> None:
    """Refuses more cores than the board has; a computer has a thread for each."""
    has = len(board.cores)
    if cores is not None and cores > has and not board.is_host:
        raise BoardError(
            f"{board.name} has {has} core{'s' if has > 1 else ''}, not {cores}",
            origin,
            "a smaller number of cores, or another board",
        )


def check_fits(board: Board, *, ram_bytes: int, flash_bytes: int, stack_bytes: int = 0, at_least: bool = False) -> None:
    """Refuses a model that needs more than the board has: all memories together, and static data in one bank.

    A board that says nothing of its memories takes any model. `at_least` says that the needs are lower bounds.
    """
    board = replace(board, memories=board.seen(board.image)) if board.image else board
    needing = "needs at least" if at_least else "needs"
    needs: tuple[tuple[MemoryKind, int, str], ...] = (
        ("ram", ram_bytes + stack_bytes, f"with {stack_bytes:,} bytes of stack " if stack_bytes else ""),
        ("flash", flash_bytes, ""),
    )
    refusals = []
    for kind, need, extra in needs:
        banks = board.banks(kind)
        if not banks:
            continue
        largest = max(bank.length for bank in banks)
        total = sum(bank.length for bank in banks)
        if need <= largest:
            continue
        has = f"has {total:,}" + (f", the largest bank {largest:,}" if len(banks) > 1 else "")
        refusals.append(
            Diagnostic(
                f"the model does not fit {board.name}: "
                f"{extra}it {needing} {need:,} bytes of {_word(kind)}, the board {has}",
                help=_HELP[kind],
            )
        )
    if refusals:
        raise BoardError(refusals)


def refuse_overflow(board: Board, linker_says: str) -> None:
    """Raises what the linker said about memories that overflowed; returns where it said nothing of them."""
    beyond: dict[str, int] = {}
    for match in _OVERFLOW.finditer(linker_says):
        region, bytes_ = match[1] or match[3], int(match[2] or match[4])
        beyond[region] = max(beyond.get(region, 0), bytes_)
    kinds: tuple[MemoryKind, ...] = ("ram", "flash")
    refusals = [
        Diagnostic(
            f"the model does not fit {board.name}: firmware with it needs {beyond[kind.upper()]:,} bytes of "
            f"{_word(kind)} more than the {board.banks(kind)[0].length:,} that the board has",
            help=_HELP[kind],
        )
        for kind in kinds
        if kind.upper() in beyond
    ]
    if "ariel: no room for a stack" in linker_says:
        refusals.append(
            Diagnostic(
                f"the model does not fit {board.name}: behind its data no RAM is left for a stack", help=_HELP["ram"]
            )
        )
    if refusals:
        raise BoardError(refusals)


def _word(kind: MemoryKind) -> str:
    return "RAM" if kind == "ram" else kind
