"""`python -m tools.predictions [--board BOARD].. [MODEL..]`: predicted beside measured, of recorded models on boards.

Rows are kept in `target/predictions`; without `--measure` those are told of that are there.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from ariel_build import boards
from ariel_build.boards.board import Board
from ariel_build.codegen import linked_size
from ariel_build.errors import ArielError, InternalError
from ariel_build.schedule import cost
from tools.costs.__main__ import FILE as COSTS
from tools.costs.__main__ import as_json
from tools.costs.boards import board_of
from tools.predictions import page, sizes
from tools.predictions.judge import SHARE, again, misses
from tools.predictions.measure import FIGURES, Row, of_model
from tools.predictions.refine import refine
from tools.recorded import ROOT
from tools.recorded.models import Recorded, dev_models, exported_programs, single_operators

#: Where rows are kept.
_KEPT = ROOT / "target" / "predictions"
#: The boards that are looked at where none is named: a core of each kind. Of the first no emulator has the
#: memory that most models need: a Cortex-M3 runs its instructions.
ARMV6_M = "armv6-m"
#: What linked_sizes.json has a number of by name.
_MERGED = ("parts", "kernels", "stacks")
BOARDS = (
    ARMV6_M,
    "qemu-cortex-m4",
    "qemu-cortex-m7",
    "qemu-cortex-m33",
    "qemu-cortex-m55",
    "qemu-riscv32",
)


def main() -> int:
    """Measures what is asked for, mends costs and sizes, and prints; 1 where a model is further off than it may be."""
    parser = argparse.ArgumentParser(prog="python -m tools.predictions", description=__doc__)
    parser.add_argument("--board", action="append", metavar="BOARD", help="only this board; may repeat")
    parser.add_argument("--measure", action="store_true", help="build and run, and keep what is measured")
    parser.add_argument("--quick", action="store_true", help="measure one firmware a model, that with markers")
    parser.add_argument(
        "--fit",
        action="append",
        default=[],
        choices=("costs", "sizes"),
        help="bring costs.json or linked_sizes.json to what is kept; may repeat",
    )
    parser.add_argument("--refresh", action="store_true", help="write docs/predictions.md")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="of ../shared/models; all of `dev` without any")
    arguments = parser.parse_args()
    known = {name: _board(name) for name in arguments.board or BOARDS}
    if arguments.measure:
        _measure(known, arguments.models, quick=arguments.quick)
    rows = [row for row in _kept() if row.board in known and (row.model in arguments.models or not arguments.models)]
    if "costs" in arguments.fit:
        _fit_costs(rows, known)
    if "sizes" in arguments.fit:
        _fit_sizes(rows, known)
    rows = [again(row, known[row.board]) for row in rows]
    for row in rows:
        print(_told(row))
    print(*page.summary(rows), sep="\n")
    if arguments.refresh:
        page.write(rows)
    return 1 if any(map(misses, rows)) else 0


def _board(name: str) -> Board:
    return replace(board_of(name), name=name) if name == ARMV6_M else boards.load(name)


def _measure(known: Mapping[str, Board], asked: Sequence[str], *, quick: bool) -> None:
    _KEPT.mkdir(parents=True, exist_ok=True)
    models: dict[str, Recorded] = {**dev_models(), **exported_programs(), **single_operators()}
    for name in asked or dev_models():
        for board in known.values():
            try:
                row = of_model(models[name], board, quick=quick)
            except (ArielError, InternalError) as error:
                print(f"{board.name}: {name}: {str(error).splitlines()[0]}", flush=True)
                continue
            print(_told(row), flush=True)
            (_KEPT / f"{board.name}+{name}.pickle").write_bytes(pickle.dumps(row))


def _kept() -> list[Row]:
    return [pickle.loads(path.read_bytes()) for path in sorted(_KEPT.glob("*.pickle"))]  # noqa: S301 - our own


def _fit_costs(rows: Sequence[Row], known: Mapping[str, Board]) -> None:
    """Writes costs that are nearer to what was measured."""
    costs = json.loads(COSTS.read_text(encoding="utf-8"))
    print(*refine(costs, rows, known), sep="\n")
    COSTS.write_text(as_json(costs), encoding="utf-8")
    cost._coefficients.cache_clear()  # noqa: SLF001
    cost._table.cache_clear()  # noqa: SLF001


def _fit_sizes(rows: Sequence[Row], known: Mapping[str, Board]) -> None:
    """Writes sizes that are nearer to what was measured, for the targets that were measured."""
    linked = json.loads(linked_size.FILE.read_text(encoding="utf-8")) if linked_size.FILE.exists() else {}
    for target, found in sizes.fit(sizes.built(rows, known)).items():
        # What no measured firmware has stays as it was: the code that takes rows of an input, kernels of other models.
        kept = linked.get(target, {})
        merged = {name: kept.get(name, {}) | cast("dict[str, float]", found[name]) for name in _MERGED}
        linked[target] = {**found, **merged}
    linked_size.FILE.write_text(sizes.as_json(linked), encoding="utf-8")
    linked_size._linked.cache_clear()  # noqa: SLF001


def _told(row: Row) -> str:
    figures = ", ".join(f"{name} {row.measured.get(name, 0):,.0f} {row.ratio(name):.3f}" for name in FIGURES)
    worst, off = row.worst(SHARE), misses(row)
    layer = f"; {worst.name} {worst.call.kernel.path} {worst.ratio:.3f} of {worst.measured:,.0f}" if worst else ""
    return f"{row.board}: {row.model}: {figures}{layer}{' <<< ' + ', '.join(off) if off else ''}"


if __name__ == "__main__":
    sys.exit(main())
