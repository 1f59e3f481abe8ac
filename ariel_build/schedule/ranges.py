"""range(tile) = the bytes of a value, counted from its beginning, that a tile of a call writes or reads.

Tiles along pixels, rows or elements are runs of bytes; a tile along channels is scattered over the whole value. Of an
input without a rule (`KernelCall.reads`) all is read.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from ariel_build.ir import Value
from ariel_build.kernels import Axis, KernelCall, Reads
from ariel_build.schedule.tiles import Tile

__all__ = ["Span", "can_stream", "read_span", "written_span"]


class Span(NamedTuple):
    """Bytes [start, end) of a value."""

    start: int
    end: int


@functools.lru_cache(maxsize=4096)
def can_stream(call: KernelCall) -> bool:
    """Whether the call can run in pieces, each of which writes a run of bytes of its own."""
    tiling = call.tiling
    return (
        tiling.axis not in (Axis.WHOLE, Axis.CHANNELS)
        and tiling.extent > max(tiling.granularity, 1)
        and all(v.type.bytes % tiling.extent == 0 for v in call.outputs)
    )


@functools.lru_cache(maxsize=16384)
def written_span(call: KernelCall, value: Value, tile: Tile) -> Span:
    """Returns what a tile writes of an output."""
    extent, size = call.tiling.extent, value.type.bytes
    if tile == (0, extent) or not can_stream(call):
        return Span(0, size)
    unit = size // extent
    return Span(tile.start * unit, tile.end * unit)


@functools.lru_cache(maxsize=16384)
def read_span(call: KernelCall, index: int, tile: Tile) -> Span:
    """Returns what a tile reads of the `index`-th input."""
    value = call.inputs[index]
    rule = call.reads[index] if index < len(call.reads) else Reads()
    extent, size = call.tiling.extent, value.type.bytes
    if rule.kind == "whole" or call.tiling.axis in (Axis.WHOLE, Axis.CHANNELS) or tile == (0, extent):
        return Span(0, size)
    if rule.kind == "same":
        unit, rest = divmod(size, extent)
        return Span(0, size) if rest else Span(tile.start * unit, tile.end * unit)
    # The input rows under the windows of the output rows that the tile touches.
    first, last = tile.start // rule.units_per_row, (tile.end - 1) // rule.units_per_row
    row = size // rule.rows
    low = min(max(first * rule.stride - rule.before, 0), rule.rows)
    high = min(max(last * rule.stride - rule.before + rule.extent, low), rule.rows)
    return Span(low * row, high * row)
