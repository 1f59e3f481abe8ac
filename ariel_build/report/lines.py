"""Words and numbers as they may stand in a report: a stranger's words are printable and of bounded length."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ariel_build.errors import MetadataError

__all__ = ["line", "lines", "read_json", "rounded"]

_LINE, _LINES = 300, 2000


def line(text: str) -> str:
    """Returns one line, such as a name: what does not print, or changes the direction of others, is a replacement."""
    return _cut("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text), _LINE)


def lines(text: str) -> str:
    """Returns text that may have several lines."""
    return _cut("\n".join(line(part) for part in text.split("\n")), _LINES)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


#: What three places tell too little of.
_SMALL = 0.01


def rounded(quantity: float | None, unit: float) -> float | None:
    """Returns a quantity in a unit, to three places, or digits if small; None where it is unknown or has no bound."""
    if quantity is None or math.isinf(quantity):
        return None
    of_unit = quantity / unit
    return round(of_unit, 3) if abs(of_unit) >= _SMALL else float(f"{of_unit:.3g}")


def read_json(path: Path, advice: str) -> Any:  # noqa: ANN401 - whatever it holds
    """Returns what a file of JSON holds; MetadataError, with the advice, where it is none."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise MetadataError(f"cannot read: {error.strerror}", str(path)) from None
    except (ValueError, RecursionError):
        raise MetadataError("this is no JSON", str(path), advice) from None
