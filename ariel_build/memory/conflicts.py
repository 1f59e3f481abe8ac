"""The planning problem in granules of 16 bytes: which offsets of two buffers exclude each other.

Two buffers conflict where a part of one and a part of the other are needed at the same time; then the distance of
their offsets must leave out a few ranges. Whole granules belong to one buffer, so that every offset is aligned.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

from ariel_build.memory.buffers import Buffer, Part
from ariel_build.memory.storage import ALIGNMENT
from ariel_build.records import dataclass
from ariel_build.schedule import BEFORE, Interval

__all__ = ["Problem"]

#: (other buffer, low, high): the offset must not lie in [other's offset + low, other's offset + high).
Exclusion = tuple[int, int, int]
#: Granules [start, end) of a buffer, and the ticks in which they are needed (`_ticks`).
_Need = tuple[int, int, int]


@dataclass(frozen=True)
class Problem:
    """Sizes, alignments and exclusions of all buffers, in granules."""

    buffers: Sequence[Buffer]

    @cached_property
    def parts(self) -> list[list[Part]]:
        """The parts of each buffer, widened to whole granules."""
        return [
            [p._replace(start=p.start // ALIGNMENT, end=-(-p.end // ALIGNMENT)) for p in b.parts if p.start < p.end]
            for b in self.buffers
        ]

    @cached_property
    def sizes(self) -> list[int]:
        """Granules of each buffer."""
        return [max((p.end for p in parts), default=0) for parts in self.parts]

    @cached_property
    def alignments(self) -> list[int]:
        """Granules to which each buffer is aligned."""
        return [max(b.alignment // ALIGNMENT, 1) for b in self.buffers]

    @cached_property
    def exclusions(self) -> list[list[Exclusion]]:
        """For each buffer the offsets that each conflicting one takes from it."""
        table: list[list[Exclusion]] = [[] for _ in self.buffers]
        needs = [[(p.start, p.end, _ticks(p)) for p in parts] for parts in self.parts]
        for a, others in enumerate(self._earlier_at_one_time()):
            mine = needs[a]
            for b in others:
                for low, high in _excluded(mine, needs[b]):
                    table[a].append((b, low, high))
                    table[b].append((a, 1 - high, 1 - low))
        return table

    def _earlier_at_one_time(self) -> list[list[int]]:
        """Returns for each buffer those of lower numbers that are needed in a time that reaches into its own."""
        lives = [_hull(parts) for parts in self.parts]
        found: list[list[int]] = [[] for _ in lives]
        there: list[int] = []
        for a in sorted(range(len(lives)), key=lambda k: lives[k].start):
            there = [b for b in there if lives[b].end > lives[a].start]
            for b in there:
                if lives[a].overlaps(lives[b]):
                    found[max(a, b)].append(min(a, b))
            there.append(a)
        return [sorted(others) for others in found]

    @cached_property
    def ascending_is_exact(self) -> bool:
        """Whether some order of ascending offsets gives an optimal plan.

        It does where of two conflicting buffers one is always wholly above the other: then moving the lower one down to
        the first gap never meets the higher one. Buffers whose parts interlock may be nested instead.
        """
        pairs = [[b for b, _, _ in exclusions] for exclusions in self.exclusions]
        crossing = all(low <= 0 < high for exclusions in self.exclusions for _, low, high in exclusions)
        return crossing and all(len(set(others)) == len(others) for others in pairs)

    @cached_property
    def lower_bound(self) -> int:
        """The largest number of granules needed at one time, or of one buffer."""
        ticks = sorted({life.start for parts in self.parts for p in parts for life in p.needed})
        totals = dict.fromkeys(ticks, 0)
        change: Counter[int] = Counter()
        for parts in self.parts:
            if _meet(parts):
                plain = [Part(p.start, p.end, life) for p in parts for life in p.needed]
                life, waiting, there = _hull(parts), sorted(plain, key=lambda p: -p.life.start), list[Part]()
                for tick in ticks[bisect_left(ticks, life.start) : bisect_left(ticks, life.end)]:
                    while waiting and waiting[-1].life.start <= tick:
                        there.append(waiting.pop())
                    there = [p for p in there if p.life.end > tick]
                    totals[tick] += _union(there)
            else:
                for p in parts:
                    for life in p.needed:
                        change[life.start] += p.end - p.start
                        change[life.end] -= p.end - p.start
        needed, events = 0, sorted(change)
        at = 0
        for tick in ticks:
            while at < len(events) and events[at] <= tick:
                needed += change[events[at]]
                at += 1
            totals[tick] += needed
        return max([0, *self.sizes, *totals.values()])

    @cached_property
    def neighbours(self) -> list[frozenset[int]]:
        """For each buffer those that exclude some offset of it."""
        return [frozenset(b for b, _, _ in exclusions) for exclusions in self.exclusions]

    def lowest(self, buffer: int, offsets: Sequence[int], offset: int = 0) -> int:
        """Returns the lowest offset from `offset` on that the placed buffers leave; -1 in `offsets`: not placed."""
        taken = [
            (at + low, at + high)
            for b, low, high in self.exclusions[buffer]
            if (at := offsets[b]) >= 0 and at + high > offset
        ]
        taken.sort()
        unit = self.alignments[buffer]
        for low, high in taken:
            if low > offset:
                break
            if high > offset:
                offset = -(-high // unit) * unit
        return offset


def _hull(parts: Sequence[Part]) -> Interval:
    """Returns the time from the first need of a byte to the last."""
    return Interval(min((p.life.start for p in parts), default=0), max((p.life.end for p in parts), default=0))


def _meet(parts: Sequence[Part]) -> bool:
    """Whether two parts share a byte, at any time."""
    return any(a.end > b.start for a, b in pairwise(sorted(parts)))


def _ticks(part: Part) -> int:
    """Returns the ticks in which a part is needed, as the bits of a number: the lowest is the one before the first."""
    return sum((1 << (end - BEFORE)) - (1 << (start - BEFORE)) for start, end in part.needed)


def _excluded(mine: Sequence[_Need], others: Sequence[_Need]) -> list[tuple[int, int]]:
    """Returns the distances, as joined half-open ranges, at which `mine` would collide with `others`."""
    ranges = [
        (start - own_end + 1, end - own_start)
        for own_start, own_end, own_ticks in mine
        for start, end, ticks in others
        if own_ticks & ticks
    ]
    if not ranges:
        return []
    ranges.sort()
    joined: list[tuple[int, int]] = []
    first, reached = ranges[0]
    for low, high in ranges:
        if low > reached:
            joined.append((first, reached))
            first, reached = low, high
        elif high > reached:
            reached = high
    return [*joined, (first, reached)]


def _union(parts: Sequence[Part]) -> int:
    """Returns how many granules of one buffer some parts take."""
    total = reached = 0
    for start, end in sorted((p.start, p.end) for p in parts):
        total += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return total
