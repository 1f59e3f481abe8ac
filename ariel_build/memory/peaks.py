"""peak(order) = the most bytes needed at once while some calls run in pieces, all those before them being complete.

An estimate for the search, not a plan: whole granules, no fragmentation, and a call in place shares the bytes of one
operand. What a stretch of calls needs does not depend on how the others are cut, so each is counted by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from itertools import accumulate, chain

from ariel_build.ir import State, Value
from ariel_build.kernels import KernelCall
from ariel_build.memory.rolling import Rolling, can_roll, distinct
from ariel_build.memory.storage import ALIGNMENT, padded
from ariel_build.records import dataclass
from ariel_build.schedule import Aliases, Tile, resolve
from ariel_build.schedule.aliases import Place
from ariel_build.schedule.ranges import Span, read_span, written_span

__all__ = ["Peaks"]

_FOREVER = 1 << 30


@dataclass
class _Life:
    """When a storage is first written (-1: before the first call) and last read, by the indices of calls."""

    bytes: int
    first: int
    last: int


#: Granules [low, high), since when they are needed (`_FOREVER` where they are read), and until when.
_Access = tuple[int, int, int, int]
#: Granules [low, high) of a root.
_Run = tuple[Value, int, int]


@dataclass
class Peaks:
    """Counts what calls need in the order in which they are given."""

    calls: Sequence[KernelCall]
    inputs: Sequence[Value]
    outputs: Sequence[Value]
    states: Sequence[State]
    aliases: Aliases
    cores: int = 1
    _lives: dict[Value, _Life] = field(default_factory=dict)
    #: Where the inputs of each call are, and its outputs.
    _places: list[tuple[list[Place], list[Place]]] = field(default_factory=list)
    #: Bytes of all storages that are there from this call on or before, and of those that are gone before it.
    _begun: list[int] = field(default_factory=list)
    _gone: list[int] = field(default_factory=list)
    _scratches: list[int] = field(default_factory=list)
    _known: dict[tuple[int, Tile], tuple[list[_Run], list[_Run]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Finds the life of each storage."""
        lives = self._lives
        for value in [*self.inputs, *(s.current for s in self.states)]:
            lives[value] = _Life(value.type.bytes, -1, -1)
        for index, call in enumerate(self.calls):
            for value in [*call.outputs, *call.inputs]:
                root = resolve(value, self.aliases).root
                if not root.is_constant:
                    lives.setdefault(root, _Life(root.type.bytes, index, index)).last = index
        for value in [*self.outputs, *(s.next for s in self.states), *(s.current for s in self.states)]:
            lives[resolve(value, self.aliases).root].last = _FOREVER
        for call in self.calls:
            inputs, outputs = ([resolve(v, self.aliases) for v in values] for values in (call.inputs, call.outputs))
            self._places.append((inputs, outputs))
        self._scratches = [call.arena_scratch_bytes for call in self.calls]
        self._begun, self._gone = [0] * len(self.calls), [0] * (len(self.calls) + 1)
        for life in lives.values():
            if life.first < len(self.calls):
                self._begun[max(life.first, 0)] += padded(life.bytes)
            if life.last < len(self.calls):
                self._gone[life.last + 1] += padded(life.bytes)
        self._begun, self._gone = list(accumulate(self._begun)), list(accumulate(self._gone))

    def between(self, index: int) -> int:
        """Returns the bytes that are there between a call and the one before it, where no chain has both."""
        if not 0 < index < len(self.calls):
            return 0
        return self._begun[index - 1] - self._gone[index]

    @cached_property
    def kept(self) -> frozenset[Value]:
        """Values that are there in whole at some time: those of the program, and what others are parts of."""
        ends = [*self.inputs, *self.outputs, *(v for s in self.states for v in (s.current, s.next))]
        return frozenset([*ends, *(base for base, _ in self.aliases.values())])

    @cached_property
    def users(self) -> Mapping[Value, Sequence[int]]:
        """The calls that read each value."""
        found: dict[Value, list[int]] = {}
        for index, call in enumerate(self.calls):
            for value in call.inputs:
                found.setdefault(value, []).append(index)
        return found

    def largest(self, *, rolls: bool = False) -> int:
        """Returns the bytes of the largest storage: each is one run of bytes, so that no arena is smaller.

        Where values roll, of those that cannot.
        """
        calls = range(len(self.calls))
        rolled = can_roll(self.calls, calls, self.kept, self.aliases, self.users) if rolls else frozenset[Value]()
        return max((padded(life.bytes) for root, life in self._lives.items() if root not in rolled), default=0)

    def of(
        self,
        span: range,
        order: Sequence[tuple[int, Tile]],
        buffers: Mapping[Value, Rolling] | None = None,
        scratch: Mapping[int, int] | None = None,
        *,
        in_place: bool = False,
    ) -> int:
        """Returns the peak while the calls of `span` run in `order`; `in_place` where they do that only in one tile.

        `buffers` are those of values that roll, `scratch` that of calls that need less of it in pieces.
        """
        used = dict.fromkeys(place.root for i in span for places in self._places[i] for place in places)
        lives = {root: self._lives[root] for root in used if root in self._lives}
        rest = self._begun[span[-1]] - self._gone[span[0]] - sum(padded(life.bytes) for life in lives.values())
        ticks = len(order)
        change = [0] * (ticks + 2)
        accesses: dict[Value, list[_Access]] = {root: [] for root in lives if root not in (buffers or {})}
        replaced = {index: self._replaced(index, whole=in_place) for index in span}
        needs = scratch or {index: self._scratches[index] for index in span}
        scratches = {index: padded(need) * self.cores for index, need in needs.items()}
        for tick, (index, tile) in enumerate(order):
            reads, writes = self._known.get((index, tile)) or self._runs_of(index, tile)
            for position, (root, low, high) in enumerate(reads):
                if root in accesses:
                    accesses[root].append((low, high, _FOREVER, tick + (position != replaced[index])))
            for root, low, high in writes:
                if root in accesses:
                    accesses[root].append((low, high, tick, tick + 1))
            change[tick] += scratches[index]
            change[tick + 1] -= scratches[index]
        for start, end, (since, until), _ in chain.from_iterable(b.parts for b in distinct(buffers or {})):
            granules = -(-end // ALIGNMENT) - -(-start // ALIGNMENT)
            change[since] += granules * ALIGNMENT
            change[until] -= granules * ALIGNMENT
        for root, found in accesses.items():
            life = lives[root]
            last = ticks if life.last > span[-1] else 0
            first = 0 if life.first < span[0] else _FOREVER
            for granules, since, until in _runs(padded(life.bytes) // ALIGNMENT, found, first, last):
                if until > since:
                    change[since] += granules * ALIGNMENT
                    change[until] -= granules * ALIGNMENT
        return rest + max([0, *accumulate(change[:ticks])])

    def _runs_of(self, index: int, tile: Tile) -> tuple[list[_Run], list[_Run]]:
        """Returns the granules that a tile reads and writes; many orders have the same tile."""
        call = self.calls[index]
        inputs, outputs = self._places[index]
        reads = [_granules(place, read_span(call, position, tile)) for position, place in enumerate(inputs)]
        writes = [_granules(p, written_span(call, value, tile)) for value, p in zip(call.outputs, outputs, strict=True)]
        self._known[index, tile] = reads, writes
        return reads, writes

    def _replaced(self, index: int, *, whole: bool) -> int:
        """Returns the operand in whose place the call writes, -1 where there is none."""
        call = self.calls[index]
        for source, target in call.in_place_whole if whole else call.in_place:
            root = resolve(call.inputs[source], self.aliases).root
            same = call.inputs[source].type.bytes == call.outputs[target].type.bytes
            if same and not root.is_constant and self._lives[root].last == index and root not in self.inputs[1:]:
                return source
        return -1


def _granules(place: Place, span: Span) -> _Run:
    low, high = place.offset + span.start, place.offset + span.end
    return place.root, low // ALIGNMENT, -(-high // ALIGNMENT)


def _runs(granules: int, accesses: Sequence[_Access], first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Yields (granules, since when, until when) for runs of granules that are needed during one time.

    `first` is since when those are needed that nobody writes, `last` until when all are at least.
    """
    cuts = sorted({0, granules, *(low for low, *_ in accesses), *(high for _, high, *_ in accesses)})
    runs = {cut: run for run, cut in enumerate(cuts)}
    since, until = [first] * len(cuts), [last] * len(cuts)
    for low, high, begin, end in accesses:
        for run in range(runs[low], runs[high]):
            if begin < since[run]:  # noqa: PLR1730 - a call of `min` takes longer than the rest
                since[run] = begin
            if end > until[run]:  # noqa: PLR1730 - as above
                until[run] = end
    for run in range(len(cuts) - 1):
        yield cuts[run + 1] - cuts[run], since[run], until[run]
