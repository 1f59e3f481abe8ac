"""plan_memory: schedule -> arena, checked. Tries the ways to work in place, keeps the smallest arena."""

from __future__ import annotations

from collections.abc import Sequence

from ariel_build.ir import State, Value
from ariel_build.kernel import KernelCall, Scratch
from ariel_build.memory.arrange import Arrangement, arrange, field_offsets
from ariel_build.memory.buffers import ArenaPlan, Buffer, Part
from ariel_build.memory.check import check_plan
from ariel_build.memory.plan import plan_arena
from ariel_build.memory.regions import Block, Copy, Group, MemoryPlan, Region, ScratchPlan
from ariel_build.memory.storage import ALIGNMENT, padded
from ariel_build.schedule import Aliases, Interval, Schedule, Step, order_calls, resolve, schedule

__all__ = ["plan_calls", "plan_memory"]


def plan_calls(
    calls: Sequence[KernelCall],
    graph_inputs: Sequence[Value],
    graph_outputs: Sequence[Value],
    states: Sequence[State] = (),
    aliases: Aliases | None = None,
    *,
    cores: int = 1,
    target_macs_per_tile: int = 20_000,
) -> tuple[Schedule, MemoryPlan]:
    """Returns schedule and arena for the given order of the calls or a better one, whichever needs less memory."""
    given = list(calls)
    orders = [given, order_calls(given, graph_inputs, graph_outputs, states, aliases, cores)]
    best: tuple[Schedule, MemoryPlan] | None = None
    for order in orders[: 1 if orders[1] == given else 2]:
        steps = schedule(order, cores=cores, target_macs_per_tile=target_macs_per_tile)
        plan = plan_memory(steps, graph_inputs, graph_outputs, states, aliases)
        if best is None or plan.arena_bytes < best[1].arena_bytes:
            best = steps, plan
    assert best is not None  # noqa: S101 - the given order is always tried
    return best


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
    plans = []
    for in_place_order in (1, -1, 0) if any(s.call.in_place for s in schedule.steps) else (1,):
        arrangement = arrange(schedule, graph_inputs, graph_outputs, states, alias_of, in_place_order)
        plans.append(_plan(schedule, arrangement, graph_inputs, graph_outputs, alias_of))
        if plans[-1].arena_bytes <= plans[-1].lower_bound and in_place_order == 1 and _has_no_choice(schedule):
            break
    plan = min(plans, key=lambda p: p.arena_bytes)
    check_plan(schedule, plan, graph_inputs, graph_outputs, states, alias_of)
    return plan


def _has_no_choice(schedule: Schedule) -> bool:
    """Whether no call may work in place of one input or another: then working in place everywhere is best."""
    return all(len(s.call.in_place) < 2 for s in schedule.steps)


def _plan(
    schedule: Schedule,
    arrangement: Arrangement,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    alias_of: Aliases,
) -> MemoryPlan:
    storages = arrangement.storages
    buffers: list[Buffer] = []
    bases: dict[int, tuple[int, int]] = {}
    for number, segments in storages.items():
        low = min((s.start for s in segments), default=0) // ALIGNMENT * ALIGNMENT
        name = ", ".join(r.name or "_" for r in storages.roots() if storages.locate(r)[0] == number)
        bases[number] = (len(buffers), low)
        buffers.append(Buffer(name, tuple(Part(s.start - low, s.end - low, s.life) for s in segments)))
    scratches = [_scratch(step) for step in schedule.steps]
    for step, scratch in zip(schedule.steps, scratches, strict=True):
        if scratch is not None:
            whole = Part(0, scratch.stride * schedule.cores, step.time)
            buffers.append(Buffer(f"scratch of {step.name}", (whole,)))
    arena = plan_arena(buffers)

    def locate(value: Value) -> Region:
        number, offset = storages.locate(value)
        buffer, low = bases[number]
        return Region(arena.offsets[buffer] + offset - low, value.type.bytes)

    scratch_offsets = iter(arena.offsets[len(bases) :])
    placed = tuple(s and ScratchPlan(next(scratch_offsets), s.stride, s.parts) for s in scratches)
    values = dict.fromkeys(storages.roots())
    values.update(dict.fromkeys([*inputs, *outputs]))
    values.update(dict.fromkeys(v for s in schedule.steps for v in [*s.call.inputs, *s.call.outputs]))
    values.update(dict.fromkeys(v for v in alias_of if resolve(v, alias_of).root in values))
    regions = {v: locate(v) for v in values if v in storages}
    return MemoryPlan(
        arena_bytes=arena.bytes,
        lower_bound=arena.lower_bound,
        regions=regions,
        scratches=placed,
        input_group=_group(arrangement.input_fields, regions),
        output_group=_group(arrangement.output_fields, regions),
        copies=tuple(Copy(regions[s], regions[t], f"{s.name} to {t.name}") for s, t in arrangement.copies),
        in_place=tuple(_in_place(step, regions) for step in schedule.steps),
        refusals=tuple(arrangement.refusals),
        blocks=_blocks(schedule, arrangement, arena, bases, placed),
    )


def _scratch(step: Step) -> ScratchPlan | None:
    """Lays out one core's scratch of a step, or None where the call needs none."""
    parts, end = [], 0
    for field in step.call.fields.values():
        if isinstance(field, Scratch):
            parts.append(Region(end, field.bytes))
            end += padded(field.bytes)
    return ScratchPlan(0, end, tuple(parts)) if end else None


def _group(values: Sequence[Value], regions: dict[Value, Region]) -> Group:
    offsets, size = field_offsets(values)
    return Group(regions[values[0]].offset if values else 0, size, tuple(offsets))


def _in_place(step: Step, regions: dict[Value, Region]) -> tuple[tuple[int, int], ...]:
    """Returns the declared pairs of the step that did come to share a region."""

    def shared(i: int, o: int) -> bool:
        source, target = regions.get(step.call.inputs[i]), regions.get(step.call.outputs[o])
        return source is not None and target is not None and target.bytes > 0 and source.offset == target.offset

    return tuple(pair for pair in step.call.in_place if shared(*pair))


def _blocks(
    schedule: Schedule,
    arrangement: Arrangement,
    arena: ArenaPlan,
    bases: dict[int, tuple[int, int]],
    scratches: Sequence[ScratchPlan | None],
) -> tuple[Block, ...]:
    inputs, outputs = set(arrangement.input_fields), set(arrangement.output_fields)
    blocks = []
    for number, segments in arrangement.storages.items():
        buffer, low = bases[number]
        for s in segments:
            kind = "input" if s.writer in inputs else "output" if s.writer in outputs else "value"
            kind = "state" if kind == "value" and s.step is None else kind
            region = Region(arena.offsets[buffer] + s.start - low, s.end - s.start)
            blocks.append(Block(s.writer.name or "_", kind, region, s.life))
    for step, scratch in zip(schedule.steps, scratches, strict=True):
        if scratch is not None:
            region = Region(scratch.offset, scratch.stride * schedule.cores)
            blocks.append(Block(f"scratch of {step.name}", "scratch", region, Interval(*step.time)))
    return tuple(sorted(blocks, key=lambda b: (b.time, b.region)))
