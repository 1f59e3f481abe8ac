"""A size that is only bounded: `dims = { time = "..=100" }`."""

from __future__ import annotations

import re

__all__ = ["AtMost"]

_TEXT = re.compile(r"\.\.=([0-9]{1,12})")


class AtMost(int):
    """The greatest size of a dimension; each call of the model says how much of it there is, 1 at least.

    It is that number to all who make room for it.
    """

    @classmethod
    def read(cls, text: object) -> AtMost | None:
        """Returns what `..=100` means, None where that is not what the text says."""
        found = _TEXT.fullmatch(text) if isinstance(text, str) else None
        return None if found is None else cls(found[1])

    def __repr__(self) -> str:
        """As the user writes it."""
        return f"..={int(self)}"

    __str__ = __repr__
