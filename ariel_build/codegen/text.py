"""Rust text of single things: numbers, names, documentation."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence

import numpy as np

__all__ = ["doc", "escaped", "identifier", "integer", "plain", "real", "use"]

WIDTH = 100
#: What rustfmt leaves in one line of a module that ends with a list, and how far in the list stands otherwise.
_LISTED, _INDENT = 114, "    "


def integer(value: int) -> str:
    """`-12_345`: thousands apart from five digits on, as clippy asks."""
    return f"{value:_}" if abs(value) >= 10_000 else str(value)


def real(value: float) -> str:
    """Returns the shortest literal that reads back as the same float32."""
    if math.isnan(value):
        return "f32::NAN"
    if math.isinf(value):
        return "f32::INFINITY" if value > 0 else "f32::NEG_INFINITY"
    text = np.format_float_positional(np.float32(value), unique=True, trim="0")
    if len(text) > 16:
        text = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    return text.replace("e+", "e")


def identifier(name: str) -> str:
    """Returns a Rust identifier like `name`: what cannot be in one becomes `_`. Empty where nothing else remains."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_").lower()
    return f"m_{word}" if word[:1].isdigit() else word


def plain(text: str, limit: int = 120) -> str:
    """Returns `text` fit for a comment: printable ASCII without backticks, shortened to `limit` characters.

    Names in a model are a stranger's words; a line break or a bidirectional mark in one must not reach the source.
    """
    safe = "".join(c if " " <= c <= "~" else "?" for c in text.replace("`", "'")).strip() or "(no name)"
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."


def escaped(cell: str) -> str:
    """Returns the text of a table's cell: a bar in it would end it."""
    return cell.replace("|", "\\|")


def doc(paragraphs: list[str], mark: str = "///", indent: str = "    ") -> list[str]:
    """Returns doc comment lines; a paragraph that starts with `|` is a table row and is not wrapped."""
    lines: list[str] = []
    for index, paragraph in enumerate(paragraphs):
        table = paragraph.startswith("|")
        if index and not (table and paragraphs[index - 1].startswith("|")):
            lines.append(f"{indent}{mark}")
        lines += [f"{indent}{mark} {line}" for line in ([paragraph] if table else _wrapped(paragraph))]
    return lines


def use(home: str, names: Sequence[str]) -> list[str]:
    """Returns `use home::{names};`, broken as rustfmt breaks it."""
    line = f"use {home}::{names[0] if len(names) == 1 else '{' + ', '.join(names) + '}'};"
    if len(line) <= _LISTED:
        return [line]
    inside = textwrap.wrap(f"{', '.join(names)},", _LISTED - len(_INDENT))
    return [f"use {home}::{{", *(f"{_INDENT}{names}" for names in inside), "};"]


def _wrapped(paragraph: str) -> list[str]:
    """Returns the lines of a paragraph. What is in backticks is not broken: on a line of its own it may mean a list."""
    glued = re.sub(r"`[^`]*`", lambda match: match[0].replace(" ", "\0"), paragraph)
    lines = textwrap.wrap(glued, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]
