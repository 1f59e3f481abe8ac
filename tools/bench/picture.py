"""Panels of horizontal bars as SVG, readable on light and dark ground: what the README shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

__all__ = ["Bar", "Panel", "drawn"]

_WIDTH, _LABELS, _ROW, _TITLE = 720, 190, 24, 34
#: A whole bar: 100 %.
_FULL = _WIDTH - _LABELS - 70

_LABEL = "Instructions per inference of Ariel-ML as a share of its peers"
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.share { font-weight: 600; }
.whole { fill: #d0d7de; }
.ours { fill: #1a7f64; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .whole { fill: #3d444d; }
  .ours { fill: #3fb68b; }
}"""


@dataclass(frozen=True)
class Bar:
    """Our instructions as a share of a peer's."""

    label: str
    share: float


@dataclass(frozen=True)
class Panel:
    """Bars under a title that says what 100 % is."""

    title: str
    bars: Sequence[Bar]


def drawn(panels: Sequence[Panel]) -> str:
    """Returns the picture: in each row the peer's whole bar, and ours upon it."""
    height = sum(_TITLE + _ROW * len(panel.bars) for panel in panels) + 16
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{_LABEL}">',
        f"<style>{_STYLE}</style>",
    ]
    y = 0
    for panel in panels:
        lines.append(f'<text class="title" x="8" y="{y + 22}">{escape(panel.title)}</text>')
        y += _TITLE
        for bar in panel.bars:
            lines += _row(bar, y)
            y += _ROW
    return "\n".join([*lines, "</svg>", ""])


def _row(bar: Bar, y: int) -> list[str]:
    ours = max(round(min(bar.share, 1.0) * _FULL), 2)
    text = _LABELS + _FULL + 8
    return [
        f'<text x="{_LABELS - 10}" y="{y + 15}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="whole" x="{_LABELS}" y="{y + 3}" width="{_FULL}" height="16" rx="3"/>',
        f'<rect class="ours" x="{_LABELS}" y="{y + 3}" width="{ours}" height="16" rx="3"/>',
        f'<text class="share" x="{text}" y="{y + 16}">{100 * bar.share:.0f} %</text>',
    ]
