"""`fit MODEL`: on which boards a model fits, what it takes there, what limits it, and what would help elsewhere.

Exit 0: it fits the boards that were asked for, or without `--board` at least one; 1: it does not; 2: it cannot be
compiled for any.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import Progress
from rich.table import Table

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.boards.fit import check_fits
from ariel_build.commands.common import add_model, compiled, model_options, rounded
from ariel_build.commands.consoles import console, progress
from ariel_build.config.options import ModelOptions
from ariel_build.cores.energy import energy
from ariel_build.driver import Compiled, refuse_excesses
from ariel_build.errors import BoardError, BudgetError
from ariel_build.ir import DType
from ariel_build.schedule.cost import instructions, weight_bytes
from ariel_build.schedule.steps import Step

__all__ = ["Fit", "add", "main"]

_COLUMNS = ("board", "fits", "cores", "RAM", "of", "stack", "flash", "of", "ms", "uJ", "most time")


@dataclass(frozen=True)
class Fit:
    """What a model takes on a board; None for what neither the model nor the board's file tells.

    Bytes of RAM are what is static; those of stack and flash are at most. `slowest` and `largest` are the steps with
    the most time and the most weights, `fullest` is that during which the arena holds the most, each with its share.
    `reason` says why the model does not fit, `help` what would make it fit.
    """

    board: str
    fits: bool
    cores: int
    ram_bytes: int | None = None
    ram_has: int | None = None
    stack_bytes: int | None = None
    flash_bytes: int | None = None
    flash_has: int | None = None
    latency_ms: float | None = None
    energy_uj: float | None = None
    slowest: str | None = None
    largest: str | None = None
    fullest: str | None = None
    reason: str | None = None
    help: str | None = None


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    parser.add_argument(
        "--boards", metavar="FOLDER", type=Path, help="look at the board files of this folder, too: your own boards"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    """Prints a row for each board; returns 0, 1 (it does not fit) or 2 (it cannot be compiled)."""
    options = model_options(arguments)
    asked = [boards.load(arguments.board)] if arguments.board else list(_boards(arguments.boards))
    with Progress(console=progress, transient=True, disable=not sys.stderr.isatty()) as bar:
        tracked = bar.track(asked, description=arguments.model.name)
        found = [_fit(arguments, options, board) for board in tracked]
    if arguments.json:
        console.print(json.dumps([asdict(fit) for fit in found], indent=2))
    else:
        _show(found)
    fitting = sum(fit.fits for fit in found)
    return 0 if fitting == len(found) or (fitting and not arguments.board) else 1


def _boards(folder: Path | None) -> Iterator[Board]:
    """Yields the boards that say what memories they have: those known, and those of the user's folder."""
    if folder is not None and not folder.is_dir():
        raise BoardError("the folder of board files is not there", str(folder), "the folder that has your .toml files")
    paths = sorted(folder.glob("*.toml")) if folder is not None else []
    if folder is not None and not paths:
        raise BoardError("the folder has no board file", str(folder), "a board file ends in .toml: docs/boards.md")
    for board in map(boards.load, [*boards.known(), *map(str, paths)]):
        if board.banks("ram") and board.banks("flash"):
            yield board


def _fit(arguments: argparse.Namespace, options: ModelOptions, board: Board) -> Fit:
    """Returns what the model takes on the board; a model that cannot be compiled at all is refused, as by `inspect`."""
    workers = options.cores or len(board.cores)
    if workers > len(board.cores):
        return Fit(board.name, fits=False, cores=workers, reason=f"it has {len(board.cores)}, not {workers} cores")
    result = compiled(arguments, options, board, must_fit=False)
    reason = _misfit(arguments, options, board, result)
    return Fit(
        board.name,
        reason is None,
        workers,
        ram_bytes=result.ram_bytes,
        ram_has=board.total("ram"),
        stack_bytes=result.bounds.stack,
        flash_bytes=result.bounds.flash,
        flash_has=board.total("flash"),
        latency_ms=rounded(result.predicted.seconds, 1e-3),
        energy_uj=rounded(energy(result.predicted, board, result.schedule.cores), 1e-6),
        slowest=_slowest(result, board),
        largest=_largest(result),
        fullest=_fullest(result),
        reason=reason,
        help=None if reason is None else _what_helps(arguments, options, board, result),
    )


def _misfit(arguments: argparse.Namespace, options: ModelOptions, board: Board, result: Compiled) -> str | None:
    """Returns why the model does not fit the board, with code and stack at most, or a budget; None where it does."""
    try:
        bounds = result.bounds
        check_fits(board, ram_bytes=result.ram_bytes, flash_bytes=bounds.flash, stack_bytes=bounds.stack)
        refuse_excesses(result, arguments.model, options, board)
    except (BoardError, BudgetError) as error:
        return "; ".join(d.message.removeprefix(f"the model does not fit {board.name}: ") for d in error.diagnostics)
    return None


def _what_helps(arguments: argparse.Namespace, options: ModelOptions, board: Board, result: Compiled) -> str:
    """Returns the first change of the options with which the model fits, as tried, or what is left to do."""
    cores = [("`cores = 1`", {"cores": 1})] if (options.cores or len(board.cores)) > 1 else []
    goals: list[tuple[str, dict[str, Any]]] = [
        (f'`optimize = "{goal}"`', {"optimize": goal}) for goal in ("ram", "size") if goal != options.optimize
    ]
    both = [(f"{core} and {goal}", {**one, **other}) for core, one in cores for goal, other in goals]
    for words, change in [*cores, *goals, *both]:
        changed = replace(options, **change)
        tried = compiled(arguments, changed, board, must_fit=False)
        if _misfit(arguments, changed, board, tried) is None:
            return f"it fits with {words}: {tried.ram_bytes:,} bytes of RAM, {tried.bounds.flash:,} of flash"
    constants = [v for node in result.graph.nodes for v in node.inputs if v is not None and v.is_constant]
    floats = sum(v.type.bytes for v in constants if v.type.dtype is DType.F32)
    if 2 * floats > sum(v.type.bytes for v in constants):
        return f"int8, a quarter of the bytes: `ariel-build quantize {arguments.model} --calibration X.npz -o OUT.onnx`"
    return f"a smaller model: {_fullest(result)} needs the most RAM, {_largest(result)} the most flash"


def _slowest(result: Compiled, board: Board) -> str | None:
    """Returns the step that takes the board's first core the most time, with its share of all steps."""
    return _most(result.schedule.steps, lambda step: instructions(step.call, board.cores[0]))


def _largest(result: Compiled) -> str | None:
    """Returns the step with the most bytes of constants, with its share."""
    return _most(result.schedule.steps, lambda step: weight_bytes(step.call))


def _fullest(result: Compiled) -> str | None:
    """Returns the step during which the arena holds the most bytes, with its share of the arena."""
    most = max(result.schedule.steps, key=lambda step: result.plan.live_bytes(step.time.start), default=None)
    if most is None:
        return None
    return f"{most.name} ({result.plan.live_bytes(most.time.start) / max(result.plan.arena_bytes, 1):.0%})"


def _most(steps: Sequence[Step], of: Callable[[Step], float]) -> str | None:
    """Returns the name of the step with the most, and its share of all; None where no step has any."""
    total = sum(map(of, steps))
    if not total:
        return None
    most = max(steps, key=of)
    return f"{most.name} ({of(most) / total:.0%})"


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
