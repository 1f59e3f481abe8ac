"""What the steps of a model took on a device, from its log, beside the prediction.

The log has the lines that `ariel_ml_rs::profile::Profile` prints, whatever else is on them and between them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from ariel_build.boards import Board
from ariel_build.cores.predict import Clock
from ariel_build.driver import Compiled
from ariel_build.errors import MetadataError
from ariel_build.kernels import Feed
from ariel_build.records import dataclass
from ariel_build.report.lines import rounded

__all__ = ["Line", "Measured", "Row", "compared", "cut", "missing", "profile_of", "profiled", "read_log", "read_text"]

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


def read_text(path: Path) -> str:
    """Returns what the device printed; of `-` standard input. MetadataError where the file cannot be read."""
    try:
        if str(path) == "-":
            return sys.stdin.read(_MOST_BYTES)
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise MetadataError(f"cannot read the log: {error.strerror}", str(path)) from None


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


def profile_of(module: str, found: Mapping[str, Measured], origin: str) -> Measured:
    """Returns the profile of a model among those of a log; MetadataError where it has none."""
    if module not in found:
        has = f"it has those of {', '.join(found)}" if found else "print a `Profile`: docs/profile.md"
        raise MetadataError(f"the log has no profile of `{module}`", origin, has)
    return found[module]


def missing(measured: Measured, result: Compiled) -> list[int]:
    """Returns the steps that every inference runs and the log does not have; who gives rows runs nothing."""
    if measured.rest is not None:
        return []
    steps = result.schedule.steps
    flow = result.schedule.flow or (range(len(steps)),)
    always = [index for part in flow if isinstance(part, range) for index in part]
    return [k for k in always if k not in measured.steps and not isinstance(steps[k].call.kernel, Feed)]


def cut(measured: Measured, missing: Sequence[int]) -> str:
    """Returns what is to be said of a log that is not whole; nothing where it is."""
    if not missing and not measured.cut:
        return ""
    what = f"it has no line of {_steps(missing)}" if missing else "a line of it is not whole"
    return f"the log is cut off: {what}; shares and sums are of what is there"


def _steps(numbers: Sequence[int]) -> str:
    """Returns the numbers of steps for people."""
    told = ", ".join(map(str, numbers[:8])) + (f" and {len(numbers) - 8} more" if len(numbers) > 8 else "")
    return f"step {told}" if len(numbers) == 1 else f"steps {told}"


def compared(measured: Measured, result: Compiled, board: Board, origin: str) -> list[Row]:
    """Returns a row for each step in the log; refuses a log of a model that has other steps."""
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


def profiled(path: Path, module: str, result: Compiled, board: Board) -> dict[str, Any]:
    """Returns what a report says of a device's log; MetadataError where it is of another model, or of none."""
    measured = profile_of(module, read_log(read_text(path)), str(path))
    rows = compared(measured, result, board, str(path))
    note = cut(measured, missing(measured, result))
    return {
        "inferences": measured.inferences,
        "hertz": measured.hertz,
        "note": note or ("more steps ran than the profile has room for" if measured.rest is not None else ""),
        "steps": [asdict(row) for row in rows],
    }
