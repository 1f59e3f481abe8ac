"""`python -m tools.costs [--kind KIND].. [--only ROOM | --missing]`: measures steps of models, fits, writes costs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ariel_build.ir import Graph
from ariel_build.machine import resources
from ariel_build.schedule.cost import ALONE, AROUND
from tools.costs import fit
from tools.costs.boards import KINDS, OWN, WAYS, board_of
from tools.costs.corpus import corpus
from tools.costs.made import chosen, each_once, graphs
from tools.costs.measure import Inference, Way, measure
from tools.costs.needed import missing
from tools.recorded.models import dev_models

FILE = resources.path("ariel-ml-rs").parent / "ariel_build" / "schedule" / "costs.json"
Costs = dict[str, dict[str, dict[str, float]]]
#: A model whose prediction is further off is told of.
_FAR = 0.1
_SOME = 3


def main() -> int:
    """Fits each kind of core and keeps those that were not asked for."""
    parser = argparse.ArgumentParser(prog="python -m tools.costs", description=__doc__)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only this kind of core; may repeat")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ROOM",
        help="fit these kernels only, such as `signal::`, in the models that have them; may repeat",
    )
    parser.add_argument("--missing", action="store_true", help="only kernels that have no cost yet; all others stay")
    arguments = parser.parse_args()
    table = json.loads(FILE.read_text()) if FILE.exists() else {}
    if arguments.missing:
        return _add_missing(table, arguments.kind or list(KINDS))
    parts = corpus()
    for kind in arguments.kind or KINDS:
        wanted = tuple(arguments.only) or OWN.get(kind, ("",))
        ways = {way: _measured(kind, way, parts, arguments.only or OWN.get(kind, ())) for way in WAYS[kind]}
        every = [one for found in ways.values() for one in found]
        found = fit.fit([step for one in every for step in one.steps]) | {AROUND: fit.around(every)}
        table[kind] = (table.get(kind, {}) if arguments.only else {}) | {
            kernel: coefficients for kernel, coefficients in found.items() if kernel.startswith(wanted)
        }
        FILE.write_text(as_json(table), encoding="utf-8")
        for one in ways[Way.FAST]:
            _report(kind, one)
        for kernel in sorted(missing(kind, table[kind])):
            print(f"{kind}: no model has {kernel}")
    return 0


def _add_missing(table: Costs, kinds: Sequence[str]) -> int:
    """Measures the kernels that have no cost, in graphs of `made`; 1 where there is none for one."""
    left = set[str]()
    for kind in kinds:
        names, board = missing(kind, table.setdefault(kind, {})), board_of(kind)
        if not names:
            continue
        parts = [list(graphs(names)), list(each_once(board, names)), list(chosen(board, names))]
        measured = [one for part in parts for one in measure(part, board, Way.FAST, print)]
        found = fit.fit([step for one in measured for step in one.steps])
        table[kind] |= {k: costs for k, costs in found.items() if k.removesuffix(ALONE) in names}
        FILE.write_text(as_json(table), encoding="utf-8")
        left |= missing(kind, table[kind])
    print(*(f"no graph has {kernel}" for kernel in sorted(left)), sep="\n")
    return 1 if left else 0


def _measured(kind: str, way: Way, parts: Sequence[Sequence[Path | Graph]], having: Sequence[str]) -> list[Inference]:
    board = board_of(kind)
    say: Callable[[str], None] = lambda text: print(f"{kind}: {way.value}: {text}", flush=True)  # noqa: E731
    files, graphs = parts
    # Kernels that a board would not choose are seldom asked for: some of the models tell enough of them.
    chosen = {Way.FAST: parts, Way.PORTABLE: (files[::_SOME], graphs[::_SOME]), Way.SMALL: (files[::_SOME],)}
    found = [one for part in chosen[way] for one in measure(part, board, way, say, having=having)]
    if way is Way.FAST:
        # The linker makes a kernel that has one call for that call.
        found += measure(each_once(board), board, way, say, having=having)
        found += measure(files[: len(dev_models())], board, way, say, most=1, having=having)
    return found


def as_json(table: Costs) -> str:
    """Returns JSON with a line for each kernel."""
    kinds = []
    for kind, kernels in sorted(table.items()):
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(costs)}" for name, costs in sorted(kernels.items()))
        kinds.append(f" {json.dumps(kind)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(kinds) + "\n}\n"


def _report(kind: str, one: Inference) -> None:
    """Prints how far the costs, as they were before, are from what was counted."""
    if one.model.predicted is not None:
        off = one.model.predicted / one.instructions - 1
        mark = " <<<" if abs(off) > _FAR else ""
        print(f"{kind} {one.model.name}: {one.instructions:,} counted, {off:+.1%} before{mark}")


if __name__ == "__main__":
    sys.exit(main())
