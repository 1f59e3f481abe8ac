"""What the checker reads from schedule and plan: regions, roots of aliases, and who writes the bytes of a value."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property

from ariel_build.errors import InternalError
from ariel_build.ir import State, Value
from ariel_build.kernels import Axis, KernelCall
from ariel_build.memory.regions import Copy, MemoryPlan, Region
from ariel_build.records import dataclass
from ariel_build.schedule import Aliases, Interval, Schedule, Step

__all__ = ["Facts", "Writing", "looked_at", "made"]


@dataclass(frozen=True)
class Writing:
    """One value that is written: before the first step, by the pieces of a step, or as the result of a branch."""

    value: Value
    region: Region
    time: Interval
    step: Step | None = None

    @property
    def parts(self) -> list[tuple[int, int, Interval]]:
        """Which bytes of the value are written when: (first byte, one past the last, time)."""
        if self.step is None:
            return [(0, self.region.bytes, self.time)]
        return [(*made(self.step.call, self.value, p.tile), p.time) for p in self.step.pieces]


def made(call: KernelCall, value: Value, units: tuple[int, int]) -> tuple[int, int]:
    """Returns the bytes of an output that some units of the call make: one run, since pieces are never columns."""
    begin, end = units
    extent = call.tiling.extent
    if end - begin == extent:
        return 0, value.type.bytes
    if call.tiling.axis in (Axis.WHOLE, Axis.CHANNELS) or value.type.bytes % extent:
        raise InternalError("memory invariant 2: a step that makes no runs of bytes is in pieces", {"call": call.label})
    each = value.type.bytes // extent
    return begin * each, end * each


def looked_at(call: KernelCall, operand: int, units: tuple[int, int]) -> tuple[int, int]:
    """Returns the bytes of an operand under the windows of some units of the call: from the first to the last."""
    count = call.inputs[operand].type.bytes
    begin, end = units
    rules = call.reads[operand : operand + 1]
    if not rules or rules[0].kind == "whole" or end - begin == call.tiling.extent:
        return 0, count
    rule = rules[0]
    if rule.kind == "same":
        extent = call.tiling.extent
        return (0, count) if count % extent else (begin * count // extent, end * count // extent)
    rows = range(begin // rule.units_per_row, (end - 1) // rule.units_per_row + 1)
    top = rows[0] * rule.stride - rule.before
    bottom = rows[-1] * rule.stride - rule.before + rule.extent
    inside = [min(max(edge, 0), rule.rows) for edge in (top, bottom)]
    return inside[0] * (count // rule.rows), inside[1] * (count // rule.rows)


@dataclass(frozen=True)
class Facts:
    """Schedule and plan, with the derived facts that both proofs begin from."""

    schedule: Schedule
    plan: MemoryPlan
    inputs: list[Value]
    outputs: list[Value]
    states: list[State]
    alias_of: Aliases
    before: Interval = field(default=Interval(-1, 0))

    @property
    def program(self) -> Interval:
        """The tick after the steps and the copies, when the program reads the outputs."""
        end = self.schedule.end + len(self.plan.copies)
        return Interval(end, end + 1)

    def copy_time(self, index: int) -> Interval:
        """The tick of the index-th copy."""
        return Interval(self.schedule.end + index, self.schedule.end + index + 1)

    def root(self, value: Value) -> tuple[Value, int]:
        """Returns the value that `value` is finally a part of, and the byte offset there."""
        offset = 0
        while value in self.alias_of:
            value, step = self.alias_of[value]
            offset += step
        return value, offset

    def in_flash(self, value: Value) -> bool:
        """Whether the value is a constant, or a part of one."""
        return self.root(value)[0].is_constant

    def region(self, value: Value) -> Region:
        """Returns the planned region; InternalError where the plan forgot the value."""
        if value not in self.plan.regions:
            raise InternalError("memory invariant 1: the plan has no region for a value", {"value": value})
        return self.plan.regions[value]

    def place(self, value: Value, part: tuple[int, int], tick: int) -> Region:
        """Returns where bytes of a value are in the piece of a tick, whatever has been moved until then.

        InternalError where it rolls and its buffer does not hold them.
        """
        region, slides = self.region(value), self.plan.slides.get(value)
        if slides is None:
            return Region(region.offset + part[0], part[1] - part[0])
        start = region.offset + part[0] - sum(slide.by for slide in slides if slide.time <= tick)
        place = Region(start, part[1] - part[0])
        if place.offset < region.offset or place.end > region.end:
            raise InternalError("memory invariant 3: a piece leaves the buffer of a value that rolls", {"value": value})
        return place

    @cached_property
    def buffers(self) -> list[list[Value]]:
        """The values that roll, those together of which one is written in place of another, in its buffer."""
        found: dict[Value, list[Value]] = {value: [value] for value in self.plan.slides}
        for step in self.schedule.steps:
            call = step.call
            for source, target in ((call.inputs[i], call.outputs[o]) for i, o in call.in_place):
                if source in found and target in found and self.region(source) == self.region(target):
                    both = [*found[source], *(v for v in found[target] if v not in found[source])]
                    found.update(dict.fromkeys(both, both))
        return list({id(values): values for values in found.values()}.values())

    def values(self) -> list[Value]:
        """Every value that has to be in the arena, once."""
        used = [*self.inputs, *self.outputs]
        used += [v for s in self.states for v in (s.current, s.next)]
        used += [v for s in self.schedule.steps for v in [*s.call.inputs, *s.call.outputs]]
        used += [v for moment in self.schedule.moments for v in (*moment.reads, *moment.writes)]
        return [v for v in dict.fromkeys(used) if not self.in_flash(v)]

    @cached_property
    def writings(self) -> dict[Value, Writing]:
        """Every value that is written."""
        table = {v: Writing(v, self.region(v), self.before) for v in [*self.inputs, *(s.current for s in self.states)]}
        for step in sorted(self.schedule.steps, key=lambda s: s.time):
            for value in step.call.outputs:
                if value in table:
                    raise InternalError("memory invariant 3: a value is written twice", {"value": value})
                table[value] = Writing(value, self.region(value), step.time, step)
        for moment in self.schedule.moments:
            for value in moment.writes:
                if value in table:
                    raise InternalError("memory invariant 3: a value is written twice", {"value": value})
                table[value] = Writing(value, self.region(value), moment.time)
        return table

    def sources(self, value: Value, part: tuple[int, int] | None = None) -> list[tuple[Writing, int, int, int]]:
        """Returns who writes the bytes of `value`: (writing, first byte of value, its place in the writing, count).

        That is the nearest written value that `value` is a part of; where there is none, the written parts of its root.
        `part` are the bytes in question, all of them where it is not given.
        """
        root, begin = self.root(value)
        first, last = part or (0, value.type.bytes)
        start, end = begin + first, begin + last
        nearest = value
        while nearest not in self.writings and nearest in self.alias_of:
            nearest = self.alias_of[nearest][0]
        makers = [nearest] if nearest in self.writings else [v for v in self.writings if self.root(v)[0] is root]
        found = []
        for maker in makers:
            offset = self.root(maker)[1]
            low, high = max(start, offset), min(end, offset + maker.type.bytes)
            if low < high:
                found.append((self.writings[maker], low - begin, low - offset, high - low))
        return found

    def copy_to(self, target: Region) -> int | None:
        """Returns the index of the copy that fills `target`."""
        return next((i for i, c in enumerate(self.plan.copies) if c.target == target), None)

    def field(self, index: int) -> Region:
        """The region of an output in the struct of outputs."""
        group = self.plan.output_group
        return Region(group.offset + group.fields[index], self.outputs[index].type.bytes)

    def endings(self) -> list[tuple[Value, Region, Copy | None, Interval]]:
        """Returns for outputs and next states where they must be at the end, by which copy, and when they are read."""
        table = []
        wanted = [(v, self.field(i)) for i, v in enumerate(self.outputs)]
        wanted += [(s.next, self.region(s.current)) for s in self.states]
        for value, target in wanted:
            index = None if self.region(value) == target else self.copy_to(target)
            copy, time = (None, self.program) if index is None else (self.plan.copies[index], self.copy_time(index))
            table.append((value, target, copy, time))
        return table
