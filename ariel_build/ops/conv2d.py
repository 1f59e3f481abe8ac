"""Conv2d: output[y, x, c] = activation(bias[c] + sum of input[t, i] * filter[c, t, i] over taps t and channels i)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import LayerCall
from ariel_build.kernels.layer import Convolution, kept_packed
from ariel_build.ops.accumulate import (
    Numbers,
    filter_zero_point,
    finish_float,
    finish_integer,
    finish_of,
    operands,
    stored_zero,
    sum_types,
    tflite_clip,
)
from ariel_build.ops.base import Operator, UnsupportedReason, constant, imports
from ariel_build.ops.batches import declared_image_by_image, each_image
from ariel_build.ops.cut import bordered
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.dynamic_quantize import hybrid, hybrid_inputs, is_hybrid, meets_bytes, rescale
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.matmul import centred
from ariel_build.ops.nchw import filter_to_nhwc, from_nhwc, spatial_shape, to_nhwc
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, Bound, one_only
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.ops.unfolded import bind_unfolded, unfolded
from ariel_build.ops.window import Span, Window, image, onnx_spans, patches, tflite_window, window_of
from ariel_build.records import dataclass

__all__ = ["Conv2d", "convolution", "layer", "onnx_convolution"]


@dataclass(frozen=True)
class Conv2d(Operator):
    """2-D convolution of an NHWC image.

    Inputs: image [1, H, W, Cin], filter [Cout, kh, kw, Cin / groups] (constant), bias [Cout] (constant, may be
    absent), and, for an image that was quantised at run time, its parameters (see `DynamicQuantize`); the output is
    then float32. `clip` holds the real bounds of the fused activation.
    """

    traits = Traits(
        moves=False, pointwise=False, real=True, reads_scaled=False, channels=0, bordered=True, by_image=True
    )
    passed_on = never
    permuted = keeps_axes

    window: Window
    groups: int = 1
    clip: tuple[float, float] = UNBOUNDED
    rounding: Rounding = Rounding.DOUBLE

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[N, H, W, Cin], [Cout, kh, kw, Cin / groups] -> [N, H', W', Cout]."""
        x, filter_ = inputs[0], inputs[1]
        if x is None or filter_ is None or len(x.shape) != 4 or len(filter_.shape) != 4:
            raise ValueError("image and filter must have 4 axes")
        batch, height, width, channels = x.shape
        count, kh, kw, depth = filter_.shape
        if (kh, kw) != self.window.size:
            raise ValueError(f"the filter is {kh} x {kw}, the window {self.window.size[0]} x {self.window.size[1]}")
        if self.groups < 1 or depth * self.groups != channels or count % self.groups:
            raise ValueError(
                f"{self.groups} groups of {depth} input channels do not divide {channels} channels into {count}"
            )
        sum_types(inputs, channel_axis=0)
        dtype = DType.F32 if is_hybrid(inputs) else x.dtype
        return [TensorType(dtype, (batch, *self.window.output_size(height, width), count))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Images of a batch are computed apart, and what a window of one element sees."""
        return [self.window.shorter(one_only(given))]

    def counted_nodes(self, node: Node, given: Sequence[Axes], count: Callable[[Bound], Value]) -> list[Node] | None:
        """Sees a border of zeros behind what there is."""
        return bordered(self.window, node, given, count)

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Gathers all patches and multiplies; integers in int64, floats in float32."""
        x, filter_, bias = operands(inputs)
        if is_hybrid(inputs):
            return [hybrid(self._accumulate, inputs, node, self.clip)]
        if node.input(0).type.dtype is DType.F32:
            acc = self._accumulate(x, filter_, 0)
            return [finish_float(acc if bias is None else acc + bias, self.clip)]
        quant = node.input(0).type.quant
        zero = 0 if quant is None else quant.zero_point
        weights = filter_.astype(np.int64) - filter_zero_point(node.input(1))
        acc = self._accumulate(x.astype(np.int64), weights, zero)
        return [finish_integer(acc if bias is None else acc + bias, node, self.clip, self.rounding)]

    def _accumulate(self, x: Numbers, weights: Numbers, zero: float) -> Numbers:
        """Returns the sums over taps and channels of (x - zero) * weights, in the type of `x`."""
        windows = patches(self.window, x, zero) - x.dtype.type(zero)
        weights = weights.reshape(weights.shape[0], self.window.taps, -1)
        depth, count = weights.shape[2], weights.shape[0] // self.groups
        return np.concatenate(
            [
                np.einsum(
                    "nyxti,cti->nyxc",
                    windows[..., g * depth : (g + 1) * depth],
                    weights[g * count : (g + 1) * count],
                    optimize=True,
                )
                for g in range(self.groups)
            ],
            axis=-1,
        )

    def macs(self, node: Node) -> int:
        """Output elements times taps times channels of a group, padding included."""
        filter_ = node.input(1)
        return node.output.type.elements * filter_.type.elements // filter_.shape[0]

    def lower(self, node: Node) -> LayerCall:
        """A `Convolution`, or an `Int4` of one."""
        x, filter_, output = node.input(0), node.input(1), node.output
        weights = constant(filter_, "the filter").reshape(filter_.shape[0], -1)
        hybrid = is_hybrid(node.inputs)
        layer = Convolution(
            weights=weights,
            finish=rescale(node, weights, self.clip) if hybrid else finish_of(node, weights, self.clip, self.rounding),
            input=image(x),
            output=image(output),
            window=self.window.kernel(),
            groups=self.groups,
            input_zero_point=stored_zero(x),
        )
        kept = kept_packed(layer, filter_.type.quant)
        return LayerCall(kept, [x, node.input(3)] if hybrid else [x], [output], self.macs(node))


@imports("tflite", "CONV_2D", harmless={"quantized_bias_type": "the bias has a type"})
def _from_tflite(importer: Importer) -> None:
    x, filter_ = importer.input(0), importer.input(1)
    if len(filter_.shape) != 4:
        raise UnsupportedReason(f"the filter has {len(filter_.shape)} axes, not 4")
    window = tflite_window(importer, (filter_.shape[1], filter_.shape[2]), x.type)
    if not filter_.is_constant:
        bind_unfolded(importer, x, filter_, window, depthwise=False)
        return
    groups = x.shape[3] // max(1, filter_.shape[3])
    quant = filter_.type.quant
    # LiteRT quantises the activations of a hybrid convolution asymmetrically where the channels differ in scale.
    symmetric = quant is not None and len(set(quant.scales)) == 1
    declared_image_by_image(
        importer,
        Conv2d(window, groups, tflite_clip(importer)),
        [x, filter_, importer.optional_input(2)],
        (lambda inputs: hybrid_inputs(importer, inputs, symmetric=symmetric)) if meets_bytes(x, filter_) else None,
    )


@imports("onnx", "Conv")
def _from_onnx(importer: Importer) -> None:
    importer.bind(onnx_convolution(importer))


def onnx_convolution(importer: Importer) -> Value:
    """Returns the convolution of a Conv node."""
    x, filter_, bias = importer.input(0), importer.input(1), importer.optional_input(2)
    is_wide = x.type.dtype is DType.F64
    if len(x.shape) in (3, 4) and filter_.is_constant and (bias is None or bias.is_constant) and not is_wide:
        return convolution(importer, x, filter_, bias)
    spans, groups = layer(importer, x, filter_)
    return unfolded(importer, x, filter_, bias, spans, groups)


@imports("onnx", "ConvInteger")
def _integers_from_onnx(importer: Importer) -> None:
    """A convolution of bytes less their zero points, in int32; what is around the image is the zero point."""
    x, filter_ = importer.input(0), importer.input(1)
    zero_x, zero = importer.optional_input(2), importer.optional_input(3)
    if zero is not None and zero.type.elements > 1:
        # One for each filter.
        zero = reshape(importer, zero, (zero.type.elements, *(1 for _ in filter_.shape[1:])))
    spans, groups = layer(importer, x, filter_)
    operands = centred(importer, x, zero_x), centred(importer, filter_, zero)
    importer.bind(unfolded(importer, *operands, None, spans, groups))


def layer(importer: Importer, x: Value, filter_: Value) -> tuple[tuple[Span, ...], int]:
    """Returns the window and the groups of an ONNX convolution."""
    if len(filter_.shape) != len(x.shape) or len(x.shape) < 3:
        raise UnsupportedReason(f"the filter has {len(filter_.shape)} axes, the image {len(x.shape)}")
    size = filter_.shape[2:]
    if importer.integers("kernel_shape", size) != size:
        raise UnsupportedReason(f"kernel_shape is not the filter's {list(size)}")
    groups, channels = importer.integer("group", 1), x.shape[1]
    if groups < 1 or filter_.shape[1] * groups != channels or filter_.shape[0] % groups:
        raise UnsupportedReason(f"{groups} groups do not divide {channels} channels into {filter_.shape[0]}")
    return onnx_spans(importer, size, x.shape[2:]), groups


def convolution(importer: Importer, x: Value, filter_: Value, bias: Value | None, quant: Quant | None = None) -> Value:
    """Returns an ONNX convolution of an NCHW or NCW image, whose result is quantised by `quant`."""
    spatial_shape(x)
    spans, groups = layer(importer, x, filter_)
    window, image_ = window_of(spans), to_nhwc(importer, x)
    if window.size == (1, 1) and any(window.padding):
        # To kernels a window of one cell is one that reads each cell in its place.
        (top, left, bottom, right), stored = window.padding, x.type.quant
        border = Pad(((0, 0), (top, bottom), (left, right), (0, 0)), 0.0 if stored is None else stored.zero_point)
        window, (image_,) = Window((1, 1), window.strides), importer.emit(border, [image_], [stored])
    depthwise = groups == x.shape[1] and groups > 1
    weights = filter_to_nhwc(importer, filter_, depthwise=depthwise)
    rounding = Rounding.NEAREST_EVEN
    op = DepthwiseConv2d(window, rounding=rounding) if depthwise else Conv2d(window, groups, rounding=rounding)
    y = each_image(importer, op, [image_, weights, bias], quant)
    return from_nhwc(importer, y, len(x.shape))
