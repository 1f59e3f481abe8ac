"""`python -m tools.costs [--kind KIND].. MODEL..`: measures every step of the models, fits, writes the coefficients."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ariel_build.errors import ArielError, InternalError
from ariel_build.machine import resources
from ariel_build.schedule.cost import ANY, features
from tools.costs.boards import KINDS, board_of
from tools.costs.fit import fit
from tools.costs.measure import Measured, measure

FILE = resources.path("ariel-ml-rs").parent / "ariel_build" / "schedule" / "costs.json"
#: A model whose prediction is further off is told of.
_FAR = 0.15


def main() -> int:
    """Fits each kind of core and keeps those that were not asked for."""
    parser = argparse.ArgumentParser(prog="python -m tools.costs", description=__doc__)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only this kind of core; may repeat")
    parser.add_argument("--only", default="", metavar="ROOM", help="fit kernels of this room only, such as `signal::`")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    arguments = parser.parse_args()
    table = json.loads(FILE.read_text()) if FILE.exists() else {}
    for kind in arguments.kind or KINDS:
        board = board_of(kind)
        measured: dict[Path, list[Measured]] = {}
        for path in arguments.models:
            try:
                measured[path] = measure(path, board)
            except (ArielError, InternalError) as error:
                sys.stderr.write(f"{kind}: {path}: left out: {error}\n")
        found = fit([one for ones in measured.values() for one in ones])
        table[kind] = (table[kind] if arguments.only else {}) | {
            kernel: coefficients for kernel, coefficients in found.items() if kernel.startswith(arguments.only)
        }
        for path, ones in measured.items():
            _report(kind, path, ones, table[kind])
        FILE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    return 0


def _report(kind: str, path: Path, ones: list[Measured], table: dict[str, dict[str, float]]) -> None:
    counted = sum(one.instructions for one in ones)
    predicted = sum(
        sum(c * features(one.call)[name] for name, c in table.get(one.call.kernel.path, table[ANY]).items())
        for one in ones
    )
    off = predicted / counted - 1
    mark = " <<<" if abs(off) > _FAR else ""
    sys.stdout.write(
        f"{kind} {path.parent.name}/{path.name}: {counted:,} counted, {predicted:,.0f} predicted, {off:+.1%}{mark}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
