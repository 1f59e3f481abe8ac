"""Arm's M profile: which layers and calls its packed kernels compute; others are left to other kernels.

One order of the weights serves cores with the DSP extension and those without (`kernels/isa/packed/mod.rs`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ariel_build.ir import DType
from ariel_build.isa.armv7e_m import elementwise, int4, int16, recurrent
from ariel_build.isa.armv7e_m.nearest import rounded_to_even
from ariel_build.isa.armv7e_m.streams import (
    PAIR,
    SUM,
    Channels,
    padded,
    quad_stream,
    requantised,
    stream_of,
    words_of,
)
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Axis, KernelCall, LayerCall, Operand, Packed, Scratch, Source, Tiling
from ariel_build.kernels.declared import batch_matmul, isa_packed, map2, pool2d
from ariel_build.kernels.declared.isa_armv7e_m import Fixed
from ariel_build.kernels.declared.isa_packed import (
    Dsp,
    Dsp4,
    Dsp16,
    DspFpu,
    DspFpu4,
    Far,
    Near,
    Plain16,
    Terms,
    Thumb2,
    Unequal,
    Unequal16,
)
from ariel_build.kernels.declared.quant import Bounds, DoubleRounding, NearestEven
from ariel_build.kernels.layer import Convolution, Dense, Depthwise, Int4, Layer, Stored, Transposed
from ariel_build.kernels.packing import factors, phases
from ariel_build.records import dataclass

__all__ = ["Cores", "Maker", "dense_as_convolution", "kernels", "nearest_even"]

Cores = Dsp | DspFpu | Thumb2 | Unequal
#: Cores with weights of four bits.
Cores4 = Dsp4 | DspFpu4
Cores16 = Dsp16 | Plain16 | Unequal16
#: Makes the call of a kernel of the layer or the portable kernel that is its key, or raises Unfit.
Maker = Callable[[Any], KernelCall]


@dataclass(frozen=True)
class _Form:
    """How the elements of a layer lie in patches and streams, and on which cores.

    A word has so many `elements`, which widening makes `wide` words; dense layers take so many elements in a `step`,
    and so many channels `together`.
    """

    channels: Channels
    stream: Callable[[Channels], Packed]
    cores: Cores | Cores4 | Cores16
    elements: int = 4
    wide: int = 2
    step: int = 8
    together: int = 2


def _form(layer: Layer, cores: Cores | Cores4, limit: int = SUM) -> _Form:
    """Returns the constants of the layer, with sums of int8 below `limit`, in the order of packed kernels."""
    if isinstance(cores, Dsp4 | DspFpu4):
        return _Form(_channels(layer, cores), int4.stream_of, cores, together=4)
    if int16.is_int16(layer):
        return _Form(int16.channels_of(layer), int16.stream_of, _for_int16(cores), elements=2, wide=1, step=2)
    return _Form(_channels(layer, cores, limit), stream_of, cores)


def _for_int16(cores: Cores) -> Cores16:
    match cores:
        case Dsp():
            return Dsp16()
        case Thumb2():
            return Plain16()
        case Unequal(dsp=dsp):
            return Unequal16(dsp=dsp)
        case DspFpu():
            raise Unfit


def _finish(layer: Layer) -> Stored:
    """Returns how the layer ends, where that is in integers."""
    if not isinstance(layer.finish, Stored):
        raise Unfit
    return layer.finish


def _channels(layer: Layer, cores: Cores | Cores4, limit: int = SUM) -> Channels:
    """Returns the constants of the channels, with sums below `limit`, for the rounding that the layer asks for."""
    finish, weights = _finish(layer), layer.weights.astype(np.int64)
    even = isinstance(cores, DspFpu | DspFpu4)
    wanted = NearestEven if even else DoubleRounding
    if not isinstance(finish.requantize, wanted):
        raise Unfit
    if even:
        return rounded_to_even(weights, finish)
    return requantised(weights, finish, limit)


def _limit(cores: Cores | Cores4) -> int:
    """Returns what the sums of a convolution of int8 must stay below."""
    return PAIR if isinstance(cores, Thumb2 | Unequal) else SUM


def _conv2d(call: LayerCall, layer: Convolution, cores: Cores | Cores4) -> KernelCall:
    """Four pixels times two channels; tiles are ranges of pixels."""
    if layer.groups != 1:
        raise Unfit
    output, window, image = layer.output, layer.window, layer.input
    form = _form(layer, cores, _limit(cores))
    runs = form.channels.weights.reshape(layer.count, window.height, window.width * image.channels)
    runs = padded(runs, form.elements)
    words = runs.shape[2] // form.elements
    kernel = isa_packed.Conv2d(
        input=image,
        output=output,
        window=window,
        stream=form.stream(replace(form.channels, weights=runs.reshape(layer.count, -1))),
        input_zero_point=layer.input_zero_point,
        bounds=_finish(layer).bounds,
        by_channels=False,
        scratch=Scratch(16 * words * (form.wide * window.height + 1)),
        cores=form.cores,
    )
    return call.by(kernel, Tiling(Axis.PIXELS, output.height * output.width, 4))


def _transposed(call: LayerCall, layer: Transposed, cores: Cores) -> KernelCall:
    """Four pixels of a phase times two channels; tiles are ranges of channels."""
    stamp, depth = layer.stamp, layer.weights.shape[3]
    strides = (stamp.stride_h, stamp.stride_w)
    if layer.groups != 1 or not int16.is_int16(layer) or stamp.height < strides[0] or stamp.width < strides[1]:
        raise Unfit
    of_int16 = _for_int16(cores)
    flat = replace(layer, weights=layer.weights.reshape(layer.count, -1))
    channels, parts = int16.channels_of(flat), []
    for own in phases(channels.weights.reshape(layer.weights.shape), strides):
        runs = padded(own.reshape(layer.count, own.shape[1], -1).astype(np.int64), 2).reshape(layer.count, -1)
        parts.append(int16.stream_of(replace(channels, weights=runs)).data.reshape(-1))
    rows, columns = (-(-k // s) for k, s in zip((stamp.height, stamp.width), strides, strict=True))
    kernel = isa_packed.ConvTranspose(
        input=layer.input,
        output=layer.output,
        stamp=stamp,
        stream=Packed(np.concatenate(parts), "stream"),
        bounds=_finish(layer).bounds,
        scratch=Scratch(16 * -(-columns * depth // 2) * (rows + 1)),
        cores=of_int16,
    )
    return call.by(kernel, Tiling(Axis.CHANNELS, layer.count, 2, few=True))


#: Elements of a row that is too long to be widened into scratch: that would take twice as many bytes.
_DEEP = 256
#: Rows from which on a dense layer is a convolution of four pixels at a time.
_ROWS = 4
#: Bytes of scratch that planes of a depthwise convolution may take, where one line does not need more.
_PLANES = 4_096
#: Instructions of a block of four outputs of a line, and of one of two, by stride.
_BLOCKS = {1: (64, 44), 2: (72, 48)}


def _depthwise(call: LayerCall, layer: Depthwise, cores: Cores) -> KernelCall:
    """3x3 over planes of four channels; one input channel with many filters is a convolution."""
    output, window, image, count = layer.output, layer.window, layer.input, layer.count
    if image.channels == 1:
        return _conv2d(call, layer.as_convolution(), cores)
    strides = (window.stride_h, window.stride_w)
    shape = (window.height, window.width, window.dilation_h, window.dilation_w)
    if shape != (3, 3, 1, 1) or count != image.channels or count < 4 or min(strides) < 1:
        raise Unfit
    sizes = (output.height, output.width)
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
    of_cores: Cores | Dsp16 = cores
    if int16.is_int16(layer):
        if not isinstance(cores, Dsp):
            raise Unfit
        of_cores, channels = Dsp16(), int16.channels_of(layer)
        starts = channels.bias
    else:
        channels = _channels(layer, cores)
        starts = words_of(channels)
    cube = channels.weights.reshape(count, 3, 3)
    cube = cube.transpose(0, 2, 1) if axis == 0 else cube
    taps = cube[:, :, (0, 1, 1, 2)].astype(np.int8).reshape(count, -1).view("<i4")
    stream = np.concatenate([taps, channels.scale[:, :1], starts[:, None]], axis=1)
    kernel = isa_packed.DepthwiseConv2d(
        input=image,
        output=output,
        window=window,
        stream=Packed(stream.astype(np.int32), "stream"),
        input_zero_point=layer.input_zero_point,
        bounds=_finish(layer).bounds,
        vertical=axis == 0,
        lines=lines,
        scratch=Scratch(8 * ((lines - 1) * step + 3) * pitch + 16),
        outputs=Near() if strides[axis] == 1 else Far(),
        by_channels=False,
        cores=of_cores,
    )
    return call.by(kernel, Tiling(Axis.PIXELS, sizes[0] * sizes[1], 4))


def _line_cost(length: int, stride: int) -> int:
    """Returns the instructions of a line of outputs."""
    four, two = _BLOCKS[stride]
    return length // 4 * four + -(-(length % 4) // 2) * two


def _dense(call: LayerCall, layer: Dense, cores: Cores | Cores4) -> KernelCall:
    """One row times two channels; many rows are a pointwise convolution."""
    rows, depth, count = layer.rows, layer.depth, layer.count
    if rows >= _ROWS:
        return _conv2d(call, layer.as_convolution(), cores)
    if depth > _DEEP and depth % 4 == 0 and not int16.is_int16(layer):
        return _deep(call, layer, cores)
    form = _form(layer, cores)
    stream = int4.rows_of if isinstance(cores, Dsp4 | DspFpu4) else form.stream
    kernel = isa_packed.FullyConnected(
        input=layer.input,
        output=layer.output,
        rows=rows,
        depth=depth,
        channels=count,
        stream=stream(replace(form.channels, weights=padded(form.channels.weights, form.step))),
        bounds=_finish(layer).bounds,
        scratch=Scratch(-(-depth // form.step) * 2 * form.step),
        cores=form.cores,
    )
    return call.by(kernel, Tiling(Axis.CHANNELS, count, form.together))


def _deep(call: LayerCall, layer: Dense, cores: Cores | Cores4) -> KernelCall:
    """One row as it is times four channels."""
    kernel = isa_packed.DeepConnected(
        input=layer.input,
        output=layer.output,
        rows=layer.rows,
        depth=layer.depth,
        channels=layer.count,
        stream=(int4.rows_of if isinstance(cores, Dsp4 | DspFpu4) else quad_stream)(_channels(layer, cores)),
        bounds=_finish(layer).bounds,
        cores=cores,
    )
    return call.by(kernel, Tiling(Axis.CHANNELS, layer.count, 4))


def _packed(call: LayerCall, layer: Convolution | Dense, cores: Cores4) -> KernelCall:
    """A layer whose weights have four bits: as one of eight, with four channels in the place of two.

    Sums of patches that may be too large for that have more bits in rows.
    """
    if isinstance(layer, Convolution):
        return _conv2d(call, layer, cores)
    try:
        return _dense(call, layer, cores)
    except Unfit:
        if layer.depth % 4:
            raise
        return _deep(call, layer, cores)


def dense_as_convolution(call: LayerCall, layer: Dense) -> KernelCall:
    """Returns a dense layer as a pointwise convolution for cores with DSP, or raises Unfit."""
    return _conv2d(call, layer.as_convolution(), Dsp())


def _linear(call: KernelCall, kernel: map2.Linear, cores: Cores) -> KernelCall:
    """A sum of two tensors of one shape; on cores with DSP also of constants, and of what is broadcast."""
    elements = call.outputs[0].type.elements
    operands = (kernel.left.value, kernel.right.value)
    if isinstance(cores, Dsp) and any(v.is_constant or v.type.elements != elements for v in operands):
        return elementwise.linear_runs(call, kernel)
    packed = isa_packed.Linear(
        left=_whole(kernel.left, elements),
        right=_whole(kernel.right, elements),
        output=kernel.output,
        elements=elements,
        terms=Terms(left_factor=kernel.left_factor, right_factor=kernel.right_factor, offset=kernel.offset),
        bounds=kernel.bounds,
        cores=cores,
    )
    return call.by(packed, call.tiling)


#: Terms that products take at a time, and at most.
_TERMS, _MOST_TERMS = 4, 1 << 14


def _products(call: KernelCall, kernel: batch_matmul.Quantized, cores: Dsp | DspFpu) -> KernelCall:
    """Products of what is computed at run time; terms of the left side follow one another."""
    depth, pairs = kernel.depth, -(-kernel.columns // 2)
    if kernel.x_step != 1 or depth % _TERMS or depth > _MOST_TERMS or kernel.x.value.type.dtype is not DType.I8:
        raise Unfit
    packed = isa_packed.BatchMatMul(
        x=kernel.x,
        y=kernel.y,
        output=kernel.output,
        rows=kernel.rows,
        columns=kernel.columns,
        depth=depth,
        batches=kernel.batches,
        x_batches=kernel.x_batches,
        y_batches=kernel.y_batches,
        x_row=kernel.x_row,
        y_column=kernel.y_column,
        y_step=kernel.y_step,
        x_zero_point=kernel.x_zero_point,
        y_zero_point=kernel.y_zero_point,
        scale=_scale_of(kernel, cores),
        bounds=kernel.bounds,
        scratch=Scratch(4 * (pairs * (depth + 2) + 2 * depth)),
        cores=cores,
    )
    return call.by(packed, call.tiling)


def _scale_of(kernel: batch_matmul.Quantized, cores: Dsp | DspFpu) -> Fixed:
    """Returns what requantises sums, for the rounding of these cores' kernels; Unfit where a sum may leave 32 bits."""
    requantize, zero = kernel.requantize, kernel.bounds.zero_point
    if isinstance(cores, DspFpu):
        if not isinstance(requantize, NearestEven) or not np.isfinite(requantize.scales.data).all():
            raise Unfit
        scale = requantize.scales.data.reshape(-1)[:1].astype(np.float32)
        return Fixed(multiplier=int(scale.view(np.int32)[0]), rounding=zero, shift=0)
    if not isinstance(requantize, DoubleRounding):
        raise Unfit
    multiplier, shift = (int(v) for v in factors(requantize)[0])
    if not 1 <= -shift <= 31 or multiplier < 1 << 30 or 255 * 255 * kernel.depth + 1 >= 1 << 31:
        raise Unfit
    return Fixed(multiplier=2 * multiplier - (1 << 32), rounding=2 * zero + 1, shift=-shift - 1)


