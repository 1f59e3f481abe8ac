"""Armv7E-M: the streams that its kernels read, and the proofs that they need (`kernels/isa/armv7e_m/mod.rs`).

Two channels share a word: halfwords `256 * c1 + c0`. SMLAD on the word sums `256 * A1 + A0`, and A0 alone comes from
the low bytes, so `A1 = (sum - A0) >> 8`: needs |A1| < 2^23 and halfwords that do not overflow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array
from ariel_build.isa.packing import unpacked
from ariel_build.kernel import Axis, Field, KernelCall, Nested, Operand, Packed, Scratch, Tiling

__all__ = ["KERNELS"]

Ints = npt.NDArray[np.int64]

#: What the kernels take a depth of at a time: SXTB16 gives of each four elements k the words (k0, k2) and (k1, k3).
_ORDER = (0, 2, 1, 3)
_INT32 = 1 << 31
_ACTIVATION = 128
#: What a sum of the second channel of a word must stay below.
_SUM = 1 << 23
#: The multiplier that leaves a sum below 2^30 as it is, and the shift of channels with one value or two.
_UNIT, _FEW = (1 << 31) - 1, 22


class _Unfit(Exception):
    """A kernel of this instruction set cannot compute the call."""


@dataclass(frozen=True)
class _Channels:
    """Integer constants of the output channels: bias, multiplier, rounding and shift, one row each."""

    weights: Ints
    bias: Ints
    scale: Ints

    @property
    def bound(self) -> Ints:
        """The greatest |sum| of each channel, for any input."""
        return np.asarray(np.abs(self.bias) + _ACTIVATION * np.abs(self.weights).sum(axis=1))


def _channels(weights: Ints, fields: dict[str, Field]) -> _Channels:
    """Proves that five instructions requantise every sum of every channel; _Unfit where it cannot.

    Channels whose output has only one or two values, as dead ones with huge biases have, get other constants that give
    the same values.
    """
    requantize, bounds, bias = fields["requantize"], fields["bounds"], fields["bias"]
    if not (isinstance(requantize, Nested) and isinstance(bounds, Nested) and isinstance(bias, Packed)):
        raise _Unfit
    pairs = requantize.fields["multipliers"]
    if fields.get("filter_zero_point", 0) != 0 or not isinstance(pairs, Packed):
        raise _Unfit
    output = _nested(bounds)
    count = weights.shape[0]
    multiplier, shift = np.broadcast_to(pairs.data.reshape(-1, 2).astype(np.int64), (count, 2)).T.copy()
    found = _Channels(weights.copy(), bias.data.astype(np.int64), np.zeros((count, 3), np.int64))
    n = -shift
    rounding = (2 * output["zero_point"] + 1) << np.clip(n - 1, 0, 31)
    odd = (n < 1) | (n > 31) | (multiplier < 1 << 30) | (found.bound >= _SUM)
    odd |= found.bound + 1 + np.abs(rounding) >= _INT32
    for channel in np.flatnonzero(odd):
        few = _few_values(found, int(channel), (int(multiplier[channel]), int(n[channel])), output)
        multiplier[channel], rounding[channel], n[channel] = few
    found.scale[:] = np.stack([2 * multiplier - 2 * _INT32, rounding, n], axis=1)
    return found


def _few_values(
    channels: _Channels, channel: int, factor: tuple[int, int], output: dict[str, int]
) -> tuple[int, int, int]:
    """Changes a channel whose output has one or two values to one that is easily requantised; _Unfit if it has more.

    Where v becomes v + 1 at the sum t,
    `(sum - t + ((v + 1) << 22)) >> 22` is the same. Returns multiplier, rounding, shift.
    """
    weights, bias = channels.weights[channel], int(channels.bias[channel])
    low = bias - int(np.where(weights > 0, 128 * weights, -127 * weights).sum())
    high = bias + int(np.where(weights > 0, 127 * weights, -128 * weights).sum())
    if low < -_INT32 or high >= _INT32 or (factor[0] != 0 and not 0 <= factor[1] <= 31):
        raise _Unfit
    first, last = (_stored(acc, factor, output) for acc in (low, high))
    if last > first + 1:
        raise _Unfit
    if first == last:
        channels.weights[channel], channels.bias[channel] = 0, 0
        return _UNIT, first << _FEW, _FEW
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _stored(middle, factor, output) == first else (low, middle)
    channels.bias[channel] = bias - high
    if channels.bound[channel] + 2 >= 1 << _FEW:
        raise _Unfit
    return _UNIT, last << _FEW, _FEW


def _stored(acc: int, factor: tuple[int, int], output: dict[str, int]) -> int:
    """Returns the stored output of a sum, as `quant::DoubleRounding` computes it, for a shift to the right."""
    multiplier, n = factor
    high = (acc * multiplier + (1 << 30)) >> 31 if multiplier else 0
    if n > 0:
        high = (high - (high < 0) + (1 << (n - 1))) >> n
    return max(output["min"], min(output["max"], high + output["zero_point"]))


def _halfwords(weights: Ints, bound: Ints) -> Ints:
    """Returns `256 * c1 + c0` for each pair of rows; _Unfit where the trick has no proof."""
    low, high = weights[0::2], weights[1::2]
    both = 256 * high + low
    if np.any(both < -(1 << 15)) or np.any(both >= 1 << 15) or np.any(bound[1::2] >= _SUM):
        raise _Unfit
    return np.asarray(both)


def _wrapped(values: Ints) -> Ints:
    """Returns the low 32 bits, signed."""
    return np.asarray((values + _INT32) % (2 * _INT32) - _INT32)


def _words(halfwords: Ints) -> Ints:
    """Returns [n, k] halfwords, k a multiple of 4, as words in the order of SXTB16."""
    ordered = halfwords.reshape(halfwords.shape[0], -1, 4)[:, :, _ORDER].reshape(halfwords.shape[0], -1, 2)
    return _wrapped((ordered[:, :, 1] << 16) | (ordered[:, :, 0] & 0xFFFF))


def _even(channels: _Channels) -> _Channels:
    """Returns the channels with one more, which gives anything, where they are odd in number."""
    if channels.bias.size % 2 == 0:
        return channels
    return _Channels(
        np.concatenate([channels.weights, np.zeros_like(channels.weights[:1])]),
        np.append(channels.bias, 0),
        np.concatenate([channels.scale, channels.scale[-1:]]),
    )


def _padded(weights: Ints, multiple: int) -> Ints:
    """Returns the weights with zeros up to a multiple of elements along the last axis."""
    extra = -weights.shape[-1] % multiple
    return np.pad(weights, [(0, 0)] * (weights.ndim - 1) + [(0, extra)])


def _stream(channels: _Channels) -> Packed:
    """Returns for each pair of channels biases, words of weights, and the requantisation of both."""
    even = _even(channels)
    words = _words(_halfwords(even.weights, even.bound))
    low, high = even.bias[0::2], even.bias[1::2]
    starts = np.stack([low, _wrapped(256 * high + low)], axis=1)
    stream = np.concatenate([starts, words, even.scale.reshape(-1, 6)], axis=1)
    return Packed(stream.astype(np.int32), "stream")


def _number(field: Field) -> int:
    if not isinstance(field, int):
        raise _Unfit
    return field


def _nested(field: Field) -> dict[str, int]:
    """Returns the numbers of a struct."""
    if not isinstance(field, Nested):
        raise _Unfit
    return {key: value for key, value in field.fields.items() if isinstance(value, int)}


def _filter(fields: dict[str, Field]) -> Array:
    field = fields["filter"]
    if not isinstance(field, Packed):
        raise _Unfit
    return field.data


def _conv2d(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """Four pixels times two channels; tiles are ranges of pixels."""
    if _number(fields["groups"]) != 1:
        raise _Unfit
    count = _nested(fields["output"])["channels"]
    return _convolution(call, fields, unpacked(_filter(fields), count))


def _convolution(call: KernelCall, fields: dict[str, Field], weights: Ints) -> KernelCall:
    """Returns the call for a filter [channels, taps * input channels]."""
    output, window, image = _nested(fields["output"]), _nested(fields["window"]), _nested(fields["input"])
    count, rows = output["channels"], window["height"]
    channels = _channels(weights, fields)
    runs = _padded(channels.weights.reshape(count, rows, window["width"] * image["channels"]), 4)
    words = runs.shape[2] // 4
    stream = _stream(_Channels(runs.reshape(count, -1), channels.bias, channels.scale))
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "window")}
    new |= {"stream": stream, "input_zero_point": fields["input_zero_point"], "bounds": fields["bounds"]}
    new["scratch"] = Scratch(16 * words * (2 * rows + 1))
    tiling = Tiling(Axis.PIXELS, output["height"] * output["width"], 4)
    return _replaced(call, "Conv2d", new, tiling)


#: Rows from which on a dense layer is a convolution of four pixels at a time.
_ROWS = 4
#: Bytes of scratch that planes of a depthwise convolution may take, where one line does not need more.
_PLANES = 4_096
#: Instructions of a block of four outputs of a line, and of one of two, by stride.
_BLOCKS = {1: (64, 44), 2: (72, 48)}


def _depthwise(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """3x3 over planes of four channels; one input channel with many filters is a convolution."""
    output, window, image = _nested(fields["output"]), _nested(fields["window"]), _nested(fields["input"])
    count = output["channels"]
    taps = _filter(fields).reshape(-1, count).astype(np.int64)
    if image["channels"] == 1:
        return _convolution(call, fields, taps.T)
    strides = (window["stride_h"], window["stride_w"])
    shape = (window["height"], window["width"], window["dilation_h"], window["dilation_w"])
    if shape != (3, 3, 1, 1) or count != image["channels"] or count < 4 or min(strides) < 1:
        raise _Unfit
    sizes = (output["height"], output["width"])
    # Along which axis lines run, by what its blocks cost; the padding of lines counts a little.
    costs = [
        (sizes[1 - axis] * (_line_cost(sizes[axis], strides[axis]) + 20), axis) for axis in (1, 0) if strides[axis] <= 2
    ]
    if not costs:
        raise _Unfit
    axis = min(costs)[1]
    pitch = (sizes[axis] + sizes[axis] % 2) * strides[axis] + 2
    lines, step = sizes[1 - axis], strides[1 - axis]
    most = max((_PLANES // (8 * pitch) - 3) // step + 1, 1)
    lines = -(-lines // -(-lines // most))
    channels = _channels(taps.T, fields)
    cube = channels.weights.reshape(count, 3, 3)
    cube = cube.transpose(0, 2, 1) if axis == 0 else cube
    high, low = cube[:, :, 1:] << 16, cube[:, :, :2] & 0xFFFF
    pairs = high | low
    stream = np.concatenate([channels.bias[:, None], _wrapped(pairs.reshape(count, 6)), channels.scale], axis=1)
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "window")}
    new |= {"stream": Packed(stream.astype(np.int32), "stream"), "input_zero_point": fields["input_zero_point"]}
    new |= {"bounds": fields["bounds"], "vertical": axis == 0, "lines": lines}
    new["scratch"] = Scratch(8 * ((lines - 1) * step + 3) * pitch + 16)
    return _replaced(call, "DepthwiseConv2d", new, Tiling(Axis.PIXELS, sizes[0] * sizes[1], 4))


def _line_cost(length: int, stride: int) -> int:
    """Returns the instructions of a line of outputs."""
    four, two = _BLOCKS[stride]
    return length // 4 * four + -(-(length % 4) // 2) * two


def _fully_connected(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """One row times two channels; many rows are a pointwise convolution."""
    rows, depth = _number(fields["rows"]), _number(fields["depth"])
    count = call.outputs[0].type.elements // rows
    weights = unpacked(_filter(fields), count)
    if rows >= _ROWS:
        zero = 0  # There is no padding.
        window = dict.fromkeys(("height", "width", "stride_h", "stride_w", "dilation_h", "dilation_w"), 1)
        image = {"height": 1, "width": rows}
        return _convolution(
            call,
            {
                **fields,
                "window": Nested("Window", {**window, "pad_top": 0, "pad_left": 0}),
                "input_zero_point": zero,
                **{
                    key: Nested(
                        "Image",
                        {"region": fields[key], **image, "channels": size, "row": rows * size, "pixel": size},
                    )
                    for key, size in (("input", depth), ("output", count))
                },
            },
            weights,
        )
    channels = _channels(weights, fields)
    stream = _stream(_Channels(_padded(channels.weights, 8), channels.bias, channels.scale))
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "rows", "depth")}
    new |= {"channels": count, "stream": stream, "bounds": fields["bounds"], "scratch": Scratch(-(-depth // 8) * 16)}
    return _replaced(call, "FullyConnected", new, Tiling(Axis.CHANNELS, count, 2))


def _linear(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """A sum of two tensors of one shape."""
    elements = call.outputs[0].type.elements
    left, right = (_whole(fields[key], elements) for key in ("left", "right"))
    terms = {key: fields[key] for key in ("left_factor", "right_factor", "offset")}
    new: dict[str, Field] = {"left": left, "right": right, "output": fields["output"]}
    new |= {"elements": elements, "terms": Nested("isa::armv7e_m::Terms", terms), "bounds": fields["bounds"]}
    return _replaced(call, "Linear", new, call.tiling)


def _average_pool2d(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """Averages of four channels at a time; every window has a cell inside the image."""
    output, window, image = _nested(fields["output"]), _nested(fields["window"]), _nested(fields["input"])
    sizes = zip(("height", "width"), ("h", "w"), ("pad_top", "pad_left"), strict=True)
    inside = all(
        window[pad] < window[size] and (output[size] - 1) * window[f"stride_{axis}"] - window[pad] < image[size]
        for size, axis, pad in sizes
    )
    dilated = (window["dilation_h"], window["dilation_w"]) != (1, 1)
    if not inside or dilated or fields["counted"] != (0, 0, 0, 0) or image["channels"] < 4:
        raise _Unfit
    limits = {"zero_point": 0, "min": fields["min"], "max": fields["max"]}
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "window")}
    new["bounds"] = Nested("Bounds", limits)
    return _replaced(call, "AveragePool2d", new, Tiling(Axis.PIXELS, output["height"] * output["width"]))


def _whole(source: Field, elements: int) -> Operand:
    """Returns an operand that is computed and not broadcast."""
    operand = source.fields["value"] if isinstance(source, Nested) else source
    if not isinstance(operand, Operand) or operand.value.is_constant or operand.value.type.elements != elements:
        raise _Unfit
    return operand


def _replaced(call: KernelCall, kernel: str, fields: dict[str, Field], tiling: Tiling) -> KernelCall:
    return replace(call, kernel=f"isa::armv7e_m::{kernel}", fields=fields, tiling=tiling)


def _choice(make: Callable[[KernelCall, dict[str, Field]], KernelCall]) -> Callable[[KernelCall], KernelCall]:
    def choose(call: KernelCall) -> KernelCall:
        try:
            return make(call, dict(call.fields))
        except _Unfit:
            return call

    return choose


#: What this instruction set computes instead of a portable kernel; the call itself where it cannot.
KERNELS: dict[str, Callable[[KernelCall], KernelCall]] = {
    "conv2d::Int8<DoubleRounding>": _choice(_conv2d),
    "depthwise_conv2d::Int8<DoubleRounding>": _choice(_depthwise),
    "fully_connected::Int8<DoubleRounding>": _choice(_fully_connected),
    "binary::Linear": _choice(_linear),
    "pool2d::AverageInt8": _choice(_average_pool2d),
}
