"""Panels of horizontal bars as SVG, readable on light and dark ground: what the README shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

__all__ = ["WIDTH", "Bar", "Group", "Panel", "drawn"]

WIDTH = 760
_MODELS, _ENGINES, _ROW, _GAP, _TITLE = 150, 330, 16, 8, 32
#: The longest bar: `_LIMIT` times our instructions. What is longer is cut, and its figure stands beside it.
_LIMIT = 12
_FULL = WIDTH - _ENGINES - 155

_LABEL = "Instructions per inference of Ariel-ML and its peers"
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 13px; }
.model, .own { font-weight: 600; }
.peer { fill: #a8b1bb; }
.ours { fill: #1a7f64; }
.cut { stroke: #ffffff; stroke-width: 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .peer { fill: #59636e; }
  .ours { fill: #3fb68b; }
  .cut { stroke: #0d1117; }
}"""


@dataclass(frozen=True)
class Bar:
    """What one engine takes for a model.

    `instructions`: per inference, or None where there is no figure that compares. `note` says why, or adds something.
    """

    engine: str
    instructions: float | None
    note: str = ""


@dataclass(frozen=True)
class Group:
    """The bars of a model, ours first: the others are multiples of it."""

    model: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Panel:
    """Groups under a title that says what was measured where."""

    title: str
    groups: Sequence[Group]


def drawn(panels: Sequence[Panel]) -> str:
    """Returns the picture: a bar for each engine, by its name, as long as its instructions are many."""
    lines: list[str] = []
    y = 0
    for panel in panels:
        lines.append(f'<text class="title" x="8" y="{y + 21}">{escape(panel.title)}</text>')
        y += _TITLE
        for group in panel.groups:
            lines.append(f'<text class="model" x="8" y="{y + 12}">{escape(group.model)}</text>')
            for index, bar in enumerate(group.bars):
                lines += _row(bar, group.bars[0].instructions, y, ours=index == 0)
                y += _ROW
            y += _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 4}" role="img" aria-label="{_LABEL}">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *lines, "</svg>", ""])


def _row(bar: Bar, own: float | None, y: int, *, ours: bool) -> list[str]:
    kind = "own" if ours else "other"
    lines = [
        f'<text class="{kind}" x="{_ENGINES - 8}" y="{y + 12}" text-anchor="end">{escape(bar.engine)}</text>',
    ]
    if not bar.instructions or not own:
        return [*lines, f'<text class="note" x="{_ENGINES}" y="{y + 12}">{escape(bar.note)}</text>']
    times = bar.instructions / own
    width = max(round(min(times, _LIMIT) / _LIMIT * _FULL), 2)
    end = _ENGINES + width
    kind_of_bar = "ours" if ours else "peer"
    lines.append(f'<rect class="{kind_of_bar}" x="{_ENGINES}" y="{y + 2}" width="{width}" height="12" rx="2"/>')
    if times > _LIMIT:
        lines += [f'<path class="cut" d="M{end - x} {y + 16}l6 -16"/>' for x in (20, 28)]
    words = _millions(bar.instructions) if ours else f"{times:.1f} times"
    if bar.note:
        words += f" ({bar.note})"
    return [*lines, f'<text class="figure" x="{end + 6}" y="{y + 12}">{escape(words)}</text>']


def _millions(instructions: float) -> str:
    return f"{instructions / 1e6:.2f} million"
