"""Segments: ranges of bytes with the time at which they are needed; and when two of them may share their bytes.

Two segments that live at different times always may. Two that live at the same time may only where one call reads the
older while it writes the newer, in place:

1. the call declares the pair (`KernelCall.in_place`): each element is read before, and only by the tile that writes it;
2. the piece that writes is the last that needs the older segment, and each operand that reads it is declared so;
3. operand and output begin at the same byte and have equally many elements;
4. they have equally many bytes too, or tiles never run side by side (element k of an output of smaller elements lies
   where an earlier element of the input was: safe in ascending order only).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ariel_build.ir import Value
from ariel_build.schedule import Interval, Step

__all__ = ["Read", "Segment", "hazard"]


class Read(NamedTuple):
    """Who needs a segment: a piece of a step, through its operand `value`, or (None) the program after the run."""

    time: Interval
    value: Value
    step: Step | None = None


class Segment(NamedTuple):
    """Bytes [start, end) of a storage, from their writing by `step` (None: before the first) to their last reading.

    `time` is that of the piece that writes them.
    """

    start: int
    end: int
    life: Interval
    writer: Value
    step: Step | None = None
    reads: tuple[Read, ...] = ()
    time: Interval = Interval(0, 0)

    def moved(self, shift: int) -> Segment:
        """Returns the segment `shift` bytes further on."""
        return self._replace(start=self.start + shift, end=self.end + shift)


def hazard(p: Segment, q: Segment, offset_of: Callable[[Value], int], cores: int) -> str:
    """Returns why two segments of one storage may not lie as they do, or an empty string where they may."""
    if p.end <= q.start or q.end <= p.start or not p.life.overlaps(q.life):
        return ""
    older, newer = (p, q) if p.life.start <= q.life.start else (q, p)
    step = newer.step
    if step is None or older.life.start >= newer.life.start:
        return f"{_name(older.writer)} and {_name(newer.writer)} are written at the same time"
    for read in older.reads:
        if not _is_mine(read, newer) and read.time.end > newer.time.start:
            reader = read.step.name if read.step else "the program"
            return f"{_name(older.writer)} is still needed by {reader}"
    if older.life.end > newer.time.end:
        return f"{_name(older.writer)} is kept"
    operands = {read.value for read in older.reads if _is_mine(read, newer)}
    for value in operands:
        reason = _pair_hazard(step, value, newer.writer, cores)
        if reason:
            return reason
        if offset_of(value) != offset_of(newer.writer):
            return f"{_name(value)} and {_name(newer.writer)} would begin at different bytes"
    return "" if operands else f"{_name(older.writer)} is still being written"


def _is_mine(read: Read, segment: Segment) -> bool:
    """Whether the piece that writes the segment is the one that reads."""
    return read.step is segment.step and read.time == segment.time


def _pair_hazard(step: Step, source: Value, target: Value, cores: int) -> str:
    call = step.call
    declared = set(call.in_place)
    output = next((o for o, v in enumerate(call.outputs) if v is target), -1)
    if any(v is source and (i, output) not in declared for i, v in enumerate(call.inputs)):
        return f"{step.name} does not compute {_name(target)} in place of {_name(source)}"
    if source.type.elements != target.type.elements:
        return f"{_name(source)} has {source.type.elements} elements, {_name(target)} {target.type.elements}"
    if source.type.bytes < target.type.bytes:
        return f"{_name(source)} is smaller than {_name(target)}"
    if source.type.bytes > target.type.bytes and cores > 1:
        return f"elements of {_name(source)} are wider than of {_name(target)}, and tiles run side by side"
    return ""


def _name(value: Value) -> str:
    return f"`{value.name or '_'}`"
