"""access(tile) = the bytes of the arena that one tile reads and writes, as strided blocks.

What a call writes follows from its tiling: units along channels are columns of the output, all other units are runs of
bytes. What it reads is what `KernelCall.reads` says; an input without a rule is read whole. A rule may only claim
more than the kernel touches, never less.
"""

from __future__ import annotations

from functools import cached_property

from ariel_build.ir import Value
from ariel_build.kernels import Axis, KernelCall, Reads
from ariel_build.memory import MemoryPlan, Region
from ariel_build.records import dataclass
from ariel_build.schedule import Step, Tile

__all__ = ["Blocks", "overlap", "reads_of", "scratch_of", "writes_of"]


@dataclass(frozen=True)
class Blocks:
    """`count` runs of `length` bytes, the first at `start`, `stride` bytes apart."""

    start: int
    length: int
    stride: int = 0
    count: int = 1

    @cached_property
    def end(self) -> int:
        """One past the last byte."""
        return self.start + (self.count - 1) * self.stride + self.length


def overlap(a: Blocks, b: Blocks) -> bool:
    """Whether two sets of bytes may meet: exact for runs and for columns of one stride, else by their extents."""
    if a.length == 0 or b.length == 0 or a.end <= b.start or b.end <= a.start:
        return False
    if a.count > 1 and b.count > 1 and a.stride == b.stride:
        # Columns of the same image: they meet where their offsets within a pixel do.
        distance = (b.start - a.start) % a.stride
        return distance < a.length or distance + b.length > a.stride
    return True


def writes_of(call: KernelCall, tile: Tile, plan: MemoryPlan, tick: int) -> list[Blocks]:
    """Returns the bytes that a tile of `call` writes in the piece of a tick."""
    return [_units(call, tile, _place(value, plan, tick), value) for value in call.outputs]


def reads_of(call: KernelCall, tile: Tile, plan: MemoryPlan, tick: int) -> list[Blocks]:
    """Returns the bytes of the arena that a tile of `call` reads in the piece of a tick; constants lie in flash."""
    found = []
    for index, value in enumerate(call.inputs):
        if value.is_constant:
            continue
        rule = call.reads[index] if index < len(call.reads) else Reads()
        found.append(_read(call, tile, value, rule, _place(value, plan, tick)))
    return found


def scratch_of(step: Step, plan: MemoryPlan, workers: int) -> list[Blocks]:
    """Returns the scratch of a step, that of all workers: tiles of other steps must not touch it at the same time.

    Tiles of the step itself each use the part of their worker. In fast memory nobody else touches it.
    """
    scratch = plan.scratches[step.index]
    return [] if scratch is None or scratch.is_fast else [Blocks(scratch.offset, scratch.stride * workers)]


def _place(value: Value, plan: MemoryPlan, tick: int) -> Region:
    """Returns where all of a value would be at a tick; of one that rolls only the rows are there that are in use."""
    return plan.part(value, 0, value.type.bytes, tick)


def _units(call: KernelCall, tile: Tile, place: Region, value: Value) -> Blocks:
    """Returns the bytes of units `tile` of a value that has the call's units along the call's axis."""
    offset, size = place
    extent = call.tiling.extent
    if call.tiling.axis is Axis.WHOLE or size % max(extent, 1):
        return Blocks(offset, size)
    if call.tiling.axis is Axis.CHANNELS:
        element = value.type.dtype.bytes
        pixel = extent * element
        if size % pixel:
            return Blocks(offset, size)
        return Blocks(offset + tile.start * element, (tile.end - tile.start) * element, pixel, size // pixel)
    unit = size // extent
    return Blocks(offset + tile.start * unit, (tile.end - tile.start) * unit)


def _read(call: KernelCall, tile: Tile, value: Value, rule: Reads, place: Region) -> Blocks:
    if rule.kind == "same":
        return _units(call, tile, place, value)
    offset, size = place
    if rule.kind == "rows" and call.tiling.axis is not Axis.CHANNELS:
        # Output rows that the tile touches, then the input rows under their windows.
        first, last = tile.start // rule.units_per_row, (tile.end - 1) // rule.units_per_row
        row = size // rule.rows
        low = min(max(first * rule.stride - rule.before, 0), rule.rows)
        high = min(max(last * rule.stride - rule.before + rule.extent, low), rule.rows)
        return Blocks(offset + low * row, (high - low) * row)
    return Blocks(offset, size)
