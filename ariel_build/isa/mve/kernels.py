"""Helium: which layers and calls its kernels compute; others are left to other families."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ariel_build.isa.armv7e_m.int16 import is_int16
from ariel_build.isa.armv7e_m.streams import Channels, Ints, padded
from ariel_build.isa.mve import elementwise
from ariel_build.isa.mve.streams import BYTES, LANES, bytes_of, channels_of, channels_of_int16, stream_of, taps_of
from ariel_build.isa.mve.sums import narrowed
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Axis, KernelCall, LayerCall, Operand, Packed, Scratch, Tiling
from ariel_build.kernels.declared import isa_mve, map2, pool2d, softmax
from ariel_build.kernels.declared.quant import Bounds
from ariel_build.kernels.declared.window import Window
from ariel_build.kernels.layer import Convolution, Dense, Depthwise, Layer, Stored, Transposed

__all__ = ["kernels"]

#: Makes the call of a kernel of the layer or the portable kernel that is its key, or raises Unfit.
Maker = Callable[[Any], KernelCall]

#: Vectors of a piece of a patch, at most.
_STEPS = 16
#: What weights may grow by, so that a row of taps is a piece of its own and is read in the image.
_GROWTH = 1.2
#: Of depthwise convolutions: the greatest stride along lines, what offsets in a line stay below, and outputs of one.
_FAR, _OFFSETS, _LONG = 2, 1 << 16, 1 << 14
#: Phases of a transposed convolution, at most: bits of `in_rows`.
_PHASES = 32
#: Products of an output pixel below which portable kernels take no longer (of 6: 20,016 instructions of 23,642).
_PRODUCTS = 32


def _pieces(size: int, together: int) -> int:
    """Returns the elements of a patch of so many, rounded up to pieces of the same length in whole vectors."""
    vectors = -(-size // together)
    turns = -(-vectors // _STEPS)
    return turns * -(-vectors // turns) * together


def _copies(size: int, window: Window, run: int, *, in_rows: bool) -> int:
    """Returns how many patches of so many bytes are copied before they are computed (`copies` in `mve/conv2d.rs`)."""
    vectors = size // BYTES
    if in_rows or window.height == 1 or run > BYTES:
        return 2
    return 12 if vectors == 1 else 10 if vectors == 2 else 4 if vectors <= 6 else 2


def _padded_to(weights: Ints, size: int) -> Ints:
    """Returns the weights with zeros up to so many along the last axis."""
    return np.pad(weights, ((0, 0), (0, size - weights.shape[1])))


def _bounds(layer: Layer) -> Bounds:
    """Returns the bounds of a layer that ends in integers."""
    if not isinstance(layer.finish, Stored):
        raise Unfit
    return layer.finish.bounds


def _conv2d(call: LayerCall, layer: Convolution, *, floats: bool) -> KernelCall:
    """Two pixels times four channels; tiles are ranges of pixels."""
    output = layer.output
    return call.by(_convolution(layer, floats=floats), Tiling(Axis.PIXELS, output.height * output.width, 2))


def _convolution(layer: Convolution, *, floats: bool) -> isa_mve.Conv2d:
    window, image = layer.window, layer.input
    follows = image.pixel == image.channels and window.dilation_w == 1
    if layer.groups != 1 or not (follows or window.width == 1) or min(window.stride_h, window.stride_w) < 1:
        raise Unfit
    channels, rounding = channels_of(layer, floats=floats)
    # Activations that a vector has.
    together = BYTES // bytes_of(rounding)
    run = window.width * image.channels
    rows = padded(channels.weights.reshape(layer.count, window.height, run), together)
    whole = _pieces(window.height * run, together)
    # A window of one row is in the image anyhow.
    own = window.height * rows.shape[2]
    in_rows = window.height > 1 and rows.shape[2] <= _STEPS * together and own <= _GROWTH * window.height * run
    weights = rows.reshape(layer.count, own) if in_rows else _padded_to(channels.weights, whole)
    patch = weights.shape[1] // together * BYTES
    return isa_mve.Conv2d(
        input=image,
        output=layer.output,
        window=window,
        stream=stream_of(replace(channels, weights=weights), together),
        in_rows=in_rows,
        input_zero_point=layer.input_zero_point,
        bounds=_bounds(layer),
        scratch=Scratch(_copies(patch, window, run * BYTES // together, in_rows=in_rows) * patch + BYTES),
        rounding=rounding,
    )


def _transposed(call: LayerCall, layer: Transposed, *, floats: bool) -> KernelCall:
    """A convolution for each phase, which writes pixels that are a stride apart; tiles are ranges of channels."""
    stamp, output = layer.stamp, layer.output
    # Of one row (column) any stride is the same: with the longest no tap meets only padding.
    strides = (
        stamp.height if layer.input.height == 1 else stamp.stride_h,
        stamp.width if layer.input.width == 1 else stamp.stride_w,
    )
    stamp = stamp.replace(stride_h=strides[0], stride_w=strides[1])
    count = strides[0] * strides[1]
    if layer.weights.size < _PRODUCTS * count:
        raise Unfit
    if layer.groups != 1 or stamp.height < strides[0] or stamp.width < strides[1] or count > _PHASES:
        raise Unfit
    found = [
        _convolution(_phase(replace(layer, stamp=stamp), y, x), floats=floats)
        for y in range(min(strides[0], output.height))
        for x in range(min(strides[1], output.width))
    ]
    # What a ReLU ends may be rounded as what it does not end.
    rounding = max((phase.rounding for phase in found), key=lambda own: not isinstance(own, isa_mve.Rectified))
    kernel = isa_mve.ConvTranspose(
        input=layer.input,
        output=output,
        stamp=stamp,
        stream=Packed(np.concatenate([phase.stream.data.reshape(-1) for phase in found]), "stream"),
        in_rows=sum(phase.in_rows << index for index, phase in enumerate(found)),
        input_zero_point=layer.input_zero_point,
        bounds=_bounds(layer),
        scratch=Scratch(max(phase.scratch.bytes for phase in found)),
        rounding=rounding,
    )
    return call.by(kernel, Tiling(Axis.CHANNELS, layer.count, LANES, few=True))


def _phase(layer: Transposed, y: int, x: int) -> Convolution:
    """Returns the convolution of the output pixels a stride apart of which (y, x) is the first."""
    stamp, image, finish = layer.stamp, layer.input, layer.finish
    (down, row), (across, column) = (
        divmod(first + pad, stride)
        for first, pad, stride in ((y, stamp.pad_top, stamp.stride_h), (x, stamp.pad_left, stamp.stride_w))
    )
    weights = layer.weights[:, row :: stamp.stride_h, column :: stamp.stride_w][:, ::-1, ::-1]
    _, height, width, _ = weights.shape
    # Where the first window begins in the image.
    top, left = down - height + 1, across - width + 1
    if not isinstance(finish, Stored) or top >= image.height or left >= image.width:
        raise Unfit
    flat = weights.reshape(layer.count, -1)
    # Padding reads as the zero point: all taps count.
    bias = finish.bias.astype(np.int64) - layer.input_zero_point * flat.astype(np.int64).sum(axis=1)
    steps = dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w"), 1)
    return Convolution(
        weights=flat,
        finish=replace(finish, bias=bias),
        input=image,
        output=layer.output,
        window=Window(height=height, width=width, **steps, pad_top=max(-top, 0), pad_left=max(-left, 0)),
        input_zero_point=layer.input_zero_point,
    )


def _depthwise(call: LayerCall, layer: Depthwise, *, floats: bool) -> KernelCall:
    """3x3 over planes of four channels; one input channel with many filters is a convolution."""
    output, window, image, count = layer.output, layer.window, layer.input, layer.count
    if image.channels == 1:
        return _conv2d(call, layer.as_convolution(), floats=floats)
    if is_int16(layer):
        return _depthwise16(call, layer)
    strides = (window.stride_h, window.stride_w)
    shape = (window.height, window.width, window.dilation_h, window.dilation_w)
    if shape != (3, 3, 1, 1) or count != image.channels or count < LANES or not 1 <= min(strides) <= max(strides) <= 3:
        raise Unfit
    sizes, extents, steps = (output.height, output.width), (image.height, image.width), (image.row, image.pixel)
    # Along which axis lines run: along rows, unless those of columns are fewer.
    lines = [
        (sizes[1 - axis], axis)
        for axis in (1, 0)
        if strides[axis] <= _FAR and (extents[axis] + 8) * steps[axis] < _OFFSETS and sizes[axis] < _LONG
    ]
    if not lines:
        raise Unfit
    axis = min(lines, key=lambda line: line[0])[1]
    channels, rounding = channels_of(layer, floats=floats)
    assert not isinstance(rounding, isa_mve.Up)  # noqa: S101 - what is int16 has gone its own way
    cube = channels.weights.reshape(count, 3, 3)
    # A vector has the taps of a channel, those of a column (of the lines) one behind the other.
    cube = cube if axis == 0 else cube.transpose(0, 2, 1)
    taps = np.pad(cube.reshape(count, 9), ((0, 0), (0, BYTES - 9)))
    # The last four channels overlap those before where there are not four.
    order = np.concatenate([np.minimum(first, count - LANES) + np.arange(LANES) for first in range(0, count, LANES)])
    own = Channels(taps[order], channels.bias[order], channels.scale[order], channels.rounding)
    kernel = isa_mve.DepthwiseConv2d(
        input=image,
        output=output,
        window=window,
        stream=stream_of(own),
        input_zero_point=layer.input_zero_point,
        bounds=_bounds(layer),
        vertical=axis == 0,
        scratch=Scratch(LANES * 3 * ((sizes[axis] - 1) * strides[axis] + 3) + BYTES),
        rounding=rounding,
    )
    return call.by(kernel, Tiling(Axis.PIXELS, sizes[0] * sizes[1], 4))


def _depthwise16(call: LayerCall, layer: Depthwise) -> KernelCall:
    """Any window, eight channels at a time."""
    output, window = layer.output, layer.window
    if layer.count != layer.input.channels or min(window.dilation_h, window.dilation_w) < 1:
        raise Unfit
    channels = channels_of_int16(layer)
    kernel = isa_mve.DepthwiseConv2d16(
        input=layer.input, output=output, window=window, stream=taps_of(channels), bounds=_bounds(layer)
    )
    return call.by(kernel, Tiling(Axis.PIXELS, output.height * output.width, 2))


def _dense(call: LayerCall, layer: Dense, *, floats: bool) -> KernelCall:
    """Rows are the pixels of a pointwise convolution."""
    return _conv2d(call, layer.as_convolution(), floats=floats)


def _linear(call: KernelCall) -> KernelCall:
    """A sum of two tensors of one shape, both computed."""
    kernel = call.kernel
    assert isinstance(kernel, map2.Linear)  # noqa: S101 - the key of the table
    elements = call.outputs[0].type.elements
    operands = (kernel.left.value, kernel.right.value)
    if any(v.is_constant or v.type.elements != elements for v in operands):
        raise Unfit
    found = narrowed(kernel.left_factor, kernel.right_factor, kernel.offset, kernel.bounds)
    if found is None:
        raise Unfit
    left, right, offset = found
    made = isa_mve.Linear(
        left=Operand(kernel.left.value),
        right=Operand(kernel.right.value),
        output=kernel.output,
        elements=elements,
        terms=isa_mve.Terms(left=left, right=right, offset=offset),
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


#: Cells of an average, at most.
_CELLS = 254


def _pool(call: KernelCall, made: type[isa_mve.AveragePool2d | isa_mve.MaxPool2d | isa_mve.MaxPool2d16]) -> KernelCall:
    """A vector of channels at a time."""
    kernel = call.kernel
    assert isinstance(kernel, pool2d.AverageInt8 | pool2d.MaxInt8 | pool2d.MaxInt16)  # noqa: S101 - keys of the table
    output, window = kernel.output, kernel.window
    if isinstance(kernel, pool2d.AverageInt8) and (any(kernel.counted) or window.height * window.width > _CELLS):
        raise Unfit
    steps = (window.stride_h, window.stride_w, window.dilation_h, window.dilation_w)
    if min(steps) < 1 or output.pixel != output.channels or output.row != output.width * output.pixel:
        raise Unfit
    bounds = Bounds(zero_point=0, min=kernel.min, max=kernel.max)
    pool = made(input=kernel.input, output=output, window=window, bounds=bounds)
    return call.by(pool, Tiling(Axis.PIXELS, output.height * output.width))


def _softmax(call: KernelCall) -> KernelCall:
    """Lines whose elements follow each other."""
    kernel = call.kernel
    assert isinstance(kernel, softmax.Int8)  # noqa: S101 - the key of the table
    if kernel.lines.stride != 1:
        raise Unfit
    made = isa_mve.Softmax(input=kernel.input, output=kernel.output, lines=kernel.lines, exps=kernel.exps)
    return call.by(made, call.tiling)


def kernels(*, floats: bool) -> Mapping[type, Maker]:
    """Returns what makes calls of these kernels; `floats` tells whether the core has vectors of floats as well."""
    return {
        Convolution: lambda call: _conv2d(call, call.layer, floats=floats),
        Depthwise: lambda call: _depthwise(call, call.layer, floats=floats),
        Dense: lambda call: _dense(call, call.layer, floats=floats),
        Transposed: lambda call: _transposed(call, call.layer, floats=floats),
        map2.Linear: _linear,
        **elementwise.KERNELS,
        pool2d.AverageInt8: lambda call: _pool(call, isa_mve.AveragePool2d),
        pool2d.MaxInt8: lambda call: _pool(call, isa_mve.MaxPool2d),
        pool2d.MaxInt16: lambda call: _pool(call, isa_mve.MaxPool2d16),
        softmax.Int8: _softmax,
    }
