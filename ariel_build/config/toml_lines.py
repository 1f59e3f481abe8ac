"""Returns the line on which each key of a TOML document stands.

tomlkit keeps no positions. This scanner reads only what decides where keys are: table headers of both forms, dotted and
quoted keys, inline tables, arrays, strings and comments. The document has been accepted by a parser before; where it is
no TOML, the scanner stops early and still returns what it has seen.
"""

from __future__ import annotations

import bisect
import contextlib
import re

__all__ = ["key_lines", "line_of"]

Path = tuple[str, ...]

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[^\s.=\[\]{}#\"',]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'  # up to two quotes may stand before the three that close
    r"|'''.*?'{3,5}(?!')"
    r'|"((?:[^"\\\n]|\\.)*)"'
    r"|'([^'\n]*)'",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


def key_lines(text: str) -> dict[Path, int]:
    """Returns the line, counted from 1, where each key and each table is first named."""
    scanner = _Scanner(text)
    with contextlib.suppress(_NotToml, RecursionError):
        scanner.document()
    return scanner.lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """Returns the line of `path`, or of the nearest table around it, or None for a document without them."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _NotToml(Exception):
    """The text is not what a parser accepts."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.breaks = [match.start() for match in re.finditer("\n", text)]

    def document(self) -> None:
        """Document = { header | key `=` value }."""
        table: Path = ()
        while True:
            self.skip(_BLANK)
            if self.at == len(self.text):
                return
            if self.text[self.at] == "[":
                brackets = 2 if self.text.startswith("[[", self.at) else 1
                self.at += brackets
                table = self.key(())
                self.expect("]" * brackets)
            else:
                self.pair(table)

    def pair(self, table: Path) -> None:
        """Pair = key `=` value."""
        path = self.key(table)
        self.expect("=")
        self.value(path)

    def key(self, table: Path) -> Path:
        """Key = part { `.` part }; each prefix is named by it, too."""
        path = table
        while True:
            self.skip(_SPACE)
            line = bisect.bisect_left(self.breaks, self.at) + 1
            path = (*path, self.part())
            self.lines.setdefault(path, line)
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return path
            self.at += 1

    def part(self) -> str:
        """Part = bare | `"basic"` | `'literal'`."""
        string = _STRING.match(self.text, self.at)
        if string:
            self.at = string.end()
            if string[1] is not None:
                return _ESCAPE.sub(_unescape, string[1])
            return string[2] or ""
        bare = _BARE_KEY.match(self.text, self.at)
        if not bare:
            raise _NotToml
        self.at = bare.end()
        return bare[0]

    def value(self, path: Path) -> None:
        """Value = string | `[` { value `,` } `]` | `{` { pair `,` } `}` | anything else up to a delimiter."""
        self.skip(_SPACE)
        opening = self.text[self.at : self.at + 1]
        if opening in ("[", "{"):
            closing = "]" if opening == "[" else "}"
            self.at += 1
            while True:
                self.skip(_BLANK)
                if self.text.startswith(closing, self.at):
                    self.at += 1
                    return
                if opening == "[":
                    self.value(path)
                else:
                    self.pair(path)
                self.skip(_BLANK)
                if self.text.startswith(",", self.at):
                    self.at += 1
                elif not self.text.startswith(closing, self.at):
                    raise _NotToml
        self.skip(_STRING if opening and opening in "\"'" else _BARE_VALUE)

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if not match:
            raise _NotToml
        self.at = match.end()

    def expect(self, token: str) -> None:
        self.skip(_SPACE)
        if not self.text.startswith(token, self.at):
            raise _NotToml
        self.at += len(token)


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code:
        return chr(min(int(code, 16), 0x10FFFF))
    return _ESCAPED.get(match[3], match[3])
