"""A stranger's words as they may stand in a report: printable and of bounded length."""

from __future__ import annotations

__all__ = ["line", "lines"]

_LINE, _LINES = 300, 2000


def line(text: str) -> str:
    """Returns one line, such as a name: what does not print, or changes the direction of others, is a replacement."""
    return _cut("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text), _LINE)


def lines(text: str) -> str:
    """Returns text that may have several lines."""
    return _cut("\n".join(line(part) for part in text.split("\n")), _LINES)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
