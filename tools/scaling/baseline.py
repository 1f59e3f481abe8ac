"""The makespans that were committed: one more than 2 % above is a regression.

Makespans repeat to the instruction, and follow the Rust compiler as all counts do: another version is not compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tools.bench.baseline import compiler
from tools.scaling.measure import Point

__all__ = ["GATED", "REFRESH", "compiler", "read", "regressions", "write"]

_FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "makespan.json"
_TOLERANCE = 0.02
REFRESH = "nox -s scaling -- --refresh"
BOARD = "qemu-riscv32"
#: Models and cores of `qemu-riscv32` that `nox -s tests` holds against the baseline.
GATED = tuple((model, cores) for model in ("digits", "kws", "ad") for cores in (1, 2, 4))


def read() -> Mapping[str, Any]:
    """Returns the baseline: `rustc`, and `makespans` by model and cores."""
    found: dict[str, Any] = json.loads(_FILE.read_text()) if _FILE.exists() else {"rustc": "", "makespans": {}}
    return found


def write(points: Iterable[Point]) -> None:
    """Writes the makespans of these points; what was not measured now stays."""
    makespans = dict(read()["makespans"])
    for point in points:
        if point.board == BOARD and (point.model, point.cores) in GATED:
            makespans[_key(point)] = point.time
    _FILE.write_text(json.dumps({"rustc": compiler(), "makespans": dict(sorted(makespans.items()))}, indent=1) + "\n")


def regressions(point: Point) -> list[str]:
    """Returns what has become more than 2 % worse than the baseline."""
    old: float | None = read()["makespans"].get(_key(point))
    if old is None or point.time <= old * (1 + _TOLERANCE):
        return []
    above = f"{100 * (point.time / old - 1):.1f} % above {old:,}"
    return [f"{_key(point)}: a makespan of {point.time:,} is {above} (where this is meant, `{REFRESH}`)"]


def _key(point: Point) -> str:
    return f"{point.model} on {point.cores}"
