"""What the models cost when the baseline was written: a figure more than 2 % above that is a regression.

Counts are deterministic, so that this is no timed test. They depend on the Rust compiler, too: see `release.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tools.bench import release
from tools.bench.release import Baseline
from tools.bench.store import Cost
from tools.bench.table import OURS, Row

__all__ = ["FIGURES", "REFRESH", "known", "of", "regressions", "write"]

_KIND = ("baseline", "costs")
#: The figures that are compared, all deterministic.
FIGURES = ("instructions", "arena", "flash")
REFRESH = "nox -s bench -- --refresh"


def of(board: str) -> Baseline:
    """Returns the baseline for the compiler that builds for this board: costs by model and board."""
    return release.of(*_KIND, release.compiler(board))


def known() -> list[Baseline]:
    """Returns the baselines of all compilers."""
    return release.known(*_KIND)


def write(rows: Iterable[Row], rustc: str, gone: Collection[str] = ()) -> str:
    """Writes the figures of these rows, which this compiler built, and returns the file's name.

    What was not measured now stays, but for the names in `gone`.
    """
    before: Mapping[str, object] = next((b.figures for b in known() if b.rustc == rustc), {})
    costs = {key: cost for key, cost in before.items() if key not in gone}
    for row in rows:
        if row.engine == OURS and not row.cost.refused:
            costs[_key(row.model, row.board)] = {name: getattr(row.cost, name) for name in FIGURES}
    return release.write(*_KIND, rustc, costs)


def regressions(model: str, board: str, cost: Cost, baseline: Baseline) -> list[str]:
    """Returns what has become more than 2 % worse than the baseline; a model that is not in it is new."""
    name = _key(model, board)
    before: Mapping[str, float | None] = baseline.figures.get(name, {})
    if cost.refused:
        return [f"{name}: refused: {cost.refused}"] if before else []
    worse = [f"{name}: wrong answers: {cost.verdict}"] if cost.verdict else []
    for figure in FIGURES:
        old, new = before.get(figure), getattr(cost, figure)
        if old is not None and (new is None or new > old * (1 + baseline.tolerance)):
            change = "is no longer measured" if new is None else f"{new:,} is {100 * (new / old - 1):.1f} % above"
            worse.append(f"{name}: {figure}: {change} {old:,} (where this is meant, `{REFRESH}`)")
    return worse


def _key(model: str, board: str) -> str:
    return f"{model} | {board}"
