"""peak(order) = the most bytes needed at once while some calls run in pieces, all those before them being complete.

An estimate for the search, not a plan: whole granules, no fragmentation, and a call in place shares the bytes of one
operand. What a stretch of calls needs does not depend on how the others are cut, so each is counted by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ariel_build.ir import State, Value
from ariel_build.kernel import KernelCall
from ariel_build.memory.storage import ALIGNMENT, padded
from ariel_build.schedule import Aliases, Tile, resolve
from ariel_build.schedule.ranges import read_span, written_span

__all__ = ["Peaks"]

_FOREVER = 1 << 30


@dataclass
class _Life:
    """When a storage is first written (-1: before the first call) and last read, by the indices of calls."""

    bytes: int
    first: int
    last: int


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

    def largest(self) -> int:
        """Returns the bytes of the largest storage: each is one run of bytes, so that no arena is smaller."""
        return max((padded(life.bytes) for life in self._lives.values()), default=0)

    def of(self, span: range, order: Sequence[tuple[int, Tile]], *, in_place: bool = False) -> int:
        """Returns the peak while the calls of `span` run in `order`; `in_place` where they do that only in one tile."""
        touched = {r: life for r, life in self._lives.items() if life.first <= span[-1] and life.last >= span[0]}
        used = {resolve(v, self.aliases).root for i in span for v in [*self.calls[i].inputs, *self.calls[i].outputs]}
        rest = sum(padded(life.bytes) for root, life in touched.items() if root not in used)
        ticks = len(order)
        change = np.zeros(ticks + 2, np.int64)
        tables = {root: self._table(life, span) for root, life in touched.items() if root in used}
        for tick, (index, tile) in enumerate(order):
            self._touch(tables, tick, index, tile, self._replaced(index, whole=in_place))
            scratch = padded(self.calls[index].scratch_bytes) * self.cores
            change[tick] += scratch
            change[tick + 1] -= scratch
        for root, (since, until) in tables.items():
            if touched[root].last > span[-1]:
                until[:] = ticks
            needed = until > since
            np.add.at(change, since[needed], ALIGNMENT)
            np.add.at(change, until[needed], -ALIGNMENT)
        return rest + int(np.cumsum(change)[:ticks].max(initial=0))

    @staticmethod
    def _table(life: _Life, span: range) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Returns since when and until when each granule is needed."""
        granules = padded(life.bytes) // ALIGNMENT
        never = 0 if life.first < span[0] else _FOREVER
        return np.full(granules, never, np.int64), np.full(granules, 0, np.int64)

    def _touch(
        self,
        tables: dict[Value, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]],
        tick: int,
        index: int,
        tile: Tile,
        replaced: int,
    ) -> None:
        call = self.calls[index]
        for position, value in enumerate(call.inputs):
            root, offset = resolve(value, self.aliases)
            if root in tables:
                low, high = read_span(call, position, tile)
                until = tables[root][1][(offset + low) // ALIGNMENT : -(-(offset + high) // ALIGNMENT)]
                np.maximum(until, tick + (position != replaced), out=until)
        for value in call.outputs:
            root, offset = resolve(value, self.aliases)
            low, high = written_span(call, value, tile)
            run = slice((offset + low) // ALIGNMENT, -(-(offset + high) // ALIGNMENT))
            since, until = tables[root]
            np.minimum(since[run], tick, out=since[run])
            np.maximum(until[run], tick + 1, out=until[run])

    def _replaced(self, index: int, *, whole: bool) -> int:
        """Returns the operand in whose place the call writes, -1 where there is none."""
        call = self.calls[index]
        for source, target in call.in_place_whole if whole else call.in_place:
            root = resolve(call.inputs[source], self.aliases).root
            same = call.inputs[source].type.bytes == call.outputs[target].type.bytes
            if same and not root.is_constant and self._lives[root].last == index and root not in self.inputs[1:]:
                return source
        return -1
