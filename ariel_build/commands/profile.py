"""`profile LOG [MODEL]`: what each step took on the device, from its log, beside the prediction.

The log has the lines that `ariel_ml_rs::profile::Profile` prints, whatever else is on them and between them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ariel_build.commands.common import (
    add_model,
    board_of,
    compiled,
    for_models,
    model_options,
    module_of,
    refuse_several,
)

if TYPE_CHECKING:
    from ariel_build.boards import Board
    from ariel_build.report.profile import Measured, Row

__all__ = ["add", "main"]


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("log", type=Path, metavar="LOG", help="what the device printed; `-` reads standard input")
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(main=for_models(main))


def main(arguments: argparse.Namespace) -> int:
    """Prints a row for each step that ran; 0, also where another model's profile is skipped."""
    from ariel_build.report import profile

    if arguments.json or str(arguments.log) == "-":
        # There is one JSON, and standard input is read once.
        refuse_several(arguments)
    log, module = str(arguments.log), module_of(arguments)
    known = profile.read_log(profile.read_text(arguments.log))
    if known and module not in known and bool(getattr(arguments, "several", ())):
        print("the log has no profile of it")
        return 0
    measured = profile.profile_of(module, known, log)
    board = board_of(arguments)
    result = compiled(arguments, model_options(arguments), board, must_fit=False)
    rows = profile.compared(measured, result, board, log)
    missing = profile.missing(measured, result)
    if cut := profile.cut(measured, missing):
        print(f"warning: {cut}", file=sys.stderr)
    if arguments.json:
        facts = {"model": module, "board": board.name, "inferences": measured.inferences, "hertz": measured.hertz}
        facts |= {"missing_steps": missing}
        print(json.dumps({**facts, "steps": [asdict(row) for row in rows]}, indent=2))
    else:
        _show(measured, rows, board, module)
    return 0


def _show(measured: Measured, rows: Sequence[Row], board: Board, module: str) -> None:
    """Prints the table for people."""
    from rich.table import Table

    from ariel_build.commands.consoles import console

    title = f"{module}: mean of {measured.inferences} inferences, predicted for {board.name}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("step", "us", "share", "tiles", "longest, us", "cycles", "predicted", "ratio", "layer"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        numbers = f"{row.microseconds:,.1f}", f"{row.share:.1%}", f"{row.tiles:,.0f}", f"{row.longest_us:,.1f}"
        table.add_row(str(row.step), *numbers, f"{row.cycles:,}", f"{row.predicted_cycles:,}", ratio, row.layer)
    console.print(table)
    total, predicted = sum(row.cycles for row in rows), sum(row.predicted_cycles for row in rows)
    console.print(f"in all {total:,} cycles, predicted {predicted:,}")
    if board.cores[0].clock_hz is None:
        console.print(f"{board.name} has no clock: the counter's {measured.hertz:,} Hz are taken for it")
    if measured.rest is not None:
        console.print("more steps than the profile has room for: make it a `Profile<N>` with a larger N")
