"""`profile LOG [MODEL]`: what each step took on the device, from its log, beside the prediction.

The log has the lines that `ariel_ml_rs::profile::Profile` prints, whatever else is on them and between them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
from ariel_build.errors import MetadataError

if TYPE_CHECKING:
    from ariel_build.boards import Board
    from ariel_build.driver import Compiled

__all__ = ["Measured", "add", "main", "read_log"]

_HEAD = re.compile(r"ariel-profile (\w+): (\d+) inferences, (\d+) Hz")
_ANY = re.compile(r"ariel-profile (\w+)(?::|$)")
_LINE = re.compile(r"ariel-profile (\w+): (?:step (\d+)|(rest)), (\d+) tiles, (\d+) ticks, (\d+) at most")
#: More is no log of an inference.
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Line:
    """What the tiles of a step took in all inferences together."""

    tiles: int
    ticks: int
    longest: int


@dataclass
class Measured:
    """A profile as it was printed: its inferences, the counter's ticks in a second, and the steps by their numbers.

    `rest` are the steps that the profile had no room for; `cut` says that a line of it is not whole.
    """

    inferences: int
    hertz: int
    steps: dict[int, Line] = field(default_factory=dict)
    rest: Line | None = None
    cut: bool = False


@dataclass(frozen=True)
class Row:
    """A step of an inference, measured and predicted: cycles of the core, where its clock is known, else ticks."""

    step: int
    layer: str
    tiles: float
    microseconds: float
    share: float
    longest_us: float
    cycles: float
    predicted_cycles: float
    ratio: float | None


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("log", type=Path, metavar="LOG", help="what the device printed; `-` reads standard input")
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(main=for_models(main))


def main(arguments: argparse.Namespace) -> int:
    """Prints a row for each step that ran; 0, also where another model's profile is skipped."""
    if arguments.json:
        refuse_several(arguments)
    found = read_log(_text(arguments))
    module = module_of(arguments)
    if module not in found:
        if getattr(arguments, "several", ()) and found:
            print("the log has no profile of it")
            return 0
        has = f"it has those of {', '.join(found)}" if found else "print a `Profile`: docs/profile.md"
        raise MetadataError(f"the log has no profile of `{module}`", str(arguments.log), has)
    measured = found[module]
    board = board_of(arguments)
    result = compiled(arguments, model_options(arguments), board, must_fit=False)
    rows = _rows(measured, result, board, str(arguments.log))
    missing = _missing(measured, result)
    if missing or measured.cut:
        what = f"it has no line of {_steps(missing)}" if missing else "a line of it is not whole"
        print(f"warning: the log is cut off: {what}; shares and sums are of what is there", file=sys.stderr)
    if arguments.json:
        facts = {"model": module, "board": board.name, "inferences": measured.inferences, "hertz": measured.hertz}
        facts |= {"missing_steps": missing}
        print(json.dumps({**facts, "steps": [asdict(row) for row in rows]}, indent=2))
    else:
        _show(measured, rows, board, module)
    return 0


def read_log(text: str) -> Mapping[str, Measured]:
    """Returns the last profile of each model that a log has."""
    found: dict[str, Measured] = {}
    for line in text.splitlines():
        if head := _HEAD.search(line):
            found[head[1]] = Measured(int(head[2]), int(head[3]))
        elif (match := _LINE.search(line)) and match[1] in found:
            step = Line(*(int(match[k]) for k in (4, 5, 6)))
            if match[3]:
                found[match[1]].rest = step
            else:
                found[match[1]].steps[int(match[2])] = step
        elif (match := _ANY.search(line)) and match[1] in found:
            found[match[1]].cut = True
    return found


def _text(arguments: argparse.Namespace) -> str:
    """Returns the log; standard input is read once for all models."""
    log: Path = arguments.log
    try:
        if str(log) == "-":
            return sys.stdin.read(_MOST_BYTES)
        with log.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise MetadataError(f"cannot read the log: {error.strerror}", str(log)) from None


def _missing(measured: Measured, result: Compiled) -> list[int]:
    """Returns the steps that every inference runs and the log does not have."""
    if measured.rest is not None:
        return []
    flow = result.schedule.flow or (range(len(result.schedule.steps)),)
    always = [index for part in flow if isinstance(part, range) for index in part]
    return [index for index in always if index not in measured.steps]


def _steps(numbers: Sequence[int]) -> str:
    """Returns the numbers of steps for people."""
    told = ", ".join(map(str, numbers[:8])) + (f" and {len(numbers) - 8} more" if len(numbers) > 8 else "")
    return f"step {told}" if len(numbers) == 1 else f"steps {told}"


def _rows(measured: Measured, result: Compiled, board: Board, origin: str) -> list[Row]:
    """Returns a row for each step in the log; refuses a log of a model that has other steps."""
    from ariel_build.cores.predict import Clock
    from ariel_build.report.lines import rounded

    steps = result.schedule.steps
    last = max(measured.steps, default=-1)
    if last >= len(steps):
        raise MetadataError(
            f"the log has a step {last}, the model as compiled for {board.name} has {len(steps)}",
            origin,
            "give the board, the options and the file that the firmware was built with",
        )
    if not measured.inferences or not measured.hertz:
        raise MetadataError("the profile in the log is of no inference", origin)
    core = board.cores[0]
    clock = Clock((core,), board.weights_per_cycle)
    hertz = core.clock_hz or measured.hertz
    total = sum(line.ticks for line in (*measured.steps.values(), *([measured.rest] if measured.rest else [])))
    rows = []
    for index, line in sorted(measured.steps.items()):
        step = steps[index]
        work = clock.work(step.call, step.tiles)[0] * (core.cycles_per_instruction or 1.0)
        predicted = max(work, clock.fetch(step.call))
        seconds = line.ticks / measured.inferences / measured.hertz
        rows.append(
            Row(
                index,
                step.call.origin or step.name,
                line.tiles / measured.inferences,
                rounded(seconds, 1e-6) or 0.0,
                round(line.ticks / max(total, 1), 4),
                rounded(line.longest / measured.hertz, 1e-6) or 0.0,
                round(seconds * hertz),
                round(predicted),
                round(seconds * hertz / predicted, 3) if predicted else None,
            )
        )
    return rows


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
