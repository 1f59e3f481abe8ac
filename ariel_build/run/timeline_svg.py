"""Timeline -> SVG: a row for each core, a box for each tile, a colour for each step; for light and dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from ariel_build.run.timeline import Span, Timeline

__all__ = ["drawn"]

_LEFT, _RIGHT, _TOP, _ROW, _BOX, _LEGEND = 64, 960, 24, 40, 28, 20
_COLUMNS = 2
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.inside { font-size: 10px; fill: #fff; }
.idle { fill: #d0d7de; opacity: .5; }
.axis { stroke: #8c959f; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .idle { fill: #3d444d; }
}"""
#: White stripes upon a box: another core's tile.
_STOLEN = (
    '<defs><pattern id="stolen" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="2" height="6" fill="#fff" opacity=".55"/></pattern></defs>'
)


def drawn(timeline: Timeline, names: Sequence[str]) -> str:
    """Returns the picture; `names` are those of the steps."""
    scale = (_RIGHT - _LEFT) / max(timeline.makespan, 1)
    used = sorted({span.step for span in timeline.spans})
    foot = _TOP + _ROW * timeline.cores
    height = foot + 34 + _LEGEND * (-(-(len(used) + 2) // _COLUMNS)) + 8
    label = f"Tiles of an inference on {timeline.cores} cores over {timeline.makespan:,} {timeline.unit}"
    view = f"0 0 {_RIGHT + 16} {height}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" role="img" aria-label={quoteattr(label)}>',
        f"<style>{_STYLE}</style>",
        _STOLEN,
    ]
    for core in range(timeline.cores):
        y = _TOP + _ROW * core
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 19}" text-anchor="end">core {core}</text>')
        lines.append(f'<rect class="idle" x="{_LEFT}" y="{y}" width="{_RIGHT - _LEFT}" height="{_BOX}"/>')
    for span in timeline.spans:
        lines += _box(span, names, scale, timeline.unit)
    lines += _axis(timeline.makespan, foot, scale)
    lines += _legend(used, names, foot + 34)
    return "\n".join([*lines, "</svg>", ""])


def _colour(step: int) -> str:
    """Returns a colour that differs from those of the steps around it: the golden angle apart."""
    return f"hsl({step * 137 % 360}, 55%, 42%)"


def _box(span: Span, names: Sequence[str], scale: float, unit: str) -> list[str]:
    x, y = _LEFT + span.start * scale, _TOP + _ROW * span.core
    width = max((span.end - span.start) * scale, 0.5)
    shape = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BOX}"'
    told = f"{names[span.step]}, units {span.units[0]} to {span.units[1]}: {span.end - span.start:,} {unit}"
    told += ", stolen" if span.stolen else ""
    lines = [f'<rect {shape} fill="{_colour(span.step)}" stroke="#fff" stroke-width=".4">']
    lines[-1] += f"<title>{escape(told)}</title></rect>"
    if span.stolen:
        lines.append(f'<rect {shape} fill="url(#stolen)" pointer-events="none"/>')
    if width > 18:
        lines.append(
            f'<text class="inside" x="{x + width / 2:.1f}" y="{y + 18}" text-anchor="middle">{span.step}</text>'
        )
    return lines


def _axis(makespan: int, y: int, scale: float) -> list[str]:
    """Returns a line with marks at round numbers of instructions."""
    power = 10 ** (len(str(max(makespan, 1))) - 1)
    each = next(step for step in (power // 5, power // 2, power, 2 * power) if step and makespan / step <= 10)
    lines = [f'<line class="axis" x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}"/>']
    for at in range(0, makespan + 1, each):
        x = _LEFT + at * scale
        lines.append(f'<line class="axis" x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 4}"/>')
        lines.append(f'<text x="{x:.1f}" y="{y + 17}" text-anchor="middle">{at:,}</text>')
    return lines


def _legend(used: Sequence[int], names: Sequence[str], top: int) -> list[str]:
    """Returns the steps with their colours, and what idle and stolen look like."""
    entries = [(f'fill="{_colour(step)}"', f"{step}  {names[step]}") for step in used]
    entries += [('class="idle"', "idle"), ('fill="url(#stolen)" stroke="#8c959f"', "stolen from another core")]
    lines = []
    for index, (look, text) in enumerate(entries):
        x, y = _LEFT + (index % _COLUMNS) * (_RIGHT - _LEFT) // _COLUMNS, top + _LEGEND * (index // _COLUMNS)
        lines.append(f'<rect {look} x="{x}" y="{y}" width="14" height="14"/>')
        lines.append(f'<text x="{x + 20}" y="{y + 11}">{escape(text)}</text>')
    return lines
