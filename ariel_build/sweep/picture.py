"""Rows -> SVG: a panel for each board, latency to the right, accuracy (or else RAM) upwards; the front stands out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from ariel_build.report.lines import line
from ariel_build.sweep.table import Row

__all__ = ["picture"]

_WIDTH, _PANEL, _LEFT, _RIGHT, _TOP, _FOOT = 720, 300, 70, 150, 34, 46
_NAME = 22
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 13px; }
.quiet { fill: #57606a; }
.axis { stroke: #d0d7de; }
.other { fill: #a8b1bb; }
.front { fill: #1a7f64; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .quiet { fill: #9aa4af; }
  .axis { stroke: #3d444d; }
  .other { fill: #59636e; }
  .front { fill: #3fb68b; }
}"""


def picture(rows: Sequence[Row]) -> str:
    """Returns the picture of the rows that fit and have a latency; a sentence where there are none."""
    boards: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("fits") and _number(row, "latency_ms"):
            boards.setdefault(str(row["board"]), []).append(row)
    height = max(_PANEL * len(boards), 60)
    label = "Latency and accuracy, or RAM, of models on boards; the Pareto front stands out"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">',
        f"<style>{_STYLE}</style>",
    ]
    if not boards:
        lines.append('<text x="8" y="30">No model fits a board whose clock is known.</text>')
    for index, (board, found) in enumerate(boards.items()):
        lines += _panel(board, found, index * _PANEL)
    return "\n".join([*lines, "</svg>", ""])


def _number(row: Row, name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _panel(board: str, rows: Sequence[Row], top: int) -> list[str]:
    by_accuracy = all(row.get("accuracy") is not None for row in rows)
    height, what = ("accuracy", "accuracy") if by_accuracy else ("ram_bytes", "RAM, bytes")
    logs = [math.log10(_number(row, "latency_ms")) for row in rows]
    values = [_number(row, height) for row in rows]
    (left, right), (low, high) = _span(logs), _span([*values, *([] if by_accuracy else [0.0])])
    bottom = top + _PANEL - _FOOT

    def x(log: float) -> float:
        return _LEFT + (log - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top - _TOP)

    lines = [
        f'<text class="title" x="8" y="{top + 20}">{escape(line(board))}: {what} over latency</text>',
        f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{_WIDTH - _RIGHT}" y2="{bottom}"/>',
        f'<line class="axis" x1="{_LEFT}" y1="{top + _TOP}" x2="{_LEFT}" y2="{bottom}"/>',
    ]
    lines += [
        f'<text class="quiet" x="{x(log):.1f}" y="{bottom + 18}" text-anchor="middle">{10**log:.3g} ms</text>'
        for log in (left, (left + right) / 2, right)
    ]
    for value in (low, high):
        text = f"{value:,.3f}" if by_accuracy else f"{value:,.0f}"
        lines.append(f'<text class="quiet" x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{text}</text>')
    order = sorted(range(len(rows)), key=lambda k: bool(rows[k].get("pareto")))
    taken: list[float] = []
    for k in order:
        row, place = rows[k], (x(logs[k]), y(values[k]))
        front = bool(row.get("pareto"))
        name = line(f"{row['model']} {row.get('options') or ''}".strip())
        told = f"{name}: {_number(row, 'latency_ms'):,.3f} ms, {_number(row, 'ram_bytes'):,.0f} bytes of RAM, "
        told += f"{_number(row, 'flash_bytes'):,.0f} of flash"
        lines.append(
            f'<circle class="{"front" if front else "other"}" cx="{place[0]:.1f}" cy="{place[1]:.1f}" '
            f'r="{5 if front else 4}"><title>{escape(told)}</title></circle>'
        )
        # Names that would stand upon one another are left to the tips.
        if front and all(abs(place[1] - other) >= 13 for other in taken):
            taken.append(place[1])
            stem = str(row["model"]).rsplit("/", 1)[-1]
            short = line(stem if len(stem) <= _NAME else stem[: _NAME - 1] + "…")
            lines.append(f'<text x="{place[0] + 9:.1f}" y="{place[1] + 4:.1f}">{escape(short)}</text>')
    return lines


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Returns two ends with the values between them, apart also where there is one value."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.06 or 0.5
    return (low if low == 0 else low - room), high + room
