"""in_place(call): the call of a kernel that copies what it reads first, with the pairs for which it works in place.

Its `ACCESS` says so:

- COPIED_WINDOW: some pixels are widened (or packed), and then theirs are written, so a pointwise layer with as many
  outputs as inputs may write each pixel where it read it, in any tile of pixels; with whole groups of eight inputs it
  computes none twice.
- COPIED_WINDOW_OF_CHANNELS: all lines of four channels (of scalar cores: one) are copied, and then these channels are
  written, where scratch has room for all lines. Tiles of channels read what they write alone, so that any may: also
  on several cores. Of pixels the call has to be one tile: another would find its neighbours' rows
  overwritten. Helium's writes a line only where its ring has read it, whatever its scratch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ariel_build.kernels import Access, Axis, Kernel, KernelCall, Reads
from ariel_build.kernels.declared import isa_mve, isa_scalar
from ariel_build.kernels.declared.isa_packed import DepthwiseConv2d, Far, Near
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.window import Window

__all__ = ["in_place", "in_place_together"]

#: Channels that kernels copy at a time.
_GROUP, _PLANES = 8, 4


def in_place(call: KernelCall) -> KernelCall:
    """Returns the call with its pairs; any other kernel's as it is."""
    kernel = call.kernel
    if kernel.ACCESS not in (Access.COPIED_WINDOW, Access.COPIED_WINDOW_OF_CHANNELS):
        return call
    source, output, window = (getattr(kernel, name) for name in ("input", "output", "window"))
    if _shape(source) != _shape(output) or (window.stride_h, window.stride_w) != (1, 1):
        return call
    if kernel.ACCESS is Access.COPIED_WINDOW:
        if call.tiling.axis is Axis.PIXELS and _is_pointwise(window) and output.channels % _GROUP == 0:
            return replace(call, in_place=((0, 0),), reads=(Reads("same"),)) if _is_dense(output) else call
        return call
    if not _copies_all_lines(kernel, output):
        return call
    pairs = ((0, 0),)
    return replace(call, in_place=pairs) if call.tiling.axis is Axis.CHANNELS else replace(call, in_place_whole=pairs)


def in_place_together(calls: Sequence[KernelCall]) -> list[KernelCall]:
    """Returns the calls as several cores may run them in place, where that costs them no time.

    Scratch of all cores lies where a value was, then, and who writes there waits for all tiles. A layer whose input is
    made by channels waits for all of it anyway; between tiles of pixels, cores run ahead into the next layer.
    """
    made = {value for call in calls if call.tiling.axis is Axis.CHANNELS for value in call.outputs}

    def waits(call: KernelCall) -> bool:
        return call.tiling.axis is Axis.CHANNELS or made.issuperset(v for v in call.inputs if not v.is_constant)

    return [in_place(call) if waits(call) else call for call in calls]


def _copies_all_lines(kernel: Kernel, output: Image) -> bool:
    """Whether all that some channels have is in scratch before any of it is written."""
    in_planes = output.channels % _PLANES == 0
    match kernel:
        case DepthwiseConv2d(outputs=Near() | Far()):
            return in_planes and kernel.lines == _across(output, vertical=kernel.vertical)
        case isa_mve.DepthwiseConv2d():
            return in_planes
        case isa_scalar.DepthwiseLines():
            return kernel.band >= _across(output, vertical=kernel.vertical)
    return False


def _across(image: Image, *, vertical: bool) -> int:
    """Returns how many lines an image has along rows, or columns."""
    return image.width if vertical else image.height


def _shape(image: Image) -> tuple[int, ...]:
    return (image.height, image.width, image.channels, image.row, image.pixel)


def _is_pointwise(window: Window) -> bool:
    return (window.height, window.width, window.pad_top, window.pad_left) == (1, 1, 0, 0)


def _is_dense(image: Image) -> bool:
    return image.pixel == image.channels
