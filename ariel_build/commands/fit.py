"""`fit MODEL`: on which boards a model fits, what it takes there, what limits it, and what would help elsewhere.

Exit 0: it fits the boards that were asked for, or without `--board` at least one; 1: it does not; 2: it cannot be
compiled for any.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.progress import Progress
from rich.table import Table

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.commands.common import add_model, for_models, model_options, refuse_several
from ariel_build.commands.consoles import console, progress
from ariel_build.errors import BoardError
from ariel_build.report.fitting import Fit, Fitting

__all__ = ["add", "main"]

_COLUMNS = ("board", "fits", "cores", "RAM", "of", "stack", "flash", "of", "ms", "uJ", "most time")


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    parser.add_argument(
        "--boards", metavar="FOLDER", type=Path, help="look at the board files of this folder, too: your own boards"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(main=for_models(main, without=("board",)))


def main(arguments: argparse.Namespace) -> int:
    """Prints a row for each board; returns 0, 1 (it does not fit) or 2 (it cannot be compiled)."""
    if arguments.json:
        refuse_several(arguments)
    options = model_options(arguments)
    asked = [boards.load(arguments.board)] if arguments.board else list(_boards(arguments.boards))
    with Progress(console=progress, transient=True, disable=not sys.stderr.isatty()) as bar:
        tracked = bar.track(asked, description=arguments.model.name)
        fitting = Fitting(arguments.model, options)
        found = [fitting.on(board) for board in tracked]
    if arguments.json:
        console.print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        _show(found)
    fits = sum(one.fits for one in found)
    return 0 if fits == len(found) or (fits and not arguments.board) else 1


def _boards(folder: Path | None) -> Iterator[Board]:
    """Yields the boards that say what memories they have: those known, and those of the user's folder."""
    if folder is not None and not folder.is_dir():
        raise BoardError("the folder of board files is not there", str(folder), "the folder that has your .toml files")
    paths = sorted(folder.glob("*.toml")) if folder is not None else []
    if folder is not None and not paths:
        raise BoardError("the folder has no board file", str(folder), "a board file ends in .toml: docs/fit.md")
    for board in map(boards.load, [*boards.known(), *map(str, paths)]):
        if board.banks("ram") and board.banks("flash"):
            yield board


def _show(found: Sequence[Fit]) -> None:
    """Prints the fits for people: boards on which it fits first, the fastest on top; then what keeps it off others."""
    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in ("board", "fits", "most time") else "right")
    ordered = sorted(found, key=lambda fit: (not fit.fits, fit.latency_ms is None, fit.latency_ms or 0.0))
    for fit in ordered:
        numbers = (fit.ram_bytes, fit.ram_has, fit.stack_bytes, fit.flash_bytes, fit.flash_has)
        table.add_row(
            fit.board,
            "yes" if fit.fits else "no",
            str(fit.cores),
            *("" if number is None else f"{number:,}" for number in numbers),
            *("" if time is None else f"{time:,.2f}" for time in (fit.latency_ms, fit.energy_uj)),
            fit.slowest or "",
        )
    console.print(table)
    for fit in ordered:
        if not fit.fits:
            console.print(f"{fit.board}: {fit.reason}", *([f"  help: {fit.help}"] if fit.help else []), sep="\n")
