"""The independent checker: proves the memory invariants on a finished plan, sharing no code with the planner.

The SAFETY comments of the runtime and of generated code cite these invariants by number.

**Memory invariant 1** (bounds). Every region (of a value, of each core's scratch, of the input and output structs and
their fields) lies inside the arena; scratch of a step may lie in fast memory instead, inside of what each core has. The
arena's size, whole structs and their fields, scratch and every value that is not a part of another are multiples of 16
bytes from its beginning; a part of another value is aligned to its elements.

**Memory invariant 2** (disjoint). No two regions that are needed at the same time share a byte, where "needed" is from
the start of the piece that writes to the end of the last piece that reads, exactly for every byte (a step is one piece,
or several where it is streamed). The one exception is a piece that works in place: the pair is declared by its kernel,
begins at the same byte and has as many elements, all operands in these bytes are so declared, no other piece needs the
bytes from the piece's start on, and where the elements differ in size tiles do not run side by side. Of an image under
windows, what the kernel reads and copies has to allow it (`check_over`), and on several cores no two tiles that may run
side by side touch a byte that one of them writes (`cores/check_units`). States are needed
always, the struct of inputs before the first step, the struct of outputs after the last. In fast memory each core has
its own, and one tile at a time: scratch of two steps, or of two cores, may have the same offset there. Tiles of one
step cover its extent without overlapping, in multiples of its granularity, and so do its pieces, one after the other
in time.

Of a value that rolls, the bytes of the buffer are needed from each writing to the last who reads what was written, and
may be others' in between. Rows move in it just before a piece that makes more of them, and no step runs meanwhile: a
move reads in the tick before it. What is where then, invariant 3 proves. On several cores, "meanwhile" is for the bytes
that move: who touches them waits, or is waited for (`cores/check_units`).

**Memory invariant 3** (contents). Every byte that a piece reads was written completely before the piece starts, by the
value that the step means, and is not overwritten until the piece ends; so is every byte of an output and of a state
when the run ends. That holds for every way that control flow may take: both bodies of a branch are run on what was
there before it, each has to leave what it gives where the branch's result lies, and what the two leave differently
nobody may read. The body of a loop is run on what is there at first and on what it leaves, until that changes no more.

An input whose rows are given one by one is written by a step of its own (`Feed`), a unit for each row, and is a value
like any other: so no row is read before it was given, or after it moved away. Rows come in their order, and so must
the pieces of that step; nothing that a caller fills is in the arena besides.

A bottleneck (`kernels/bottleneck.py`) is one step whose layers take turns: in its scratch each finds what those
before it left for these rows and channels (`check_within`). Rows that are expanded anew are read anew, so the step's
input is there for every piece that has them under its windows.

"Before" is the promise of the schedule: where `a.end <= b.start`, piece `a` is complete before `b` starts. Ticks follow
the flow: a run passes through them in their order, and leaves out those of the bodies that it does not choose; behind
the body of a loop all is read that the loop reads from around it, for there a run goes back. So what is disjoint where
all ticks are run once is disjoint in every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ariel_build.errors import InternalError
from ariel_build.ir import State, Value
from ariel_build.kernels import Bottleneck, Feed
from ariel_build.kernels.declared import depthwise_conv2d
from ariel_build.kernels.fetched import Fetched
from ariel_build.kernels.flow import Flow, Loop
from ariel_build.memory.check_contents import check_contents
from ariel_build.memory.check_disjoint import check_disjoint
from ariel_build.memory.check_facts import Facts
from ariel_build.memory.check_within import check_within
from ariel_build.memory.regions import FAST, Group, MemoryPlan, Region
from ariel_build.schedule import Aliases, Interval, Moment, Schedule, Step

__all__ = ["check_plan"]

_OF_ARENA = Bottleneck | Fetched | depthwise_conv2d.Quantized | depthwise_conv2d.F32 | depthwise_conv2d.Hybrid

_ALIGNMENT = 16


def check_plan(
    schedule: Schedule,
    plan: MemoryPlan,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    states: Sequence[State] = (),
    alias_of: Aliases | None = None,
) -> None:
    """Raises InternalError with the names of those concerned where an invariant does not hold."""
    facts = Facts(schedule, plan, list(inputs), list(outputs), list(states), alias_of or {})
    _check_values(facts)
    _check_scratch(schedule, plan)
    _check_group("input", plan.input_group, inputs, plan)
    _check_group("output", plan.output_group, outputs, plan)
    for value, field in zip(inputs, _fields(plan.input_group, inputs), strict=True):
        if facts.region(value) != field:
            raise InternalError("memory invariant 1: an input is not at its field of the struct", {"input": value})
    for step in schedule.steps:
        _check_tiles(step)
    _check_times(schedule)
    _check_slides(facts)
    _check_feeds(facts)
    check_disjoint(facts)
    check_contents(facts)
    check_within(schedule)


def _check_region(
    what: str, region: Region, plan: MemoryPlan, alignment: int = _ALIGNMENT, *, may_be_fast: bool = False
) -> None:
    start, end = (FAST, FAST + plan.fast_bytes) if may_be_fast and region.offset >= FAST else (0, plan.arena_bytes)
    if region.offset < start or region.bytes < 0 or region.offset + region.bytes > end:
        raise InternalError(
            f"memory invariant 1: {what} lies outside the {'fast memory' if start else 'arena'}",
            {"region": region, "bytes": end - start},
        )
    if region.offset % alignment:
        raise InternalError(f"memory invariant 1: {what} is not aligned to {alignment}", {"region": region})


def _check_values(facts: Facts) -> None:
    """Proves bounds, alignment and sizes of all values, and that aliases lie where they were declared."""
    plan = facts.plan
    if plan.arena_bytes % _ALIGNMENT or not 0 <= plan.arena_bytes <= FAST:
        raise InternalError(
            "memory invariant 1: the arena's size is not a multiple of 16, or too large", {"bytes": plan.arena_bytes}
        )
    bases: dict[Value, tuple[int, Value]] = {}
    for value in facts.values():
        region = facts.region(value)
        if region.bytes != value.type.bytes and value not in plan.slides:
            raise InternalError("memory invariant 1: a region is not as large as its value", {"value": value})
        alignment = _ALIGNMENT if value not in facts.alias_of else value.type.dtype.bytes
        _check_region(repr(value), region, plan, alignment)
        root, offset = facts.root(value)
        base, first = bases.setdefault(root, (region.offset - offset, value))
        if base != region.offset - offset:
            raise InternalError("memory invariant 1: aliases are not where they were declared", {"of": [first, value]})


def _check_scratch(schedule: Schedule, plan: MemoryPlan) -> None:
    for step in schedule.steps:
        wanted = [scratch.bytes for scratch in step.call.scratches]
        of_step = plan.scratches[step.index]
        if of_step is not None and of_step.is_fast and isinstance(step.call.kernel, _OF_ARENA):
            # What layers hand to each other are operands, a DMA may not reach what only the core does, and places of
            # taps count from the input.
            raise InternalError("memory invariant 1: scratch that must be in the arena is not", {"of": step.name})
        for core in range(schedule.cores):
            whole = plan.scratch(step.index, core)
            if sum(wanted):
                _check_region(f"scratch of {step.name}", whole, plan, may_be_fast=True)
            reached = whole.offset
            for part, size in enumerate(wanted if sum(wanted) else ()):
                region = plan.scratch_part(step.index, part, core)
                _check_region(f"scratch {part} of {step.name}", region, plan, may_be_fast=True)
                if region.bytes != size or region.offset < reached or region.end > whole.end:
                    raise InternalError(
                        "memory invariant 1: a scratch field is not inside its core's", {"of": step.name}
                    )
                reached = region.end


def _fields(group: Group, values: Sequence[Value]) -> list[Region]:
    return [Region(group.offset + o, v.type.bytes) for o, v in zip(group.fields, values, strict=True)]


def _check_group(what: str, group: Group, values: Sequence[Value], plan: MemoryPlan) -> None:
    """Proves that the struct is laid out as Rust lays out `repr(C, align(16))`, and inside the arena."""
    _check_region(f"the struct of {what}s", group.region, plan)
    end = 0
    if len(group.fields) != len(values):
        raise InternalError(f"memory invariant 1: the struct of {what}s has other fields than the model", {})
    for value, offset in zip(values, group.fields, strict=True):
        if offset != end:
            raise InternalError(f"memory invariant 1: a field of the {what}s is misplaced", {"field": value})
        end = offset + value.type.bytes + -value.type.bytes % _ALIGNMENT
    if end != group.bytes:
        raise InternalError(f"memory invariant 1: the struct of {what}s has another size", {"bytes": group.bytes})


def _check_tiles(step: Step) -> None:
    """Proves that the tiles are a partition of the extent in whole granules, and the pieces as well."""
    for tiles in (step.tiles, [piece.tile for piece in step.pieces] if step.streamed else step.tiles):
        reached = 0
        for start, end in sorted(tiles):
            if start != reached or end <= start or start % max(step.call.tiling.granularity, 1):
                raise InternalError(
                    "memory invariant 2: tiles overlap or leave a gap", {"step": step.name, "at": start}
                )
            reached = end
        if reached != max(step.call.tiling.extent, 0):
            raise InternalError("memory invariant 2: tiles do not cover the extent", {"step": step.name})
    times = [piece.time for piece in step.pieces]
    if any(a.end > b.start for a, b in pairwise(times)) or (times[0].start, times[-1].end) != tuple(step.time):
        raise InternalError("memory invariant 2: pieces are not one after the other", {"step": step.name})


def _check_slides(facts: Facts) -> None:
    """Proves that what rolls is of the steps alone, and moves within its buffer, just before a piece of it."""
    schedule, plan = facts.schedule, facts.plan
    ends = {*facts.inputs, *facts.outputs, *(v for s in facts.states for v in (s.current, s.next))}
    ends |= {v for moment in schedule.moments for v in (*moment.reads, *moment.writes)}
    ends |= {base for base, _ in facts.alias_of.values()} | set(facts.alias_of)
    alone = all(a.time.end <= b.time.start for (_, a), (_, b) in pairwise(schedule.pieces))
    for values in facts.buffers:
        slides, region = plan.slides[values[0]], facts.region(values[0])
        for value in values:
            if value in ends or value not in facts.writings or not alone:
                raise InternalError("memory invariant 2: a value rolls that others know of", {"value": value})
            if plan.slides[value] != slides:
                raise InternalError("memory invariant 2: rows of one buffer move apart", {"value": value})
        steps = [facts.writings[value].step for value in values]
        pieces = {piece.time.start for step in steps if step is not None for piece in step.pieces}
        times = [slide.time for slide in slides]
        if not pieces.issuperset(times) or any(a >= b for a, b in pairwise(times)):
            raise InternalError("memory invariant 2: rows move at another time than before a piece", {"of": values})
        if any(s.by <= 0 or s.kept < 0 or s.by + s.kept > region.bytes for s in slides):
            raise InternalError("memory invariant 1: rows move from or to outside their buffer", {"of": values})


def _check_feeds(facts: Facts) -> None:
    """Proves that rows are taken in the order in which they are given, and that they are all that is given."""
    feeds = [step for step in facts.schedule.steps if isinstance(step.call.kernel, Feed)]
    for step in feeds:
        starts = [piece.tile.start for piece in step.pieces]
        if starts != sorted(starts) or len(feeds) > 1 or facts.inputs:
            raise InternalError(
                "memory invariant 3: rows of an input are taken as nobody gives them", {"of": step.name}
            )


def _check_times(schedule: Schedule) -> None:
    """Proves that the ticks of steps and moments follow the flow, which has every step once."""
    moments = iter(schedule.moments)
    seen: list[int] = []

    def moment(at: int, reads: Sequence[Value], writes: Sequence[Value]) -> int:
        found = next(moments, Moment(Interval(-1, -1)))
        if found.time.start < at or (found.reads, found.writes) != (tuple(reads), tuple(writes)):
            raise InternalError("memory invariant 2: a moment is not where the flow has it", {"time": found.time})
        return found.time.end

    def walk(flow: Flow, at: int) -> int:
        for item in flow:
            if isinstance(item, range):
                times = [schedule.steps[index].time for index in item]
                if any(time.start < at for time in times):
                    raise InternalError("memory invariant 2: a step runs before the flow comes to it", {"block": item})
                seen.extend(item)
                at = max([at, *(time.end for time in times)])
                continue
            if isinstance(item, Loop):
                at = moment(moment(at, item.begins, []), [], [*item.carried, *item.counters])
                if item.test is not None:
                    at = moment(walk(item.test.flow, at), [*item.test.gives, *item.carried], [])
                at = moment(walk(item.body.flow, at), [*item.body.gives, *item.kept, *item.counters], [])
            else:
                at = moment(at, [item.condition], [])
                for body in item.bodies:
                    at = moment(walk(body.flow, at), body.gives, [])
            at = moment(at, [], item.results)
        return at

    walk(schedule.flow or (range(len(schedule.steps)),), 0)
    if seen != list(range(len(schedule.steps))) or next(moments, None) is not None:
        raise InternalError("memory invariant 2: the flow has not every step and moment once", {"steps": seen})
