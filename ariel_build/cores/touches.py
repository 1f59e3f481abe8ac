"""touches(call, tile) = the bytes that a tile reads and writes, from the fields that the kernel itself works with.

This is the checker's own knowledge: the builder of units goes by the rules that operators declare (`access.py`), this
file by the window, the images and the shapes in the call. What it does not know is read, or written, as a whole. Sets
of bytes are integers, bit k for byte k of the arena.
"""

from __future__ import annotations

from collections.abc import Iterable

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.kernels import Access, Axis, KernelCall
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.window import Window
from ariel_build.memory import MemoryPlan
from ariel_build.records import dataclass
from ariel_build.schedule.tiles import Tile

__all__ = ["bytes_between", "reads", "writes"]


def bytes_between(start: int, end: int) -> int:
    """Returns the set of bytes from `start` up to, not including, `end`."""
    return ((1 << max(end - start, 0)) - 1) << start


@dataclass(frozen=True)
class _Now:
    """Where bytes of values are at a tick."""

    plan: MemoryPlan
    tick: int

    def bytes(self, value: Value, start: int, end: int) -> int:
        """Returns the bytes [start, end) of a value; InternalError where its buffer does not hold them."""
        region = self.plan.region(value)
        gone = sum(slide.by for slide in self.plan.slides.get(value, ()) if slide.time <= self.tick)
        if start < gone or end - gone > region.bytes:
            raise InternalError("a tile leaves the buffer of a value that rolls", {"value": value, "tick": self.tick})
        return bytes_between(region.offset + start - gone, region.offset + end - gone)


def reads(call: KernelCall, tile: Tile, memory: MemoryPlan, tick: int) -> int:
    """Returns the bytes of the arena that a tile reads in the piece of a tick."""
    found, plan = 0, _Now(memory, tick)
    for value in call.inputs:
        if not value.is_constant:
            found |= _read(call, tile, value, plan)
    return found


def writes(call: KernelCall, tile: Tile, memory: MemoryPlan, tick: int) -> int:
    """Returns the bytes of the arena that a tile writes in the piece of a tick."""
    found, plan = 0, _Now(memory, tick)
    for value in call.outputs:
        extent, axis, elements = call.tiling.extent, call.tiling.axis, value.type.elements
        if axis is Axis.WHOLE or elements % extent:
            found |= _whole(value, plan)
        elif axis is Axis.CHANNELS:
            found |= _elements(value, plan, _channels(elements // extent, extent, tile))
        else:
            each = elements // extent
            found |= _elements(value, plan, [(tile.start * each, tile.end * each)])
    return found


def _read(call: KernelCall, tile: Tile, value: Value, plan: _Now) -> int:
    window, image, output = (getattr(call.kernel, key, None) for key in ("window", "input", "output"))
    same_size = value.type.elements == call.tiling.extent
    if isinstance(window, Window) and isinstance(image, Image) and isinstance(output, Image):
        if image.region.value is value:
            return _under(call, window, image, output, tile, plan)
    elif call.tiling.axis is Axis.ELEMENTS and same_size and {"elements", "broadcast"} & set(call.kernel.FIELDS):
        # Element by element; an operand of another size is broadcast.
        return _elements(value, plan, [(tile.start, tile.end)])
    return _whole(value, plan)


def _under(call: KernelCall, window: Window, image: Image, output: Image, tile: Tile, plan: _Now) -> int:
    """Returns the rows of the image that lie under the windows of a range of pixels; all of it for other tiles."""
    value, height, width, channels = image.region.value, image.height, image.width, image.channels
    row, pixel = image.row, image.pixel
    if call.tiling.axis is Axis.CHANNELS:
        if call.kernel.ACCESS not in (Access.WINDOW_OF_CHANNELS, Access.COPIED_WINDOW_OF_CHANNELS):
            return _whole(value, plan)
        runs = [
            (y * row + x * pixel + tile.start, y * row + x * pixel + tile.end)
            for y in range(height)
            for x in range(width)
        ]
        return _elements(value, plan, runs)
    across = output.width
    if channels % 4 == 0 and _is_pointwise(window, image, output):
        return _elements(value, plan, [(k * pixel, k * pixel + channels) for k in range(tile.start, tile.end)])
    taps = [tap * window.dilation_h for tap in range(window.height)]
    first = [y * window.stride_h for y in range(tile.start // across, (tile.end - 1) // across + 1)]
    rows = {y + tap - window.pad_top for y in first for tap in taps}
    last = (width - 1) * pixel + channels
    return _elements(value, plan, [(y * row, y * row + last) for y in sorted(rows) if 0 <= y < height])


def _is_pointwise(window: Window, image: Image, output: Image) -> bool:
    """Whether each pixel is computed from the pixel at its place, and pixels follow each other."""
    one = (window.height, window.width, window.stride_h, window.stride_w) == (1, 1, 1, 1)
    padded = window.pad_top + window.pad_left > 0
    alike = (image.height, image.width) == (output.height, output.width)
    return one and not padded and alike and image.row == image.width * image.pixel


def _whole(value: Value, plan: _Now) -> int:
    return plan.bytes(value, 0, value.type.bytes)


def _channels(pixels: int, channels: int, tile: Tile) -> list[tuple[int, int]]:
    return [(p * channels + tile.start, p * channels + tile.end) for p in range(pixels)]


def _elements(value: Value, plan: _Now, runs: Iterable[tuple[int, int]]) -> int:
    """Returns the bytes of some elements of a value."""
    size = value.type.dtype.bytes
    found = 0
    for start, end in runs:
        found |= plan.bytes(value, start * size, end * size)
    return found
