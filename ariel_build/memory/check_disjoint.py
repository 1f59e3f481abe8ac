"""Memory invariant 2, by comparing every two things that are in the arena at one time, exactly for every byte.

Bytes of one fate are one run, so that the proof takes as long as the plan has pieces, however large the arena is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cached_property
from itertools import chain, pairwise

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.memory.check_facts import Facts, Writing, looked_at, made
from ariel_build.memory.check_over import overwrites
from ariel_build.memory.regions import FAST, Region
from ariel_build.records import dataclass
from ariel_build.schedule import Interval, Step

__all__ = ["check_disjoint"]


@dataclass
class _Tenant:
    """Someone who needs bytes of a region, each from its writing on until its last reading; `family` may share them.

    `parts` and the bytes of `reads` are (first byte, one past the last, time), counted from the region's beginning.
    """

    name: str
    region: Region
    parts: list[tuple[int, int, Interval]]
    writing: Writing | None = None
    reads: list[tuple[int, int, Interval, Step | None]] = field(default_factory=list)
    family: frozenset[Value] = frozenset()

    @cached_property
    def life(self) -> Interval:
        """From when on the first byte is needed, and until when the last."""
        ends = [time.end for _, _, time in self.parts] + [time.end for _, _, time, _ in self.reads]
        return Interval(min((time.start for _, _, time in self.parts), default=0), max(ends, default=0))

    @cached_property
    def runs(self) -> list[tuple[int, int, Interval]]:
        """The bytes of the arena, in runs that are needed during one interval: ascending, without gaps or overlaps."""
        edges = {0, self.region.bytes}
        edges.update(*((low, high) for low, high, _ in self.parts), *((low, high) for low, high, _, _ in self.reads))
        cuts = sorted(edges)
        since, until = [_NEVER] * (len(cuts) - 1), [-_NEVER] * (len(cuts) - 1)
        for low, high, time in self.parts:
            for run in range(bisect_left(cuts, low), bisect_left(cuts, high)):
                since[run], until[run] = time
        for low, high, time, _ in self.reads:
            for run in range(bisect_left(cuts, low), bisect_left(cuts, high)):
                until[run] = max(until[run], time.end)
        start = self.region.offset
        spans = zip(pairwise(cuts), since, until, strict=True)
        return [(start + low, start + high, Interval(a, b)) for (low, high), a, b in spans]


#: Later than every time.
_NEVER = 1 << 60


def check_disjoint(facts: Facts) -> None:
    """Raises InternalError with both names where two need the same byte at the same time and are no pair in place."""
    for a, b in _at_one_time(_tenants(facts)):
        low, high = max(a.region.offset, b.region.offset), min(a.region.end, b.region.end)
        if low < high:
            older, newer = (a, b) if a.life.start <= b.life.start else (b, a)
            _check_pair(older, newer, low, high)
    for step in facts.schedule.steps:
        _check_in_place(facts, step)


def _at_one_time(tenants: list[_Tenant]) -> Iterator[tuple[_Tenant, _Tenant]]:
    """Yields every two that are there at one time, the one that is listed first in front."""
    there: list[int] = []
    for index in sorted(range(len(tenants)), key=lambda k: (tenants[k].life.start, k)):
        life = tenants[index].life
        there = [k for k in there if tenants[k].life.end > life.start]
        for other in there:
            yield tenants[min(index, other)], tenants[max(index, other)]
        there.append(index)


def _tenants(facts: Facts) -> list[_Tenant]:
    tenants = [*_written(facts).values(), *chain.from_iterable(_buffer(facts, values) for values in facts.buffers)]
    for step in facts.schedule.steps:
        for core in range(facts.schedule.cores):
            region = facts.plan.scratch(step.index, core)
            if region.offset >= FAST:
                # A memory of the core, which runs one tile at a time, and of which the arena has nothing.
                continue
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


def _buffer(facts: Facts, values: Sequence[Value]) -> Iterator[_Tenant]:
    """Yields for the bytes of what rolls a tenant for each time from their writing to the last who reads that.

    A move reads its rows where they come from in the tick before it, and writes where they go.
    """
    region, name = facts.region(values[0]), ", ".join(map(repr, values))
    # When, whether it is written, its first byte, and one past the last.
    uses: list[tuple[Interval, bool, int, int]] = []
    for slide in facts.plan.slides[values[0]]:
        uses.append((Interval(slide.time - 1, slide.time), False, slide.by, slide.by + slide.kept))
        uses.append((Interval(slide.time, slide.time + 1), True, 0, slide.kept))
    for step, piece in facts.schedule.pieces:
        call = step.call
        parts = [(v, False, looked_at(call, k, piece.tile)) for k, v in enumerate(call.inputs) if v in values]
        # What is written in place of what is read is there already.
        over = any(v in values for v in call.inputs)
        parts += [(v, not over, made(call, v, piece.tile)) for v in call.outputs if v in values]
        for value, writes, part in parts:
            place = facts.place(value, part, piece.time.start)
            uses.append((piece.time, writes, place.offset - region.offset, place.end - region.offset))
    # What a piece makes may be what moves after it.
    uses.sort(key=lambda use: (use[0].start, not use[1]))
    for low, high in pairwise(sorted({edge for _, _, start, end in uses for edge in (start, end)})):
        here = [(time, writes) for time, writes, start, end in uses if start < high and low < end]
        since = until = -_NEVER
        for time, writes in here:
            if writes and until < time.start:
                if until > since:
                    yield _whole(name, Region(region.offset + low, high - low), Interval(since, until))
                since = time.start
            until = max(until, time.end)
        if until > since:
            yield _whole(name, Region(region.offset + low, high - low), Interval(since, until))


def _whole(name: str, region: Region, life: Interval, family: frozenset[Value] = frozenset()) -> _Tenant:
    return _Tenant(name, region, [(0, region.bytes, life)], family=family)


def _written(facts: Facts) -> dict[Value, _Tenant]:
    """Returns a tenant for each written value, needed until its last reader is done."""
    rolled = facts.plan.slides
    table = {v: _Tenant(repr(v), w.region, list(w.parts), w) for v, w in facts.writings.items() if v not in rolled}

    def read(value: Value, time: Interval, step: Step | None, part: tuple[int, int] | None = None) -> None:
        if value in rolled:
            return
        for writing, _, place, count in facts.sources(value, part):
            table[writing.value].reads.append((place, place + count, time, step))

    for step, piece in facts.schedule.pieces:
        for index, value in enumerate(step.call.inputs):
            if not facts.in_flash(value):
                read(value, piece.time, step, looked_at(step.call, index, piece.tile))
    for moment in facts.schedule.moments:
        for value in moment.reads:
            read(value, moment.time, None)
    for value, _, _, time in facts.endings():
        read(value, time, None)
    return table


def _check_pair(older: _Tenant, newer: _Tenant, low: int, high: int) -> None:
    """Proves that two tenants who share the bytes [low, high) of the arena may."""
    both = list(_needed_at_once(older, newer, low, high))
    if not both or any(t.writing and t.writing.value in o.family for t, o in ((older, newer), (newer, older))):
        return
    reason = _not_in_place(older, newer, both)
    if reason:
        raise InternalError(
            f"memory invariant 2: {older.name} and {newer.name} share bytes while both are needed: {reason}",
            {"regions": [older.region, newer.region]},
        )


def _needed_at_once(older: _Tenant, newer: _Tenant, low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """Yields the bytes in [low, high) that both need at one time: (first, one past the last, since when the newer)."""
    mine, theirs = iter(older.runs), iter(newer.runs)
    a, b = next(mine, None), next(theirs, None)
    while a is not None and b is not None:
        start, end = max(a[0], b[0], low), min(a[1], b[1], high)
        if start < end and a[2].end > b[2].start and b[2].end > a[2].start:
            yield start, end, b[2].start
        if a[1] <= b[1]:
            a = next(mine, None)
        else:
            b = next(theirs, None)


def _not_in_place(older: _Tenant, newer: _Tenant, shared: list[tuple[int, int, int]]) -> str:
    """Returns why no piece computes the `shared` bytes of `newer` in place of `older`, or an empty string.

    Whether that piece may do so is another question, see `_check_in_place`.
    """
    if older.writing is None or newer.writing is None or newer.writing.step is None:
        return "one of them is never in place"
    step = newer.writing.step
    base = older.region.offset
    for start, end, since in shared:
        for first, last, time in older.writing.parts:
            if base + first < end and start < base + last and time.end > since:
                return "both are written at once"
    for start, end, since in shared:
        for first, last, time, reader in older.reads:
            late = base + first < end and start < base + last and time.end > since
            if late and not (reader is step and time.start == since):
                return f"{reader.name if reader else 'the program'} needs the first"
    return ""


def _check_in_place(facts: Facts, step: Step) -> None:
    """Proves that what a piece both reads and writes are declared pairs, and that the plan lists just those."""
    shared = set()
    for piece in step.pieces:
        for index, value in enumerate(step.call.inputs):
            if facts.in_flash(value):
                continue
            seen = facts.place(value, looked_at(step.call, index, piece.tile), piece.time.start)
            for output, target in enumerate(step.call.outputs):
                if _overlap(seen, facts.place(target, made(step.call, target, piece.tile), piece.time.start)):
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
    reason = overwrites(step.call)
    return f"{step.name} cannot lie over operand {index}: {reason}" if reason else ""


def _overlap(a: Region, b: Region) -> bool:
    return max(a.offset, b.offset) < min(a.offset + a.bytes, b.offset + b.bytes)
