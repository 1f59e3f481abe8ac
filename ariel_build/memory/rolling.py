"""rolling(value) = a buffer for the rows that are still to be read, which move up as those before them are done with.

A value that is made and read in pieces need not be there in whole. Its buffer begins with the first byte that somebody
has still to read, as of the last slide: before a piece writes behind the buffer's end, what is still needed moves to
its beginning. So pieces find rows one behind the other, and most of them the same bytes as the pieces before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from itertools import chain, pairwise

from ariel_build.ir import Value
from ariel_build.kernels import KernelCall
from ariel_build.memory.buffers import Part
from ariel_build.memory.regions import Slide
from ariel_build.records import dataclass
from ariel_build.schedule import Aliases, Interval, Tile
from ariel_build.schedule.parts import can_part
from ariel_build.schedule.ranges import Span, read_span, written_span

__all__ = ["Rolling", "can_roll", "distinct", "rolling"]

_NEVER = 1 << 60
#: A tick in which somebody writes (True) or reads a range of the buffer: its first byte, and one past the last.
_Use = tuple[int, bool, int, int]


@dataclass(frozen=True)
class Rolling:
    """Which bytes of the buffer are needed when, from the first writing to the last reading, and what moves in it.

    It fills as the first pieces make rows, and empties as the last ones read them.
    """

    slides: tuple[Slide, ...]
    uses: tuple[_Use, ...]

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the buffer with the time for which each is needed."""
        return tuple(_parts(self.uses))

    @cached_property
    def lent(self) -> tuple[Part, ...]:
        """The parts with the times between which others may have their bytes: while no row is there to be read."""
        return tuple(_lent(self.uses))

    @property
    def bytes(self) -> int:
        """Bytes of the buffer."""
        return self.parts[-1].end

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
    calls: Sequence[KernelCall],
    order: Iterable[tuple[int, Tile]],
    values: AbstractSet[Value],
    roomy: AbstractSet[Value] = frozenset(),
) -> dict[Value, Rolling]:
    """Returns the buffers of `values` where pieces (call, tile) run in this order, one in each tick.

    They come in the order in which the values are first written. What a call writes in place has the buffer of what it
    reads there: then they are one object. The buffers of values that are `roomy` have room for a piece more than there
    must be, so that rows move half as often.
    """
    order = list(order)
    # A set's own order is another in each run of the compiler.
    first = dict.fromkeys(index for index, _ in order)
    values = dict.fromkeys(value for index in first for value in calls[index].outputs if value in values).keys()
    writes: dict[Value, list[tuple[int, Span]]] = {value: [] for value in values}
    reads: dict[Value, list[tuple[int, Span]]] = {value: [] for value in values}
    places = _places(calls, first, values)
    for tick, (index, tile) in enumerate(order):
        call = calls[index]
        for value in call.outputs:
            if value in values:
                writes[value].append((tick, written_span(call, value, tile)))
        for position, value in enumerate(call.inputs):
            if value in values:
                reads[places[value]].append((tick, read_span(call, position, tile)))
    # What is written in place is read by the same piece: only what is there first makes rows.
    wider = {places[value] for value in roomy}
    buffers = {
        value: _of(writes[value], reads[value], roomy=value in wider) for value in values if places[value] is value
    }
    return {value: buffers[places[value]] for value in values}


def distinct(buffers: Mapping[Value, Rolling]) -> Iterable[Rolling]:
    """Returns each buffer once, however many values it has."""
    return {id(buffer): buffer for buffer in buffers.values()}.values()


def _places(calls: Sequence[KernelCall], indices: Iterable[int], values: AbstractSet[Value]) -> Mapping[Value, Value]:
    """Returns whose buffer each value has: that of the operand in whose place it is written, else its own."""
    users: dict[Value, set[int]] = {}
    order = sorted(indices)
    for index in order:
        for value in calls[index].inputs:
            users.setdefault(value, set()).add(index)
    places = {value: value for value in values}
    for index in order:
        call = calls[index]
        for source, target in call.in_place:
            value, output = call.inputs[source], call.outputs[target]
            alone = users[value] == {index} and value.type.bytes == output.type.bytes
            declared = all((k, target) in call.in_place for k, v in enumerate(call.inputs) if v is value)
            if value in places and output in places and alone and declared:
                places[output] = places[value]
                break
    return places


