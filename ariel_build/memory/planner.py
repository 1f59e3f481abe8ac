"""plan_memory: schedule -> arena, checked. Tries the ways to work in place and to stream, keeps the smallest arena."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ariel_build.ir import State, Value
from ariel_build.kernels import Axis, Feed, KernelCall, Tiling
from ariel_build.kernels.flow import Flow, decisions
from ariel_build.memory.arrange import Arrangement, InPlace, arrange, field_offsets
from ariel_build.memory.buffers import ArenaPlan, Buffer, Part
from ariel_build.memory.check import check_plan
from ariel_build.memory.peaks import Peaks
from ariel_build.memory.plan import EFFORT, plan_arena
from ariel_build.memory.regions import FAST, Block, Copy, Group, MemoryPlan, Region, ScratchPlan
from ariel_build.memory.rolling import Rolling, rolling
from ariel_build.memory.storage import ALIGNMENT, padded
from ariel_build.memory.streaming import WHOLE, Effort, Streaming, streaming
from ariel_build.records import dataclass
from ariel_build.schedule import Aliases, Schedule, Step, Tile, order_calls, schedule, tiles_of, work_of
from ariel_build.schedule.overhead import slid
from ariel_build.schedule.parts import for_rows

__all__ = ["plan_calls", "plan_memory"]

#: The share of the work that a buffer must save for it to get room for a piece more.
_MOVES = 0.0005
#: Longer models run whole calls only: the search for streams takes longer than their length.
_MOST_CALLS = 250


def plan_calls(
    calls: Sequence[KernelCall],
    graph_inputs: Sequence[Value],
    graph_outputs: Sequence[Value],
    states: Sequence[State] = (),
    aliases: Aliases | None = None,
    *,
    cores: int = 1,
    shares: Callable[[KernelCall], Sequence[float]] | None = None,
    tiles: Callable[[KernelCall], tuple[Tile, ...]] | None = None,
    effort: Effort = WHOLE,
    flow: Flow = (),
    rolls: bool = True,
) -> tuple[Schedule, MemoryPlan]:
    """Returns schedule and arena for the given order of the calls or a better one, whichever needs less memory.

    `effort` says what streaming may cost; without it every call runs whole. `shares` says how fast
    each core is with a call; without, cores are equal. `tiles` cuts a call into what runs between
    two yields; the checker proves the plan for these tiles, so that they are not cut again. Where the `flow`
    has branches or loops, the calls run whole and in their order. Without `rolls`, every value is there in whole.
    """
    alias_of = aliases or {}
    # Many orders of the same calls are looked at.
    tiles = functools.cache(tiles or tiles_of)
    given = list(calls)
    parts = any(True for _ in decisions(flow))
    orders = [given, given if parts else order_calls(given, graph_inputs, graph_outputs, states, aliases, cores)]
    fed = any(isinstance(call.kernel, Feed) for call in calls)
    # It reads nothing, and is the first step of the program as well.
    orders = [sorted(order, key=lambda call: not isinstance(call.kernel, Feed)) for order in orders]
    #: The steps, the best way to arrange what they work on, all of these, and the order of the pieces.
    best: tuple[Schedule, _Way, list[_Way], Streaming | None] | None = None

    def ways(
        order: Sequence[KernelCall], how: Streaming | None, *, few: bool = False, placing: int = 0
    ) -> tuple[Schedule, list[_Way]]:
        rolled: Mapping[Value, Rolling] = {}
        if how is not None:
            order = [_in_one_tile(call) if index in how.in_place else call for index, call in enumerate(order)]
            rolled = rolling(order, how.order, how.rolled)
            order = _with_less_scratch(order, how)
        pieces = how.order if how is not None else None
        steps = schedule(order, cores=cores, tiles=tiles, order=pieces, flow=flow)
        ends = graph_inputs, graph_outputs, states, alias_of
        return steps, _ways(steps, *ends, rolled, few=few, placing=placing)

    def place(order: Sequence[KernelCall], placing: int) -> Callable[[Streaming], int]:
        # Ways that differ may come to one order.
        return functools.cache(lambda how: ways(order, how, few=True, placing=placing)[1][0].arena.bytes)

    for order in orders[: 1 if orders[1] == given else 2]:
        steps, found = ways(order, None)
        way = _best(found)
        if best is None or way.arena.bytes < best[1].arena.bytes:
            best = steps, way, found, None
    assert best is not None  # noqa: S101 - the given order is always tried
    worth = fed or best[1].arena.bytes >= effort.worth
    if not parts and effort.budget > 0 and worth and len(given) <= _MOST_CALLS:
        order = best[0].calls
        speeds = shares or (lambda _: [1.0] * cores)
        peaks = Peaks(order, graph_inputs, graph_outputs, states, alias_of, cores)
        # Where rows of the input are given, what computes on them is to run as they come, if it can.
        least = size = math.inf if fed else float(best[1].arena.bytes)
        efforts = [e if rolls else replace(e, rolls=()) for e in (effort.before, effort) if e]
        for step in efforts:
            for factor, how in streaming(peaks, step, size, place(order, step.placing), speeds):
                worse = factor if effort.price else 1.0
                streamed, found = ways(order, how)
                hopeful = [way for way in found if way.arena.lower_bound * worse < least]
                if not hopeful:
                    continue
                way = _best(hopeful)
                if step.goal and cores == 1:
                    way = _lent((way, *found))
                if way.arena.bytes * worse < least:
                    least, best = way.arena.bytes * worse, (streamed, way, found, how)
                if way.arena.bytes <= step.goal:
                    break
    steps, way, found, chosen = best
    if fed:
        # Who gives up the input wants every byte.
        way = min(way, way.improved(2 * EFFORT), key=lambda w: w.arena.bytes)
    if way.rolled and not way.lends and cores == 1:
        way = _lent((way, *(found if fed else ())))
    if chosen is not None and way.rolled:
        way = _with_room(way, chosen)
    plan = way.plan([*graph_inputs, *graph_outputs, *(v for s in states for v in (s.current, s.next)), *alias_of])
    check_plan(steps, plan, graph_inputs, graph_outputs, states, alias_of)
    return steps, plan


def plan_memory(
    schedule: Schedule,
    graph_inputs: Sequence[Value],
    graph_outputs: Sequence[Value],
    states: Sequence[State] = (),
    aliases: Aliases | None = None,
) -> MemoryPlan:
    """Returns where everything lies in the arena, accepted by the independent checker (`check`).

    Raises InternalError where the calls are inconsistent (a value is read that nobody makes, an input is an alias).
    """
    alias_of = aliases or {}
    way = _best(_ways(schedule, graph_inputs, graph_outputs, states, alias_of, {}))
    plan = way.plan([*graph_inputs, *graph_outputs, *(v for s in states for v in (s.current, s.next)), *alias_of])
    check_plan(schedule, plan, graph_inputs, graph_outputs, states, aliases or {})
    return plan


def _in_one_tile(call: KernelCall) -> KernelCall:
    """Returns the call as one tile, in place of its input."""
    return replace(call, tiling=Tiling(Axis.WHOLE, call.tiling.extent), in_place=call.in_place_whole)


def _with_less_scratch(calls: Sequence[KernelCall], how: Streaming) -> list[KernelCall]:
    """Returns the calls; those that read or write a value that rolls with no more scratch than their pieces need."""
    tiles: dict[int, list[Tile]] = {}
    for index, tile in how.order:
        tiles.setdefault(index, []).append(tile)

    def fitted(index: int, call: KernelCall) -> KernelCall:
        rolls = not how.rolled.isdisjoint([*call.inputs, *call.outputs])
        return for_rows(call, tiles[index]) if rolls else call

    return [fitted(index, call) for index, call in enumerate(calls)]


def _ways(
    schedule: Schedule,
    graph_inputs: Sequence[Value],
    graph_outputs: Sequence[Value],
    states: Sequence[State],
    alias_of: Aliases,
    rolled: Mapping[Value, Rolling],
    *,
    few: bool = False,
    placing: int = 0,
) -> list[_Way]:
    """Returns the ways to work in place (`few`: the likeliest) with quickly found offsets, the smallest arena first."""
    kinds = [InPlace.FIRST]
    if any(s.call.in_place for s in schedule.steps):
        kinds += [] if few else [InPlace.LAST, InPlace.NEVER]
        if any(s.call.in_place and len(s.pieces) > 1 for s in schedule.steps):
            kinds.append(InPlace.WHOLE)
    ends = graph_inputs, graph_outputs, states
    ways = [_Way.of(schedule, arrange(schedule, *ends, alias_of, kind, rolled), rolled, placing) for kind in kinds]
    return sorted(ways, key=lambda way: way.arena.bytes)


def _best(ways: Sequence[_Way]) -> _Way:
    """Returns the way with the smallest arena once offsets are searched for in earnest."""
    best = ways[0].improved()
    for way in ways[1:]:
        if way.arena.lower_bound < best.arena.bytes:
            best = min(best, way.improved(), key=lambda w: w.arena.bytes)
    return best


def _lent(ways: Sequence[_Way]) -> _Way:
    """Returns the way with the smallest arena once buffers are lent while they hold no rows."""
    return min((way.lent(EFFORT) for way in ways), key=lambda way: way.arena.bytes)


def _with_room(way: _Way, how: Streaming) -> _Way:
    """Returns the way with room for a piece more in the buffers whose moves cost most, where no arena grows for it."""
    calls = way.schedule.calls
    least = sum(map(work_of, calls)) * _MOVES
    costs = {value: slid(len(b.slides), b.moved) for value, b in way.rolled.items()}
    roomy = frozenset[Value]()
    for value in sorted(way.rolled, key=lambda value: -costs[value]):
        rolled = rolling(calls, how.order, how.rolled, roomy | {value})
        saved = slid(len(way.rolled[value].slides), way.rolled[value].moved)
        saved -= slid(len(rolled[value].slides), rolled[value].moved)
        if saved > least:
            roomier = way.roomier(rolled, EFFORT // 4)
            if roomier.arena.bytes <= way.arena.bytes:
                way, roomy = roomier, roomy | {value}
    return way


@dataclass(frozen=True)
class _Way:
    """One arrangement with its buffers, those of storages first, and their offsets."""

    schedule: Schedule
    arrangement: Arrangement
    rolled: Mapping[Value, Rolling]
    buffers: tuple[Buffer, ...]
    bases: dict[int, tuple[int, int]]
    scratches: tuple[ScratchPlan | None, ...]
    arena: ArenaPlan
    #: Whether others lie in the buffers of rows while these hold none.
    lends: bool = False

    @classmethod
    def of(
        cls, schedule: Schedule, arrangement: Arrangement, rolled: Mapping[Value, Rolling], placing: int = 0
    ) -> _Way:
        """Makes buffers of the storages and of each step's scratch, and places them, quickly if not told otherwise."""
        storages = arrangement.storages
        buffers: list[Buffer] = []
        bases: dict[int, tuple[int, int]] = {}
        names: dict[int, list[str]] = {}
        for root in storages.roots():
            names.setdefault(storages.locate(root)[0], []).append(root.name or "_")
        for number, segments in storages.items():
            low = min((s.start for s in segments), default=0) // ALIGNMENT * ALIGNMENT
            name = ", ".join(names[number])
            bases[number] = (len(buffers), low)
            buffers.append(Buffer(name, _joined(Part(s.start - low, s.end - low, s.life) for s in segments)))
        scratches = tuple(_scratch(step) for step in schedule.steps)
        for step, scratch in zip(schedule.steps, scratches, strict=True):
            if scratch is not None and not scratch.is_fast:
                size = scratch.stride * schedule.cores
                times = Buffer("", (Part(0, size, step.time, tuple(piece.time for piece in step.pieces)),)).intervals
                buffers.append(Buffer(f"scratch of {step.name}", (Part(0, size, step.time, times),)))
        arena = plan_arena(buffers, effort=placing)
        return cls(schedule, arrangement, rolled, tuple(buffers), bases, scratches, arena)

    def improved(self, effort: int = EFFORT) -> _Way:
        """Returns the same way with offsets searched for in earnest."""
        return replace(self, arena=_in_earnest(self.buffers, effort))

    def lent(self, effort: int) -> _Way:
        """Returns the same way with what lies in the buffers of rows while these hold none that is still to be read."""
        buffers = self._holding(self.rolled, lends=True)
        return replace(self, lends=True, buffers=buffers, arena=plan_arena(buffers, effort, self.arena.offsets))

    def roomier(self, rolled: Mapping[Value, Rolling], effort: int) -> _Way:
        """Returns the same way with other buffers of rows; its arena is larger where they do not fit."""
        buffers = self._holding(rolled, lends=self.lends)
        arena = plan_arena(buffers, effort, most=self.arena.bytes)
        return replace(self, rolled=rolled, buffers=buffers, arena=arena)

    def _holding(self, rolled: Mapping[Value, Rolling], *, lends: bool) -> tuple[Buffer, ...]:
        buffers = list(self.buffers)
        for value, buffer in rolled.items():
            number, low = self.bases[self.arrangement.storages.locate(value)[0]]
            assert low == 0  # noqa: S101 - a buffer of rows is no part of another
            buffers[number] = replace(buffers[number], parts=buffer.lent if lends else buffer.parts)
        return tuple(buffers)

    def locate(self, value: Value) -> Region:
        """Returns the region of a value."""
        number, offset = self.arrangement.storages.locate(value)
        buffer, low = self.bases[number]
        size = self.rolled[value].bytes if value in self.rolled else value.type.bytes
        return Region(self.arena.offsets[buffer] + offset - low, size)

    def group(self, values: Sequence[Value]) -> Group:
        """Returns the struct whose fields are the values."""
        offsets, size = field_offsets(values)
        return Group(self.locate(values[0]).offset if values else 0, size, tuple(offsets))

    def plan(self, kept: Sequence[Value]) -> MemoryPlan:
        """Returns the plan for the values of the steps and those `kept`."""
        offsets = iter(self.arena.offsets[len(self.bases) :])
        scratches = tuple(s if s is None or s.is_fast else replace(s, offset=next(offsets)) for s in self.scratches)
        used = [*kept, *(v for step in self.schedule.steps for v in [*step.call.inputs, *step.call.outputs])]
        used += [v for moment in self.schedule.moments for v in [*moment.reads, *moment.writes]]
        regions = {v: self.locate(v) for v in dict.fromkeys(used) if v in self.arrangement.storages}
        copies = self.arrangement.copies
        return MemoryPlan(
            arena_bytes=self.arena.bytes,
            lower_bound=self.arena.lower_bound,
            regions=regions,
            scratches=scratches,
            input_group=self.group(self.arrangement.input_fields),
            output_group=self.group(self.arrangement.output_fields),
            copies=tuple(Copy(self.locate(s), self.locate(t), f"{s.name} to {t.name}") for s, t in copies),
            in_place=tuple(_in_place(step, regions, self.rolled) for step in self.schedule.steps),
            refusals=tuple(self.arrangement.refusals),
            blocks=self.blocks(scratches),
            slides={value: buffer.slides for value, buffer in self.rolled.items()},
            fast_bytes=max((s.stride for s in scratches if s is not None and s.is_fast), default=0),
        )

    def blocks(self, scratches: Sequence[ScratchPlan | None]) -> tuple[Block, ...]:
        """Returns the memory map over time."""
        kinds = {v: "value" for moment in self.schedule.moments for v in moment.writes}
        kinds |= dict.fromkeys(self.rolled, "value")
        kinds |= dict.fromkeys(self.arrangement.output_fields, "output")
        kinds |= dict.fromkeys(self.arrangement.input_fields, "input")
        blocks = []
        for number, segments in self.arrangement.storages.items():
            buffer, low = self.bases[number]
            for s in segments:
                kind = kinds.get(s.writer, "value" if s.step else "state")
                region = Region(self.arena.offsets[buffer] + s.start - low, s.end - s.start)
                blocks.append(Block(s.writer.name or "_", kind, region, s.life))
        for step, scratch in zip(self.schedule.steps, scratches, strict=True):
            if scratch is not None and not scratch.is_fast:
                region = Region(scratch.offset, scratch.stride * self.schedule.cores)
                name = f"scratch of {step.name}"
                blocks += [Block(name, "scratch", region, piece.time) for piece in step.pieces]
        return tuple(sorted(blocks, key=lambda b: (b.time, b.region)))


