"""Points -> docs/scaling.md and docs/scaling.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tools.scaling import words
from tools.scaling.measure import POOL_OF_ONE, Point

__all__ = ["table", "write"]

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_HEAD = "| model | cores | {unit} | speed-up | work more | stolen | flash more | RAM more | waits |"


def write(points: Sequence[Point], missing: Sequence[str]) -> None:
    """Writes both files."""
    rows = [asdict(point) for point in points]
    _DOCS.joinpath("scaling.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    parts = [words.HEAD]
    for board in dict.fromkeys(point.board for point in points):
        parts += [f"## {board}\n", words.BOARDS.get(board, ""), table([p for p in points if p.board == board])]
    if missing:
        parts += ["Not measured:\n", *(f"- {line}" for line in missing), ""]
    parts.append(words.TAIL)
    _DOCS.joinpath("scaling.md").write_text("\n".join(parts).rstrip("\n") + "\n", encoding="utf-8")


def table(points: Sequence[Point]) -> str:
    """Returns the table of one board; speed-up is against the single-core code of the same model."""
    if not points:
        return ""
    lines = [_HEAD.format(unit=points[0].unit), "|---|---|---|---|---|---|---|---|---|"]
    single = {(p.model, p.board): p for p in points if p.cores == 1}
    for point in points:
        one = single.get((point.model, point.board))
        lines.append("| " + " | ".join(_row(point, one)) + " |")
    return "\n".join([*lines, ""])


def _row(point: Point, one: Point | None) -> list[str]:
    cores = "pool of one" if point.cores == POOL_OF_ONE else str(point.cores)
    cells = [point.model, cores, f"{point.time:,.0f}"]
    if one is None or point.cores == 1:
        return [*cells, *[""] * 5, _waits(point)]
    if point.answer != one.answer:
        cells[-1] += " (wrong answer)"
    more = (point.instructions / one.instructions - 1) if point.instructions and one.instructions else None
    stolen = point.steals / point.units if point.units and point.steals is not None else None
    return [
        *cells,
        f"{one.time / point.time:.2f}",
        "" if more is None else f"{100 * more:.1f} %",
        "" if stolen is None else f"{100 * stolen:.0f} %",
        _bytes(point.flash, one.flash),
        _bytes(point.ram, one.ram),
        _waits(point),
    ]


def _bytes(more: int | None, less: int | None) -> str:
    return "" if more is None or less is None else f"{more - less:,}"


def _waits(point: Point) -> str:
    """Returns the cycles that a core's requests waited for the memory, as a share of the time of all cores."""
    if point.bus_waits is None:
        return ""
    return f"{100 * point.bus_waits / (point.time * max(point.cores, 1)):.1f} %"
