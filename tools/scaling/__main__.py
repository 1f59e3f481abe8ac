"""The command behind `nox -s scaling -- [--refresh] [--fast] [--board BOARD] [--model NAME]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ariel_build.errors import ArielError
from tools.scaling import baseline, report
from tools.scaling.measure import POOL_OF_ONE, Point, point
from tools.scaling.models import PLANS, SMALL, models

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what is not known yet, writes docs/scaling.* where all was asked for; 1 where something is worse."""
    parser = argparse.ArgumentParser(prog="nox -s scaling --", description="How inferences scale with cores.")
    parser.add_argument("--refresh", action="store_true", help="write the makespans that the tests compare with")
    parser.add_argument("--fast", action="store_true", help="of verilated cores only small models")
    parser.add_argument("--board", action="append", metavar="BOARD", help="only on this board; writes no docs")
    parser.add_argument("--model", action="append", metavar="NAME", help="only this model; writes no docs")
    options = parser.parse_args(arguments)
    points: list[Point] = []
    missing: list[str] = []
    for board, (counts, names) in PLANS.items():
        if options.board and board not in options.board:
            continue
        for name, path in models().items():
            if name not in names or (options.model and name not in options.model):
                continue
            if options.fast and board.startswith("rtl-") and name not in SMALL:
                missing.append(f"{name} on {board}: takes long, and was left out (`--fast`)")
                continue
            for cores in (*counts, *([POOL_OF_ONE] if board == "qemu-riscv32" else [])):
                try:
                    found = point(name, path, board, cores, _say)
                except ArielError as error:
                    # A tool that is missing, or a model that does not fit: the others can still be told.
                    missing.append(f"{name} on {cores} of {board}: {error.diagnostics[0].message}")
                    _say(missing[-1])
                    continue
                _say(f"{name} on {cores or 'the pool of one'} of {board}: {found.time:,} {found.unit}")
                points.append(found)
    if not (options.board or options.model):
        report.write(points, missing)
        _say("wrote docs/scaling.md and docs/scaling.json")
    else:
        print(report.table(points))
    if options.refresh:
        _say(f"wrote {baseline.write(points)}")
        return 0
    before = baseline.of()
    if before.note:
        _say(before.note)
    worse = [line for p in points if p.board == baseline.BOARD for line in baseline.regressions(p, before)]
    for line in worse:
        print(f"scaling: worse: {line}", file=sys.stderr)
    return 1 if worse else 0


def _say(text: str) -> None:
    print(f"scaling: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
