"""What was found, in few lines, and as the tables of docs/predictions.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from tools.predictions.judge import LAYER, LIMITS, SHARE, misses
from tools.predictions.measure import Row
from tools.recorded import ROOT

__all__ = ["summary", "write"]

_PAGE = ROOT / "docs" / "predictions.md"
_BEGIN, _END = "<!-- tables: python -m tools.predictions --refresh -->", "<!-- end of tables -->"


def summary(rows: Sequence[Row]) -> list[str]:
    """Returns for each board how many of its models keep each limit."""
    return [
        f"{board}: {len(ones)} models; " + ", ".join(f"{name} {held}" for name, held in _held(ones).items())
        for board, ones in _by_board(rows).items()
    ]


def write(rows: Sequence[Row]) -> None:
    """Puts the tables into the page."""
    before, _, rest = _PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    tables = [*_boards(rows), ""]
    for board, ones in _by_board(rows).items():
        tables += [f"### {board}", "", *_models(list(filter(_is_listed, ones))), ""]
    _PAGE.write_text("\n".join([f"{before}{_BEGIN}", "", *tables, f"{_END}{after}"]), encoding="utf-8")


def _by_board(rows: Sequence[Row]) -> Mapping[str, Sequence[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.board].append(row)
    return found


def _held(rows: Sequence[Row]) -> dict[str, int]:
    missed = [misses(row) for row in rows]
    return {name: sum(name not in one for one in missed) for name in LIMITS}


def _boards(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| board | what | models | RAM exact | flash 5 % | stack 0 to 20 % above | instructions 10 % | layers 15 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for board, ones in _by_board(rows).items():
        single = [row for row in ones if not _is_listed(row)]
        for what, some in (("models", [row for row in ones if _is_listed(row)]), ("single operators", single)):
            lines.append(f"| {board} | {what} | {len(some)} | {' | '.join(map(str, _held(some).values()))} |")
    return lines


def _is_listed(row: Row) -> bool:
    """Whether it has a row of its own: models of one step have none."""
    return len(row.layers) > 1


def _models(rows: Sequence[Row]) -> list[str]:
    """Returns a table: what was measured, and how far off the prediction is; what is further off than asked is bold."""
    lines = ["| model | RAM | flash | stack | instructions | worst layer |", "|---|---|---|---|---|---|"]
    for row in rows:
        missed, worst = misses(row), row.worst(SHARE)
        cells = [
            _cell(row.measured.get(name, 0.0), row.ratio(name), bold=name in missed) for name in LIMITS if name != LAYER
        ]
        layer = f"`{worst.call.kernel.path}` {_off(worst.ratio, bold=LAYER in missed)}" if worst is not None else ""
        lines.append(f"| {row.model} | {' | '.join(cells)} | {layer} |")
    return lines


def _cell(measured: float, ratio: float, *, bold: bool) -> str:
    return f"{measured:,.0f}" + ("" if ratio == 1 else f" {_off(ratio, bold=bold)}")


def _off(ratio: float, *, bold: bool) -> str:
    text = f"{100 * (ratio - 1):+.1f} %"
    return f"**{text}**" if bold else text
