"""Memory invariant 3, by symbolic execution: each byte of the arena holds (writing, byte of it), and each read looks.

Bytes are kept in runs, so that the proof takes as long as the plan has pieces, however large the arena is.

Ends of pieces come before starts of the same tick. A piece looks at what it reads when it starts, and again when it
ends: what ran beside it may have changed that. Where control flow parts, each body is run on a copy of what was there;
behind it a byte holds what it holds behind both, else nothing. A loop's body is run on what is there in all iterations.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NoReturn

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.kernels.flow import Body, Branch, Flow, Loop
from ariel_build.memory.check_facts import Facts, looked_at, made
from ariel_build.memory.regions import FAST, Region
from ariel_build.schedule import Piece, Step

__all__ = ["check_contents"]

#: What a byte holds: the number of a writing, and how many bytes before this place its first byte would be.
_Hold = tuple[int, int]
_NOTHING: _Hold = (-1, 0)


class _Runs:
    """What each byte of `size` holds, in runs that are sorted by their first bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.starts = [0]
        self.holds = [_NOTHING]

    def copy(self) -> _Runs:
        """Returns the same bytes once more."""
        same = _Runs(self.size)
        same.starts, same.holds = list(self.starts), list(self.holds)
        return same

    def meet(self, other: _Runs) -> _Runs:
        """Returns bytes that hold what they hold in both, else nothing."""
        both = self.copy()
        for low, high, hold in other.between(0, self.size):
            for start, end, mine in self.between(low, high):
                if mine != hold:
                    both.put(start, end, _NOTHING)
        return both

    def put(self, low: int, high: int, hold: _Hold) -> None:
        """Makes the bytes [low, high) hold that."""
        if low >= high:
            return
        first, last = bisect_left(self.starts, low), bisect_left(self.starts, high)
        rest = self.holds[last - 1]
        ends = high == self.size or (last < len(self.starts) and self.starts[last] == high)
        starts, holds = ([low], [hold]) if first == 0 or self.holds[first - 1] != hold else ([], [])
        if not ends and rest != hold:
            starts, holds = [*starts, high], [*holds, rest]
        elif last < len(self.starts) and self.starts[last] == high and self.holds[last] == hold:
            last += 1
        self.starts[first:last] = starts
        self.holds[first:last] = holds

    def between(self, low: int, high: int) -> Iterator[tuple[int, int, _Hold]]:
        """Yields the runs of the bytes [low, high): (first byte, one past the last, what they hold)."""
        at = max(bisect_right(self.starts, low) - 1, 0)
        while low < high:
            end = self.starts[at + 1] if at + 1 < len(self.starts) else self.size
            yield low, min(end, high), self.holds[at]
            low, at = min(end, high), at + 1


def check_contents(facts: Facts) -> None:
    """Runs the plan on tokens in place of numbers; InternalError at the first byte that is not what a reader means."""
    _Machine(facts).run()


