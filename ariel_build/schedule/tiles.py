"""tiles = [0, u), [u, 2u), .. with u = granularity * ceil(granules / ceil(work / target)).

All tiles but the last are equal, so that generated code is a loop with one constant; the last is never more than the
others, and the number of tiles never more than the granules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ariel_build.kernels import Axis, Tiling

__all__ = ["Tile", "cut", "dealt", "parts"]


class Tile(NamedTuple):
    """Units of a call's `Tiling` from `start` up to, not including, `end`."""

    start: int
    end: int


def cut(tiling: Tiling, work: int, target: int) -> tuple[Tile, ...]:
    """Returns tiles that cover the extent; one does at most `target` work, unless a single granule is more."""
    extent, granularity = tiling.extent, max(tiling.granularity, 1)
    if extent <= 0:
        return ()
    granules = _ceil_div(extent, granularity)
    if tiling.axis is Axis.WHOLE or work <= target:
        return (Tile(0, extent),)
    # In whole granules: the most of them that stay below the target, then evened out over that many tiles.
    most = max(max(target, 1) * granules // work, 1)
    units = granularity * _ceil_div(granules, _ceil_div(granules, most))
    return tuple(Tile(start, min(start + units, extent)) for start in range(0, extent, units))


def parts(channels: int, block: int, most: int) -> Iterator[int]:
    """Yields how many channels are fetched at once: a block of them, then twice as many, and so on up to `most`."""
    size = block
    while channels > 0:
        yield min(size, most, channels)
        channels -= min(size, most)
        size *= 2


def dealt(granules: int, shares: Sequence[float]) -> list[int]:
    """Returns how many granules each core computes, so that the last is done earliest; `shares` are their speeds."""
    total = sum(shares)
    counts = [int(granules * share / total) for share in shares]
    for _ in range(granules - sum(counts)):
        first = min(range(len(shares)), key=lambda core: (counts[core] + 1) / shares[core])
        counts[first] += 1
    return counts


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)
