"""Scalar cores: which calls their kernels compute, and the fields that they take; others stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array
from ariel_build.isa.packing import unpacked
from ariel_build.isa.scalar.requantise import Channels, Ints, requantised
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Axis, Field, KernelCall, Nested, Packed, Scratch, Tiling, Variant

__all__ = ["KERNELS", "RISCV", "THUMB2"]

_Maker = Callable[[KernelCall, dict[str, Field]], KernelCall]

#: What the kernels take of channels, of the depth and of pixels at a time.
_CHANNELS, _STEPS, _PIXELS = 4, 2, 6
#: Channels that a dense layer takes at a time, what its sums of 16 bits must not be above, and steps of a segment.
_BLOCK, _HALF, _MOST = 8, 1 << 15, 255
#: Bytes of zeros with which the filter of a dense layer may be filled up.
_UNUSED = 512
#: Products from which on a layer of one row is large.
_LONG = 4_096
#: Runs of taps that scratch has room for: one for each pixel, and one of padding.
_RUNS = _PIXELS + 1
#: What the sums that share two words must stay below, and the greatest |input|.
_SUM, _ACTIVATION = 1 << 20, 128


def _conv2d(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """Six pixels times four channels; tiles are ranges of pixels, or of channels of a small image."""
    if fields["groups"] != 1:
        raise Unfit
    count = _nested(fields["output"])["channels"]
    return _convolution(call, fields, unpacked(_filter(fields), count))


def _convolution(call: KernelCall, fields: dict[str, Field], weights: Ints) -> KernelCall:
    """Returns the call for a filter [channels, taps * input channels]."""
    output, window, image = (_nested(fields[key]) for key in ("output", "window", "input"))
    count = output["channels"]
    channels = requantised(weights, fields)
    even = _padded(channels.weights, 1, _STEPS)
    segment = _segment(even)
    dense = window["dilation_w"] == 1 and image["pixel"] == image["channels"]
    run = (window["width"] if dense else 1) * image["channels"]
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "window")}
    new |= {"filter": _blocks(even), "channels": _constants(channels), "limits": _limits(channels, fields)}
    new |= {"segment": segment, "input_zero_point": fields["input_zero_point"], "axis": fields["axis"]}
    packed, pointwise = 4 * _PIXELS // 3 * 2 * even.shape[1], window["height"] * window["width"] == 1
    new["scratch"] = Scratch(
        packed + (0 if pointwise and window["pad_top"] == window["pad_left"] == 0 else _RUNS * run)
    )
    tiling = call.tiling
    if tiling.axis is Axis.PIXELS:
        tiling = Tiling(Axis.PIXELS, output["height"] * output["width"], _PIXELS)
    if tiling.axis is Axis.CHANNELS:
        # Each tile packs the pixels for itself.
        tiling = Tiling(Axis.CHANNELS, count, _CHANNELS, few=True)
    return replace(call, kernel="isa::scalar::Conv2d", fields=new, tiling=tiling)


def _any_depthwise(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """One input channel with many filters is a convolution; others get the requantisation of scalar cores."""
    count = _nested(fields["output"])["channels"]
    taps = _filter(fields).reshape(-1, count)
    if _nested(fields["input"])["channels"] == 1:
        return _convolution(call, fields, taps.T)
    channels = requantised(taps.T, fields)
    bias, steps = np.split(channels.constants, [1], axis=1)
    stepped = Nested("Stepped", {"steps": Packed(steps, "steps"), "below": channels.below})
    new = {**fields, "requantize": stepped, "bias": Packed(bias.reshape(-1), "bias")}
    new["filter"] = Packed(channels.weights.T.astype(np.int8), "filter")
    return replace(call, kernel="depthwise_conv2d::Int8<Stepped>", fields=new)


def _depthwise(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """3x3, a line of outputs at a time."""
    output, window, image = (_nested(fields[key]) for key in ("output", "window", "input"))
    count = output["channels"]
    if image["channels"] == 1:
        return _any_depthwise(call, fields)
    taps = _filter(fields).reshape(-1, count)
    shape = (window["height"], window["width"], window["dilation_h"], window["dilation_w"])
    sides = [("height", "stride_h", "pad_top"), ("width", "stride_w", "pad_left")]
    narrow = all(
        window[pad] < 2 and (output[size] - 1) * window[stride] + 1 < image[size] + window[pad]
        for size, stride, pad in sides
    )
    if shape != (3, 3, 1, 1) or count != image["channels"] or not narrow:
        return _any_depthwise(call, fields)
    lengths = [(output[size], size == "height") for size, stride, _ in sides if window[stride] in (1, 2)]
    channels = requantised(taps.T, fields)
    if not lengths or channels.below:
        return _any_depthwise(call, fields)
    vertical = max(lengths)[1]
    cube = channels.weights.reshape(count, 3, 3)
    cube = cube.transpose(0, 2, 1) if vertical else cube
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "window")}
    new |= {"filter": Packed(np.ascontiguousarray(cube).astype(np.int8).reshape(-1), "filter")}
    new |= {"channels": _constants(channels), "limits": _limits(channels, fields)}
    new |= {"input_zero_point": fields["input_zero_point"], "vertical": vertical, "axis": fields["axis"]}
    tiling = call.tiling
    if tiling.axis is Axis.PIXELS:
        # Whole rows. Where lines run along columns, each cut makes all of them shorter, and their ends cost.
        tiling = Tiling(Axis.PIXELS, output["height"] * output["width"], output["width"], few=vertical)
    return replace(call, kernel="isa::scalar::DepthwiseConv2d", fields=new, tiling=tiling)


def _fully_connected(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """One row times eight channels; rows are the pixels of a pointwise convolution."""
    rows, depth = fields["rows"], fields["depth"]
    if not isinstance(rows, int) or not isinstance(depth, int):
        raise Unfit
    count = call.outputs[0].type.elements // rows
    if rows == 1:
        return _one_row(call, fields, unpacked(_filter(fields), count))
    window = dict.fromkeys(("height", "width", "stride_h", "stride_w", "dilation_h", "dilation_w"), 1)
    shapes = {
        key: Nested(
            "Image",
            {"region": fields[key], "height": 1, "width": rows, "channels": size, "row": rows * size, "pixel": size},
        )
        for key, size in (("input", depth), ("output", count))
    }
    pointwise = Nested("Window", {**window, "pad_top": 0, "pad_left": 0})
    # There is no padding.
    new = {**fields, **shapes, "window": pointwise, "input_zero_point": 0}
    if call.tiling.axis is Axis.ROWS:
        call = replace(call, tiling=Tiling(Axis.PIXELS, rows, _PIXELS))
        new["axis"] = Variant("Axis::Pixels")
    return _convolution(call, new, unpacked(_filter(fields), count))


def _long_row(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """One row of a large layer."""
    if fields["rows"] != 1 or call.macs < _LONG:
        raise Unfit
    return _fully_connected(call, fields)


def _one_row(call: KernelCall, fields: dict[str, Field], weights: Ints) -> KernelCall:
    """Returns the call for a filter [channels, depth] over one row."""
    count, depth = weights.shape
    if -count % _BLOCK * depth > _UNUSED:
        raise Unfit
    channels = requantised(weights, fields)
    blocks = _padded(channels.weights, 0, _BLOCK).reshape(-1, _BLOCK, depth)
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "depth")}
    words = (blocks.transpose(0, 2, 1) + 128).astype(np.uint8).reshape(-1).view("<i4")
    segments = _segments(blocks)
    new |= {"filter": Packed(words, "filter"), "segments": Packed(segments, "segments"), "pieces": segments.shape[1]}
    new |= {"channels": _constants(channels), "limits": _limits(channels, fields)}
    return replace(call, kernel="isa::scalar::FullyConnected", fields=new, tiling=Tiling(Axis.CHANNELS, count, _BLOCK))


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


def _segment(weights: Ints) -> int:
    """Returns how many elements of the depth may be summed before sums leave their bits."""
    depth = weights.shape[1]
    total = _ACTIVATION * np.abs(weights)
    for parts in range(1, depth // _STEPS + 1):
        segment = -(-depth // (parts * _STEPS)) * _STEPS
        starts = np.arange(0, depth, segment)
        if np.add.reduceat(total, starts, axis=1).max() < _SUM:
            return int(segment)
    raise Unfit


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
    return Packed(channels.constants, "channels")


def _limits(channels: Channels, fields: dict[str, Field]) -> Nested:
    bounds = _nested(fields["bounds"])
    return Nested("isa::scalar::Limits", {"min": bounds["min"], "max": bounds["max"], "below": channels.below})


def _filter(fields: dict[str, Field]) -> Ints:
    field = fields["filter"]
    if not isinstance(field, Packed):
        raise Unfit
    return np.asarray(field.data.astype(np.int64))


def _nested(field: Field) -> dict[str, int]:
    """Returns the numbers of a struct."""
    if not isinstance(field, Nested):
        raise Unfit
    return {key: value for key, value in field.fields.items() if isinstance(value, int)}


def _choice(make: _Maker) -> Callable[[KernelCall], KernelCall]:
    def choose(call: KernelCall) -> KernelCall:
        try:
            return make(call, dict(call.fields))
        except Unfit:
            return call

    return choose


def _both(kernels: Mapping[str, _Maker]) -> dict[str, Callable[[KernelCall], KernelCall]]:
    """Returns the choices for kernels of both roundings."""
    return {
        f"{kernel}::Int8<{rounding}>": _choice(make)
        for kernel, make in kernels.items()
        for rounding in ("DoubleRounding", "NearestEven")
    }


#: What scalar cores compute instead of a portable kernel, for both roundings; the call itself where they cannot.
KERNELS = _both({"conv2d": _conv2d, "depthwise_conv2d": _any_depthwise, "fully_connected": _fully_connected})
#: What Thumb-2 without DSP has nothing faster for.
THUMB2 = _both({"fully_connected": _long_row})
#: What has a loop of its own on RISC-V.
RISCV = _both({"depthwise_conv2d": _depthwise})
