"""Memory invariant 2, by comparing every pair of things that are in the arena, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.memory.check_facts import Facts, Writing, looked_at, made
from ariel_build.memory.regions import Region
from ariel_build.schedule import Interval, Step

__all__ = ["check_disjoint"]

_Times = npt.NDArray[np.int32]
_NEVER = 1 << 30


@dataclass
class _Tenant:
    """Someone who needs byte k from `since[k]`, when its writing starts, until `until[k]`; `family` may share them."""

    name: str
    region: Region
    since: _Times
    until: _Times
    writing: Writing | None = None
    reads: list[tuple[Interval, Step | None, slice]] = field(default_factory=list)
    family: frozenset[Value] = frozenset()

    @property
    def start(self) -> int:
        """When the first byte is needed."""
        return int(self.since.min(initial=_NEVER))

    def cut(self, low: int, high: int) -> slice:
        """Returns where bytes [low, high) of the arena are in the region."""
        return slice(low - self.region.offset, high - self.region.offset)


def check_disjoint(facts: Facts) -> None:
    """Raises InternalError with both names where two need the same byte at the same time and are no pair in place."""
    for a, b in combinations(_tenants(facts), 2):
        low, high = max(a.region.offset, b.region.offset), min(a.region.end, b.region.end)
        if low < high:
            older, newer = (a, b) if a.start <= b.start else (b, a)
            _check_pair(older, newer, low, high)
    for step in facts.schedule.steps:
        _check_in_place(facts, step)


def _tenants(facts: Facts) -> list[_Tenant]:
    written = _written(facts)
    tenants = list(written.values())
    for step in facts.schedule.steps:
        for core in range(facts.schedule.cores):
            region = facts.plan.scratch(step.index, core)
            name = f"scratch of core {core} in {step.name}"
            tenants += [_whole(name, region, piece.time) for piece in step.pieces if region.bytes]
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
    since, until = (np.full(region.bytes, tick, np.int32) for tick in life)
    return _Tenant(name, region, since, until, family=family)


def _written(facts: Facts) -> dict[Value, _Tenant]:
    """Returns a tenant for each written value, needed until its last reader is done."""
    table = {}
    for value, writing in facts.writings.items():
        tenant = table[value] = _whole(repr(value), writing.region, writing.time)
        tenant.writing = writing
        for low, high, time in writing.parts:
            tenant.since[low:high], tenant.until[low:high] = time

    def read(value: Value, time: Interval, step: Step | None, part: tuple[int, int] | None = None) -> None:
        for writing, _, place, count in facts.sources(value, part):
            tenant, span = table[writing.value], slice(place, place + count)
            tenant.until[span] = np.maximum(tenant.until[span], time.end)
            tenant.reads.append((time, step, span))

    for step, piece in facts.schedule.pieces:
        for index, value in enumerate(step.call.inputs):
            if not facts.in_flash(value):
                read(value, piece.time, step, looked_at(step.call, index, piece.tile))
    for value, _, _, time in facts.endings():
        read(value, time, None)
    return table


def _check_pair(older: _Tenant, newer: _Tenant, low: int, high: int) -> None:
    """Proves that two tenants who share the bytes [low, high) of the arena may."""
    mine, theirs = older.cut(low, high), newer.cut(low, high)
    both = (older.until[mine] > newer.since[theirs]) & (newer.until[theirs] > older.since[mine])
    if not np.any(both) or any(t.writing and t.writing.value in o.family for t, o in ((older, newer), (newer, older))):
        return
    reason = _not_in_place(older, newer, low + np.flatnonzero(both))
    if reason:
        raise InternalError(
            f"memory invariant 2: {older.name} and {newer.name} share bytes while both are needed: {reason}",
            {"regions": [older.region, newer.region]},
        )


def _not_in_place(older: _Tenant, newer: _Tenant, shared: npt.NDArray[np.intp]) -> str:
    """Returns why no piece computes the `shared` bytes of `newer` in place of `older`, or an empty string.

    Whether that piece may do so is another question, see `_check_in_place`.
    """
    if older.writing is None or newer.writing is None or newer.writing.step is None:
        return "one of them is never in place"
    step = newer.writing.step
    since = newer.since[shared - newer.region.offset]
    mine = shared - older.region.offset
    for first, last, time in older.writing.parts:
        if np.any((mine >= first) & (mine < last) & (time.end > since)):
            return "both are written at once"
    for time, reader, span in older.reads:
        late = (mine >= span.start) & (mine < span.stop) & (time.end > since)
        if np.any(late & (time.start != since) if reader is step else late):
            return f"{reader.name if reader else 'the program'} needs the first"
    return ""


def _check_in_place(facts: Facts, step: Step) -> None:
    """Proves that what a piece both reads and writes are declared pairs, and that the plan lists just those."""
    shared = set()
    for piece in step.pieces:
        for index, value in enumerate(step.call.inputs):
            if facts.in_flash(value):
                continue
            seen = _moved(facts.region(value), looked_at(step.call, index, piece.tile))
            for output, target in enumerate(step.call.outputs):
                if _overlap(seen, _moved(facts.region(target), made(step.call, target, piece.tile))):
                    shared.add((index, output))
    listed = facts.plan.in_place[step.index]
    for index, output in sorted(shared):
        reason = _no_pair(facts, step, index, output)
        if reason:
            raise InternalError(f"memory invariant 2: {reason}", {"step": step.name})
    if shared != set(listed) or len(listed) != len(shared):
        raise InternalError(
            "memory invariant 2: the plan's list of pairs in place is not what shares bytes",
            {"step": step.name, "shared": sorted(shared), "listed": listed},
        )


def _no_pair(facts: Facts, step: Step, index: int, output: int) -> str:
    """Returns why an operand and an output must not share bytes in one piece, or an empty string."""
    value, target = step.call.inputs[index], step.call.outputs[output]
    if (index, output) not in step.call.in_place:
        return f"{step.name} does not declare operand {index} in place"
    if facts.region(value).offset != facts.region(target).offset or value.type.elements != target.type.elements:
        return f"operand {index} of {step.name} does not match the output element for element"
    narrower = value.type.bytes > target.type.bytes and facts.schedule.cores == 1
    if value.type.bytes != target.type.bytes and not narrower:
        return f"elements of operand {index} of {step.name} are not as wide as of the output"
    return ""


def _moved(region: Region, part: tuple[int, int]) -> Region:
    return Region(region.offset + part[0], part[1] - part[0])


def _overlap(a: Region, b: Region) -> bool:
    return max(a.offset, b.offset) < min(a.offset + a.bytes, b.offset + b.bytes)
