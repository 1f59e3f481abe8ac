"""ConvTranspose: each input pixel adds its filter, weighted by the pixel, to the output; then activation(bias[c] + ..).

Output rows that are a stride apart meet the same rows of the filter: the output falls apart into phases, each of which
is a convolution of stride 1 with a part of the filter. `kernels/conv_transpose.rs` computes them so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import LayerCall
from ariel_build.kernels.layer import Finish, Real, Stored, Transposed
from ariel_build.ops.accumulate import (
    Numbers,
    bounds,
    filter_zero_point,
    finish_float,
    finish_integer,
    float_bias,
    operands,
    requantizer,
    stored_zero,
    sum_type,
    sum_types,
    tflite_clip,
)
from ariel_build.ops.base import Operator, UnsupportedReason, constant, imports
from ariel_build.ops.batches import declared_image_by_image, each_image
from ariel_build.ops.concat import concat
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.nchw import from_nhwc, to_nhwc
from ariel_build.ops.quantize import real_constant
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, apart, one_only
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.ops.transpose import transpose
from ariel_build.ops.unfolded import unfolded_transposed
from ariel_build.ops.window import Span, Window, image, same_padding
from ariel_build.records import dataclass

__all__ = ["ConvTranspose"]


@dataclass(frozen=True)
class ConvTranspose(Operator):
    """Transposed 2-D convolution of an NHWC image.

    Inputs: image [1, H, W, Cin], filter [Cout, kh, kw, Cin / groups] (constant), bias [Cout] (constant, may be absent).
    `window` is what one input pixel writes to: input row y adds to the output rows y * stride - padding .. + kh - 1, of
    which there are `size[0]`. It has no dilation: importers put zeros between the taps. `clip` holds the real bounds of
    the fused activation.
    """

    # onnxruntime computes it in floats, between DequantizeLinear and QuantizeLinear too: it is not `real`.
    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=False, channels=0, by_image=True)
    passed_on = never
    permuted = keeps_axes

    window: Window
    size: tuple[int, int]
    groups: int = 1
    clip: tuple[float, float] = UNBOUNDED
    rounding: Rounding = Rounding.DOUBLE

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[N, H, W, Cin], [Cout, kh, kw, Cin / groups] -> [N, H', W', Cout]."""
        x, filter_ = inputs[0], inputs[1]
        if x is None or filter_ is None or len(x.shape) != 4 or len(filter_.shape) != 4:
            raise ValueError("image and filter must have 4 axes")
        count, kh, kw, depth = filter_.shape
        if (kh, kw) != self.window.size or self.window.dilations != (1, 1):
            raise ValueError(f"the filter is {kh} x {kw}, the window {self.window.size[0]} x {self.window.size[1]}")
        if min(*self.size, *self.window.strides) < 1:
            raise ValueError(f"an output of {list(self.size)} with strides {list(self.window.strides)} is empty")
        if self.groups < 1 or depth * self.groups != x.shape[3] or count % self.groups:
            raise ValueError(
                f"{self.groups} groups of {depth} input channels do not divide {x.shape[3]} channels into {count}"
            )
        _, weights = sum_types(inputs, channel_axis=0)
        if weights.dtype is not x.dtype and x.dtype is not DType.I16:
            raise ValueError(f"an image of {x.dtype.value} with a filter of {weights.dtype.value} is not supported")
        return [TensorType(x.dtype, (x.shape[0], *self.size, count))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Images of a batch are computed apart."""
        return [apart(one_only(given), [1, 2, 3], "what its pixels write reaches along it")]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Adds every pixel's filter; integers in int64, floats in float32."""
        x, filter_, bias = operands(inputs)
        if node.input(0).type.dtype is DType.F32:
            acc = self._accumulate(x, filter_)
            return [finish_float(acc if bias is None else acc + bias, self.clip)]
        quant = node.input(0).type.quant
        zero = 0 if quant is None else quant.zero_point
        weights = filter_.astype(np.int64) - filter_zero_point(node.input(1))
        acc = self._accumulate(x.astype(np.int64) - zero, weights)
        return [finish_integer(acc if bias is None else acc + bias, node, self.clip, self.rounding)]

    def _accumulate(self, x: Numbers, weights: Numbers) -> Numbers:
        """Returns the sums, in the type of `x`."""
        (batch, height, width, _), (count, kh, kw, depth) = x.shape, weights.shape
        (sh, sw), (top, left, *_) = self.window.strides, self.window.padding
        rows = max((height - 1) * sh + kh, top + self.size[0])
        columns = max((width - 1) * sw + kw, left + self.size[1])
        acc = np.zeros((batch, rows, columns, count), x.dtype)
        each = count // self.groups
        for g in range(self.groups):
            own, filters = slice(g * each, (g + 1) * each), weights[g * each : (g + 1) * each]
            pixels = x[..., g * depth : (g + 1) * depth]
            for y in range(kh):
                for z in range(kw):
                    to = acc[:, y : y + (height - 1) * sh + 1 : sh, z : z + (width - 1) * sw + 1 : sw, own]
                    to += np.einsum("nyxi,ci->nyxc", pixels, filters[:, y, z])
        return np.asarray(acc[:, top : top + self.size[0], left : left + self.size[1]])

    def on_signed(self) -> Operator | str:
        """TFLite's sums are those of what the integers mean; see `traits` for onnxruntime's."""
        return self if self.rounding is Rounding.DOUBLE else super().on_signed()

    def macs(self, node: Node) -> int:
        """Pairs of an input pixel and a tap that meet inside the output, times channels."""
        _, height, width, channels = node.input(0).shape
        met = [
            sum(0 <= at * s + tap - before < size for at in range(extent) for tap in range(k))
            for extent, k, s, before, size in zip(
                (height, width), self.window.size, self.window.strides, self.window.padding, self.size, strict=False
            )
        ]
        return met[0] * met[1] * channels * node.output.shape[3] // self.groups

    def lower(self, node: Node) -> LayerCall:
        """A `Transposed`."""
        x, filter_, output = node.input(0), node.input(1), node.output
        count, bias = filter_.shape[0], node.inputs[2] if len(node.inputs) > 2 else None
        finish: Finish
        if x.type.dtype is DType.F32:
            finish = Real(float_bias(bias, count), *self.clip)
        else:
            requantize = requantizer(node, self.rounding)
            if filter_zero_point(filter_):
                raise UnsupportedReason("a filter with a zero point is not supported")
            summed = np.zeros(count) if bias is None else constant(bias, "the bias")
            finish = Stored(summed.astype(sum_type(node).numpy), requantize, bounds(node, self.clip, self.rounding))
        layer = Transposed(
            weights=constant(filter_, "the filter"),
            finish=finish,
            input=image(x),
            output=image(output),
            stamp=self.window.kernel(),
            groups=self.groups,
            input_zero_point=stored_zero(x),
        )
        return LayerCall(layer, [x], [output], self.macs(node))


@imports("tflite", "TRANSPOSE_CONV", harmless={"quantized_bias_type": "the bias has a type"})
def _from_tflite(importer: Importer) -> None:
    # Where the file computes the shape, TFLite-Micro goes by the declared one: it cannot resize either.
    given = importer.input(0).data
    sizes = list(importer.output_type().shape) if given is None else [int(n) for n in given.reshape(-1)]
    filter_, x, bias = importer.input(1), importer.input(2), importer.optional_input(3)
    constant(filter_, "the filter")
    if len(filter_.shape) != 4 or len(x.shape) != 4 or len(sizes) != 4:
        raise UnsupportedReason(f"{x.type} with a filter of {filter_.type} cannot become {sizes}")
    strides = (importer.integer("stride_h", 1), importer.integer("stride_w", 1))
    if min(*strides, *sizes) < 1:
        raise UnsupportedReason(f"strides {list(strides)} and sizes {sizes} must be positive")
    padding = (0, 0, 0, 0)
    if importer.text("padding", "SAME") == "SAME":
        (top, bottom), (left, right) = (
            same_padding(n, k, s, 1) for n, k, s in zip(sizes[1:3], filter_.shape[1:3], strides, strict=True)
        )
        padding = (top, left, bottom, right)
    window = Window((filter_.shape[1], filter_.shape[2]), strides, (1, 1), padding)
    op = ConvTranspose(window, (sizes[1], sizes[2]), 1, tflite_clip(importer))
    if x.type.dtype is DType.F32 and filter_.type.dtype.is_integer:
        # Hybrid: in the floats that the weights stand for.
        filter_ = real_constant(importer, filter_)
    elif filter_zero_point(filter_):
        x, filter_ = _about_zero(importer, x, filter_)
    declared_image_by_image(importer, op, [x, filter_, bias])


def _about_zero(importer: Importer, x: Value, filter_: Value) -> tuple[Value, Value]:
    """Returns an image and a filter of uint8, whose zero point is 128, that make the same sums: TFLite's legacy type.

    Weights less their zero point may take 9 bits: then each is the sum of two, and the image has each channel twice.
    """
    quant, data = filter_.type.quant, constant(filter_, "the filter").astype(np.int32)
    if filter_.type.dtype is not DType.U8 or quant is None:
        raise UnsupportedReason(f"a filter of {filter_.type.dtype.value} with a zero point is not supported")
    parts = [data - filter_zero_point(filter_)]
    if parts[0].min() < DType.I8.range[0] or parts[0].max() > DType.I8.range[1]:
        half = parts[0] >> 1
        parts = [half, parts[0] - half]
        x = concat(importer, [x, x], 3)
    weights = (np.concatenate(parts, axis=3) + 128).astype(np.uint8)
    centred = replace(quant, zero_points=(128,) * len(quant.zero_points))
    return x, importer.constant(weights, filter_.name, centred)


@imports("onnx", "ConvTranspose")
def _from_onnx(importer: Importer) -> None:
    x, filter_, bias = importer.input(0), importer.input(1), importer.optional_input(2)
    spatial, groups = x.shape[2:], importer.integer("group", 1)
    rank, size = len(spatial), filter_.shape[2:]
    if not rank or len(filter_.shape) != len(x.shape) or importer.integers("kernel_shape", size) != size:
        raise UnsupportedReason(f"the filter {list(filter_.shape)} is not one for an image {list(x.shape)}")
    if groups < 1 or filter_.shape[0] != x.shape[1] or x.shape[1] % groups:
        raise UnsupportedReason(f"{groups} groups do not divide {x.shape[1]} channels and {filter_.shape[0]} filters")
    strides, dilations = (importer.integers(name, (1,) * rank) for name in ("strides", "dilations"))
    extra = importer.integers("output_padding", (0,) * rank)
    if not len(strides) == len(dilations) == len(extra) == rank or min(*strides, *dilations, *size) < 1:
        raise UnsupportedReason("strides, dilations and output_padding must have one entry per axis, and be positive")
    spans = tuple((k - 1) * d + 1 for k, d in zip(size, dilations, strict=True))
    outputs, pads = _extents(importer, spatial, spans, strides, extra)
    is_known = filter_.data is not None and (bias is None or bias.data is not None)
    if rank > 2 or not is_known or x.type.dtype is DType.F64:
        full = [s * (n - 1) + k for n, k, s in zip(spatial, spans, strides, strict=True)]
        cut = [(pads[k], f - pads[k] - outputs[k]) for k, f in enumerate(full)]
        axes = [Span(n, s, d, *ends) for n, s, d, ends in zip(size, strides, dilations, cut, strict=True)]
        importer.bind(unfolded_transposed(importer, x, filter_, bias, axes, groups))
        return
    filter_ = _to_nhwc(importer, filter_, groups, dilations)
    if rank == 1:
        strides, outputs, pads = (1, *strides), (1, *outputs), (0, pads[0], 0, pads[1])
    ends = (pads[0], pads[1], pads[2], pads[3])
    window = Window((filter_.shape[1], filter_.shape[2]), (strides[0], strides[1]), (1, 1), ends)
    op = ConvTranspose(window, (outputs[0], outputs[1]), groups, rounding=Rounding.NEAREST_EVEN)
    y = each_image(importer, op, [to_nhwc(importer, x), filter_, bias])
    importer.bind(from_nhwc(importer, y, len(x.shape)))


def _extents(
    importer: Importer,
    spatial: tuple[int, ...],
    spans: tuple[int, ...],
    strides: tuple[int, ...],
    extra: tuple[int, ...],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns the output's extents, and what is cut off before and after each axis; `spans` are those of the filter."""
    rank = len(spatial)
    full = [s * (n - 1) + e + k for n, k, s, e in zip(spatial, spans, strides, extra, strict=True)]
    auto = importer.text("auto_pad", "NOTSET")
    outputs = importer.integers("output_shape", ())[-rank:]
    pads = importer.integers("pads", (0,) * 2 * rank)
    if auto in ("SAME_UPPER", "SAME_LOWER") and not outputs:
        outputs = tuple(n * s for n, s in zip(spatial, strides, strict=True))
    elif auto == "VALID":
        pads = (0,) * 2 * rank
    elif auto not in ("NOTSET", "SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedReason(f"auto_pad `{auto}` is not known")
    if outputs:
        totals = [max(f - n, 0) for f, n in zip(full, outputs, strict=True)]
        # Of an odd row the upper end has less where the larger half is to be at the end of the image.
        before = [t // 2 if auto == "SAME_UPPER" else t - t // 2 for t in totals]
        pads = (*before, *(t - b for t, b in zip(totals, before, strict=True)))
    if len(pads) != 2 * rank or min(pads) < 0:
        raise UnsupportedReason(f"pads {list(pads)} are not supported: two for each axis, none negative")
    return outputs or tuple(f - pads[k] - pads[k + rank] for k, f in enumerate(full)), pads


def _to_nhwc(importer: Importer, filter_: Value, groups: int, dilations: tuple[int, ...]) -> Value:
    """Returns a filter [Cin, Cout / groups, (h,) w] as [Cout, h, w, Cin / groups], zeros between its taps."""
    assert filter_.data is not None  # noqa: S101 - the caller has asked
    channels, each, *size = filter_.shape
    if filter_.type.dtype is DType.F32 and max(dilations) > 1:
        spread = np.zeros(
            (channels, each, *((k - 1) * d + 1 for k, d in zip(size, dilations, strict=True))), np.float32
        )
        spread[:, :, *(slice(None, None, d) for d in dilations)] = filter_.data
        filter_ = importer.constant(spread, filter_.name)
        channels, each, *size = filter_.shape
    elif max(dilations) > 1:
        raise UnsupportedReason("dilations of an integer filter are not supported")
    size = [1, *size] if len(size) == 1 else size
    apart = reshape(importer, filter_, (groups, channels // groups, each, *size))
    return reshape(importer, transpose(importer, apart, (0, 2, 3, 4, 1)), (groups * each, *size, channels // groups))
