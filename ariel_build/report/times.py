"""What happens when: the arena's bytes over the ticks of the schedule, and what each core does, as predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ariel_build.cores.predict import Clock, Run, runs
from ariel_build.driver import Compiled
from ariel_build.memory import Block
from ariel_build.report.dataflow import Flow
from ariel_build.report.lines import line
from ariel_build.schedule import BEFORE

__all__ = ["memory_of", "timeline_of"]

#: Rectangles of the memory map and of the timeline, at most: more are joined with their neighbours, which is told.
MOST_BLOCKS, MOST_RUNS = 5000, 5000
#: Ticks at which the bytes that are held are counted, at most.
MOST_TICKS = 2000
_KINDS = ("input", "output", "state", "value", "scratch")


def memory_of(compiled: Compiled, flow: Flow) -> dict[str, Any]:
    """Returns the memory map: blocks [kind, name, layer, offset, bytes, start, end]; times are ticks.

    `names` are what blocks hold, and `layer` is the step that writes it. `starts` has the first tick of each layer.
    """
    schedule, plan = compiled.schedule, compiled.plan
    blocks = _joined(plan.blocks)
    makers: dict[str, list[int]] = {}
    for step in schedule.steps:
        for name in [f"scratch of {step.name}", *(value.name or "_" for value in step.call.outputs)]:
            makers.setdefault(name, []).append(step.index)
    for edge in flow.edges:
        made, point = flow.points[edge.start].step, flow.points[edge.end]
        if point.kind == "output" and made is not None:
            makers.setdefault(point.name, []).append(made)
    names = {name: index for index, name in enumerate(dict.fromkeys(block.name for block in blocks))}
    kept = sorted(sorted(range(len(blocks)), key=lambda k: -_area(blocks[k]))[:MOST_BLOCKS])
    rows = []
    for block in (blocks[k] for k in kept):
        by = [] if block.kind in ("input", "state") else makers.get(block.name, [])
        during = [k for k in by if schedule.steps[k].time.overlaps(block.time)]
        before = [k for k in by if schedule.steps[k].time.end <= block.time.start]
        layer = during[0] if during else max(before, default=None)
        rows.append([_KINDS.index(block.kind), names[block.name], layer, *block.region, *block.time])
    first = BEFORE
    return {
        "kinds": _KINDS,
        "names": [line(name) for name in names],
        "blocks": rows,
        "left_out": len(blocks) - len(kept),
        "first": first,
        "last": max((block.time.end for block in blocks), default=schedule.end),
        "starts": [step.time.start for step in schedule.steps],
        "live": _live(compiled),
        "arena_bytes": plan.arena_bytes,
    }


def _area(block: Block) -> int:
    return block.region.bytes * (block.time.end - block.time.start)


def _joined(blocks: Sequence[Block]) -> list[Block]:
    """Returns the blocks; those that follow one another in time, or then in place, and hold the same are one."""
    return _joined_so(_joined_so(list(blocks), by_time=True), by_time=False)


def _joined_so(blocks: Sequence[Block], *, by_time: bool) -> list[Block]:
    done: list[Block] = []
    #: Where those that may go on are in `done`: by what they hold, and where they end.
    open_: dict[tuple[object, ...], int] = {}
    for block in sorted(blocks, key=lambda b: (b.time.start, b.region.offset)):
        time, region = block.time, block.region
        same = (block.name, block.kind, region if by_time else time)
        index = open_.pop((*same, time.start if by_time else region.offset), len(done))
        if index == len(done):
            done.append(block)
        elif by_time:
            done[index] = replace(block, time=done[index].time._replace(end=time.end))
        else:
            before = done[index].region
            done[index] = replace(block, region=before._replace(bytes=before.bytes + region.bytes))
        open_[*same, time.end if by_time else region.end] = index
    return done


def _live(compiled: Compiled) -> list[list[int]]:
    """Returns [tick, bytes] wherever the number of bytes that are held changes; of many ticks, some, evenly."""
    ticks = sorted({tick for block in compiled.plan.blocks for tick in block.time})
    found: list[list[int]] = []
    for tick in ticks[:: -(-len(ticks) // MOST_TICKS) or 1]:
        held = compiled.plan.live_bytes(tick)
        if not found or found[-1][1] != held:
            found.append([tick, held])
    return found


def timeline_of(compiled: Compiled, clock: Clock) -> dict[str, Any]:
    """Returns what each core does: runs [core, start, end, layer], in cycles of the first core, as predicted."""
    schedule = compiled.schedule
    given = sum(value.type.bytes for value in compiled.graph.inputs)
    kept = sum(copy.source.bytes for copy in compiled.plan.copies)
    found = sorted(runs(schedule, compiled.units, clock, given, kept), key=lambda run: (run.core, run.start))
    busy = [0.0] * schedule.cores
    for run in found:
        busy[run.core] += run.end - run.start
    gap = 1.0
    drawn = _without_gaps(found, gap)
    while len(drawn) > MOST_RUNS:
        gap *= 4
        drawn = _without_gaps(found, gap)
    return {
        "runs": [[run.core, round(run.start), round(run.end), run.step] for run in drawn],
        "busy": [round(cycles) for cycles in busy],
        "end": round(max((run.end for run in found), default=0)),
        "clock_hz": clock.cores[0].clock_hz,
        "flows": bool(schedule.moments),
        "joined": gap > 1,
    }


def _without_gaps(found: Sequence[Run], gap: float) -> list[Run]:
    """Returns the runs; two of one step on one core are one where no more than a gap is between them."""
    drawn: list[Run] = []
    for run in found:
        last = drawn[-1] if drawn else None
        if last and last.core == run.core and last.step == run.step and run.start - last.end <= gap:
            drawn[-1] = last._replace(end=run.end)
        else:
            drawn.append(run)
    return drawn
