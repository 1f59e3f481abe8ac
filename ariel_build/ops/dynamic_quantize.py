"""DynamicQuantize: int8 = round(x / scale) + zero_point, with the scale found at run time; and hybrid operators.

TFLite's dynamic range models keep weights in int8 and activations in float32. LiteRT quantises the activations of such
an operator row by row while it runs, sums integers, and scales the sum back: `f32(acc) * scale * filter_scale + bias`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Packed, Tiling
from ariel_build.kernels.declared import dynamic_quantize as declared
from ariel_build.ops.accumulate import Numbers, filter_zero_point, finish_float, float_bias, operands
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.fixed_point import round_away
from ariel_build.ops.importer import Importer
from ariel_build.ops.shorter import Axes, apart, reshaped
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["DynamicQuantize", "hybrid", "hybrid_inputs", "is_hybrid", "meets_bytes", "rescale"]

#: Accumulates (input - zero_point) * weights.
Accumulate = Callable[[Numbers, Numbers, float], Numbers]


@dataclass(frozen=True)
class DynamicQuantize(Operator):
    """Quantises `rows` equal parts of a float tensor to int8, each with a scale and a zero point of its own.

    Outputs: int8 elements, and float32 [rows, 2] with scale and zero point. `symmetric` makes the zero point 0.
    """

    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=False)
    passed_on = never
    permuted = keeps_axes

    symmetric: bool
    rows: int = 1

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[..] -> i8[..], f32[rows, 2]."""
        x = inputs[0]
        if x is None or x.dtype is not DType.F32 or self.rows < 1 or x.elements % self.rows:
            raise ValueError(f"{x} cannot be quantised in {self.rows} rows")
        return [TensorType(DType.I8, x.shape), TensorType(DType.F32, (self.rows, 2))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Each row has a scale of its own."""
        x = node.input(0)
        rows = reshaped(x.shape, (self.rows, x.type.elements // self.rows), given[0])
        return [given[0], apart(rows, [1], "it takes the scale of all of it")]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """LiteRT's SymmetricQuantizeFloats or AsymmetricQuantizeFloats, row by row."""
        x = np.asarray(inputs[0], np.float32)
        rows = x.reshape(self.rows, -1)
        scales, zeros, factors = np.array([self._parameters(row) for row in rows], np.float32).T[..., None]
        least = -127 if self.symmetric else -128
        stored = np.clip(round_away(zeros + rows * factors), least, 127)
        return [stored.astype(np.int8).reshape(x.shape), np.concatenate([scales, zeros], axis=1)]

    def _parameters(self, row: Numbers) -> tuple[np.float32, int, np.float32]:
        """Returns scale, zero point, and the factor that stands for 1 / scale."""
        low, high = np.float32(row.min(initial=np.inf)), np.float32(row.max(initial=-np.inf))
        if self.symmetric:
            reach = max(abs(low), abs(high))
            if reach == 0:
                return np.float32(1), 0, np.float32(0)
            return reach / np.float32(127), 0, np.float32(127) / reach
        low, high = min(low, np.float32(0)), max(high, np.float32(0))
        if low == high:
            return np.float32(1), 0, np.float32(0)
        scale = (float(high) - float(low)) / 255.0
        below, above = float(low) / scale, float(high) / scale
        zero = -128.0 - below if 128.0 + abs(below) < 127.0 + abs(above) else 127.0 - above
        rounded = int(np.clip(round_away(zero), -128, 127))
        return np.float32(scale), rounded, np.float32(1) / np.float32(scale)

    def lower(self, node: Node) -> KernelCall:
        """`dynamic_quantize::DynamicQuantize`."""
        x, stored, parameters = node.input(0), node.outputs[0], node.outputs[1]
        kernel = declared.DynamicQuantize(
            input=Operand(x),
            output=Operand(stored),
            parameters=Operand(parameters),
            rows=self.rows,
            row=x.type.elements // self.rows,
            symmetric=self.symmetric,
        )
        return KernelCall.of(kernel, [x], [stored, parameters], Tiling(Axis.ROWS, self.rows))


def is_hybrid(inputs: Sequence[object | None]) -> bool:
    """Whether a sum of products has a fourth input: the parameters of its dynamically quantised first one."""
    return len(inputs) > 3 and inputs[3] is not None


def meets_bytes(x: Value, filter_: Value) -> bool:
    """Whether floats meet a filter of integers: they are quantised at run time."""
    return x.type.dtype is DType.F32 and filter_.type.dtype is not DType.F32


def hybrid_inputs(
    importer: Importer, inputs: Sequence[Value | None], *, symmetric: bool, rows: int = 1
) -> list[Value | None]:
    """Returns the inputs of a sum of products; quantises a float input that meets an int8 filter."""
    x, filter_ = inputs[0], inputs[1]
    if x is None or filter_ is None:
        raise UnsupportedReason("input or filter is missing")
    if not meets_bytes(x, filter_):
        return list(inputs)
    if filter_.type.dtype is not DType.I8 or filter_.type.quant is None or filter_zero_point(filter_) != 0:
        raise UnsupportedReason(f"a float32 input with a filter {filter_.type} is not supported")
    stored, parameters = importer.emit(DynamicQuantize(symmetric, rows), [x])
    return [stored, filter_, inputs[2] if len(inputs) > 2 else None, parameters]


def hybrid(accumulate: Accumulate, inputs: Sequence[Array | None], node: Node, clip: tuple[float, float]) -> Array:
    """Returns `f32(acc) * scale * filter_scale + bias`, clamped: the reference of a hybrid operator of one row."""
    x, filter_, bias = operands(inputs)
    scale, zero = np.asarray(inputs[3]).reshape(-1)
    acc = accumulate(x.astype(np.int64), filter_.astype(np.int64), int(zero))
    return finish_hybrid(acc, scale, node, bias, clip)


def finish_hybrid(acc: Numbers, scale: Numbers, node: Node, bias: Numbers | None, clip: tuple[float, float]) -> Array:
    """Scales integer sums [.., channels] of rows quantised with `scale` back to float32."""
    quant = node.input(1).type.quant
    assert quant is not None  # noqa: S101 - hybrid_inputs has checked
    scales = np.array(quant.scales, np.float32)
    real = acc.astype(np.float32) * (scale * scales) if quant.per_tensor else acc.astype(np.float32) * scales * scale
    return finish_float(real if bias is None else real + bias.astype(np.float32), clip)


def rescale(node: Node, weights: Array, clip: tuple[float, float]) -> declared.Rescale:
    """Returns what ends a hybrid kernel; `weights` is [channels, k]."""
    quant = node.input(1).type.quant
    if quant is None:
        raise UnsupportedReason("the filter is not quantised")
    return declared.Rescale(
        parameters=Operand(node.input(3)),
        sums=Packed(weights.astype(np.int32).sum(axis=1, dtype=np.int32), "sums of the filters"),
        scales=Packed(np.array(quant.scales, np.float32), "scales"),
        bias=Packed(float_bias(node.inputs[2], weights.shape[0]), "bias"),
        min=clip[0],
        max=clip[1],
    )
