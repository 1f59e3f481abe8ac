"""`boards`: the boards known."""

from __future__ import annotations

import argparse

from rich.table import Table

from ariel_build import boards
from ariel_build.commands.consoles import console

__all__ = ["add", "main"]


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.set_defaults(main=main)


def main(_: argparse.Namespace) -> int:
    """Prints a table of the boards."""
    table = Table(box=None, pad_edge=False)
    for column in ("board", "target", "cores", "flash", "RAM", "run", "description"):
        table.add_column(column)
    for name in boards.known():
        board = boards.load(name)
        cores = ", ".join(dict.fromkeys(core.isa for core in board.cores))
        table.add_row(
            name,
            board.target,
            f"{len(board.cores)} x {cores}",
            _size(board.total("flash")),
            _size(board.total("ram")),
            board.run.emulator if board.run else "host" if board.is_host else "",
            board.description,
        )
    console.print(table)
    return 0


def _size(count: int | None) -> str:
    if count is None:
        return ""
    return f"{count >> 20} MB" if count >= 1 << 20 and count % (1 << 20) == 0 else f"{count >> 10} KB"