class _Machine:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.arena = _Runs(facts.plan.arena_bytes)
        self.names = list(facts.writings)
        self.numbers = {v: n for n, v in enumerate(self.names)}

    def run(self) -> None:
        facts = self.facts
        for value in [*facts.inputs, *(s.current for s in facts.states)]:
            self.write(value)
        self.follow(facts.schedule.flow or (range(len(facts.schedule.steps)),))
        for copy in facts.plan.copies:
            shift = copy.target.offset - copy.source.offset
            for low, high, (number, distance) in list(self.arena.between(copy.source.offset, copy.source.end)):
                hold = _NOTHING if number < 0 else (number, distance + shift)
                self.arena.put(low + shift, high + shift, hold)
        for value, target, _, _ in facts.endings():
            self.expect(value, target, "the program")

    def follow(self, flow: Flow) -> None:
        for item in flow:
            if isinstance(item, range):
                self.block(item)
            elif isinstance(item, Loop):
                self.loop(item)
            else:
                self.branch(item)

    def block(self, block: range) -> None:
        steps = [self.facts.schedule.steps[index] for index in block]
        events = [
            (at, starts, s, p) for s in steps for p in s.pieces for at, starts in zip(p.time, (1, 0), strict=True)
        ]
        for _, starts, step, piece in sorted(events, key=lambda e: (e[0], e[1], e[2].index)):
            if starts:
                self.start(step, piece)
            else:
                self.finish(step, piece)

    def branch(self, branch: Branch) -> None:
        self.expect(branch.condition, self.facts.region(branch.condition), "a condition")
        before, behind = self.arena, []
        for body in branch.bodies:
            self.arena = before.copy()
            self.body(body, branch.results)
            behind.append(self.arena)
        self.arena = behind[0].meet(behind[1])
        for result in branch.results:
            self.write(result)

    def body(self, body: Body, results: Sequence[Value]) -> None:
        self.follow(body.flow)
        self.hand_over(body.gives, results, "the end of a body")

    def hand_over(self, given: Sequence[Value], results: Sequence[Value], where: str) -> None:
        """Fails unless what is given is there, and where the results are."""
        for value, result in zip(given, results, strict=True):
            self.expect(value, self.facts.region(value), where)
            if self.facts.region(value) != self.facts.region(result):
                self.fail(f"{where} has a result elsewhere than it has to be", result)

    def loop(self, loop: Loop) -> None:
        self.hand_over(loop.begins, loop.carried, "a loop")
        for value in (*loop.carried, *loop.counters):
            self.write(value)
        while True:
            before = self.arena.copy()
            if loop.test is not None:
                self.follow(loop.test.flow)
                for value in loop.test.gives:
                    self.expect(value, self.facts.region(value), "the test of a loop")
                self.hand_over(loop.carried, loop.results, "the test of a loop")
                behind = self.arena.copy()
            self.body(loop.body, loop.results)
            for value in loop.counters:
                self.expect(value, self.facts.region(value), "the end of a loop's body")
            if loop.test is None:
                behind = self.arena.copy()
            for value in loop.carried:
                self.write(value)
            self.arena = before.meet(self.arena)
            if (self.arena.starts, self.arena.holds) == (before.starts, before.holds):
                break
        self.arena = behind
        for value in loop.results:
            self.write(value)

    def start(self, step: Step, piece: Piece) -> None:
        for index, value in enumerate(step.call.inputs):
            if not self.facts.in_flash(value):
                part = looked_at(step.call, index, piece.tile)
                for writing, _, place, count in self.facts.sources(value, part):
                    for low, high, time in writing.parts:
                        if time.end > piece.time.start and low < place + count and place < high:
                            self.fail(f"{step.name} starts before {writing.value!r} is complete", value)
                self.expect(value, self.place(value, part, piece), step.name, part=part)
        for value in step.call.outputs:
            self.slide(value, piece)
        for core in range(self.facts.schedule.cores):
            scratch = self.facts.plan.scratch(step.index, core)
            if scratch.offset < FAST:
                self.arena.put(scratch.offset, scratch.end, _NOTHING)
        for value in step.call.outputs:
            part = made(step.call, value, piece.tile)
            self.write(value, part, self.place(value, part, piece))

    def place(self, value: Value, part: tuple[int, int], piece: Piece) -> Region:
        """Returns the region of all of the value, whose `part` is where it is in the piece."""
        return Region(self.facts.place(value, part, piece.time.start).offset - part[0], value.type.bytes)

    def slide(self, value: Value, piece: Piece) -> None:
        """Moves what the plan moves in the buffer of a value before a piece that makes some of it."""
        start = self.facts.region(value).offset
        for time, by, kept in self.facts.plan.slides.get(value, ()):
            if time == piece.time.start:
                for low, high, (number, distance) in list(self.arena.between(start + by, start + by + kept)):
                    self.arena.put(low - by, high - by, _NOTHING if number < 0 else (number, distance - by))

    def finish(self, step: Step, piece: Piece) -> None:
        fresh = []
        for value in step.call.outputs:
            low, high = made(step.call, value, piece.tile)
            region = self.place(value, (low, high), piece)
            self.expect(value, region, f"the end of {step.name}", part=(low, high))
            fresh.append((region.offset + low, region.offset + high))
        for index, value in enumerate(step.call.inputs):
            if not self.facts.in_flash(value):
                part = looked_at(step.call, index, piece.tile)
                region = self.place(value, part, piece)
                self.expect(value, region, f"the end of {step.name}", fresh, part)

    def write(self, value: Value, part: tuple[int, int] | None = None, region: Region | None = None) -> None:
        region = region or self.facts.region(value)
        low, high = part or (0, region.bytes)
        self.arena.put(region.offset + low, region.offset + high, (self.numbers[value], region.offset))

    def expect(
        self,
        value: Value,
        region: Region,
        reader: str,
        but: Sequence[tuple[int, int]] = (),
        part: tuple[int, int] | None = None,
    ) -> None:
        """Fails unless `region` holds the bytes of `value`, at least those of `part`, `but` what the reader wrote."""
        begin, end = part or (0, region.bytes)
        wanted = _Runs(region.bytes)
        for writing, first, place, count in self.facts.sources(value, (begin, end)):
            wanted.put(first, first + count, (self.numbers[writing.value], region.offset + first - place))
        for low, high, hold in wanted.between(begin, end):
            if hold == _NOTHING:
                self.fail(f"{reader} reads bytes that nobody writes", value)
            for start, stop, there in self.arena.between(region.offset + low, region.offset + high):
                byte = start if there == hold else _first_outside(start, stop, but)
                if there != hold and byte < stop:
                    holder = "nothing" if there == _NOTHING else repr(self.names[there[0]])
                    self.fail(f"{reader} reads {value!r} but its byte {byte - region.offset} holds {holder}", value)

    def fail(self, reason: str, value: Value) -> NoReturn:
        raise InternalError(f"memory invariant 3: {reason}", {"region": self.facts.region(value)})


def _first_outside(start: int, stop: int, spans: Sequence[tuple[int, int]]) -> int:
    """Returns the first of the bytes [start, stop) that lies in none of the spans; `stop` where there is none."""
    for low, high in sorted(spans):
        if low <= start < high:
            start = high
    return min(start, stop)
