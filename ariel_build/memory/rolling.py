"""rolling(value) = a buffer for the rows that are still to be read, which move up as those before them are done with.

A value that is made and read in pieces need not be there in whole. Its buffer begins with the first byte that somebody
has still to read, as of the last slide: before a piece writes behind the buffer's end, what is still needed moves to
its beginning. So pieces find rows one behind the other, and most of them the same bytes as the pieces before them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ariel_build.ir import Value
from ariel_build.kernels import KernelCall
from ariel_build.memory.regions import Slide
from ariel_build.schedule import Aliases, Interval, Tile
from ariel_build.schedule.parts import can_part
from ariel_build.schedule.ranges import Span, read_span, written_span

__all__ = ["Rolling", "can_roll", "rolling"]


@dataclass(frozen=True)
class Rolling:
    """Bytes of the buffer, when it is needed, and what moves in it."""

    bytes: int
    life: Interval
    slides: tuple[Slide, ...]

    @property
    def moved(self) -> int:
        """Bytes that all slides move."""
        return sum(slide.kept for slide in self.slides)


def can_roll(
    calls: Sequence[KernelCall],
    span: range,
    kept: AbstractSet[Value],
    aliases: Aliases,
    users: Mapping[Value, Sequence[int]],
) -> frozenset[Value]:
    """Returns the values between the calls of `span` that need not be there in whole.

    One that is overwritten in place by what is there in whole has its room there, and needs no other. `kept` are values
    that somebody else reads, or shares bytes with; `users` has the calls that read each value.
    """
    able = {index for index in span if can_part(calls[index])}
    found = set()
    for index in able:
        for value in calls[index].outputs:
            readers = users.get(value, ())
            if value not in kept and value not in aliases and readers and all(reader in able for reader in readers):
                found.add(value)
    for index in able:
        call = calls[index]
        for source, target in call.in_place:
            value = call.inputs[source]
            if value in found and call.outputs[target] not in found and users[value] == [index]:
                found.remove(value)
                break
    return frozenset(found)


def rolling(
    calls: Sequence[KernelCall], order: Iterable[tuple[int, Tile]], values: AbstractSet[Value]
) -> dict[Value, Rolling]:
    """Returns the buffers of `values` where pieces (call, tile) run in this order, one in each tick."""
    writes: dict[Value, list[tuple[int, Span]]] = {value: [] for value in values}
    reads: dict[Value, list[tuple[int, Span]]] = {value: [] for value in values}
    for tick, (index, tile) in enumerate(order):
        call = calls[index]
        for value in call.outputs:
            if value in values:
                writes[value].append((tick, written_span(call, value, tile)))
        for position, value in enumerate(call.inputs):
            if value in values:
                reads[value].append((tick, read_span(call, position, tile)))
    return {value: _of(writes[value], reads[value]) for value in values}


def _of(writes: Sequence[tuple[int, Span]], reads: Sequence[tuple[int, Span]]) -> Rolling:
    ticks = [tick for tick, _ in reads]
    # The first byte that is read from a reading on.
    lows = [span.start for _, span in reads]
    for k in range(len(lows) - 2, -1, -1):
        lows[k] = min(lows[k], lows[k + 1])

    def needed(tick: int, written: int) -> int:
        later = bisect_right(ticks, tick)
        return min(lows[later], written) if later < len(lows) else written

    size = max(span.end - needed(tick, span.start) for tick, span in writes)
    base, slides = 0, []
    for tick, span in writes:
        if span.end - base > size:
            low = needed(tick, span.start)
            slides.append(Slide(tick, low - base, span.start - low))
            base = low
    life = Interval(writes[0][0], max(writes[-1][0], ticks[-1]) + 1)
    return Rolling(size, life, tuple(slides))
