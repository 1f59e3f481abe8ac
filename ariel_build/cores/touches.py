"""touches(call, tile) = the bytes that a tile reads and writes, from the fields that the kernel itself works with.

This is the checker's own knowledge: the builder of units goes by the rules that operators declare (`access.py`), this
file by the window, the images and the shapes in the call. What it does not know is read, or written, as a whole. Sets
of bytes are integers, bit k for byte k of the arena.
"""

from __future__ import annotations

from collections.abc import Iterable

from ariel_build.ir import Value
from ariel_build.kernels import Axis, Field, KernelCall, Nested, Operand
from ariel_build.memory import MemoryPlan
from ariel_build.schedule.tiles import Tile

__all__ = ["bytes_between", "reads", "writes"]

#: Kernels whose channels are computed from the same channels of the input.
_CHANNEL_BY_CHANNEL = ("pool2d::", *(f"isa::{cores}::DepthwiseConv2d" for cores in ("armv7e_m", "thumb2", "unequal")))


def bytes_between(start: int, end: int) -> int:
    """Returns the set of bytes from `start` up to, not including, `end`."""
    return ((1 << max(end - start, 0)) - 1) << start


def reads(call: KernelCall, tile: Tile, plan: MemoryPlan) -> int:
    """Returns the bytes of the arena that a tile reads."""
    found = 0
    for value in call.inputs:
        if not value.is_constant:
            found |= _read(call, tile, value, plan)
    return found


def writes(call: KernelCall, tile: Tile, plan: MemoryPlan) -> int:
    """Returns the bytes of the arena that a tile writes."""
    found = 0
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


def _read(call: KernelCall, tile: Tile, value: Value, plan: MemoryPlan) -> int:
    window, image, output = (call.fields.get(key) for key in ("window", "input", "output"))
    same_size = value.type.elements == call.tiling.extent
    if isinstance(window, Nested) and isinstance(image, Nested) and isinstance(output, Nested):
        region = image.fields["region"]
        if isinstance(region, Operand) and region.value is value:
            return _under(call, window, image, output, tile, plan)
    elif call.tiling.axis is Axis.ELEMENTS and same_size and {"elements", "broadcast"} & call.fields.keys():
        # Element by element; an operand of another size is broadcast.
        return _elements(value, plan, [(tile.start, tile.end)])
    return _whole(value, plan)


def _under(call: KernelCall, window: Nested, image: Nested, output: Nested, tile: Tile, plan: MemoryPlan) -> int:
    """Returns the rows of the image that lie under the windows of a range of pixels; all of it for other tiles."""
    (value,) = (f.value for f in (image.fields["region"],) if isinstance(f, Operand))
    height, width, channels = (_number(image.fields[key]) for key in ("height", "width", "channels"))
    row, pixel = _number(image.fields["row"]), _number(image.fields["pixel"])
    if call.tiling.axis is Axis.CHANNELS:
        if not call.kernel.startswith(_CHANNEL_BY_CHANNEL):
            return _whole(value, plan)
        runs = [
            (y * row + x * pixel + tile.start, y * row + x * pixel + tile.end)
            for y in range(height)
            for x in range(width)
        ]
        return _elements(value, plan, runs)
    across = _number(output.fields["width"])
    if channels % 4 == 0 and _is_pointwise(window, image, output):
        return _elements(value, plan, [(k * pixel, k * pixel + channels) for k in range(tile.start, tile.end)])
    taps = [tap * _number(window.fields["dilation_h"]) for tap in range(_number(window.fields["height"]))]
    first = [y * _number(window.fields["stride_h"]) for y in range(tile.start // across, (tile.end - 1) // across + 1)]
    rows = {y + tap - _number(window.fields["pad_top"]) for y in first for tap in taps}
    last = (width - 1) * pixel + channels
    return _elements(value, plan, [(y * row, y * row + last) for y in sorted(rows) if 0 <= y < height])


def _is_pointwise(window: Nested, image: Nested, output: Nested) -> bool:
    """Whether each pixel is computed from the pixel at its place, and pixels follow each other."""
    one = all(_number(window.fields[key]) == 1 for key in ("height", "width", "stride_h", "stride_w"))
    padded = _number(window.fields["pad_top"]) + _number(window.fields["pad_left"]) > 0
    alike = all(_number(image.fields[key]) == _number(output.fields[key]) for key in ("height", "width"))
    follow = _number(image.fields["row"]) == _number(image.fields["width"]) * _number(image.fields["pixel"])
    return one and not padded and alike and follow


def _whole(value: Value, plan: MemoryPlan) -> int:
    offset, size = plan.region(value)
    return bytes_between(offset, offset + size)


def _channels(pixels: int, channels: int, tile: Tile) -> list[tuple[int, int]]:
    return [(p * channels + tile.start, p * channels + tile.end) for p in range(pixels)]


def _elements(value: Value, plan: MemoryPlan, runs: Iterable[tuple[int, int]]) -> int:
    """Returns the bytes of some elements of a value."""
    offset, _ = plan.region(value)
    size = value.type.dtype.bytes
    found = 0
    for start, end in runs:
        found |= bytes_between(offset + start * size, offset + end * size)
    return found


def _number(field: Field) -> int:
    assert isinstance(field, int)  # noqa: S101 - windows and images are made of numbers
    return field
