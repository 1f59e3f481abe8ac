"""Memory invariant 3, by symbolic execution: each byte of the arena holds (writing, byte of it), and each read looks.

Ends of pieces come before starts of the same tick. A piece looks at what it reads when it starts, and again when it
ends: what ran beside it may have changed that.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import numpy.typing as npt

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.memory.check_facts import Facts, looked_at, made
from ariel_build.memory.regions import Region
from ariel_build.schedule import Piece, Step

__all__ = ["check_contents"]

_Tokens = npt.NDArray[np.int64]
_NOTHING = -1
_BITS = 32


def check_contents(facts: Facts) -> None:
    """Runs the plan on tokens in place of numbers; InternalError at the first byte that is not what a reader means."""
    _Machine(facts).run()


class _Machine:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.arena: _Tokens = np.full(facts.plan.arena_bytes, _NOTHING, np.int64)
        self.names = list(facts.writings)
        self.numbers = {v: n for n, v in enumerate(self.names)}

    def run(self) -> None:
        facts = self.facts
        for writing in facts.writings.values():
            if writing.step is None:
                self.write(writing.value)
        events = [
            (at, starts, s, p) for s, p in facts.schedule.pieces for at, starts in ((p.time.start, 1), (p.time.end, 0))
        ]
        for _, starts, step, piece in sorted(events, key=lambda e: (e[0], e[1], e[2].index)):
            if starts:
                self.start(step, piece)
            else:
                self.finish(step, piece)
        for copy in facts.plan.copies:
            self.arena[_span(copy.target)] = self.arena[_span(copy.source)].copy()
        for value, target, _, _ in facts.endings():
            self.expect(value, target, "the program")

    def start(self, step: Step, piece: Piece) -> None:
        for index, value in enumerate(step.call.inputs):
            if not self.facts.in_flash(value):
                part = looked_at(step.call, index, piece.tile)
                for writing, _, place, count in self.facts.sources(value, part):
                    for low, high, time in writing.parts:
                        if time.end > piece.time.start and low < place + count and place < high:
                            self.fail(f"{step.name} starts before {writing.value!r} is complete", value)
                self.expect(value, self.facts.region(value), step.name, part=part)
        for core in range(self.facts.schedule.cores):
            self.arena[_span(self.facts.plan.scratch(step.index, core))] = _NOTHING
        for value in step.call.outputs:
            self.write(value, made(step.call, value, piece.tile))

    def finish(self, step: Step, piece: Piece) -> None:
        kept = np.ones(len(self.arena), bool)
        for value in step.call.outputs:
            region, (low, high) = self.facts.region(value), made(step.call, value, piece.tile)
            self.expect(value, region, f"the end of {step.name}", part=(low, high))
            kept[region.offset + low : region.offset + high] = False
        for index, value in enumerate(step.call.inputs):
            if not self.facts.in_flash(value):
                region = self.facts.region(value)
                part = looked_at(step.call, index, piece.tile)
                self.expect(value, region, f"the end of {step.name}", kept[_span(region)], part)

    def write(self, value: Value, part: tuple[int, int] | None = None) -> None:
        region = self.facts.region(value)
        low, high = part or (0, region.bytes)
        self.arena[region.offset + low : region.offset + high] = (self.numbers[value] << _BITS) + np.arange(low, high)

    def expect(
        self,
        value: Value,
        region: Region,
        reader: str,
        where: npt.NDArray[np.bool_] | None = None,
        part: tuple[int, int] | None = None,
    ) -> None:
        """Fails unless `region` holds the bytes of `value`, at least those of `part` and those `where` it says so."""
        begin, end = part or (0, region.bytes)
        wanted = np.full(region.bytes, _NOTHING, np.int64)
        for writing, first, place, count in self.facts.sources(value, (begin, end)):
            wanted[first : first + count] = (self.numbers[writing.value] << _BITS) + np.arange(place, place + count)
        if np.any(wanted[begin:end] == _NOTHING):
            self.fail(f"{reader} reads bytes that nobody writes", value)
        wrong = wanted != self.arena[_span(region)]
        wrong[:begin] = wrong[end:] = False
        if where is not None:
            wrong &= where
        if np.any(wrong):
            byte = int(np.argmax(wrong))
            token = int(self.arena[region.offset + byte])
            holder = "nothing" if token == _NOTHING else repr(self.names[token >> _BITS])
            self.fail(f"{reader} reads {value!r} but its byte {byte} holds {holder}", value)

    def fail(self, reason: str, value: Value) -> NoReturn:
        raise InternalError(f"memory invariant 3: {reason}", {"region": self.facts.region(value)})


def _span(region: Region) -> slice:
    return slice(region.offset, region.offset + region.bytes)
