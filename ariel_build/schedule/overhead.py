"""overhead(call, tiles) = instructions that a call takes more in pieces than at once: an estimate for the search.

Each piece costs the kernel's set-up. A depthwise kernel that works on planes prepares every line under the windows of
its strips anew, so that more strips cost more lines; one that keeps a channel's taps in registers loads them anew.
Where lines run along columns, pieces of rows cut every line.
"""

from __future__ import annotations

from collections.abc import Sequence

from ariel_build.kernels import Bottleneck, Feed, KernelCall
from ariel_build.kernels.declared import isa_mve, isa_packed, isa_scalar
from ariel_build.schedule.tiles import Tile
from ariel_build.schedule.windows import lines

__all__ = ["CALL", "FED", "overhead", "parted", "slid"]

#: Instructions of the call of a kernel: its set-up, its division into rows and pixels, and the loop over pieces.
CALL = 250
#: Instructions of the set-up of four planes, of a pixel of four channels in them, and of what a line costs besides.
_STRIP, _PIXEL, _LINE = 120, 9, 40
#: Instructions of a move of rows, and of each of its bytes.
_SLIDE, _MOVED = 60, 0.4
#: Instructions of a part besides those of a call: its operands are found, and its last block is not full.
_PART = 200
#: Instructions around a row of the input that is given, besides its copy, which costs the same at once.
FED = 150
#: Instructions to load the taps of a channel.
_TAPS = 50
#: Instructions of what `windows.lines` counts, on a Cortex-M0+: a band of a channel, whose weights are widened and
#: whose constants are read, what is stored of it, an element that is widened, and a tap of four outputs. The kernel's
#: costs (`cost`) have most of the widening among those of its inputs, of which there are no more in pieces.
_LINES = {"bands": 800, "stored": 80, "widened": 5, "block_macs": 14.6}
#: Instructions of a product there: a budget is one of products.
_EACH = 3.5
#: Kernels that make several products at once: a call of them takes the time of so many times `CALL` products, for a
#: budget is one of products (ResNet-8 on a Cortex-M55: about 500 modelled cycles a call, at 5.6 products a cycle).
_HELIUM = (
    isa_mve.Conv2d,
    isa_mve.ConvTranspose,
    isa_mve.DepthwiseConv2d,
    isa_mve.DepthwiseConv2d16,
    isa_mve.FetchedConv2d,
    isa_mve.Linear,
)
_VECTOR = 12


def overhead(call: KernelCall, tiles: Sequence[Tile]) -> int:
    """Returns the instructions that `tiles` take more than the whole at once."""
    whole = Tile(0, call.tiling.extent)
    return sum(_fixed(call, tile) for tile in tiles) - _fixed(call, whole)


def parted(call: KernelCall, whole: KernelCall, tiles: Sequence[Tile]) -> int:
    """Returns the instructions that `tiles` take more where each is a kernel of its own (`parts`), with less scratch.

    `whole` is the call with the scratch that it has at once.
    """
    if isinstance(call.kernel, Feed):
        return sum(_fixed(call, tile) for tile in tiles)
    once = _fixed(whole, Tile(0, whole.tiling.extent))
    return sum(_fixed(call, tile) + _PART for tile in tiles) - once


def slid(times: int, count: int) -> int:
    """Returns the instructions of so many moves of rows within their buffers, of `count` bytes in all."""
    return times * _SLIDE + int(count * _MOVED)


def _fixed(call: KernelCall, tile: Tile) -> int:
    kernel = call.kernel
    if isinstance(kernel, isa_scalar.DepthwiseLines):
        found = lines(kernel, [tile.end - tile.start])
        return CALL + int(sum(each * found[name] for name, each in _LINES.items()) / _EACH)
    if isinstance(kernel, Feed):
        return FED * (tile.end - tile.start)
    if isinstance(kernel, Bottleneck):
        # Its layers are called for some rows at a time in any case.
        return 0
    if isinstance(kernel, _HELIUM):
        return _VECTOR * CALL
    if not isinstance(kernel, isa_packed.DepthwiseConv2d | isa_scalar.DepthwiseConv2d):
        return CALL
    width, channels, window = kernel.output.width, kernel.output.channels, kernel.window
    if isinstance(kernel, isa_scalar.DepthwiseConv2d):
        # The lines at both edges apart from those between.
        return CALL + channels * (3 * _TAPS + width * _LINE if kernel.vertical else 2 * _TAPS)
    rows = -(-(tile.end - tile.start) // width)
    groups = -(-channels // 4)
    if kernel.vertical:
        strips, length = -(-width // kernel.lines), rows
        work = strips * groups * (_STRIP + (3 - window.stride_w) * length * _PIXEL)
        return CALL + work + width * channels * _LINE
    strips = -(-rows // kernel.lines)
    return CALL + strips * groups * (_STRIP + (3 - window.stride_h) * width * window.stride_w * _PIXEL)