def _of(writes: Sequence[tuple[int, Span]], reads: Sequence[tuple[int, Span]], *, roomy: bool) -> Rolling:
    # The first byte that is still to be read at each writing: what is read before that is done with.
    needs, later, low, size = [0] * len(writes), len(reads) - 1, _NEVER, 0
    for k in range(len(writes) - 1, -1, -1):
        tick, (start, end) = writes[k]
        while later >= 0 and reads[later][0] > tick:
            low = min(low, reads[later][1].start)
            later -= 1
        needs[k] = need = min(low, start)
        size = max(size, end - need)
    if roomy:
        size += max(span.end - span.start for _, span in writes)
    base, slides, bases = 0, list[Slide](), [(-1, 0)]
    uses: list[_Use] = []
    for (tick, span), need in zip(writes, needs, strict=True):
        if span.end - base > size:
            slides.append(Slide(tick, need - base, span.start - need))
            # What moves is there until just before this tick.
            uses.append((tick - 1, False, need - base, span.start - base))
            uses.append((tick, True, 0, span.start - need))
            base = need
            bases.append((tick, base))
        uses.append((tick, True, span.start - base, span.end - base))
    at = 0
    for tick, span in reads:
        while at + 1 < len(bases) and bases[at + 1][0] <= tick:
            at += 1
        uses.append((tick, False, span.start - bases[at][1], span.end - bases[at][1]))
    return Rolling(tuple(slides), tuple(uses))


def _parts(uses: Iterable[_Use]) -> Iterator[Part]:
    """Yields the bytes of the buffer, those that are needed from one tick to another together."""
    hulls: dict[tuple[int, int], list[int]] = {}
    for tick, _, low, high in uses:
        life = hulls.setdefault((low, high), [tick, tick])
        if tick < life[0]:
            life[0] = tick
        elif tick > life[1]:
            life[1] = tick
    cuts = sorted({0, *chain.from_iterable(hulls)})
    cells = {cut: k for k, cut in enumerate(cuts)}
    since, until = [_NEVER] * len(cuts), [0] * len(cuts)
    for (low, high), (first, last) in hulls.items():
        for cell in range(cells[low], cells[high]):
            if first < since[cell]:  # noqa: PLR1730 - a call of `min` takes longer than the rest
                since[cell] = first
            if last >= until[cell]:
                until[cell] = last + 1
    for cell, (low, high) in enumerate(pairwise(cuts)):
        if since[cell] < _NEVER:
            yield Part(low, high, Interval(since[cell], until[cell]))


def _lent(uses: Sequence[_Use]) -> Iterator[Part]:
    """Yields the bytes of the buffer, those that are needed at the same times together.

    Each is needed from its writing until it is read for the last time before the next writing.
    """
    cuts = sorted({edge for _, _, low, high in uses for edge in (low, high)})
    cells = {cut: k for k, cut in enumerate(cuts)}
    #: Of each run of bytes the times at which it is needed: [first tick, one past the last].
    lives: list[list[list[int]]] = [[] for _ in cuts[1:]]
    # What a piece makes may be what moves after it.
    for tick, is_written, low, high in sorted(uses, key=lambda use: (use[0], not use[1])):
        for cell in range(cells[low], cells[high]):
            life = lives[cell]
            if life and (not is_written or life[-1][1] >= tick):
                life[-1][1] = tick + 1
            else:
                life.append([tick, tick + 1])
    start = 0
    for cell, life in enumerate(lives, 1):
        if cell == len(lives) or lives[cell] != life:
            if life:
                times = tuple(Interval(since, until) for since, until in life)
                yield Part(cuts[start], cuts[cell], Interval(times[0].start, times[-1].end), times)
            start = cell
