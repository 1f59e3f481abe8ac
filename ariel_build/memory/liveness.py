"""life of a byte = from the start of the piece that writes it to the end of the last piece that reads it.

Time reaches past the steps on both sides. Inputs and states are there from the tick `BEFORE`; after the last step
come one tick for each copy that the plan may need, and then the tick in which the program reads the outputs. A view
that is read keeps alive the bytes that it covers, not the whole value that it is part of.

Where control flow decides, a run leaves out some ticks: what lives long enough for the run through all ticks lives long
enough for every run. In a loop it goes back, and what it reads from around the loop is read behind the body as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ariel_build.errors import InternalError
from ariel_build.ir import State, Value
from ariel_build.memory.rolling import Rolling
from ariel_build.memory.segments import Read, Segment
from ariel_build.memory.storage import Storages
from ariel_build.records import dataclass
from ariel_build.schedule import BEFORE, Aliases, Interval, Piece, Schedule, Step, Tile, resolve
from ariel_build.schedule.ranges import Span, read_span, written_span

__all__ = ["Horizon", "build_storages"]


@dataclass(frozen=True)
class Horizon:
    """The ticks after the last step: `copy(k)` for the k-th copy, then `program`, when the outputs are read."""

    start: int
    copies: int

    @classmethod
    def of(cls, schedule: Schedule, outputs: Sequence[Value], states: Sequence[State]) -> Horizon:
        """Leaves a tick for a copy of each output and each state."""
        return cls(schedule.end, len(outputs) + len(states))

    def copy(self, index: int) -> Interval:
        """The tick of one copy."""
        return Interval(self.start + index, self.start + index + 1)

    @property
    def program(self) -> Interval:
        """The tick after everything."""
        return self.copy(self.copies)


class _Write(NamedTuple):
    value: Value
    start: int
    end: int
    time: Interval
    step: Step | None


class _Use(NamedTuple):
    read: Read
    start: int
    end: int
    #: The values whose writing the reader sees; None means whatever was written there.
    writer: Value | None


def build_storages(
    schedule: Schedule,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    states: Sequence[State],
    alias_of: Aliases,
    rolled: Mapping[Value, Rolling],
) -> Storages:
    """Returns a storage for each value that is no alias, with the exact life of every byte of it.

    That of a value that is `rolled` is its buffer, which is needed from its first piece to its last reader.
    """
    writes = _writes(schedule, inputs, states, alias_of, rolled)
    made = {w.value for table in writes.values() for w in table}
    program = Horizon.of(schedule, outputs, states).program
    uses: dict[Value, list[_Use]] = {}

    def use(value: Value, time: Interval, step: Step | None, span: Span | None = None) -> None:
        root, start = resolve(value, alias_of)
        if root.is_constant:
            return
        if root not in writes:
            raise InternalError("a value is read, but no call makes it", {"value": value, "by": step and step.name})
        writer = _maker(value, made, alias_of)
        low, high = span or (0, value.type.bytes)
        uses.setdefault(root, []).append(_Use(Read(time, value, step), start + low, start + high, writer))

    for step in schedule.steps:
        for piece in step.pieces:
            # Of what rolls, the buffer knows when its bytes are needed.
            held = ((i, v) for i, v in enumerate(step.call.inputs) if v not in rolled)
            reads = ((v, read_span(step.call, i, piece.tile)) for i, v in held)
            for value, span in dict.fromkeys(reads):
                use(value, piece.time, step, span)
    for moment in schedule.moments:
        for value in moment.reads:
            use(value, moment.time, None)
    for value in [*outputs, *(s.next for s in states)]:
        if value.is_constant:
            raise InternalError("a constant output must be copied by a call of its own", {"value": value})
        use(value, program, None)
    storages = Storages(alias_of, schedule.cores)
    buffers: dict[int, Value] = {}
    for root, table in writes.items():
        buffer = rolled.get(root)
        if buffer is None:
            storages.add(root, _segments(table, uses.get(root, [])))
        elif id(buffer) in buffers:
            storages.share(buffers[id(buffer)], root)
        else:
            buffers[id(buffer)] = root
            storages.add(root, [Segment(p.start, p.end, p.life, root, None, (), p.life) for p in buffer.parts])
    return storages


def _writes(
    schedule: Schedule,
    inputs: Sequence[Value],
    states: Sequence[State],
    alias_of: Aliases,
    rolled: Mapping[Value, Rolling],
) -> dict[Value, list[_Write]]:
    writes: dict[Value, list[_Write]] = {}

    def write(value: Value, time: Interval, step: Step | None) -> None:
        root, start = resolve(value, alias_of)
        if root.is_constant:
            raise InternalError("a constant is written", {"value": value, "by": step and step.name})
        table = writes.setdefault(root, [])
        if any(w.value is value for w in table):
            raise InternalError("a value is made twice", {"value": value, "by": step and step.name})
        for piece in step.pieces if step and value not in rolled else [Piece(step.whole if step else Tile(0, 0), time)]:
            low, high = written_span(step.call, value, piece.tile) if step else (0, value.type.bytes)
            table.append(_Write(value, start + low, start + high, piece.time, step))

    for value in [*inputs, *(s.current for s in states)]:
        if value in alias_of:
            raise InternalError("an input or a state must not be an alias", {"value": value})
        write(value, Interval(BEFORE, BEFORE + 1), None)
    for step in schedule.steps:
        for value in step.call.outputs:
            write(value, step.time, step)
    for moment in schedule.moments:
        for value in moment.writes:
            write(value, moment.time, None)
    return writes


def _maker(value: Value, made: set[Value], alias_of: Aliases) -> Value | None:
    """Returns the nearest value that is written and has `value` as a part, or None: its parts are written."""
    while value not in made:
        if value not in alias_of:
            return None
        value = alias_of[value][0]
    return value


def _segments(writes: list[_Write], uses: list[_Use]) -> list[Segment]:
    """Cuts each written range where a reader's range begins or ends, and finds who reads each piece last."""
    segments: list[Segment] = []
    for w in writes:
        readers = [u for u in uses if u.writer in (None, w.value) and u.start < w.end and w.start < u.end]
        cuts = {w.start, w.end}
        cuts.update(c for u in readers for c in (u.start, u.end) if w.start < c < w.end)
        for start, end in pairwise(sorted(cuts)):
            reads = tuple(u.read for u in readers if u.start < end and start < u.end)
            life = Interval(w.time.start, max([w.time.end, *(r.time.end for r in reads)]))
            segments.append(Segment(start, end, life, w.value, w.step, reads, w.time))
    return segments
