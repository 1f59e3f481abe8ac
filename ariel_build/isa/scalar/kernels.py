"""Scalar cores: which calls their kernels compute, and the fields that they take; others stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ariel_build.ir import Array
from ariel_build.isa.portable import axis_of, tiling_of
from ariel_build.isa.scalar.lines import band_of, words
from ariel_build.isa.scalar.narrow import channels16, is_wide, narrowed
from ariel_build.isa.scalar.packing import room, segment
from ariel_build.isa.scalar.requantise import BIAS, Channels, Ints, requantised, sum_bits
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Axis, KernelCall, LayerCall, Packed, Scratch, Tiling
from ariel_build.kernels.declared import depthwise_conv2d, isa_scalar
from ariel_build.kernels.declared.isa_scalar import Limits, Stepped
from ariel_build.kernels.layer import Convolution, Dense, Depthwise, Layer, Stored, Transposed

__all__ = ["KERNELS", "RISCV", "THUMB2"]

#: What the kernels take of channels, of the depth and of pixels at a time.
_CHANNELS, _STEPS, _PIXELS = 4, 2, 6
#: Outputs of a line that depthwise convolutions take at a time, and pixels of a block of int16.
_QUAD = 4
#: Words of scratch of a band of several lines at most, of small images, and bytes that the layer reads and writes for
#: each of them; and how many times smaller than these bytes the scratch of a single line is.
_BAND, _SMALL, _BYTES, _SHARE = 1024, 256, 16, 8
#: Channels that a dense layer takes at a time, what its sums of 16 bits must not be above, and steps of a segment.
_BLOCK, _HALF, _MOST = 8, 1 << 15, 255
#: Bytes of zeros with which the filter of a dense layer may be filled up.
_UNUSED = 512
#: Products from which on a layer of one row is large.
_LONG = 4_096


def _finish(layer: Layer) -> Stored:
    if not isinstance(layer.finish, Stored):
        raise Unfit
    return layer.finish


def _channels(layer: Layer) -> Channels:
    """Returns weights and constants of the channels, proved."""
    return requantised(layer.weights.astype(np.int64), _finish(layer))


def _conv2d(call: LayerCall, layer: Convolution) -> KernelCall:
    """Six pixels times four channels; tiles are ranges of pixels, or of channels of a small image."""
    return _convolution(call, layer, axis_of(layer))


def _convolution(call: LayerCall, layer: Convolution, axis: Axis) -> KernelCall:
    """Returns the call for one group, cut along an axis."""
    if layer.groups != 1:
        raise Unfit
    output, window, image, count = layer.output, layer.window, layer.input, layer.count
    channels = _channels(layer)
    even = _padded(channels.weights, 1, _STEPS)
    taps = window.height * window.width
    kernel = isa_scalar.Conv2d(
        input=image,
        output=output,
        window=window,
        filter=_blocks(even),
        channels=_constants(channels),
        limits=_limits(channels, layer),
        taps=taps,
        segment=segment(even),
        sum_bits=sum_bits(channels.weights, channels.constants[:, 0]),
        input_zero_point=layer.input_zero_point,
        axis=axis,
        scratch=Scratch(room(image, window, count, taps)),
    )
    if axis is Axis.PIXELS:
        return call.by(kernel, Tiling(axis, output.height * output.width, _PIXELS))
    # Each tile packs the pixels for itself.
    return call.by(kernel, Tiling(axis, count, _CHANNELS, few=True))


def _conv2d16(call: LayerCall, layer: Convolution) -> KernelCall:
    """Four pixels of int16 times four channels; tiles are as those of int8."""
    return _conv2d16_along(call, layer, axis_of(layer))


def _conv2d16_along(call: LayerCall, layer: Convolution, axis: Axis) -> KernelCall:
    """Returns the call for one group, cut along an axis."""
    if layer.groups != 1:
        raise Unfit
    output, window = layer.output, layer.window
    channels = channels16(layer)
    even = _padded(channels.weights, 1, _STEPS)
    pointwise = (window.height, window.width, window.pad_top, window.pad_left) == (1, 1, 0, 0)
    kernel = isa_scalar.Conv2d16(
        input=layer.input,
        output=output,
        window=window,
        filter=_blocks(even),
        channels=_constants16(channels),
        limits=_limits(channels, layer),
        axis=axis,
        scratch=Scratch(4 * _QUAD * even.shape[1] + (0 if pointwise else 2 * channels.weights.shape[1])),
    )
    if axis is Axis.PIXELS:
        return call.by(kernel, Tiling(axis, output.height * output.width, _QUAD))
    return call.by(kernel, Tiling(axis, layer.count, _CHANNELS, few=True))


def _any_depthwise(call: LayerCall, layer: Depthwise) -> KernelCall:
    """One input channel with many filters is a convolution; others get the requantisation of scalar cores."""
    if layer.input.channels == 1:
        return _conv2d(call, layer.as_convolution())
    channels, finish = _channels(layer), _finish(layer)
    bias, multipliers, shifts = channels.constants.T
    element = layer.input.region.value.type.dtype.bytes
    kernel = depthwise_conv2d.Quantized(
        input=layer.input,
        output=layer.output,
        window=layer.window,
        filter=Packed(channels.weights.T.astype(np.int8), "filter"),
        bias=Packed(bias.astype(np.int32), "bias"),
        filter_zero_point=0,
        input_zero_point=layer.input_zero_point,
        requantize=Stepped(
            multipliers=Packed(multipliers.astype(np.int32), "multipliers"),
            shifts=Packed((shifts - 1).astype(np.int8), "shifts"),
            below=channels.below,
            extra=channels.extra,
        ),
        bounds=finish.bounds,
        axis=axis_of(layer),
        scratch=Scratch(4 * layer.weights.shape[1] + layer.input.channels * element),
    )
    return call.by(kernel, tiling_of(layer))


def _depthwise(call: LayerCall, layer: Depthwise) -> KernelCall:
    """3x3, a line of outputs at a time."""
    output, window, image, count = layer.output, layer.window, layer.input, layer.count
    if image.channels == 1:
        raise Unfit
    shape = (window.height, window.width, window.dilation_h, window.dilation_w)
    sides = (
        (image.height, output.height, window.stride_h, window.pad_top),
        (image.width, output.width, window.stride_w, window.pad_left),
    )
    narrow = all(pad < 2 and (outputs - 1) * stride + 1 < extent + pad for extent, outputs, stride, pad in sides)
    if shape != (3, 3, 1, 1) or count != image.channels or not narrow:
        raise Unfit
    lengths = [(side[1], side is sides[0]) for side in sides if side[2] in (1, 2)]
    channels = _channels(layer)
    if not lengths or channels.below:
        raise Unfit
    vertical, axis = max(lengths)[1], axis_of(layer)
    cube = channels.weights.reshape(count, 3, 3)
    cube = cube.transpose(0, 2, 1) if vertical else cube
    kernel = isa_scalar.DepthwiseConv2d(
        input=image,
        output=output,
        window=window,
        filter=Packed(np.ascontiguousarray(cube).astype(np.int8).reshape(-1), "filter"),
        channels=_constants(channels),
        limits=_limits(channels, layer),
        input_zero_point=layer.input_zero_point,
        vertical=vertical,
        axis=axis,
    )
    tiling = tiling_of(layer)
    if axis is Axis.PIXELS:
        # Whole rows. Where lines run along columns, each cut makes all of them shorter, and their ends cost.
        tiling = Tiling(axis, output.height * output.width, output.width, few=vertical)
    return call.by(kernel, tiling)


def _lines(call: LayerCall, layer: Depthwise) -> KernelCall:
    """Any window, bands of lines at a time, of which each has two outputs."""
    output, window, image, count = layer.output, layer.window, layer.input, layer.count
    wide = is_wide(call)
    channels = channels16(layer) if wide else _channels(layer)
    # Outputs, and strides, along lines and across.
    down = (output.height, window.stride_h)
    right = (output.width, window.stride_w)
    ways = [
        (vertical, along, across)
        for vertical, along, across in ((False, right, down), (True, down, right))
        if along[0] > 1 and along[1] in (1, 2)
    ]
    if count != image.channels or (window.dilation_h, window.dilation_w) != (1, 1) or not ways:
        raise Unfit
    # Blocks cost the same, and so do lines.
    vertical, _, _ = min(ways, key=lambda way: way[2][0] * (-(-way[1][0] // _QUAD) + 1))
    axis = axis_of(layer)
    cube = channels.weights.reshape(count, window.height, window.width)
    cube = cube.transpose(0, 2, 1) if vertical else cube
    constants = channels.constants.copy()
    constants[:, 0] += layer.input_zero_point * channels.weights.sum(axis=1)
    if not wide and np.abs(constants[:, 0]).max() >= BIAS:
        raise Unfit
    folded = replace(channels, constants=constants)
    read, written = call.inputs[0].type.bytes, call.outputs[0].type.bytes
    most = max(_SMALL, min(_BAND, (read + written) // _BYTES))
    band = band_of(output, window, most, vertical=vertical)
    scratch = words(output, window, band, vertical=vertical)
    if scratch > max(_BAND, (read + written) // 4 // _SHARE):
        raise Unfit
    kernel = isa_scalar.DepthwiseLines(
        input=image,
        output=output,
        window=window,
        filter=Packed(np.ascontiguousarray(cube).astype(np.int8).reshape(-1), "filter"),
        channels=_constants16(folded) if wide else _constants(folded),
        limits=_limits(channels, layer),
        input_zero_point=layer.input_zero_point,
        vertical=vertical,
        sum_bits=32 if wide else sum_bits(channels.weights, channels.constants[:, 0]),
        axis=axis,
        band=band,
        scratch=Scratch(4 * scratch),
        elements=isa_scalar.Int16() if wide else isa_scalar.Int8(),
    )
    tiling = tiling_of(layer)
    if axis is Axis.PIXELS:
        # Whole rows. Where lines run along columns, each cut makes all of them shorter, and their ends cost.
        tiling = Tiling(axis, output.height * output.width, output.width, few=vertical)
    return call.by(kernel, tiling)


def _first(*makers: Callable[[Any, Any], KernelCall]) -> Callable[[Any], KernelCall]:
    """Returns what makes the call of the first kernel that can compute a layer."""

    def make(call: LayerCall) -> KernelCall:
        for maker in makers[:-1]:
            try:
                return maker(call, call.layer)
            except Unfit:
                continue
        return makers[-1](call, call.layer)

    return make


def _dense(call: LayerCall, layer: Dense) -> KernelCall:
    """One row times eight channels; rows are the pixels of a pointwise convolution."""
    if layer.rows == 1:
        return _one_row(call, layer)
    return _convolution(call, layer.as_convolution(), Axis.PIXELS if axis_of(layer) is Axis.ROWS else Axis.CHANNELS)


def _long_row(call: LayerCall, layer: Dense) -> KernelCall:
    """One row of a large layer."""
    if layer.rows != 1 or call.macs < _LONG:
        raise Unfit
    return _one_row(call, layer)


def _one_row(call: LayerCall, layer: Dense) -> KernelCall:
    """Returns the call for one row."""
    count, depth = layer.weights.shape
    if -count % _BLOCK * depth > _UNUSED:
        raise Unfit
    channels = _channels(layer)
    blocks = _padded(channels.weights, 0, _BLOCK).reshape(-1, _BLOCK, depth)
    words = (blocks.transpose(0, 2, 1) + 128).astype(np.uint8).reshape(-1).view("<i4")
    segments = _segments(blocks)
    kernel = isa_scalar.FullyConnected(
        input=layer.input,
        output=layer.output,
        depth=depth,
        filter=Packed(words, "filter"),
        segments=Packed(segments, "segments"),
        pieces=segments.shape[1],
        channels=_constants(channels),
        limits=_limits(channels, layer),
    )
    return call.by(kernel, Tiling(Axis.CHANNELS, count, _BLOCK))


def _segments(blocks: Ints) -> Array:
    """Returns the segments of each block [block][channel][depth], in pairs, as long as sums have 16 bits.

    The last element of an odd depth is in the first one.
    """
    low = np.where(blocks > 0, 128 * blocks, -127 * blocks)
    high = np.where(blocks > 0, 127 * blocks, -128 * blocks)
    found: list[list[int]] = []
    for most in (np.maximum(low, high + 1) for low, high in zip(low, high, strict=True)):
        pairs = most.shape[1] // _STEPS * _STEPS
        steps = most[:, :pairs].reshape(_BLOCK, -1, _STEPS).sum(axis=2)
        lengths, total = [0], most[:, pairs:].sum(axis=1)
        for step in steps.T:
            if (total + step).max() > _HALF or lengths[-1] == _MOST:
                lengths.append(0)
                total = np.zeros(_BLOCK, np.int64)
            total = total + step
            lengths[-1] += 1
            if total.max() > _HALF:
                raise Unfit
        found.append(lengths)
    table = np.zeros((len(found), max(map(len, found))), np.uint8)
    for row, lengths in zip(table, found, strict=True):
        row[: len(lengths)] = lengths
    return table


def _blocks(weights: Ints) -> Packed:
    """Returns [block of channels][k][4]."""
    whole = _padded(weights, 0, _CHANNELS)
    blocks = whole.reshape(-1, _CHANNELS, whole.shape[1]).transpose(0, 2, 1)
    return Packed(np.ascontiguousarray(blocks).astype(np.int8).reshape(-1), "filter")


def _padded(weights: Ints, axis: int, multiple: int) -> Ints:
    """Returns the weights with zeros up to a multiple along an axis."""
    width = [(0, 0), (0, 0)]
    width[axis] = (0, -weights.shape[axis] % multiple)
    return np.pad(weights, width)


def _constants(channels: Channels) -> Packed:
    """Returns for each channel its multiplier, and its bias and its shift in a word."""
    bias, multipliers, shifts = channels.constants.T
    return Packed(np.stack([multipliers, bias << 8 | shifts], axis=1).astype(np.int32), "channels")


def _constants16(channels: Channels) -> Packed:
    """Returns for each channel of int16 bias, multiplier, rounding and shift."""
    return Packed(channels.constants.astype(np.int32), "channels")


def _limits(channels: Channels, layer: Layer) -> Limits:
    bounds = _finish(layer).bounds
    return Limits(
        min=bounds.min,
        max=bounds.max,
        below=channels.below,
        rounding=2 * bounds.zero_point + 1,
        extra=channels.extra,
    )


def _rows16(call: LayerCall, layer: Dense) -> KernelCall:
    """Rows are the pixels of a pointwise convolution; one row has the portable kernel."""
    if layer.rows == 1:
        raise Unfit
    axis = Axis.PIXELS if axis_of(layer) is Axis.ROWS else Axis.CHANNELS
    return _conv2d16_along(call, layer.as_convolution(), axis)


def _narrow(call: LayerCall, _: Layer) -> KernelCall:
    return narrowed(call)


#: Makes the call of a kernel of the layer that is its key, or raises Unfit.
_Maker = Callable[[Any], KernelCall]
_conv16, _depthwise16, _dense16 = _first(_conv2d16, _narrow), _first(_lines, _narrow), _first(_rows16, _narrow)
_depthwise8 = _first(_lines, _any_depthwise)
_depthwise8_riscv = _first(_depthwise, _lines, _any_depthwise)
#: What makes calls of the kernels of scalar cores, for both roundings.
KERNELS: Mapping[type, _Maker] = {
    Convolution: lambda call: _conv16(call) if is_wide(call) else _conv2d(call, call.layer),
    Depthwise: lambda call: _depthwise16(call) if is_wide(call) else _depthwise8(call),
    Dense: lambda call: _dense16(call) if is_wide(call) else _dense(call, call.layer),
    Transposed: narrowed,
}
#: What Thumb-2 without DSP has nothing faster for.
THUMB2: Mapping[type, _Maker] = {Dense: lambda call: _long_row(call, call.layer)}
#: What has a loop of its own on RISC-V.
RISCV: Mapping[type, _Maker] = {
    Depthwise: lambda call: _depthwise16(call) if is_wide(call) else _depthwise8_riscv(call)
}
