"""Buffers: what the arena plan places, each a rigid set of byte ranges with the times at which they are needed."""

from __future__ import annotations

from typing import NamedTuple

from ariel_build.memory.storage import ALIGNMENT
from ariel_build.records import dataclass
from ariel_build.schedule import Interval

__all__ = ["ArenaPlan", "Buffer", "Part"]


class Part(NamedTuple):
    """Bytes [start, end) of a buffer, needed during `life`: at the `times` in it, if there are any, else all of it."""

    start: int
    end: int
    life: Interval
    times: tuple[Interval, ...] = ()

    @property
    def needed(self) -> tuple[Interval, ...]:
        """When the bytes are needed."""
        return self.times or (self.life,)


@dataclass(frozen=True)
class Buffer:
    """Ranges of bytes at fixed distances; a range may be lent to others while it is not needed."""

    name: str
    parts: tuple[Part, ...]
    alignment: int = ALIGNMENT

    @property
    def bytes(self) -> int:
        """Size from the beginning of the buffer to its last byte."""
        return max((p.end for p in self.parts), default=0)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The times at which some byte is needed, joined where they meet."""
        joined: list[Interval] = []
        for life in sorted(life for p in self.parts for life in p.needed):
            if joined and life.start <= joined[-1].end:
                joined[-1] = Interval(joined[-1].start, max(joined[-1].end, life.end))
            else:
                joined.append(life)
        return tuple(joined)


@dataclass(frozen=True)
class ArenaPlan:
    """Offset of each buffer, the arena's size, and the largest sum of bytes needed at one time."""

    offsets: tuple[int, ...]
    bytes: int
    lower_bound: int
