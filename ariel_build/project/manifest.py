"""A user's Cargo.toml gets the two crates and the model: lines are added, and what stands there is left as it is.

Lines are put by their number (`toml_lines`): tomlkit, which writes into inline tables, would move comments over them.
What comes out is read again, and is the same document with ours in it, or nothing is written.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from ariel_build.config.toml_lines import key_lines
from ariel_build.errors import MetadataError
from ariel_build.project.crates import BUILD
from ariel_build.records import dataclass

__all__ = ["Wish", "has_crate", "inline", "read", "with_model"]

Document = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What Cargo.toml is to have: the crates as their dependencies are written, and `[package.metadata.ariel]`.

    `crates` are tables as `{ path = ".." }` by the crate's name; `metadata` is None where there is one already.
    """

    crates: Mapping[str, Mapping[str, object]]
    metadata: Mapping[str, Any] | None


def inline(value: object) -> str:
    """Returns a value as it stands behind a key; a table in one line."""
    if isinstance(value, Mapping):
        pairs = (f"{tomlkit.key(key).as_string()} = {inline(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    return str(tomlkit.item(value).as_string())


def has_crate(document: Mapping[str, Any], crate: str) -> bool:
    """Whether the package depends on the crate, be it for some targets or under another name."""
    kind = _kind(crate)
    targets = document.get("target", {})
    tables = [document.get(kind, {}), *(t.get(kind, {}) for t in targets.values() if isinstance(t, dict))]
    entries = [item for table in tables if isinstance(table, dict) for item in table.items()]
    return any(name == crate or (isinstance(e, dict) and e.get("package") == crate) for name, e in entries)


def with_model(text: str, wish: Wish, origin: str) -> str:
    """Returns the text of Cargo.toml with what is wished; MetadataError where that cannot be added to it."""
    crlf = "\r\n" in text and "\n" not in text.replace("\r\n", "")
    plain = text.replace("\r\n", "\n") if crlf else text
    document = read(plain, origin)
    want = _wanted(document, wish)
    made: Document | None = None
    if want is not None:
        for crate, entry in wish.crates.items():
            plain = _with_entry(plain, _kind(crate), crate, entry)
        if wish.metadata is not None:
            plain = _with_metadata(plain, wish.metadata)
        with suppress(ValueError):
            made = tomllib.loads(plain)
    if made is None or made != want:
        raise MetadataError(
            "this Cargo.toml is laid out in a way that no lines can be added to", origin, "by hand: " + _by_hand(wish)
        )
    return plain.replace("\n", "\r\n") if crlf else plain


def _kind(crate: str) -> str:
    """Returns the table of dependencies that the crate belongs to."""
    return "build-dependencies" if crate == BUILD else "dependencies"


def _wanted(document: Document, wish: Wish) -> Document | None:
    """Returns the document with what is wished; None where something stands in place of a table."""
    want = copy.deepcopy(document)
    try:
        for crate, entry in wish.crates.items():
            want.setdefault(_kind(crate), {})[crate] = dict(entry)
        if wish.metadata is not None:
            want["package"].setdefault("metadata", {})["ariel"] = copy.deepcopy(dict(wish.metadata))
    except (AttributeError, KeyError, TypeError):
        return None
    return want


def read(text: str, origin: str) -> Document:
    """Returns what a Cargo.toml says; MetadataError where it is no TOML."""
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise MetadataError(f"this is not TOML: {error}", origin) from None


def _by_hand(wish: Wish) -> str:
    """Returns the lines that the user may add, in one."""
    lines = []
    for crate, entry in wish.crates.items():
        lines.append(f"[{_kind(crate)}] {crate} = {inline(entry)}")
    if wish.metadata is not None:
        lines.append(f"[package.metadata] ariel = {inline(wish.metadata)}")
    return "; ".join(lines)


def _with_entry(text: str, kind: str, crate: str, entry: Mapping[str, object]) -> str:
    """Returns the text with a dependency in its table, which is made where it is missing."""
    document = read(text, "")
    line = f"{crate} = {inline(entry)}"
    if kind not in document:
        return _appended(text, [f"[{kind}]", line])
    if isinstance(_kit(text, [kind]), InlineTable):
        return _into_inline(text, [kind], crate, entry)
    headers = [at for at, path in _headers(text) if path == (kind,)]
    if headers:
        return _inserted(text, headers[0] + 1, [line])
    if any(path[:1] == (kind,) for _, path in _headers(text)):
        # Only tables of its entries: `[dependencies.cortex-m]`.
        return _appended(text, [f"[{kind}.{crate}]", *(f"{key} = {inline(value)}" for key, value in entry.items())])
    # Dotted keys in the document's own table: `dependencies.cortex-m = "0.7"`.
    return _inserted(text, key_lines(text)[kind,] - 1, [f"{kind}.{line}"])


def _with_metadata(text: str, metadata: Mapping[str, Any]) -> str:
    """Returns the text with `[package.metadata.ariel]`, behind `[package]` where that has a header."""
    for path in (["package"], ["package", "metadata"]):
        if isinstance(_kit(text, path), InlineTable):
            given = {"ariel": dict(metadata)} if path == ["package"] else metadata
            return _into_inline(text, path, "metadata" if path == ["package"] else "ariel", given)
    lines = ["[package.metadata.ariel]"]
    lines += [f"{key} = {inline(value)}" for key, value in metadata.items() if key != "models"]
    for name, options in metadata.get("models", {}).items():
        lines += ["", f"[package.metadata.ariel.models.{tomlkit.key(name).as_string()}]"]
        lines += [f"{key} = {inline(value)}" for key, value in options.items()]
    headers = _headers(text)
    # Behind `[package]` and the tables inside of it, before the comments of what follows.
    inside = [index for index, (_, path) in enumerate(headers) if path[:1] == ("package",)]
    if not inside or inside[-1] + 1 == len(headers):
        return _appended(text, lines)
    rows = text.splitlines(keepends=True)
    at = headers[inside[-1] + 1][0]
    while at > 0 and (not rows[at - 1].strip() or rows[at - 1].lstrip().startswith("#")):
        at -= 1
    # A comment that stands close to the lines before it is theirs.
    while rows[at].strip() and rows[at].lstrip().startswith("#"):
        at += 1
    return _inserted(text, at, ["", *lines] if at > 0 and rows[at - 1].strip() else lines)


def _headers(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Returns the lines of table headers, counted from 0, with their paths; no line of a multi-line string is one."""
    found = []
    lines = text.splitlines()
    named = {(line, path) for path, line in key_lines(text).items()}
    for line, path in sorted(named):
        row = lines[line - 1].strip() if line <= len(lines) else ""
        match = re.match(r"\[\[?(.*?)\]\]?\s*(?:#.*)?$", row)
        if match and _key_path(match[1]) == path:
            found.append((line - 1, path))
    # Arrays of tables name the same path more than once.
    arrays = [(at, _key_path(m[1])) for at, row in enumerate(lines) if (m := re.match(r"\[\[(.*?)\]\]", row.strip()))]
    return sorted(set(found + arrays))


def _key_path(text: str) -> tuple[str, ...]:
    """Returns the parts of a key; empty where it is none."""
    try:
        at: Any = tomllib.loads(f"{text} = 1")
    except ValueError:
        return ()
    return tuple(_parts(at))


def _parts(table: object) -> Iterator[str]:
    while isinstance(table, dict) and table:
        name, table = next(iter(table.items()))
        yield name


def _kit(text: str, path: Sequence[str]) -> object:
    """Returns tomlkit's item at a path, or None."""
    try:
        at: Any = tomlkit.parse(text)
        for name in path:
            at = at[name]
    except (TOMLKitError, KeyError, TypeError):
        return None
    return at


def _into_inline(text: str, path: Sequence[str], key: str, value: Mapping[str, object]) -> str:
    document = tomlkit.parse(text)
    at: Any = document
    for name in path:
        at = at[name]
    at[key] = tomlkit.parse(f"x = {inline(value)}")["x"]
    return tomlkit.dumps(document)


def _inserted(text: str, line: int, lines: Sequence[str]) -> str:
    """Returns the text with lines put before that of this number, counted from 0."""
    rows = text.splitlines(keepends=True)
    if rows and not rows[-1].endswith("\n"):
        rows[-1] += "\n"
    return "".join([*rows[:line], *(f"{row}\n" for row in lines), *rows[line:]])


def _appended(text: str, lines: Sequence[str]) -> str:
    kept = text if not text or text.endswith("\n") else text + "\n"
    gap = "" if not kept.strip() or kept.endswith("\n\n") else "\n"
    return kept + gap + "".join(f"{line}\n" for line in lines)
