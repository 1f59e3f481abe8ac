"""Reads FlatBuffers tables with every offset checked against the file.

The accessor classes that flatc generates (package `tflite`) believe the file: an offset may point anywhere, a vector
may claim four billion elements. They reach the bytes only through the few methods of their `_tab`, though. `FlatFile`
gives them a `Table` of ours there, whose methods check first; so each field keeps its generated name, type and
default, and no damaged file is followed out of its bounds or round and round.
"""

# ruff: noqa: N802 - the generated accessors call these names
from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from ariel_build.frontends.checks import corrupt

__all__ = ["AbsentTable", "FlatFile"]

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_IDENTIFIER_END = 8


class FlatFile:
    """The bytes of a FlatBuffers file, and a budget that bounds the work that it may cause.

    Offsets may point to one table from many places; a file of kilobytes could so describe a tree of gigabytes. Every
    table, string byte and vector element that is turned into Python objects is charged to a budget of a few times the
    file's size, which no honest file exceeds.
    """

    def __init__(self, data: bytes) -> None:
        """Takes the whole file."""
        self.data = data
        self._budget = 4 * len(data) + 65536

    def root(self, accessor: type[Any], identifier: bytes) -> Any:  # noqa: ANN401 - generated classes are untyped
        """Returns the root table, if the file bears `identifier`."""
        if len(self.data) < _IDENTIFIER_END or self.data[4:_IDENTIFIER_END] != identifier:
            raise corrupt(f"it lacks the identifier {identifier.decode()}")
        return self.view(accessor, _U32.unpack_from(self.data)[0])

    def view(self, accessor: type[Any], position: int) -> Any:  # noqa: ANN401 - generated classes are untyped
        """Returns a generated accessor for the table at `position`, whose reads are checked."""
        instance = accessor()
        instance._tab = _Table(self, position)  # noqa: SLF001 - the seam that the class comment describes
        return instance

    def checked(self, instance: Any) -> Any:  # noqa: ANN401 - generated classes are untyped
        """Returns an accessor that an accessor returned (or None), with its own reads checked too."""
        return None if instance is None else self.view(type(instance), instance._tab.Pos)  # noqa: SLF001

    def tables(self, instance: Any, name: str) -> list[Any]:  # noqa: ANN401 - generated classes are untyped
        """Returns the tables of a vector of tables."""
        length = getattr(instance, f"{name}Length")()
        self.charge(length)
        get = getattr(instance, name)
        return [self.checked(get(i)) for i in range(length)]

    def numbers(self, instance: Any, name: str) -> npt.NDArray[Any]:  # noqa: ANN401 - generated classes are untyped
        """Returns a vector of numbers as a read-only view of the file; empty where it is absent."""
        array = getattr(instance, f"{name}AsNumpy")()
        return array if isinstance(array, np.ndarray) else np.empty(0, np.uint8)

    def tuple(self, instance: Any, name: str) -> tuple[Any, ...]:  # noqa: ANN401 - generated classes are untyped
        """Returns a vector of numbers as Python numbers."""
        array = self.numbers(instance, name)
        self.charge(array.size)
        return tuple(array.tolist())

    def text(self, instance: Any, name: str) -> str:  # noqa: ANN401 - generated classes are untyped
        """Returns a string field; empty where it is absent."""
        raw = getattr(instance, name)()
        return "" if raw is None else bytes(raw).decode("utf-8", errors="replace")

    def slice(self, offset: int, size: int) -> npt.NDArray[np.uint8]:
        """Returns bytes of the file, as a read-only view."""
        if offset > len(self.data) or size > len(self.data) - offset:
            raise corrupt(f"{size} bytes at {offset} lie outside the file of {len(self.data)}")
        return np.frombuffer(self.data, np.uint8, size, offset)

    def charge(self, amount: int) -> None:
        """Pays for objects to be made; raises when the file asks for more than its size can justify."""
        self._budget -= amount
        if self._budget < 0:
            raise corrupt("its tables overlap or contain one another")

    def unpack(self, kind: struct.Struct, position: int) -> Any:  # noqa: ANN401 - a number of the kind
        """Returns the number at `position`."""
        if not 0 <= position <= len(self.data) - kind.size:
            raise corrupt(f"an offset points to {position}, outside the file of {len(self.data)} bytes")
        return kind.unpack_from(self.data, position)[0]


class _Table:
    """What the generated accessors need of `flatbuffers.table.Table`, checked."""

    __slots__ = ("Bytes", "Pos", "_file", "_vtable", "_vtable_bytes")

    def __init__(self, file: FlatFile, position: int) -> None:
        """Checks the table's start and its vtable."""
        file.charge(1)
        self.Bytes = file.data
        self.Pos = position
        self._file = file
        self._vtable = position - file.unpack(_I32, position)
        self._vtable_bytes = file.unpack(_U16, self._vtable)
        if self._vtable_bytes < 4 or self._vtable_bytes % 2 or self._vtable + self._vtable_bytes > len(file.data):
            raise corrupt(f"the table at {position} has no valid vtable")

    def Offset(self, slot: int) -> int:
        """Returns the offset of a field in the table, 0 where it is absent."""
        if slot >= self._vtable_bytes:
            return 0
        return int(self._file.unpack(_U16, self._vtable + slot))

    def Get(self, flags: Any, position: int) -> Any:  # noqa: ANN401 - defined by flatbuffers
        """Returns the number of the type `flags` at `position`."""
        return flags.py_type(self._file.unpack(flags.packer_type, position))

    def Indirect(self, position: int) -> int:
        """Returns the position to which the offset at `position` points."""
        target = position + int(self._file.unpack(_U32, position))
        if target > len(self.Bytes) - 4:
            raise corrupt(f"an offset points to {target}, outside the file of {len(self.Bytes)} bytes")
        return target

    def String(self, position: int) -> bytes:
        """Returns the bytes of the string to which the offset at `position` points."""
        start = self.Indirect(position)
        length = self._length(start)
        self._file.charge(length)
        return self.Bytes[start + 4 : start + 4 + length]

    def Vector(self, field: int) -> int:
        """Returns where the elements of the vector in a field start."""
        return self.Indirect(self.Pos + field) + 4

    def VectorLen(self, field: int) -> int:
        """Returns the number of elements of the vector in a field."""
        return self._length(self.Indirect(self.Pos + field))

    def GetVectorAsNumpy(self, flags: Any, field: int) -> npt.NDArray[Any]:  # noqa: ANN401 - defined by flatbuffers
        """Returns the numbers of the vector in a field, as a read-only view."""
        dtype = np.dtype(flags.name).newbyteorder("<")
        length = self.VectorLen(field)
        start = self.Vector(field)
        if length * dtype.itemsize > len(self.Bytes) - start:
            raise corrupt(f"a vector of {length} elements at {start} ends outside the file")
        return np.frombuffer(self.Bytes, dtype, length, start)

    def Union(self, target: Any, field: int) -> None:  # noqa: ANN401 - defined by flatbuffers
        """Points `target` to the table in a union field."""
        target.Bytes = self.Bytes
        target.Pos = self.Indirect(self.Pos + field)

    def _length(self, start: int) -> int:
        """Returns the length stored at `start`; an element has at least one byte."""
        length = int(self._file.unpack(_U32, start))
        if length > len(self.Bytes) - start - 4:
            raise corrupt(f"a vector of {length} elements at {start} ends outside the file")
        return length


class AbsentTable:
    """A table without any field: accessors on it return the defaults of the schema."""

    Pos = 0

    def Offset(self, _slot: int) -> int:
        """Returns 0: the field is absent."""
        return 0
