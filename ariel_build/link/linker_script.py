"""Reads GNU linker scripts as far as users write them: the regions of `MEMORY`, aliases, and which sections go where.

What it does not understand, it makes no claim about: a region whose length is no constant has length None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Literal

from ariel_build.records import dataclass

__all__ = ["Region", "Script", "read"]

#: The names that a region's parts go by.
_ORIGIN, _LENGTH = r"(?:ORIGIN|org|o)", r"(?:LENGTH|len|l)"
_REGION = re.compile(
    rf"(?P<name>[A-Za-z_][\w.]*)\s*(?:\([^)]*\))?\s*:\s*{_ORIGIN}\s*=\s*(?P<origin>[^,]+?)\s*,?\s*\b{_LENGTH}\s*=\s*"
    r"(?P<length>[^\n,;}]+)"
)
_SYMBOL = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\s*=\s*([^;{}=]+);")
_ALIAS = re.compile(r'REGION_ALIAS\s*\(\s*"?([\w.]+)"?\s*,\s*"?([\w.]+)"?\s*\)')
_OUTPUT = re.compile(
    r"(?P<name>[.\w]+)\s*(?:\([A-Z]+\)\s*)?(?:ALIGN\s*\([^)]*\)\s*)?[^{};]*?:[^{};]*\{(?P<body>[^{}]*)\}"
    r"(?:\s*>\s*(?P<region>[\w.]+))?"
)
_TOKEN = re.compile(r"\s*(0[xX][0-9a-fA-F]+[KM]?|\d+[KkMm]?|[A-Za-z_]\w*|[-+*/()])")
#: Expressions nest no deeper than a person writes them.
_MOST_DEPTH = 12


@dataclass(frozen=True)
class Region:
    """A region of `MEMORY`; `origin` and `length` are None where they are no constants. `line` counts from 1."""

    name: str
    origin: int | None
    length: int | None
    line: int


@dataclass(frozen=True)
class Script:
    """What a linker script says: its regions, other names for them, and which input sections go to which region."""

    regions: Mapping[str, Region] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    placed: tuple[tuple[str, str], ...] = ()

    def region(self, *names: str) -> Region | None:
        """Returns the region of the first of these names that the script knows, directly or by an alias."""
        for name in names:
            found = self.regions.get(self.aliases.get(name, name))
            if found is not None:
                return found
        return None

    def places(self, section: str) -> str | None:
        """Returns the region that an input section is placed in (empty if that is not said), None where it is not."""
        return next((region for pattern, region in self.placed if fnmatchcase(section, pattern)), None)


def read(text: str) -> Script:
    """Returns what the text of a linker script says."""
    # Comments become blanks, so that lines stay where they are.
    text = re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.DOTALL)
    regions: dict[str, Region] = {}
    symbols: dict[str, str] = dict(_SYMBOL.findall(text))
    for block in re.finditer(r"\bMEMORY\s*\{([^{}]*)\}", text):
        for match in _REGION.finditer(block[1]):
            line = text.count("\n", 0, block.start(1) + match.start("name")) + 1
            known = _Values(symbols, regions)
            regions[match["name"]] = Region(match["name"], known.of(match["origin"]), known.of(match["length"]), line)
    placed = [
        (pattern, match["region"] or "")
        for match in _OUTPUT.finditer(text)
        for inside in re.findall(r"\(([^()]*)\)", match["body"])
        for pattern in inside.replace(",", " ").split()
        if pattern.startswith((".", "*"))
    ]
    return Script(regions, dict(_ALIAS.findall(text)), tuple(placed))


class _Values:
    """Evaluates expressions of numbers, symbols, `ORIGIN(..)` and `LENGTH(..)`."""

    def __init__(self, symbols: Mapping[str, str], regions: Mapping[str, Region]) -> None:
        self.symbols = symbols
        self.regions = regions

    def of(self, text: str, depth: int = 0) -> int | None:
        """Returns the number that an expression gives, or None where it is no constant."""
        words = _TOKEN.findall(text)
        if depth > _MOST_DEPTH or "".join(words) != "".join(text.split()):
            return None
        try:
            value, rest = self._sum(words, depth)
        except (IndexError, ValueError, ZeroDivisionError):
            return None
        return value if not rest else None

    def _sum(self, words: list[str], depth: int) -> tuple[int, list[str]]:
        value, words = self._product(words, depth)
        while words and words[0] in "+-":
            other, rest = self._product(words[1:], depth)
            value, words = (value + other if words[0] == "+" else value - other), rest
        return value, words

    def _product(self, words: list[str], depth: int) -> tuple[int, list[str]]:
        value, words = self._atom(words, depth)
        while words and words[0] in "*/":
            other, rest = self._atom(words[1:], depth)
            value, words = (value * other if words[0] == "*" else value // other), rest
        return value, words

    def _atom(self, words: list[str], depth: int) -> tuple[int, list[str]]:
        if depth > _MOST_DEPTH:
            raise ValueError
        word, words = words[0], words[1:]
        if word == "(":
            value, words = self._sum(words, depth + 1)
            if words[0] != ")":
                raise ValueError
            return value, words[1:]
        if word in ("ORIGIN", "LENGTH"):
            region = self.regions.get(words[1])
            part: Literal["origin", "length"] = "origin" if word == "ORIGIN" else "length"
            value_of = getattr(region, part, None)
            if words[0] != "(" or words[2] != ")" or value_of is None:
                raise ValueError
            return value_of, words[3:]
        if word[0].isdigit():
            unit = {"K": 1 << 10, "M": 1 << 20}.get(word[-1].upper(), 1)
            return int(word[:-1] if unit > 1 else word, 0 if word[:2] in ("0x", "0X") else 10) * unit, words
        symbol = self.symbols.get(word)
        number = None if symbol is None else self.of(symbol, depth + 1)
        if number is None:
            raise ValueError
        return number, words
