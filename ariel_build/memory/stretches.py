"""stretches(calls) = the ways to run calls together: one by itself, whole or in pieces, or a chain in turns.

Between the calls of a chain there need only be the rows under the windows (`rolling`). What a way needs does not depend
on the calls around it (`peaks`), what it costs is an estimate (`overhead`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property, partial
from typing import NamedTuple

from ariel_build.ir import Value
from ariel_build.kernels import Feed, KernelCall
from ariel_build.memory.peaks import Peaks
from ariel_build.memory.rolling import can_roll, distinct, rolling
from ariel_build.records import dataclass
from ariel_build.schedule import Tile, work_of
from ariel_build.schedule.interleave import interleaved, pulled, quantum, row, turns, whole_rows
from ariel_build.schedule.overhead import CALL, overhead, parted, slid
from ariel_build.schedule.parts import for_rows
from ariel_build.schedule.ranges import can_stream
from ariel_build.schedule.tiles import dealt

__all__ = ["Known", "Stretch", "Stretches"]

Order = list[tuple[int, Tile]]
#: Rows of the last call of a chain at a time.
_ROWS = (1, 2, 4, 8)
#: What a piece costs each core besides its share: to take units of it, and to wait for what comes before.
_SHARED = 300
#: Into how many pieces a call by itself is cut.
_PIECES = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64)
#: Into how many pieces the last call of a chain is cut at most.
_MOST = 2000


@dataclass(frozen=True)
class Stretch:
    """Calls that run together: the order of their pieces, what they need, and what that costs in instructions."""

    calls: range
    order: tuple[tuple[int, Tile], ...]
    peak: int
    cost: int
    #: Whether the call is to be one tile, in place of its input.
    in_place: bool = False
    rolled: frozenset[Value] = frozenset()

    @property
    def turns(self) -> bool:
        """Whether it may run downwards as well."""
        return len(self.calls) == 1 and len(self.order) > 1

    def moved(self, by: int) -> Stretch:
        """Returns the same where so many more calls are before it."""
        span = range(self.calls.start + by, self.calls.stop + by)
        return replace(self, calls=span, order=tuple((index + by, tile) for index, tile in self.order))


#: Calls that run together, and whether values between them roll.
_Together = tuple[tuple[KernelCall, ...], bool]


@dataclass
class Known:
    """What was found of calls that run together, in this program or in others that have them."""

    stretches: dict[_Together, list[Stretch]] = field(default_factory=dict)
    #: What they cost at least.
    least: dict[_Together, float] = field(default_factory=dict)
    #: Of a call in such pieces: its scratch, and what they cost.
    parts: dict[tuple[KernelCall, tuple[Tile, ...]], tuple[int, int]] = field(default_factory=dict)


class _Draft(NamedTuple):
    """Pieces, what they cost, and the scratch of each call; rows that move cost besides.

    Of most chains no more is ever asked: their order is found when it is.
    """

    order: Callable[[], Order]
    cost: int
    scratches: Mapping[int, int] | None = None


@dataclass
class Stretches:
    """The ways to run any calls of a program together, each found when it is asked for."""

    peaks: Peaks
    #: The most that a way may cost.
    budget: int
    #: How fast each core is with a call.
    shares: Callable[[KernelCall], Sequence[float]]
    #: Rows of the calls of a chain whose values roll at a time.
    pulled: Sequence[int]
    #: Whether values between the calls of a chain roll.
    rolls: bool = False
    #: Whether each chain is looked at in one way alone.
    few: bool = False
    known: Known = field(default_factory=Known)
    _drafts: dict[tuple[range, bool], list[_Draft]] = field(default_factory=dict)

    @cached_property
    def fed(self) -> int:
        """The call that stands for who gives rows of the input; -1 where it is there in whole."""
        return next((i for i, call in enumerate(self.peaks.calls) if isinstance(call.kernel, Feed)), -1)

    def whole(self, index: int, *, in_place: bool = False) -> Stretch:
        """Returns the way in which a call runs by itself, at once."""
        order = ((index, Tile(0, self.peaks.calls[index].tiling.extent)),)
        span = range(index, index + 1)
        return Stretch(span, order, self.peaks.of(span, order, in_place=in_place), 0, in_place)

    def stretches(self, span: range) -> list[Stretch]:
        """Returns the ways to run the calls of `span` together, the cheapest first."""
        key = self._together(span)
        if key not in self.known.stretches:
            ways = list(self._rolled(span) if key[1] else self._whole(span))
            if len(span) == 1:
                ways.append(self.whole(span[0]))
                if self.peaks.cores == 1 and self.peaks.calls[span[0]].in_place_whole:
                    ways.append(self.whole(span[0], in_place=True))
            self.known.stretches[key] = sorted(ways, key=lambda w: (w.cost, w.in_place, w.peak))
        known = self.known.stretches[key]
        if known and known[0].calls != span:
            known = self.known.stretches[key] = [way.moved(span.start - way.calls.start) for way in known]
        return known

    def least(self, span: range) -> float:
        """Returns what the calls of a chain cost at least: their pieces do, however little moves."""
        key = self._together(span)
        if key not in self.known.least:
            self.known.least[key] = min((draft.cost for draft in self._drafted(span)), default=math.inf)
        return self.known.least[key]

    def _together(self, span: range) -> _Together:
        return tuple(self.peaks.calls[span.start : span.stop]), self.rolls and len(span) > 1

    def _drafted(self, span: range) -> list[_Draft]:
        """Returns the orders of the pieces of a chain that are no dearer than the budget."""
        key = span, self.rolls
        if key not in self._drafts:
            if self.rolls:
                self._drafts[key] = list(self._pieces(span))
            else:
                self._drafts[key] = [self._draft(span, order) for order in self._chains(span)]
        return self._drafts[key]

    def _whole(self, span: range) -> Iterator[Stretch]:
        """Yields ways to run calls in pieces between which values are there in whole."""
        alone = (self._draft(span, order) for order in self._alone(span[0]))
        for made, cost, _ in alone if len(span) == 1 else self._drafted(span):
            order = made()
            yield Stretch(span, tuple(order), self.peaks.of(span, order), cost)

    def _alone(self, index: int) -> Iterator[Order]:
        call = self.peaks.calls[index]
        # Rows of the input are given in their order, and others may only run in between in a chain.
        if can_stream(call) and not isinstance(call.kernel, Feed):
            step, extent = quantum(call), call.tiling.extent
            rows = -(-extent // step)
            for units in dict.fromkeys(-(-rows // pieces) * step for pieces in _PIECES if pieces <= rows):
                yield [(index, Tile(start, min(start + units, extent))) for start in range(0, extent, units)]

    def _chains(self, span: range) -> Iterator[Order]:
        calls = self.peaks.calls
        if all(can_stream(calls[i]) for i in span):
            step, extent = quantum(calls[span[-1]]), calls[span[-1]].tiling.extent
            base = max(step, row(calls[span[-1]]))
            for units in dict.fromkeys(min(base * rows, extent) for rows in _ROWS):
                # Too many pieces to be worth their calls, or to be looked at in reasonable time.
                pieces = -(-extent // units)
                if 1 < pieces <= min(self.budget // CALL + 1, _MOST):
                    yield interleaved(calls, span, units, self.peaks.aliases)

    def _rolled(self, span: range) -> Iterator[Stretch]:
        """Yields ways to run a chain between whose calls there are only the rows under the windows."""
        values = self._rolling(span)
        for made, cost, scratches in self._drafted(span):
            order = made()
            buffers = rolling(self.peaks.calls, order, values)
            whole_cost = cost + sum(slid(len(b.slides), b.moved) for b in distinct(buffers))
            if whole_cost <= self.budget:
                yield Stretch(
                    span, tuple(order), self.peaks.of(span, order, buffers, scratches), whole_cost, rolled=values
                )

    def _rolling(self, span: range) -> frozenset[Value]:
        return can_roll(self.peaks.calls, span, self.peaks.kept, self.peaks.aliases, self.peaks.users)

    def _pieces(self, span: range) -> Iterator[_Draft]:
        """Yields orders of the pieces of a chain whose values roll."""
        calls = self.peaks.calls
        if not all(can_stream(calls[i]) for i in span) or not self._rolling(span):
            return
        last = calls[span[-1]]
        base = max(whole_rows(last), row(last))
        if sum(-(-calls[i].tiling.extent // max(whole_rows(calls[i]), row(calls[i]))) for i in span) > 2 * _MOST:
            return
        for rows in self.pulled:
            tiles = {index: turns(calls[index], rows) for index in span}
            yield from self._in_parts(tiles, partial(pulled, calls, span, rows, self.peaks.aliases))
        if not self.few:
            order = interleaved(calls, span, base, self.peaks.aliases, whole_rows)
            tiles = {index: tuple(tile for at, tile in order if at == index) for index in span}
            yield from self._in_parts(tiles, lambda: order)

    def _in_parts(self, tiles: Mapping[int, tuple[Tile, ...]], order: Callable[[], Order]) -> Iterator[_Draft]:
        """Yields the draft of a chain whose calls run in these tiles, if it may be worth it."""
        lengths = [len(own) for own in tiles.values()]
        if min(lengths) < 2 or sum(lengths) > min(self.budget // CALL + 1, _MOST):
            return
        parts = {index: self._parted(index, own) for index, own in tiles.items()}
        cost = sum(cost for _, cost in parts.values())
        if cost <= self.budget:
            yield _Draft(order, cost, {index: scratch for index, (scratch, _) in parts.items()})

    def _parted(self, index: int, tiles: tuple[Tile, ...]) -> tuple[int, int]:
        """Returns the scratch of a call in such pieces, and what they cost; chains that overlap ask for the same."""
        call = self.peaks.calls[index]
        key = call, tiles
        if key not in self.known.parts:
            fitted = for_rows(call, tiles)
            self.known.parts[key] = fitted.arena_scratch_bytes, parted(fitted, call, tiles) + self._idle(call, tiles)
        return self.known.parts[key]

    def _idle(self, call: KernelCall, tiles: Sequence[Tile]) -> int:
        """Returns the instructions for which cores that share pieces wait for each other, and of handing them over.

        Where a piece's granules cannot be dealt as the cores are fast, some have nothing to do.
        """
        shares = self.shares(call)
        if len(shares) == 1:
            return 0
        work, idle = work_of(call), 0
        for units, count in Counter(tile.end - tile.start for tile in tiles).items():
            granules = -(-units // max(call.tiling.granularity, 1))
            # How many granules the fastest core could compute until the last core is done, over those that it has to.
            longest = max(n / share for n, share in zip(dealt(granules, shares), shares, strict=True))
            least = work * units // call.tiling.extent
            idle += count * (int(least * (longest * sum(shares) / granules - 1)) + len(shares) * _SHARED)
        return idle

    def _draft(self, span: range, order: Order) -> _Draft:
        calls = self.peaks.calls
        cost = sum(overhead(calls[i], [tile for index, tile in order if index == i]) for i in span)
        return _Draft(lambda: order, cost)
