"""Memory invariant 2, by comparing every pair of things that are in the arena, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.memory.check_facts import Facts, Writing
from ariel_build.memory.regions import Region
from ariel_build.schedule import Interval, Step

__all__ = ["check_disjoint"]


@dataclass
class _Tenant:
    """Someone who needs bytes from `start` on, byte k until `until[k]`; `family` may share them."""

    name: str
    region: Region
    start: int
    until: npt.NDArray[np.int32]
    writing: Writing | None = None
    reads: list[tuple[Interval, Step | None, slice]] = field(default_factory=list)
    family: frozenset[Value] = frozenset()


def check_disjoint(facts: Facts) -> None:
    """Raises InternalError with both names where two need the same byte at the same time and are no pair in place."""
    for a, b in combinations(_tenants(facts), 2):
        low, high = max(a.region.offset, b.region.offset), min(a.region.end, b.region.end)
        if low < high:
            older, newer = (a, b) if a.start <= b.start else (b, a)
            _check_pair(facts, older, newer, low, high)
    for step in facts.schedule.steps:
        _check_in_place(facts, step)


def _tenants(facts: Facts) -> list[_Tenant]:
    written = _written(facts)
    tenants = list(written.values())
    for step in facts.schedule.steps:
        for core in range(facts.schedule.cores):
            region = facts.plan.scratch(step.index, core)
            tenants.append(_whole(f"scratch of core {core} in {step.name}", region, step.time))
    for index, copy in enumerate(facts.plan.copies):
        # A copy into a state is the state's own: that region is needed always anyway.
        if copy.target not in [facts.region(s.current) for s in facts.states]:
            life = Interval(facts.copy_time(index).start, facts.program.end)
            tenants.append(_whole(f"copy {copy.what}", copy.target, life))
    always = Interval(facts.before.start, facts.program.end)
    for state in facts.states:
        family = frozenset(w.value for v in (state.current, state.next) for w, *_ in facts.sources(v))
        tenants.append(_whole(f"state {state.current!r}", facts.region(state.current), always, family))
    for index, output in enumerate(facts.outputs):
        # The padding of its field: the program may look at the whole struct.
        end = facts.field(index).end
        padding = Region(end, -end % 16)
        tenants.append(_whole(f"padding of output {output!r}", padding, facts.program))
    inputs = frozenset(facts.inputs)
    tenants.append(_whole("the struct of inputs", facts.plan.input_group.region, facts.before, inputs))
    return tenants


def _whole(name: str, region: Region, life: Interval, family: frozenset[Value] = frozenset()) -> _Tenant:
    return _Tenant(name, region, life.start, np.full(region.bytes, life.end, np.int32), family=family)


def _written(facts: Facts) -> dict[Value, _Tenant]:
    """Returns a tenant for each written value, needed until its last reader is done."""
    table = {
        v: _Tenant(repr(v), w.region, w.time.start, np.full(w.region.bytes, w.time.end, np.int32), w)
        for v, w in facts.writings.items()
    }

    def read(value: Value, time: Interval, step: Step | None) -> None:
        for writing, _, place, count in facts.sources(value):
            tenant, span = table[writing.value], slice(place, place + count)
            tenant.until[span] = np.maximum(tenant.until[span], time.end)
            tenant.reads.append((time, step, span))

    for step in facts.schedule.steps:
        for value in step.call.inputs:
            if not facts.in_flash(value):
                read(value, step.time, step)
    for value, _, _, time in facts.endings():
        read(value, time, None)
    return table


def _check_pair(facts: Facts, older: _Tenant, newer: _Tenant, low: int, high: int) -> None:
    """Proves that two tenants who share the bytes [low, high) of the arena may."""
    mine = older.until[low - older.region.offset : high - older.region.offset]
    theirs = newer.until[low - newer.region.offset : high - newer.region.offset]
    both = (mine > newer.start) & (theirs > older.start)
    if not np.any(both) or any(t.writing and t.writing.value in o.family for t, o in ((older, newer), (newer, older))):
        return
    first = low - older.region.offset + int(np.argmax(both))
    last = high - older.region.offset - int(np.argmax(both[::-1]))
    reason = _not_in_place(facts, older, newer, slice(first, last))
    if reason:
        raise InternalError(
            f"memory invariant 2: {older.name} and {newer.name} share bytes while both are needed: {reason}",
            {"regions": [older.region, newer.region]},
        )


def _not_in_place(facts: Facts, older: _Tenant, newer: _Tenant, shared: slice) -> str:
    """Returns why `newer` is not computed in place of the `shared` bytes of `older`, or an empty string."""
    if older.writing is None or newer.writing is None or newer.writing.step is None:
        return "one of them is never in place"
    step, target = newer.writing.step, newer.writing.value
    if older.writing.time.end > step.time.start:
        return "both are written at once"
    for time, reader, span in older.reads:
        if span.start < shared.stop and shared.start < span.stop and reader is not step and time.end > step.time.start:
            return f"{reader.name if reader else 'the program'} needs the first"
    output = [v is target for v in step.call.outputs].index(True)
    for index, value in enumerate(step.call.inputs):
        if facts.in_flash(value):
            continue
        region = facts.region(value)
        if region.offset >= newer.region.end or newer.region.offset >= region.end:
            continue
        if (index, output) not in step.call.in_place:
            return f"{step.name} does not declare operand {index} in place"
        if region.offset != newer.region.offset or value.type.elements != target.type.elements:
            return f"operand {index} of {step.name} does not match the output element for element"
        narrower = region.bytes > newer.region.bytes and facts.schedule.cores == 1
        if region.bytes != newer.region.bytes and not narrower:
            return f"elements of operand {index} of {step.name} are not as wide as of the output"
    return ""


def _check_in_place(facts: Facts, step: Step) -> None:
    """Proves that the plan tells codegen of every pair that shares bytes, and of no other."""
    shared: Sequence[tuple[int, int]] = [
        (i, o)
        for i, v in enumerate(step.call.inputs)
        for o, w in enumerate(step.call.outputs)
        if not facts.in_flash(v) and _overlap(facts.region(v), facts.region(w))
    ]
    if sorted(shared) != sorted(facts.plan.in_place[step.index]):
        raise InternalError(
            "memory invariant 2: the plan's list of pairs in place is not what shares bytes",
            {"step": step.name, "shared": shared, "listed": facts.plan.in_place[step.index]},
        )


def _overlap(a: Region, b: Region) -> bool:
    return max(a.offset, b.offset) < min(a.offset + a.bytes, b.offset + b.bytes)
