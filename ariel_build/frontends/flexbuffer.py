"""Reads the options of custom operators: a FlexBuffers map from names to numbers, truth values and words.

The format (https://flatbuffers.dev/internals, "FlexBuffers"): the last byte is the width of the root, the one before it
the root's type, and in front of them stands the root. A type is `kind << 2 | log2(width)`. A map is a vector of values
that is followed by their types; in front of it stand, each as wide as a value, the distance back to the vector of keys,
the width of a key, and the number of values.
"""

from __future__ import annotations

import struct

__all__ = ["FlexbufferError", "read_map"]

#: The kinds that are read; those marked as far stand elsewhere, at a distance back from their place.
_NULL, _INTEGERS, _UNSIGNED, _REALS, _WORDS, _TRUTH = (0,), (1, 6), (2, 7), (3, 8), (4, 5), (26,)
_FAR = (4, 5, 6, 7, 8)
_MAP = 9
_REAL_FORMATS = {4: "<f", 8: "<d"}
#: Entries of a map, and bytes of a word, that an operator's options have at most: entries may share bytes.
_MOST = 256


class FlexbufferError(ValueError):
    """Why some bytes are no such map, in words that stand after `is no FlexBuffers map: `."""


def read_map(data: bytes) -> dict[str, int | float | bool | str | None]:
    """Returns the map that `data` holds; FlexbufferError where it is none, or holds what is neither number nor word."""
    if len(data) < 3:
        raise FlexbufferError(f"it has {len(data)} bytes")
    width, kind = data[-1], data[-2]
    if width not in (1, 2, 4, 8) or kind >> 2 != _MAP:
        raise FlexbufferError(f"its root is of type {kind} and {width} bytes")
    place = len(data) - 2 - width
    values, width = place - _number(data, place, width), 1 << (kind & 3)
    count = _number(data, values - width, width)
    key_width = _number(data, values - 2 * width, width)
    keys = values - 3 * width - _number(data, values - 3 * width, width)
    if key_width not in (1, 2, 4, 8):
        raise FlexbufferError(f"its keys are {key_width} bytes wide")
    types = values + count * width
    if count > _MOST or types + count > len(data) or keys + count * key_width > len(data):
        raise FlexbufferError(f"{count} values are more than its {len(data)} bytes hold")
    found: dict[str, int | float | bool | str | None] = {}
    for index in range(count):
        place = keys + index * key_width
        name = _text(data, place - _number(data, place, key_width))
        if name in found:
            raise FlexbufferError(f"`{name}` is there twice")
        found[name] = _value(data, values + index * width, width, _number(data, types + index, 1), name)
    return found


def _value(data: bytes, place: int, width: int, packed: int, name: str) -> int | float | bool | str | None:
    """Returns the value at `place`, or at the place that stands there."""
    kind = packed >> 2
    if kind in _FAR:
        place, width = place - _number(data, place, width), 1 << (packed & 3)
    if kind in _NULL:
        return None
    if kind in _INTEGERS:
        return _number(data, place, width, signed=True)
    if kind in _UNSIGNED:
        return _number(data, place, width)
    if kind in _TRUTH:
        return _number(data, place, width) != 0
    if kind in _WORDS:
        return _text(data, place)
    if kind in _REALS and width in _REAL_FORMATS:
        _number(data, place, width)  # checks the place
        return float(struct.unpack_from(_REAL_FORMATS[width], data, place)[0])
    raise FlexbufferError(f"`{name}` is of type {packed}, neither a number nor a word")


def _number(data: bytes, place: int, width: int, *, signed: bool = False) -> int:
    """Returns the integer at `place`."""
    if place < 0 or place + width > len(data):
        raise FlexbufferError(f"an offset points to {place}, outside its {len(data)} bytes")
    return int.from_bytes(data[place : place + width], "little", signed=signed)


def _text(data: bytes, place: int) -> str:
    """Returns the word that begins at `place` and ends before the next zero byte."""
    end = data.find(0, place, place + _MOST) if place >= 0 else -1
    if end < 0:
        raise FlexbufferError(f"a word at {place} does not end inside its {len(data)} bytes")
    return data[place:end].decode("utf-8", errors="replace")