def _average_pool2d(call: KernelCall, kernel: pool2d.AverageInt8, cores: Cores) -> KernelCall:
    """Averages of four channels at a time; every window has a cell inside the image."""
    output, window, image = kernel.output, kernel.window, kernel.input
    inside = all(
        pad < size and (outputs - 1) * stride - pad < extent
        for pad, size, outputs, stride, extent in (
            (window.pad_top, window.height, output.height, window.stride_h, image.height),
            (window.pad_left, window.width, output.width, window.stride_w, image.width),
        )
    )
    dilated = (window.dilation_h, window.dilation_w) != (1, 1)
    if not inside or dilated or kernel.counted != (0, 0, 0, 0) or image.channels < 4:
        raise Unfit
    bounds = Bounds(zero_point=0, min=kernel.min, max=kernel.max)
    packed = isa_packed.AveragePool2d(input=image, output=output, window=window, bounds=bounds, cores=cores)
    return call.by(packed, Tiling(Axis.PIXELS, output.height * output.width))


def _whole(source: Source, elements: int) -> Operand:
    """Returns an operand that is computed and not broadcast."""
    if source.value.is_constant or source.value.type.elements != elements:
        raise Unfit
    return Operand(source.value)


def kernels(dsp: Sequence[bool]) -> Mapping[type, Maker]:
    """Returns what makes calls of packed kernels, by the layer or portable kernel that they compute.

    `dsp` tells of the core of each worker whether it has the DSP extension.
    """
    if all(dsp):
        products: Maker = lambda call: _products(call, call.kernel, Dsp())  # noqa: E731 - one of a table
        packed: Maker = lambda call: _packed(call, call.layer.layer, Dsp4())  # noqa: E731 - one of a table
        own = {batch_matmul.Quantized: products, Int4: packed}
        return {**_family(Dsp()), **recurrent.KERNELS, **elementwise.KERNELS, **own}
    if not any(dsp):
        return _family(Thumb2())
    return _family(Unequal(dsp=sum(1 << worker for worker, has in enumerate(dsp) if has)))


def nearest_even() -> Mapping[type, Maker]:
    """Returns the same for layers that round as ONNX does, on cores with the DSP extension and an FPU."""
    layers = {layer: make for layer, make in _family(DspFpu()).items() if issubclass(layer, Layer)}
    return {
        **layers,
        Int4: lambda call: _packed(call, call.layer.layer, DspFpu4()),
        batch_matmul.Quantized: lambda call: _products(call, call.kernel, DspFpu()),
    }


def _family(cores: Cores) -> Mapping[type, Maker]:
    return {
        Convolution: lambda call: _conv2d(call, call.layer, cores),
        Depthwise: lambda call: _depthwise(call, call.layer, cores),
        Dense: lambda call: _dense(call, call.layer, cores),
        Transposed: lambda call: _transposed(call, call.layer, cores),
        map2.Linear: lambda call: _linear(call, call.kernel, cores),
        pool2d.AverageInt8: lambda call: _average_pool2d(call, call.kernel, cores),
    }
