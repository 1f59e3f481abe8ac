"""What the models cost when the baseline was written: a figure more than 2 % above that is a regression.

Counts are deterministic, so that this is no timed test. They depend on the Rust compiler, too: another version than the
baseline's is told, and its figures are not compared.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ariel_build import boards
from ariel_build.run import toolchain
from tools.bench.models import M7
from tools.bench.store import Cost
from tools.bench.table import OURS, Row

__all__ = ["FIGURES", "REFRESH", "compiler", "read", "regressions", "write"]

_FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "baseline.json"
#: The figures that are compared, all deterministic.
FIGURES = ("instructions", "arena", "flash")
_TOLERANCE = 0.02
REFRESH = "nox -s bench -- --refresh"


def compiler() -> str:
    """Returns the version of the Rust compiler that builds for the boards, without its date."""
    return " ".join(toolchain.find(boards.load(M7).target).version.split()[:2])


def read() -> Mapping[str, Any]:
    """Returns the baseline: `rustc`, and `costs` by model and board."""
    found: dict[str, Any] = json.loads(_FILE.read_text()) if _FILE.exists() else {"rustc": "", "costs": {}}
    return found


def write(rows: Iterable[Row], gone: Collection[str] = ()) -> None:
    """Writes the figures of these rows; what was not measured now stays, but for the names in `gone`."""
    costs = {key: cost for key, cost in read()["costs"].items() if key not in gone}
    for row in rows:
        if row.engine == OURS and not row.cost.refused:
            costs[_key(row.model, row.board)] = {name: getattr(row.cost, name) for name in FIGURES}
    content = {"rustc": compiler(), "costs": dict(sorted(costs.items()))}
    _FILE.write_text(json.dumps(content, indent=1) + "\n")


def regressions(model: str, board: str, cost: Cost) -> list[str]:
    """Returns what has become more than 2 % worse than the baseline; a model that is not in it is new."""
    name = _key(model, board)
    before: Mapping[str, float | None] = read()["costs"].get(name, {})
    if cost.refused:
        return [f"{name}: refused: {cost.refused}"] if before else []
    worse = [f"{name}: wrong answers: {cost.verdict}"] if cost.verdict else []
    for figure in FIGURES:
        old, new = before.get(figure), getattr(cost, figure)
        if old is not None and (new is None or new > old * (1 + _TOLERANCE)):
            change = "is no longer measured" if new is None else f"{new:,} is {100 * (new / old - 1):.1f} % above"
            worse.append(f"{name}: {figure}: {change} {old:,} (where this is meant, `{REFRESH}`)")
    return worse


def _key(model: str, board: str) -> str:
    return f"{model} | {board}"
