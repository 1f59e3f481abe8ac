"""DepthwiseConv2d: output[y, x, c] = activation(bias[c] + sum of input[t, c / m] * filter[t, c] over taps t)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import LayerCall
from ariel_build.kernels.layer import Depthwise
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
from ariel_build.ops.batches import declared_image_by_image
from ariel_build.ops.cut import bordered
from ariel_build.ops.dynamic_quantize import hybrid, hybrid_inputs, is_hybrid, meets_bytes, rescale
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.shorter import Axes, Bound, one_only
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.ops.unfolded import bind_unfolded
from ariel_build.ops.window import Window, image, patches, tflite_window
from ariel_build.records import dataclass

__all__ = ["DepthwiseConv2d"]


@dataclass(frozen=True)
class DepthwiseConv2d(Operator):
    """2-D convolution of every channel of an NHWC image with filters of its own, `m` of them.

    Inputs: image [1, H, W, C], filter [1, kh, kw, C * m] (constant), bias [C * m] (constant, may be absent), and, for
    an image that was quantised at run time, its parameters (see `DynamicQuantize`); the output is then float32.
    """

    traits = Traits(
        moves=False, pointwise=False, real=True, reads_scaled=False, channels=-1, bordered=True, by_image=True
    )
    passed_on = never
    permuted = keeps_axes

    window: Window
    clip: tuple[float, float] = UNBOUNDED
    rounding: Rounding = Rounding.DOUBLE

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[N, H, W, C], [1, kh, kw, C * m] -> [N, H', W', C * m]."""
        x, filter_ = inputs[0], inputs[1]
        if x is None or filter_ is None or len(x.shape) != 4 or len(filter_.shape) != 4:
            raise ValueError("image and filter must have 4 axes")
        batch, height, width, channels = x.shape
        one, kh, kw, count = filter_.shape
        if one != 1 or (kh, kw) != self.window.size:
            raise ValueError(f"the filter {list(filter_.shape)} does not fit the window {list(self.window.size)}")
        if channels < 1 or count % channels:
            raise ValueError(f"{count} filters are no multiple of {channels} channels")
        sum_types(inputs, channel_axis=3)
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
        """Returns the sums over all taps of (x - zero) * weights, in the type of `x`."""
        count = weights.shape[3]
        windows = patches(self.window, x, zero) - x.dtype.type(zero)
        windows = np.repeat(windows, count // x.shape[3], axis=4)
        return np.asarray(np.einsum("nyxtc,tc->nyxc", windows, weights.reshape(self.window.taps, count)))

    def macs(self, node: Node) -> int:
        """Output elements times taps, padding included."""
        return node.output.type.elements * self.window.taps

    def lower(self, node: Node) -> LayerCall:
        """A `Depthwise`."""
        x, filter_, output = node.input(0), node.input(1), node.output
        weights = constant(filter_, "the filter").reshape(self.window.taps, filter_.shape[3]).T
        hybrid = is_hybrid(node.inputs)
        layer = Depthwise(
            weights=weights,
            finish=rescale(node, weights, self.clip) if hybrid else finish_of(node, weights, self.clip, self.rounding),
            input=image(x),
            output=image(output),
            window=self.window.kernel(),
            input_zero_point=stored_zero(x),
        )
        return LayerCall(layer, [x, node.input(3)] if hybrid else [x], [output], self.macs(node))


@imports("tflite", "DEPTHWISE_CONV_2D")
def _from_tflite(importer: Importer) -> None:
    x, filter_ = importer.input(0), importer.input(1)
    if len(filter_.shape) != 4:
        raise UnsupportedReason(f"the filter has {len(filter_.shape)} axes, not 4")
    factor = importer.integer("depth_multiplier")
    if factor and len(x.shape) == 4 and factor * x.shape[3] != filter_.shape[3]:
        raise UnsupportedReason(f"{filter_.shape[3]} filters are not {factor} for each of {x.shape[3]} channels")
    window = tflite_window(importer, (filter_.shape[1], filter_.shape[2]), x.type)
    if not filter_.is_constant:
        bind_unfolded(importer, x, filter_, window, depthwise=True)
        return
    op = DepthwiseConv2d(window, tflite_clip(importer))
    # TFLite quantises the activations of every hybrid depthwise convolution asymmetrically.
    declared_image_by_image(
        importer,
        op,
        [x, filter_, importer.optional_input(2)],
        (lambda inputs: hybrid_inputs(importer, inputs, symmetric=False)) if meets_bytes(x, filter_) else None,
    )