@functools.lru_cache(maxsize=8)
def _in_earnest(buffers: tuple[Buffer, ...], effort: int) -> ArenaPlan:
    """Plans the arena; searches for chains of several lengths often come to one order."""
    return plan_arena(buffers, effort)


def _joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Returns the parts, those that follow each other and live at the same time as one."""
    joined: list[Part] = []
    for part in sorted(parts, key=lambda p: (p.life, p.start)):
        if joined and joined[-1].life == part.life and joined[-1].end == part.start:
            joined[-1] = Part(joined[-1].start, part.end, part.life)
        else:
            joined.append(part)
    return tuple(joined)


def _scratch(step: Step) -> ScratchPlan | None:
    """Lays out one core's scratch of a step, or None where the call needs none."""
    parts, end = [], 0
    for scratch in step.call.scratches:
        parts.append(Region(end, scratch.bytes))
        end += padded(scratch.bytes)
    return ScratchPlan(FAST if step.call.fast else 0, end, tuple(parts)) if end else None


def _in_place(step: Step, regions: dict[Value, Region], rolled: Mapping[Value, Rolling]) -> tuple[tuple[int, int], ...]:
    """Returns the declared pairs of the step that did come to share a region."""

    def shared(i: int, o: int) -> bool:
        if (step.call.inputs[i] in rolled) != (step.call.outputs[o] in rolled):
            return False
        source, target = regions.get(step.call.inputs[i]), regions.get(step.call.outputs[o])
        return source is not None and target is not None and target.bytes > 0 and source.offset == target.offset

    return tuple(pair for pair in step.call.in_place if shared(*pair))
