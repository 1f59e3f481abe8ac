"""What the JSON of an exported program says, field by field checked: torch/_export/serde/schema.py, versions 8.x."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from ariel_build.errors import UnsupportedError
from ariel_build.frontends.checks import MAX_RANK, corrupt, shown
from ariel_build.frontends.pt2_archive import EXPORT_AGAIN, Json
from ariel_build.ir import DType

__all__ = [
    "boolean",
    "check_version",
    "choice",
    "element_type",
    "integer",
    "items",
    "number",
    "option",
    "record",
    "sizes",
    "text",
    "type_name",
    "user_line",
]

MAJOR = 8

T = TypeVar("T")

#: Element types by the schema's numbers: their names, and how numpy holds them, where it can.
_TYPES: dict[int, tuple[str, type[np.generic] | None]] = {
    1: ("uint8", np.uint8),
    2: ("int8", np.int8),
    3: ("int16", np.int16),
    4: ("int32", np.int32),
    5: ("int64", np.int64),
    6: ("float16", np.float16),
    7: ("float32", np.float32),
    8: ("float64", np.float64),
    9: ("complex32", None),
    10: ("complex64", None),
    11: ("complex128", None),
    12: ("bool", np.bool_),
    13: ("bfloat16", None),
    28: ("uint16", np.uint16),
    29: ("float8_e4m3fn", None),
    30: ("float8_e5m2", None),
    31: ("float8_e4m3fnuz", None),
    32: ("float8_e5m2fnuz", None),
    33: ("float8_e8m0fnu", None),
    34: ("uint32", np.uint32),
    35: ("uint64", np.uint64),
}


def _kind(value: Json, kind: type[T], what: str) -> T:
    """Returns a value of JSON that must be of a kind."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise corrupt(f"{what} is {shown(repr(value)[:60])}, where the schema has {kind.__name__}")
    return value


def record(value: Json, what: str) -> dict[str, Json]:
    """Returns an object."""
    return _kind(value, dict, what)


def items(value: Json, what: str) -> list[Json]:
    """Returns a list."""
    return _kind(value, list, what)


def text(value: Json, what: str) -> str:
    """Returns a string."""
    return _kind(value, str, what)


def integer(value: Json, what: str) -> int:
    """Returns an integer of 64 bits."""
    found = _kind(value, int, what)
    if not -(1 << 63) <= found < 1 << 63:
        raise corrupt(f"{what} does not fit 64 bits")
    return found


def boolean(value: Json, what: str) -> bool:
    """Returns true or false."""
    return _kind(value, bool, what)


def number(value: Json, what: str) -> float:
    """Returns a real number; infinities and what is no number are strings."""
    if isinstance(value, str) and value in ("Infinity", "-Infinity", "NaN"):
        return {"Infinity": math.inf, "-Infinity": -math.inf}.get(value, math.nan)
    return float(integer(value, what)) if isinstance(value, int) else _kind(value, float, what)


def choice(value: Json, what: str) -> tuple[str, Json]:
    """Returns the kind of a union and its content: an object with one entry, those that are null aside."""
    entries = record(value, what)
    given: list[tuple[str, Json]] = [(key, content) for key, content in entries.items() if content is not None]
    if len(given) != 1:
        raise corrupt(f"{what} is not one thing")
    return given[0]


def option(value: dict[str, Json], name: str, read: Callable[[Json, str], T], default: T) -> T:
    """Returns an entry of an object, `default` where it is absent or null."""
    found = value.get(name)
    return default if found is None else read(found, name)


def type_name(value: Json, what: str) -> str:
    """Returns the name of an element type in lower case; `type_<number>` for one that is newer than this reader."""
    found = integer(value, what)
    return _TYPES[found][0] if found in _TYPES else f"type_{found}"


def element_type(name: str) -> tuple[DType | None, np.dtype[np.generic] | None]:
    """Returns the element type of that name, and how numpy holds it; None where we, or numpy, have none such."""
    held = next((kind for known, kind in _TYPES.values() if known == name), None)
    if held is None:
        return None, None
    try:
        return DType.of(held), np.dtype(held)
    except KeyError:
        return None, np.dtype(held)


_SYMBOL = re.compile(r"(?:Symbol\('(\w{1,40})'[^()]{0,100}\)|(\w{1,40}))\Z", re.ASCII)


def sizes(value: Json, what: str) -> tuple[int | str, ...]:
    """Returns a shape; an extent that is free is the name of its symbol, empty where it is computed of such."""
    found: list[int | str] = []
    for entry in items(value, what):
        kind, content = choice(entry, what)
        if kind == "as_int":
            found.append(integer(content, what))
        elif kind == "as_expr":
            symbol = _SYMBOL.match(text(record(content, what).get("expr_str"), what))
            found.append("" if symbol is None else symbol[1] or symbol[2])
        else:
            raise corrupt(f"{what} has an extent of kind {shown(kind)}")
    if len(found) > MAX_RANK:
        raise corrupt(f"{what} has {len(found)} axes")
    return tuple(found)


def check_version(program: dict[str, Json]) -> None:
    """Refuses a program of another major version than 8: minor versions add, and what they add is refused by name."""
    version = record(program.get("schema_version"), "schema_version")
    major, minor = (integer(version.get(part), "schema_version") for part in ("major", "minor"))
    if major != MAJOR:
        how = "is newer than" if major > MAJOR else "is older than"
        advice = "update ariel_build, or export it with an older PyTorch" if major > MAJOR else EXPORT_AGAIN
        raise UnsupportedError(
            f"schema version {major}.{minor} of the exported program {how} {MAJOR}.x, which is read",
            "models/model.json",
            advice,
        )


_FRAME = re.compile(r'File "([^"\n]{1,400})", line (\d{1,9}), in [^\n]{1,200}(?:\n {4}([^\n]{0,400}))?')
#: Where frames are those of PyTorch, or of code that it made, and not of the user.
_FOREIGN = ("/site-packages/", "/dist-packages/", "/torch/", "/<eval_with_key>", "/<frozen", "/<string>")


def user_line(trace: str) -> str:
    """Returns the innermost line of the user's own code that a stack trace names, such as ``net.py:12: `x = f(x)```."""
    frames = [match.groups() for match in _FRAME.finditer(trace[-20_000:].replace("\\", "/"))]
    own = [frame for frame in frames if not any(part in f"/{frame[0]}" for part in _FOREIGN)]
    if not own:
        return ""
    file, line, code = own[-1]
    return f"{shown(file)}:{line}" + (f": `{shown(code.strip())}`" if code and code.strip() else "")
