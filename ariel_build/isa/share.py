"""for_cores(calls, workers): the calls cut as several cores share them best, along pixels or along channels.

Tiles of pixels let the next step begin early, and run in pieces, so that no tensor need be there in whole. But a small
image has too few blocks of pixels for all cores, and tiles of a depthwise convolution read rows of their neighbours,
which each would copy into planes again, or have lines that are shorter: where there are few rows, tiles are channels.
So they are where the output may lie over the input then (`in_place`), of layers that scalar cores compute along lines.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from ariel_build.isa.in_place import in_place
from ariel_build.isa.scalar.packing import in_parts, sums_of
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Axis, Kernel, KernelCall, Tiling
from ariel_build.kernels.declared import isa_packed, isa_scalar
from ariel_build.kernels.declared.memory import Image

__all__ = ["for_cores"]

#: Channels that kernels for scalar cores compute at a time.
_BLOCK = 4
#: Rows of a tile below which it copies too much of its neighbours', and lines along columns are too short.
_LEAST_ROWS = 6
#: Columns below which rows of a neighbour are much of what a tile copies: keyword spotting's (5) took a fifth more.
_LEAST_COLUMNS = 8
#: What another sum costs for each product: so many of them; and the share of a layer's bytes that must be saved for one
#: of its products.
_MORE, _PRICE = 10.0, 2.0
#: Share of the time in which cores are busy with parts that is good enough.
_EVEN = 0.9
#: Blocks of four pixels for each worker from which on their number suffices.
_BLOCKS = 6


def for_cores(calls: Sequence[KernelCall], workers: int) -> list[KernelCall]:
    """Returns the calls as so many cores share them best; results are the same."""
    return [_lean(_shared(call, workers), workers) for call in calls] if workers > 1 else list(calls)


def _lean(call: KernelCall, workers: int) -> KernelCall:
    """Returns the call with less scratch for each core, where that is worth what more sums cost."""
    kernel = call.kernel
    if not isinstance(kernel, isa_scalar.Conv2d):
        return call
    held = sum(value.type.bytes for value in [*call.inputs, *call.outputs] if not value.is_constant)

    def price(form: isa_scalar.Conv2d) -> float:
        more = _MORE * (sums_of(form) - sums_of(kernel)) / max(form.window.height * form.window.width, 1)
        return (held + workers * form.scratch.bytes) * (1 + _PRICE * more / form.input.channels)

    forms = [kernel]
    for taps in (kernel.window.width, 1):
        with contextlib.suppress(Unfit):
            forms.append(in_parts(kernel, taps))
    return replace(call, kernel=min(forms, key=price))


def _shared(call: KernelCall, workers: int) -> KernelCall:
    match call.kernel:
        case isa_packed.Conv2d() | isa_packed.DepthwiseConv2d() as kernel if _is_dense(kernel.input, kernel.output):
            return _packed(call, kernel, workers)
        case isa_scalar.Conv2d() | isa_scalar.DepthwiseConv2d() as kernel if call.tiling.axis is Axis.PIXELS:
            return _scalar(call, kernel, workers)
        case isa_scalar.DepthwiseLines() as kernel if call.tiling.axis is Axis.PIXELS:
            return _lines(call, kernel, workers)
    return call


def _packed(call: KernelCall, kernel: isa_packed.Conv2d | isa_packed.DepthwiseConv2d, workers: int) -> KernelCall:
    channels, blocks = kernel.output.channels, -(-kernel.output.height * kernel.output.width // 4)
    if isinstance(kernel, isa_packed.DepthwiseConv2d):
        short = kernel.output.height < _LEAST_ROWS * workers or kernel.output.width < _LEAST_COLUMNS
        gain, unit = channels % 4 == 0 and channels >= 8 * workers and short, 4
    else:
        together = 4 if isinstance(kernel.cores, isa_packed.Dsp4 | isa_packed.DspFpu4) else 2
        gain, unit = blocks < _BLOCKS * workers and channels >= 4 * blocks, together
    return _along_channels(call, kernel.replace(by_channels=True), Tiling(Axis.CHANNELS, channels, unit), gain=gain)


def _scalar(call: KernelCall, kernel: isa_scalar.Conv2d | isa_scalar.DepthwiseConv2d, workers: int) -> KernelCall:
    tiling, channels = call.tiling, kernel.output.channels
    blocks, granules = channels // _BLOCK, -(-tiling.extent // tiling.granularity)
    convolution = isinstance(kernel, isa_scalar.Conv2d)
    if convolution:
        gain = granules < 4 * workers and _evenness(granules, workers) < _EVEN < _evenness(blocks, workers)
    else:
        gain = tiling.few and kernel.output.height < _LEAST_ROWS * workers and blocks >= workers
    # Each tile of a convolution packs the pixels for itself.
    along = Tiling(Axis.CHANNELS, channels, _BLOCK, few=convolution)
    return _along_channels(call, kernel.replace(axis=Axis.CHANNELS), along, gain=gain)


def _lines(call: KernelCall, kernel: isa_scalar.DepthwiseLines, workers: int) -> KernelCall:
    """Returns the call along channels where it may lie over its input then: these widen no line twice, either."""
    channels = kernel.output.channels
    along = call.by(kernel.replace(axis=Axis.CHANNELS), Tiling(Axis.CHANNELS, channels, _BLOCK))
    gain = bool(in_place(along).in_place) and _evenness(channels // _BLOCK, workers) > _EVEN
    return along if gain else call


def _along_channels(call: KernelCall, kernel: Kernel, tiling: Tiling, *, gain: bool) -> KernelCall:
    """Returns the call so, where that is a gain."""
    return call.by(kernel, tiling) if gain else call


def _is_dense(*images: Image) -> bool:
    """Whether pixels and rows follow each other."""
    return all(one.pixel == one.channels and one.row == one.width * one.pixel for one in images)


def _evenness(parts: int, workers: int) -> float:
    """Returns the share of time in which workers are busy with equal parts."""
    return parts / (workers * -(-parts // workers)) if parts else 0.0
