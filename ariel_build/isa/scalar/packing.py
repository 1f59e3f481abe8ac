"""How a convolution of scalar cores packs the patches of six pixels: at once, or a part of the taps at a time.

A part needs less scratch, and sums that wait for the next one. Sums that leave their bits are made of segments in any
case: then a part for each of them costs next to nothing.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Scratch
from ariel_build.kernels.declared import isa_scalar
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.window import Window

__all__ = ["in_parts", "room", "segment", "sums_of"]

#: Channels and pixels of a block, and steps of the depth that are taken at once.
_CHANNELS, _PIXELS, _STEPS = 4, 6, 2
#: Bytes of an element of packed patches, and of the sums of a channel.
_PACKED, _SUMS = 16, 4 * _PIXELS
#: Runs of taps that scratch has room for: one for each pixel, and one of padding.
_RUNS = _PIXELS + 1
#: What the sums that share two words must stay below, and the greatest |input|.
_SUM, _ACTIVATION = 1 << 20, 128


def room(image: Image, window: Window, count: int, taps: int) -> int:
    """Returns the bytes of scratch of a convolution with `count` channels that packs so many taps at once."""
    at_once = taps == window.height * window.width
    run = taps if not at_once else window.width if _is_dense(image, window) else 1
    depth, sums = taps * image.channels, 0 if at_once else count + -count % _CHANNELS
    pointwise = at_once and taps == 1 and window.pad_top == window.pad_left == 0
    runs = 0 if pointwise else _RUNS * run * image.channels
    return _PACKED * (depth + depth % _STEPS) + _SUMS * sums + runs


def in_parts(kernel: isa_scalar.Conv2d, taps: int) -> isa_scalar.Conv2d:
    """Returns the kernel that packs so many taps of a row at once.

    Raises Unfit where there are no such parts of whole steps, or where the scratch would be no less.
    """
    window, image, count = kernel.window, kernel.input, kernel.output.channels
    part, parts = taps * image.channels, window.height * window.width // taps
    scratch = room(image, window, count, taps)
    together = window.width % taps == 0 and (taps == 1 or _is_dense(image, window))
    if parts < 2 or not together or part % _STEPS or scratch >= kernel.scratch.bytes:
        raise Unfit
    filters = kernel.filter.data.reshape(-1, parts, part, _CHANNELS).astype(np.int64)
    weights = filters.transpose(0, 3, 1, 2).reshape(-1, part)
    return kernel.replace(taps=taps, segment=segment(weights), scratch=Scratch(scratch))


def sums_of(kernel: isa_scalar.Conv2d) -> int:
    """Returns of how many sums each output is made."""
    taps = kernel.window.height * kernel.window.width
    depth = kernel.taps * kernel.input.channels
    return taps // kernel.taps * -(-depth // kernel.segment)


def segment(weights: Array) -> int:
    """Returns how many elements of the depth, a step's multiple, may be summed before sums leave their bits.

    The weights are [sum][depth].
    """
    depth = weights.shape[1]
    total = _ACTIVATION * np.abs(weights)
    for parts in range(1, depth // _STEPS + 1):
        length = -(-depth // (parts * _STEPS)) * _STEPS
        starts = np.arange(0, depth, length)
        if np.add.reduceat(total, starts, axis=1).max() < _SUM:
            return int(length)
    raise Unfit


def _is_dense(image: Image, window: Window) -> bool:
    """Whether the taps of a row lie one behind the other."""
    return window.dilation_w == 1 and image.pixel == image.channels
