"""Baselines by release of the Rust compiler: counts follow it, so that each release has figures of its own.

A release without any is held against the nearest that has some, with more room: a compiler changes some percent, and
a lost kernel far more. So every gate runs, whatever builds. Files are `<kind>.json` and, for further
releases, `<kind>-<release>.json` in `benchmarks/`: `{"rustc": "rustc 1.95.0", <key>: {name: figures}}`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ariel_build import boards
from ariel_build.run import toolchain

__all__ = ["Baseline", "compiler", "known", "of", "write"]

_TOLERANCE, _TOLERANCE_OF_OTHERS = 0.02, 0.15
_FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@dataclass(frozen=True)
class Baseline:
    """Figures by name, the compiler that they are of, and how far above them is still well; `note` says why far."""

    rustc: str
    figures: Mapping[str, Any]
    tolerance: float = _TOLERANCE
    note: str = ""


@functools.cache
def compiler(board: str) -> str:
    """Returns the release of the Rust compiler that builds for a board: `rustc 1.95.0`."""
    return " ".join(toolchain.find(boards.load(board).target).version.split()[:2])


def known(kind: str, key: str) -> list[Baseline]:
    """Returns the baselines of this kind, one for each release."""
    files = [_FOLDER / f"{kind}.json", *sorted(_FOLDER.glob(f"{kind}-*.json"))]
    contents = [json.loads(file.read_text()) for file in files if file.exists()]
    return [Baseline(content["rustc"], content[key]) for content in contents]


def of(kind: str, key: str, rustc: str) -> Baseline:
    """Returns the baseline of this kind for a compiler: its own, or the nearest with more room."""
    found = known(kind, key)
    if not found:
        return Baseline(rustc, {}, note=f"there is no benchmarks/{kind}.json: nothing is compared")
    nearest = min(found, key=lambda other: (abs(_minor(other.rustc) - _minor(rustc)), _minor(other.rustc)))
    if nearest.rustc == rustc:
        return nearest
    room = f"{100 * _TOLERANCE_OF_OTHERS:.0f} %"
    note = f"benchmarks/{kind}.json has no figures of {rustc}: held against those of {nearest.rustc}, at {room}"
    return replace(nearest, tolerance=_TOLERANCE_OF_OTHERS, note=note)


def write(kind: str, key: str, rustc: str, figures: Mapping[str, Any]) -> str:
    """Writes the figures of a compiler, and returns the file's name; those of others stay."""
    first = _FOLDER / f"{kind}.json"
    is_first = not first.exists() or json.loads(first.read_text())["rustc"] == rustc
    file = first if is_first else _FOLDER / f"{kind}-{rustc.removeprefix('rustc ')}.json"
    file.write_text(json.dumps({"rustc": rustc, key: dict(sorted(figures.items()))}, indent=1) + "\n")
    return f"benchmarks/{file.name}"


def _minor(rustc: str) -> int:
    found = re.search(r"\d+\.(\d+)", rustc)
    return int(found[1]) if found else 0
