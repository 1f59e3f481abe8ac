"""Conv2d: output[y, x, c] = activation(bias[c] + sum of input[t, i] * filter[c, t, i] over taps t and channels i)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernel import Axis, KernelCall, Packed, Scratch, Tiling, Variant
from ariel_build.ops.accumulate import (
    bounds,
    filter_zero_point,
    finish_float,
    finish_integer,
    folded_bias,
    requantizer,
    tflite_clip,
)
from ariel_build.ops.base import Operator, constant, imports
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.window import Window, image, patches, tflite_window

__all__ = ["Conv2d"]


@dataclass(frozen=True)
class Conv2d(Operator):
    """2-D convolution of an NHWC image.

    Inputs: image [1, H, W, Cin], filter [Cout, kh, kw, Cin / groups] (constant), bias [Cout] (constant, may be absent).
    `clip` holds the real bounds of the fused activation.
    """

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
        bias = inputs[2] if len(inputs) > 2 else None
        if bias is not None and bias.shape != (count,):
            raise ValueError(f"the bias has shape {list(bias.shape)}, not [{count}]")
        return [TensorType(x.dtype, (batch, *self.window.output_size(height, width), count))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Gathers all patches and multiplies; integers in int64, floats in float32."""
        x, filter_, bias = inputs[0], inputs[1], inputs[2] if len(inputs) > 2 else None
        assert x is not None and filter_ is not None  # noqa: S101 - infer has seen them
        integer = node.input(0).type.dtype is not DType.F32
        offset = node.input(0).type.quant
        zero = offset.zero_point if integer and offset is not None else 0
        wide = np.int64 if integer else np.float32
        windows = patches(self.window, x, zero).astype(wide) - wide(zero)
        weights = filter_.astype(wide) - wide(filter_zero_point(node.input(1)))
        weights = weights.reshape(filter_.shape[0], self.window.taps, -1)
        depth, count = weights.shape[2], weights.shape[0] // self.groups
        acc = np.concatenate(
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
        if bias is not None:
            acc = acc + bias.astype(wide)
        if integer:
            return [finish_integer(acc, node, self.clip, self.rounding)]
        return [finish_float(acc, self.clip)]

    def macs(self, node: Node) -> int:
        """Output elements times taps times channels of a group, padding included."""
        filter_ = node.input(1)
        return node.output.type.elements * filter_.type.elements // filter_.shape[0]

    def lower(self, node: Node) -> KernelCall:
        """`conv2d::Int8` or `conv2d::F32`."""
        x, filter_, output = node.input(0), node.input(1), node.output
        weights = constant(filter_, "the filter")
        count = filter_.shape[0]
        depth = filter_.type.elements // count
        common = {
            "input": image(x),
            "output": image(output),
            "window": self.window.kernel(),
            "groups": self.groups,
            "filter": Packed(weights.reshape(count, depth), "filter"),
        }
        rows = output.shape[1] >= 4
        tail = {
            "axis": Variant("Axis::Rows" if rows else "Axis::Channels"),
            "scratch": Scratch(0 if self.window.is_pointwise else depth * x.type.dtype.bytes),
        }
        tiling = Tiling(Axis.ROWS, output.shape[1]) if rows else Tiling(Axis.CHANNELS, count, 4)
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        if x.type.dtype is DType.F32:
            kernel = "conv2d::F32"
            fields = {
                **common,
                "bias": Packed(float_bias(bias, count), "bias"),
                "min": self.clip[0],
                "max": self.clip[1],
                **tail,
            }
        else:
            kernel, requantize = requantizer(node, "conv2d::Int8", self.rounding)
            assert x.type.quant is not None  # noqa: S101 - requantizer has checked
            fields = {
                **common,
                "bias": Packed(folded_bias(node, weights.reshape(count, depth)), "bias"),
                "filter_zero_point": filter_zero_point(filter_),
                "input_zero_point": x.type.quant.zero_point,
                "requantize": requantize,
                "bounds": bounds(node, self.clip, self.rounding),
                **tail,
            }
        return KernelCall(kernel, fields, [x], [output], tiling, self.macs(node))


def float_bias(bias: Value | None, count: int) -> Array:
    """Returns the bias of a float kernel, zeros where the model has none."""
    return np.zeros(count, np.float32) if bias is None else constant(bias, "the bias").astype(np.float32)


@imports("tflite", "CONV_2D")
def _from_tflite(importer: Importer) -> None:
    x, filter_ = importer.input(0), importer.input(1)
    window = tflite_window(importer, (filter_.shape[1], filter_.shape[2]), x.type)
    groups = x.shape[3] // max(1, filter_.shape[3])
    importer.emit_declared(
        Conv2d(window, groups, tflite_clip(importer)), [x, filter_, importer.optional_input(2)]
    )
