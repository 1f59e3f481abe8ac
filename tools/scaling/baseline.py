"""The makespans that were committed: one more than 2 % above is a regression.

Makespans repeat to the instruction, and follow the Rust compiler as all counts do (`tools/bench/release.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from tools.bench import release
from tools.bench.release import Baseline
from tools.scaling.measure import Point

__all__ = ["GATED", "REFRESH", "known", "of", "regressions", "write"]

_KIND = ("makespan", "makespans")
REFRESH = "nox -s scaling -- --refresh"
BOARD = "qemu-riscv32"
#: Models and cores of `qemu-riscv32` that `nox -s tests` holds against the baseline.
GATED = tuple((model, cores) for model in ("digits", "kws", "ad") for cores in (1, 2, 4))


def of() -> Baseline:
    """Returns the baseline for the compiler that builds for the board: makespans by model and cores."""
    return release.of(*_KIND, release.compiler(BOARD))


def known() -> list[Baseline]:
    """Returns the baselines of all compilers."""
    return release.known(*_KIND)


def write(points: Iterable[Point]) -> str:
    """Writes the makespans of these points, and returns the file's name; what was not measured now stays."""
    rustc = release.compiler(BOARD)
    makespans = dict(next((b.figures for b in known() if b.rustc == rustc), {}))
    for point in points:
        if point.board == BOARD and (point.model, point.cores) in GATED:
            makespans[_key(point)] = point.time
    return release.write(*_KIND, rustc, makespans)


def regressions(point: Point, baseline: Baseline) -> list[str]:
    """Returns what has become more than 2 % worse than the baseline."""
    old: float | None = baseline.figures.get(_key(point))
    if old is None or point.time <= old * (1 + baseline.tolerance):
        return []
    above = f"{100 * (point.time / old - 1):.1f} % above {old:,}"
    return [f"{_key(point)}: a makespan of {point.time:,} is {above} (where this is meant, `{REFRESH}`)"]


def _key(point: Point) -> str:
    return f"{point.model} on {point.cores}"
