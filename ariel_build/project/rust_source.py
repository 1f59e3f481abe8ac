"""Rust sources that are a user's: where a line of ours goes, found by what is code and not in comments or strings."""

from __future__ import annotations

import re

__all__ = ["code_of", "with_compile_call", "with_models"]

_CALL = "ariel_ml_build::compile();"
_MODELS = "ariel_ml_rs::include_models!();"

#: What is no code. A quote that no character literal follows is a lifetime's.
_NO_CODE = re.compile(
    r"//[^\n]*"
    r"|/\*"
    r'|(?:\b(?:b|c|br|cr|r))?(?P<hashes>#*)"'
    r"|(?:\bb)?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^\\'\n])'"
)
_MAIN = re.compile(r"\bfn\s+main\s*\(\s*\)[^;{]*\{")
_INNER = re.compile(r"#!\s*\[")


def code_of(text: str) -> str:
    """Returns the text with spaces for what comments and literals hold: as long, with the same line ends."""
    parts: list[str] = []
    at = 0
    while match := _NO_CODE.search(text, at):
        end = _end(text, match)
        parts += [text[at : match.start()], re.sub(r"[^\r\n]", " ", text[match.start() : end])]
        at = end
    return "".join([*parts, text[at:]])


def with_compile_call(text: str) -> str | None:
    """Returns a build script with the call as the first statement of its `main`; None where there is no `main`.

    One that names the crate already is returned as it is.
    """
    code = code_of(text)
    if re.search(r"\bariel_ml_build\b", code):
        return text
    found = next((match for match in _MAIN.finditer(code) if _depth(code[: match.start()]) == 0), None)
    if found is None:
        return None
    at = found.end()
    line_end = _line_end(text)
    behind = code[at:]
    if behind.split("\n", 1)[0].strip():
        # Its body is on the same line.
        return f"{text[:at]} {_CALL}{text[at:]}"
    comment_end = text.find("\n", at)
    if comment_end < 0:
        return f"{text[:at]} {_CALL}{text[at:]}"
    following = re.search(r"^([ \t]+)\S", text[comment_end + 1 :], re.MULTILINE)
    outer = re.match(r"[ \t]*", text[text.rfind("\n", 0, found.start()) + 1 :])
    least = outer[0] if outer else ""
    indent = following[1] if following and len(following[1]) > len(least) else f"{least}    "
    return f"{text[: comment_end + 1]}{indent}{_CALL}{line_end}{text[comment_end + 1 :]}"


def with_models(text: str) -> str:
    """Returns a crate's root with the macro behind the attributes and documentation of the crate itself.

    What has to come first stays first: a byte order mark, and the line `#!..` of a script.
    """
    if text.startswith("\ufeff"):
        return f"\ufeff{with_models(text[1:])}"
    code = code_of(text)
    at = 0
    if text.startswith("#!") and not _INNER.match(code):
        end = text.find("\n")
        at = len(text) if end < 0 else end + 1
    for match in re.finditer(r"[^\n]*\n?", text):
        line = code[match.start() : match.end()].strip()
        if match.start() < at or not match[0]:
            continue
        if match[0].strip().startswith("//!"):
            at = match.end()
        elif match[0].lstrip().startswith("/*!") and (inner := _NO_CODE.search(text, match.start())):
            end = text.find("\n", _end(text, inner))
            at = len(text) if end < 0 else end + 1
        elif _INNER.match(line):
            opening = code.index("[", match.start())
            end = text.find("\n", _closing(code, opening))
            at = len(text) if end < 0 else end + 1
        elif line:
            break
    newline = _line_end(text)
    head, tail = text[:at], text[at:].removeprefix(newline)
    before = newline if head.strip() else ""
    head += "" if not head or head.endswith("\n") else newline
    comment = "// A module for each model of Cargo.toml, which build.rs compiled."
    return f"{head}{before}{comment}{newline}{_MODELS}{newline}{newline if tail.strip() else ''}{tail}"


def _end(text: str, match: re.Match[str]) -> int:
    """Returns where the comment or literal ends that begins at the match."""
    begun = match[0]
    if begun.startswith("/*"):
        depth = 0
        for part in re.finditer(r"/\*|\*/", text[match.start() :]):
            depth += 1 if part[0] == "/*" else -1
            if depth == 0:
                return match.start() + part.end()
        return len(text)
    if not begun.endswith('"'):
        return match.end()
    raw = "r" in begun[: begun.index('"')]
    closing = re.compile(f'"{match["hashes"]}' if raw else r'(?:[^"\\]|\\.)*"', re.DOTALL)
    found = closing.search(text, match.end()) if raw else closing.match(text, match.end())
    return found.end() if found else len(text)


def _depth(code: str) -> int:
    return code.count("{") - code.count("}")


def _closing(code: str, opening: int) -> int:
    """Returns where the bracket at `opening` is closed."""
    depth = 0
    for at in range(opening, len(code)):
        depth += {"[": 1, "]": -1}.get(code[at], 0)
        if depth == 0:
            return at
    return len(code)


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
