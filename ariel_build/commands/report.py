"""`report MODEL -o report.html`: one page for people who would rather look than read, and the same as JSON.

Exit 0: the model fits the board; 1: it does not, and the page says why; 2: it cannot be compiled.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ariel_build import boards
from ariel_build.commands.common import (
    add_model,
    board_of,
    compiled,
    for_models,
    model_options,
    module_of,
    refuse_overwriting,
    refuse_several,
)
from ariel_build.errors import ArielError, BoardError, BudgetError, MetadataError
from ariel_build.machine.files import write_atomically

__all__ = ["add", "main"]


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="REPORT.html",
        default=Path("report.html"),
        help="the page; folders that are missing are made, as by the other commands (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="REPORT.json", help="what the page shows, for `--against`")
    parser.add_argument(
        "--stats", type=Path, metavar="STATS.json", help="of `run --stats`: measured beside predicted, of its board"
    )
    parser.add_argument("--profile", type=Path, metavar="LOG", help="what a device printed, for the time of each layer")
    parser.add_argument("--against", type=Path, metavar="OLD.json", help="compare with an older report's JSON")
    parser.set_defaults(main=for_models(main))


def main(arguments: argparse.Namespace) -> int:
    """Writes the page and the JSON; returns 0 or 1."""
    from ariel_build import report
    from ariel_build.report.fitting import refuse_unfit

    refuse_several(arguments)
    written = {"-o": arguments.output, "--json": arguments.json}
    refuse_overwriting(written, [arguments.model, arguments.stats, arguments.profile])
    # The JSON may take the place of the older one: that has been read by then.
    refuse_overwriting({"-o": arguments.output}, [arguments.against])
    stats = None if arguments.stats is None else report.read_stats(arguments.stats)
    old = None if arguments.against is None else report.read_report(arguments.against)
    if stats is not None:
        _take_board(arguments, stats)
    options = model_options(arguments)
    board = board_of(arguments)
    result = compiled(arguments, options, board, must_fit=False)
    refusal: ArielError | None = None
    try:
        refuse_unfit(result, arguments.model, options, board)
    except (BoardError, BudgetError) as error:
        refusal = error
    misfit = None if refusal is None else "; ".join(d.message for d in refusal.diagnostics)
    facts = report.facts_of(result, arguments.model, options, board, misfit)
    if stats is not None:
        facts["measured"] = report.measured(facts, stats)
    if arguments.profile is not None:
        facts["profile"] = report.profiled(arguments.profile, module_of(arguments), result, board)
    if old is not None:
        facts["changes"] = report.changes(facts, old)
    page = report.page_of(facts).encode()
    try:
        write_atomically(arguments.output, page)
        if arguments.json is not None:
            write_atomically(arguments.json, (json.dumps(facts, separators=(",", ":")) + "\n").encode())
    except OSError as error:
        raise MetadataError(f"cannot write: {error.strerror}", str(error.filename or arguments.output)) from None
    print(f"{arguments.output}: {len(result.schedule.steps)} layers on {board.name}, {len(page):,} bytes")
    if refusal is not None:
        sys.stdout.flush()
        print(refusal.render(), file=sys.stderr)
    return 0 if refusal is None else 1


def _take_board(arguments: argparse.Namespace, stats: Mapping[str, Any]) -> None:
    """Has the model compiled for the board and the cores of the stats; MetadataError where others are asked for."""
    cores = str(stats["cores"])
    board = boards.load(arguments.board) if arguments.board else boards.load(stats["board"])
    if board.name != stats["board"] or (arguments.cores or cores) != cores:
        wanted = f"{board.name} with {arguments.cores or cores}"
        told = f"this was measured on {stats['board']} with {cores} cores, the report is wanted for {wanted}"
        raise MetadataError(told, str(arguments.stats), f"`--board {stats['board']} --cores {cores}`")
    # Options have the form that the command line gives them.
    arguments.board, arguments.cores = arguments.board or stats["board"], cores
