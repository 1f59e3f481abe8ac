"""Storages: values that share bytes at fixed distances.

A storage begins as one root value with its aliases. Merging makes one of two, where a value of the second lies at a
given distance from a value of the first: so the fields of an input struct, a state and its next content, and a call
that works in place come to share a region. A merge is refused, with a reason, where bytes would be overwritten that
someone still needs (see `segments`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.memory.segments import Segment, hazard
from ariel_build.schedule import Aliases, resolve

__all__ = ["ALIGNMENT", "Storages", "padded"]

ALIGNMENT = 16


def padded(count: int) -> int:
    """Returns `count` bytes rounded up to the alignment."""
    return -(-count // ALIGNMENT) * ALIGNMENT


class Storages:
    """All storages of a model and the place of each value in them; `add` makes more of them, `merge` fewer."""

    def __init__(self, alias_of: Aliases, cores: int) -> None:
        """Starts empty; `cores` decides which calls in place are safe."""
        self._alias_of = alias_of
        self._cores = cores
        self._place: dict[Value, tuple[int, int]] = {}
        self._segments: dict[int, list[Segment]] = {}
        self._roots: dict[int, list[Value]] = {}

    def add(self, root: Value, segments: Iterable[Segment]) -> None:
        """Gives `root`, a value that is no alias, a storage of its own."""
        number = len(self._place)
        self._place[root] = (number, 0)
        self._segments[number] = list(segments)
        self._roots[number] = [root]

    def share(self, root: Value, other: Value) -> None:
        """Gives `other`, a value that is no alias, all of the place that `root` has."""
        self._place[other] = number, _ = self._place[root]
        self._roots[number].append(other)

    def reserve(self, value: Value, segment: Segment) -> None:
        """Adds a time at which bytes are needed, counted from the beginning of `value`."""
        number, offset = self.locate(value)
        self._segments[number].append(segment.moved(offset))

    def __contains__(self, value: Value) -> bool:
        """Whether `value` lives in the arena."""
        return resolve(value, self._alias_of).root in self._place

    def locate(self, value: Value) -> tuple[int, int]:
        """Returns the number of the storage that holds `value` and the byte offset there."""
        root, offset = resolve(value, self._alias_of)
        if root not in self._place:
            raise InternalError("a value has no place in the arena: no call makes it", {"value": value})
        number, start = self._place[root]
        return number, start + offset

    def roots(self) -> Iterator[Value]:
        """Yields the values that are no aliases, in the order of their adding."""
        return iter(self._place)

    def items(self) -> Iterator[tuple[int, list[Segment]]]:
        """Yields number and segments of each storage."""
        return iter(self._segments.items())

    def merge(self, first: Value, second: Value, distance: int = 0, *, alone: bool = False) -> str:
        """Makes `second` begin `distance` bytes after `first`; returns why that cannot be, or an empty string.

        With `alone`, nothing else of the storage of `second` may ever have been where `second` is.
        """
        a, a_offset = self.locate(first)
        b, b_offset = self.locate(second)
        shift = a_offset + distance - b_offset
        if a == b:
            return "" if shift == 0 else "both have their places in one storage already"
        if shift % ALIGNMENT:
            return f"a distance of {shift} bytes breaks the alignment"

        def offset_of(value: Value) -> int:
            number, offset = self.locate(value)
            return offset + shift if number == b else offset

        moved = [s.moved(shift) for s in self._segments[b]]
        start = a_offset + distance
        there = (s for s in moved if s.start < start + second.type.bytes and start < s.end)
        if alone and any(all(read.value is not second for read in s.reads) for s in there):
            return "other values have been there"
        birth, death = min((s.life.start for s in moved), default=0), max((s.life.end for s in moved), default=0)
        near = [s for s in self._segments[a] if s.life.start < death and birth < s.life.end]
        reasons = (hazard(old, new, offset_of, self._cores) for old in near for new in moved)
        reason = next(filter(None, reasons), "")
        if not reason:
            self._segments[a] += moved
            del self._segments[b]
            for root in self._roots[b]:
                self._place[root] = (a, self._place[root][1] + shift)
            self._roots[a] += self._roots.pop(b)
        return reason
