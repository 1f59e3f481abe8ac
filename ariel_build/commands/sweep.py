"""`sweep FILE.toml`: costs every pair of many models, boards and options, here or on a Dask cluster, as one table.

Exit 0: the table is written, bad models are rows of it; 1: none could be costed; 2: the user's input is at fault.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ariel_build.commands.common import refuse_overwriting
from ariel_build.commands.consoles import console, progress
from ariel_build.errors import MetadataError
from ariel_build.machine.files import write_atomically
from ariel_build.report.lines import line

__all__ = ["add", "main"]

_SHOWN = ("model", "board", "options", "latency_ms", "ram_bytes", "flash_bytes", "accuracy")
#: Errors that are told one by one, at most: the table has all.
_ERRORS = 10


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE.toml", help="models, boards and options: docs/sweep.md")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help=".csv or .parquet (default: `output` of FILE, or FILE.csv)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes on this machine (default: its processors)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler, such as tcp://HOST:8786")
    parser.add_argument("--picture", type=Path, metavar="FRONT.svg", help="draw the Pareto front of each board")
    parser.add_argument("--again", action="store_true", help="cost everything anew")
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    """Writes the table, and says which rows no other beats; returns 0 or 1."""
    from ariel_build import sweep
    from ariel_build.sweep.table import check_writable

    plan = sweep.read_plan(arguments.file)
    output = arguments.output or plan.output or arguments.file.with_suffix(".csv")
    check_writable(output)
    models = {job.model for job in plan.jobs}
    refuse_overwriting({"-o": output, "--picture": arguments.picture}, [arguments.file, *sorted(models)])
    workers = arguments.workers if arguments.workers is not None else os.cpu_count() or 1
    if workers < 1:
        raise MetadataError(f"{workers} processes cost nothing", "--workers", "1 or more")
    place = output.with_name(f"{output.name}.journal")
    if arguments.again:
        place.unlink(missing_ok=True)
    journal = sweep.Journal(place)
    keys = {id(job): job.key for job in plan.jobs}
    jobs = [job for job in plan.jobs if keys[id(job)] not in journal.rows]
    done = {keys[id(job)]: journal.rows[keys[id(job)]] for job in plan.jobs if keys[id(job)] in journal.rows}
    costed = len(done)
    if arguments.scheduler:
        stream = sweep.on_cluster(jobs, arguments.scheduler)
    else:
        stream = sweep.on_processes(jobs, min(workers, max(len(jobs), 1)))
    with _progress() as bar:
        task = bar.add_task(arguments.file.name, total=len(plan.jobs), completed=costed)
        for job, row in stream:
            key = keys[id(job)]
            done[key] = row
            if not sweep.is_passing(row):
                journal.add(key, row)
            bar.advance(task)
    rows = sweep.mark_front([done[keys[id(job)]] for job in plan.jobs])
    try:
        sweep.save(output, rows)
        if arguments.picture is not None:
            write_atomically(arguments.picture, sweep.picture(rows).encode())
    except OSError as error:
        raise MetadataError(f"cannot write: {error.strerror}", str(error.filename or output)) from None
    _show(rows)
    told = f"{output}: {len(rows)} rows" + (f", {costed} of them from {place.name}" if costed else "")
    console.print(told)
    return 0 if any(not row.get("error") for row in rows) else 1


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=progress, transient=True, disable=not sys.stderr.isatty())


def _cell(value: str | float | None) -> str:
    return line(value) if isinstance(value, str) else "" if value is None else f"{value:,}"


def _show(rows: Sequence[dict[str, str | int | float | bool | None]]) -> None:
    """Prints the front of each board, and what could not be costed."""
    table = Table(box=None, pad_edge=False, title="Pareto front of each board", title_justify="left")
    for name in _SHOWN:
        table.add_column(name, justify="left" if name in _SHOWN[:3] else "right")
    for row in rows:
        if row.get("pareto"):
            table.add_row(*(_cell(row.get(name)) for name in _SHOWN))
    console.print(table)
    wrong = [row for row in rows if row.get("error")]
    for row in wrong[:_ERRORS]:
        console.print(f"error: {line(str(row['model']))} on {row['board']}: {line(str(row['error']))}")
    if len(wrong) > _ERRORS:
        console.print(f"and {len(wrong) - _ERRORS} more errors")
