"""Arm's M profile: which calls its packed kernels compute, and the fields that they take; others stay as they are.

One order of the weights serves cores with the DSP extension and those without (`kernels/isa/packed/mod.rs`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array
from ariel_build.isa.armv7e_m import recurrent
from ariel_build.isa.armv7e_m.nearest import rounded_to_even
from ariel_build.isa.armv7e_m.shared import shared
from ariel_build.isa.armv7e_m.streams import (
    PAIR,
    SUM,
    Channels,
    Ints,
    Unfit,
    nested,
    padded,
    quad_stream,
    requantised,
    stream_of,
    wrapped,
)
from ariel_build.isa.packing import unpacked
from ariel_build.kernels import Axis, Field, KernelCall, Nested, Operand, Packed, Reads, Scratch, Tiling, Variant

__all__ = ["dense_as_convolution", "kernels", "nearest"]


def _number(field: Field) -> int:
    if not isinstance(field, int):
        raise Unfit
    return field


def _filter(fields: dict[str, Field]) -> Array:
    field = fields["filter"]
    if not isinstance(field, Packed):
        raise Unfit
    return field.data


def _channels(weights: Ints, fields: dict[str, Field], limit: int = SUM) -> Channels:
    """Returns the constants of the channels for the rounding that the call asks for."""
    requantize = fields["requantize"]
    if isinstance(requantize, Nested) and requantize.type == "NearestEven":
        return rounded_to_even(weights, fields)
    return requantised(weights, fields, limit)


def _conv2d(call: KernelCall, fields: dict[str, Field], limit: int) -> KernelCall:
    """Four pixels times two channels; tiles are ranges of pixels."""
    if _number(fields["groups"]) != 1:
        raise Unfit
    count = nested(fields["output"])["channels"]
    return _convolution(call, fields, unpacked(_filter(fields), count), limit)


def _convolution(call: KernelCall, fields: dict[str, Field], weights: Ints, limit: int) -> KernelCall:
    """Returns the call for a filter [channels, taps * input channels], whose sums stay below `limit`."""
    output, window, image = nested(fields["output"]), nested(fields["window"]), nested(fields["input"])
    count, rows = output["channels"], window["height"]
    channels = _channels(weights, fields, limit)
    runs = padded(channels.weights.reshape(count, rows, window["width"] * image["channels"]), 4)
    words = runs.shape[2] // 4
    stream = stream_of(Channels(runs.reshape(count, -1), channels.bias, channels.scale))
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "window")}
    new |= {"stream": stream, "input_zero_point": fields["input_zero_point"], "bounds": fields["bounds"]}
    new |= {"by_channels": False, "scratch": Scratch(16 * words * (2 * rows + 1))}
    tiling = Tiling(Axis.PIXELS, output["height"] * output["width"], 4)
    return _replaced(call, "Conv2d", new, tiling)


#: Elements of a row that is too long to be widened into scratch: that would take twice as many bytes.
_DEEP = 256
#: Rows from which on a dense layer is a convolution of four pixels at a time.
_ROWS = 4
#: Bytes of scratch that planes of a depthwise convolution may take, where one line does not need more.
_PLANES = 4_096
#: Instructions of a block of four outputs of a line, and of one of two, by stride.
_BLOCKS = {1: (64, 44), 2: (72, 48)}


def _depthwise(call: KernelCall, fields: dict[str, Field], limit: int) -> KernelCall:
    """3x3 over planes of four channels; one input channel with many filters is a convolution."""
    output, window, image = nested(fields["output"]), nested(fields["window"]), nested(fields["input"])
    count = output["channels"]
    taps = _filter(fields).reshape(-1, count).astype(np.int64)
    if image["channels"] == 1:
        return _convolution(call, fields, taps.T, limit)
    strides = (window["stride_h"], window["stride_w"])
    shape = (window["height"], window["width"], window["dilation_h"], window["dilation_w"])
    if shape != (3, 3, 1, 1) or count != image["channels"] or count < 4 or min(strides) < 1:
        raise Unfit
    sizes = (output["height"], output["width"])
    # Along which axis lines run, by what its blocks cost; the padding of lines counts a little.
    costs = [
        (sizes[1 - axis] * (_line_cost(sizes[axis], strides[axis]) + 20), axis) for axis in (1, 0) if strides[axis] <= 2
    ]
    if not costs:
        raise Unfit
    # Of equals along rows: then a piece of some rows takes whole lines.
    axis = min(costs, key=lambda cost: (cost[0], -cost[1]))[1]
    pitch = (sizes[axis] + sizes[axis] % 2) * strides[axis] + 2
    lines, step = sizes[1 - axis], strides[1 - axis]
    most = max((_PLANES // (8 * pitch) - 3) // step + 1, 1)
    lines = -(-lines // -(-lines // most))
    channels = _channels(taps.T, fields)
    cube = channels.weights.reshape(count, 3, 3)
    cube = cube.transpose(0, 2, 1) if axis == 0 else cube
    high, low = cube[:, :, 1:] << 16, cube[:, :, :2] & 0xFFFF
    pairs = high | low
    stream = np.concatenate([channels.bias[:, None], wrapped(pairs.reshape(count, 6)), channels.scale], axis=1)
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "window")}
    new |= {"stream": Packed(stream.astype(np.int32), "stream"), "input_zero_point": fields["input_zero_point"]}
    new |= {"bounds": fields["bounds"], "vertical": axis == 0, "lines": lines}
    new["scratch"] = Scratch(8 * ((lines - 1) * step + 3) * pitch + 16)
    outputs = "Near" if strides[axis] == 1 else "Far"
    new |= {"outputs": Variant(outputs), "by_channels": False}
    return _replaced(call, f"DepthwiseConv2d<{outputs}>", new, Tiling(Axis.PIXELS, sizes[0] * sizes[1], 4))


def _line_cost(length: int, stride: int) -> int:
    """Returns the instructions of a line of outputs."""
    four, two = _BLOCKS[stride]
    return length // 4 * four + -(-(length % 4) // 2) * two


def _fully_connected(call: KernelCall, fields: dict[str, Field], limit: int) -> KernelCall:
    """One row times two channels; many rows are a pointwise convolution."""
    rows, depth = _number(fields["rows"]), _number(fields["depth"])
    count = call.outputs[0].type.elements // rows
    weights = unpacked(_filter(fields), count)
    if rows >= _ROWS:
        return _as_convolution(call, fields, weights, limit)
    channels = _channels(weights, fields)
    if depth > _DEEP and depth % 4 == 0:
        long: dict[str, Field] = {key: fields[key] for key in ("input", "output", "rows", "depth")}
        long |= {"channels": count, "stream": quad_stream(channels), "bounds": fields["bounds"]}
        return _replaced(call, "DeepConnected", long, Tiling(Axis.CHANNELS, count, 4))
    stream = stream_of(Channels(padded(channels.weights, 8), channels.bias, channels.scale))
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "rows", "depth")}
    new |= {"channels": count, "stream": stream, "bounds": fields["bounds"], "scratch": Scratch(-(-depth // 8) * 16)}
    return _replaced(call, "FullyConnected", new, Tiling(Axis.CHANNELS, count, 2))


def dense_as_convolution(call: KernelCall) -> KernelCall:
    """Returns a dense layer as a pointwise convolution for cores with DSP; one that is none stays as it is."""
    rows = call.fields.get("rows")
    if call.kernel != "fully_connected::Int8<DoubleRounding>" or not isinstance(rows, int):
        return call
    count = call.outputs[0].type.elements // rows

    def make(call: KernelCall, fields: dict[str, Field], limit: int) -> KernelCall:
        return _as_convolution(call, fields, unpacked(_filter(fields), count), limit)

    return _choice(make, "armv7e_m", Variant("Dsp"), SUM)(call)


def _as_convolution(call: KernelCall, fields: dict[str, Field], weights: Ints, limit: int) -> KernelCall:
    """Returns a dense layer as the convolution of an image one pixel high."""
    rows, depth = _number(fields["rows"]), _number(fields["depth"])
    count = call.outputs[0].type.elements // rows
    window = dict.fromkeys(("height", "width", "stride_h", "stride_w", "dilation_h", "dilation_w"), 1)
    image = {"height": 1, "width": rows}
    images = {
        key: Nested("Image", {"region": fields[key], **image, "channels": size, "row": rows * size, "pixel": size})
        for key, size in (("input", depth), ("output", count))
    }
    # There is no padding.
    shape: dict[str, Field] = {
        "window": Nested("Window", {**window, "pad_top": 0, "pad_left": 0}),
        "input_zero_point": 0,
        **images,
    }
    return _convolution(call, {**fields, **shape}, weights, limit)


def _linear(call: KernelCall, fields: dict[str, Field], _: int) -> KernelCall:
    """A sum of two tensors of one shape."""
    elements = call.outputs[0].type.elements
    left, right = (_whole(fields[key], elements) for key in ("left", "right"))
    terms = {key: fields[key] for key in ("left_factor", "right_factor", "offset")}
    new: dict[str, Field] = {"left": left, "right": right, "output": fields["output"]}
    new |= {"elements": elements, "terms": Nested("isa::packed::Terms", terms), "bounds": fields["bounds"]}
    return _replaced(call, "Linear", new, call.tiling)


def _average_pool2d(call: KernelCall, fields: dict[str, Field], _: int) -> KernelCall:
    """Averages of four channels at a time; every window has a cell inside the image."""
    output, window, image = nested(fields["output"]), nested(fields["window"]), nested(fields["input"])
    sizes = zip(("height", "width"), ("h", "w"), ("pad_top", "pad_left"), strict=True)
    inside = all(
        window[pad] < window[size] and (output[size] - 1) * window[f"stride_{axis}"] - window[pad] < image[size]
        for size, axis, pad in sizes
    )
    dilated = (window["dilation_h"], window["dilation_w"]) != (1, 1)
    if not inside or dilated or fields["counted"] != (0, 0, 0, 0) or image["channels"] < 4:
        raise Unfit
    limits = {"zero_point": 0, "min": fields["min"], "max": fields["max"]}
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "window")}
    new["bounds"] = Nested("Bounds", limits)
    return _replaced(call, "AveragePool2d", new, Tiling(Axis.PIXELS, output["height"] * output["width"]))


def _whole(source: Field, elements: int) -> Operand:
    """Returns an operand that is computed and not broadcast."""
    operand = source.fields["value"] if isinstance(source, Nested) else source
    if not isinstance(operand, Operand) or operand.value.is_constant or operand.value.type.elements != elements:
        raise Unfit
    return operand


def _replaced(call: KernelCall, kernel: str, fields: dict[str, Field], tiling: Tiling) -> KernelCall:
    reads = call.reads
    if tiling.axis is not call.tiling.axis:
        # What the portable kernel reads follows from tiles along another axis.
        reads = (_rows(fields),) if "window" in fields else ()
    return replace(call, kernel=kernel, fields=fields, tiling=tiling, reads=reads)


def _rows(fields: dict[str, Field]) -> Reads:
    """Returns what ranges of pixels read of the image under a window."""
    output, window, image = nested(fields["output"]), nested(fields["window"]), nested(fields["input"])
    extent = (window["height"] - 1) * window["dilation_h"] + 1
    return Reads("rows", image["height"], window["stride_h"], window["pad_top"], extent, output["width"])


#: Makes of a call, its fields and the limit of sums of two pixels the call of a packed kernel, or raises Unfit.
_Maker = Callable[[KernelCall, dict[str, Field], int], KernelCall]


def kernels(dsp: Sequence[bool]) -> dict[str, Callable[[KernelCall], KernelCall]]:
    """Returns what computes a call instead of a portable kernel; the call itself where nothing does.

    `dsp` tells of the core of each worker whether it has the DSP extension.
    """
    cores: Field
    if all(dsp):
        folder, cores, limit = "armv7e_m", Variant("Dsp"), SUM
    elif not any(dsp):
        folder, cores, limit = "thumb2", Variant("Thumb2"), PAIR
    else:
        workers = sum(1 << worker for worker, has in enumerate(dsp) if has)
        folder, cores, limit = "unequal", Nested("Unequal", {"dsp": workers}), PAIR
    made = {name: _choice(make, folder, cores, limit, len(dsp)) for name, make in _MAKERS.items()}
    return made | recurrent.KERNELS if all(dsp) else made


def nearest(workers: int = 1) -> dict[str, Callable[[KernelCall], KernelCall]]:
    """Returns the same for calls that round as ONNX does, on so many cores with the DSP extension and an FPU."""
    return {name: _choice(make, "dsp_fpu", Variant("DspFpu"), SUM, workers) for name, make in _NEAREST.items()}


def _choice(
    make: _Maker, folder: str, cores: Field, limit: int, workers: int = 1
) -> Callable[[KernelCall], KernelCall]:
    def choose(call: KernelCall) -> KernelCall:
        try:
            made = make(call, dict(call.fields), limit)
        except Unfit:
            return call
        made = replace(made, kernel=f"isa::{folder}::{made.kernel}", fields={**made.fields, "cores": cores})
        return shared(made, workers)

    return choose


_MAKERS: dict[str, _Maker] = {
    "conv2d::Int8<DoubleRounding>": _conv2d,
    "depthwise_conv2d::Int8<DoubleRounding>": _depthwise,
    "fully_connected::Int8<DoubleRounding>": _fully_connected,
    "map2::Linear": _linear,
    "pool2d::AverageInt8": _average_pool2d,
}
_NEAREST: dict[str, _Maker] = {
    "conv2d::Int8<NearestEven>": _conv2d,
    "depthwise_conv2d::Int8<NearestEven>": _depthwise,
    "fully_connected::Int8<NearestEven>": _fully_connected,
}
