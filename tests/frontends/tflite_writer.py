"""Writes small TFLite files, honest and dishonest ones: plain Python values -> FlatBuffers bytes.

A table is a dict of slot -> value; slots are the schema's. Values: `("i", 3)` a number in struct's code, `("i*", [1])`
a vector of numbers, text, bytes, a dict (a table), a list (a vector of tables). One dict used twice becomes one table.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

Table = dict[int, Any]

FLOAT32, INT32, INT8 = 0, 2, 9


class _Writer:
    """Places values one after the other; an offset always points forward."""

    def __init__(self) -> None:
        self.data = bytearray(8)
        self._placed: dict[int, int] = {}

    def _pad(self, size: int) -> None:
        self.data += bytes(-len(self.data) % size)

    def place(self, value: Any) -> int:  # noqa: ANN401 - the grammar above
        if id(value) in self._placed:
            return self._placed[id(value)]
        self._pad(8)
        if isinstance(value, dict):
            return self._table(value)
        position = len(self.data)
        if not isinstance(value, bytes | str):
            self._placed[id(value)] = position
        match value:
            case str() | bytes():
                raw = value.encode() if isinstance(value, str) else value
                self.data += struct.pack("<I", len(raw)) + raw + b"\0"
            case list():
                self.data += struct.pack("<I", len(value)) + bytes(4 * len(value))
                for number, table in enumerate(value):
                    self._point(position + 4 + 4 * number, self.place(table))
            case (code, numbers):
                self.data += struct.pack("<I", len(numbers))
                self.data += struct.pack(f"<{len(numbers)}{code[0]}", *numbers)
        return position

    def _table(self, fields: Table) -> int:
        vtable = len(self.data)
        slots = max(fields, default=-1) + 1
        self.data += bytes(4 + 2 * slots)
        self._pad(8)
        position = len(self.data)
        self._placed[id(fields)] = position
        self.data += struct.pack("<i", position - vtable)
        pending = []
        for slot, value in fields.items():
            is_number = isinstance(value, tuple) and not value[0].endswith("*")
            self._pad(struct.calcsize(value[0]) if is_number else 4)
            struct.pack_into("<H", self.data, vtable + 4 + 2 * slot, len(self.data) - position)
            if is_number:
                self.data += struct.pack("<" + value[0], value[1])
            else:
                pending.append((len(self.data), value))
                self.data += bytes(4)
        struct.pack_into("<HH", self.data, vtable, 4 + 2 * slots, len(self.data) - position)
        for place, value in pending:
            self._point(place, self.place(value))
        return position

    def _point(self, place: int, target: int) -> None:
        struct.pack_into("<I", self.data, place, target - place)


def encode(model: Table) -> bytes:
    """Returns the bytes of a file with this root table."""
    writer = _Writer()
    struct.pack_into("<I4s", writer.data, 0, writer.place(model), b"TFL3")
    return bytes(writer.data)


def quant(scales: Sequence[float], zero_points: Sequence[int], axis: int = 0) -> Table:
    """Returns quantisation parameters."""
    return {2: ("f*", scales), 3: ("q*", zero_points), 6: ("i", axis)}


def tensor(name: str, shape: Sequence[int], kind: int = FLOAT32, buffer: int = 0, **more: Any) -> Table:  # noqa: ANN401
    """Returns a tensor; `quant`, `signature`, `is_variable`, `sparsity` are optional."""
    table: Table = {0: ("i*", list(shape)), 1: ("b", kind), 2: ("I", buffer), 3: name}
    for slot, key in ((4, "quant"), (5, "is_variable"), (6, "sparsity"), (7, "signature")):
        if key in more:
            value = more[key]
            table[slot] = ("i*", value) if key == "signature" else ("b", value) if key == "is_variable" else value
    return table


def operator(
    code: int, inputs: Sequence[int], outputs: Sequence[int], options: tuple[int, Table] | None = None
) -> Table:
    """Returns an operator; `options` are the number of their kind, and the table."""
    table: Table = {0: ("I", code), 1: ("i*", list(inputs)), 2: ("i*", list(outputs))}
    return table if options is None else table | {3: ("B", options[0]), 4: options[1]}


def subgraph(tensors: list[Table], inputs: Sequence[int], outputs: Sequence[int], operators: list[Table]) -> Table:
    """Returns a subgraph."""
    return {0: tensors, 1: ("i*", list(inputs)), 2: ("i*", list(outputs)), 3: operators}


def code(builtin: int, version: int = 1, custom: str = "") -> Table:
    """Returns an operator code."""
    table: Table = {0: ("b", min(builtin, 127)), 2: ("i", version), 3: ("i", builtin)}
    return table | {1: custom} if custom else table


def model(codes: list[Table], subgraphs: list[Table], buffers: Sequence[bytes | Table] = ()) -> Table:
    """Returns a model; buffer 0 is the empty one, as in all files."""
    tables = [b if isinstance(b, dict) else {0: b} for b in buffers]
    return {0: ("I", 3), 1: codes, 2: subgraphs, 4: [{}, *tables]}
