"""FullyConnected: output[r, c] = activation(bias[c] + sum of input[r, k] * filter[c, k] over k).

Over a filter that is computed at run time it is a BatchMatMul; one of integers has no bias then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import LayerCall, Operand
from ariel_build.kernels.layer import Dense, kept_packed
from ariel_build.ops.accumulate import (
    filter_zero_point,
    finish_float,
    finish_integer,
    finish_of,
    operands,
    sum_types,
    tflite_clip,
)
from ariel_build.ops.base import Operator, UnsupportedReason, constant, imports
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.cast import Cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.dynamic_quantize import finish_hybrid, hybrid_inputs, is_hybrid, rescale
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, Mixed, apart, reshaped
from ariel_build.ops.traits import Moved, Traits, Wish, never
from ariel_build.records import dataclass

__all__ = ["FullyConnected"]


@dataclass(frozen=True)
class FullyConnected(Operator):
    """A dense layer over rows.

    Inputs: rows (any shape of a multiple of k elements), filter [n, k] (constant), bias [n] (constant, may be absent),
    and, for rows that were quantised at run time, their parameters (see `DynamicQuantize`); the output is then float32.
    `keep_dims` keeps the axes before the last one, otherwise the output is [rows, n].
    """

    traits = Traits(moves=False, pointwise=False, real=True, reads_scaled=False, channels=0)
    passed_on = never

    clip: tuple[float, float] = UNBOUNDED
    rounding: Rounding = Rounding.DOUBLE
    keep_dims: bool = False

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[.., k], [n, k] -> [rows, n] or [.., n]."""
        x, filter_ = inputs[0], inputs[1]
        if x is None or filter_ is None or len(filter_.shape) != 2 or filter_.elements == 0:
            raise ValueError("the filter must have 2 axes")
        count, depth = filter_.shape
        if x.elements % depth or (self.keep_dims and (not x.shape or x.shape[-1] != depth)):
            raise ValueError(f"rows of {depth} elements do not divide an input {list(x.shape)}")
        sum_types(inputs, channel_axis=0)
        rows = x.shape[:-1] if self.keep_dims else (x.elements // depth,)
        return [TensorType(DType.F32 if is_hybrid(inputs) else x.dtype, (*rows, count))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Rows are computed apart; their parameters, of those that were quantised at run time, are theirs."""
        x, depth = node.input(0), node.input(1).shape[1]
        if any(given[1:3]):
            raise Mixed("its filter or bias depends on it")
        rows = x.type.elements // depth
        if self.keep_dims and not any(given[3:]):
            return [apart(given[0], [len(x.shape) - 1], "it sums along it")]
        axes = apart(reshaped(x.shape, (rows, depth), given[0]), [1], "it sums along it")
        if any(dict(parameters) != dict(axes) for parameters in given[3:]):
            raise Mixed("the scales of its rows do not depend on it as the rows do")
        return [reshaped((rows,), node.output.shape[:-1], axes)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Multiplies matrices; integers in int64, floats in float32."""
        x, filter_, bias = operands(inputs)
        shape = node.output.shape
        rows = x.reshape(-1, filter_.shape[1])
        if is_hybrid(inputs):
            parameters = np.asarray(inputs[3])
            acc = (rows.astype(np.int64) - parameters[:, 1:].astype(np.int64)) @ filter_.T.astype(np.int64)
            return [finish_hybrid(acc, parameters[:, :1], node, bias, self.clip).reshape(shape)]
        if node.input(0).type.dtype is DType.F32:
            acc = rows @ filter_.T
            return [finish_float(acc if bias is None else acc + bias, self.clip).reshape(shape)]
        quant = node.input(0).type.quant
        zero = 0 if quant is None else quant.zero_point
        acc = (rows.astype(np.int64) - zero) @ (filter_.T.astype(np.int64) - filter_zero_point(node.input(1)))
        acc = acc if bias is None else acc + bias
        single = _single_precision(node)
        return [finish_integer(acc, node, self.clip, self.rounding, single_precision=single).reshape(shape)]

    def macs(self, node: Node) -> int:
        """Rows times filter elements."""
        count, depth = node.input(1).shape
        return node.output.type.elements // count * count * depth

    def permuted(self, wish: Wish) -> Moved | None:
        """Lets the rows change places; what is summed over, and the results, stay last."""
        if not self.keep_dims or wish.perm[-1] != len(wish.perm) - 1 or is_hybrid(wish.node.inputs):
            return None
        return Moved(self, (wish.perm, *(None for _ in wish.node.inputs[1:])), (wish.perm,))

    def lower(self, node: Node) -> LayerCall:
        """A `Dense`, or an `Int4` of one."""
        x, filter_, output = node.input(0), node.input(1), node.output
        weights = constant(filter_, "the filter")
        hybrid, single = is_hybrid(node.inputs), _single_precision(node)
        layer = Dense(
            weights=weights,
            finish=rescale(node, weights, self.clip)
            if hybrid
            else finish_of(node, weights, self.clip, self.rounding, single_precision=single),
            input=Operand(x),
            output=Operand(output),
            rows=output.type.elements // weights.shape[0],
        )
        kept = kept_packed(layer, filter_.type.quant)
        return LayerCall(kept, [x, node.input(3)] if hybrid else [x], [output], self.macs(node))


def _single_precision(node: Node) -> bool:
    """Whether TFLite multiplies the scales in float32: per-tensor filters."""
    quant = node.input(1).type.quant
    return quant is not None and quant.per_tensor


@imports(
    "tflite",
    "FULLY_CONNECTED",
    harmless={"quantized_bias_type": "the bias has a type"},
)
def _from_tflite(importer: Importer) -> None:
    x, filter_ = importer.input(0), importer.input(1)
    if importer.text("weights_format", "DEFAULT") != "DEFAULT":
        raise UnsupportedReason(f"weights format {importer.text('weights_format')} is not supported")
    if len(filter_.shape) != 2 or filter_.type.elements == 0:
        raise UnsupportedReason(f"the filter has the shape {list(filter_.shape)}, not [n, k]")
    rows = math.prod(x.shape) // filter_.shape[1]
    keeps = bool(importer.attribute("keep_num_dims", False))
    if not filter_.is_constant:
        _computed(importer, x, filter_, rows)
        return
    inputs = hybrid_inputs(
        importer,
        [x, filter_, importer.optional_input(2)],
        symmetric=not importer.attribute("asymmetric_quantize_inputs", False),
        rows=max(rows, 1),
    )
    tensor = importer.model.tensors[importer.node.outputs[0]]
    if tensor.shape is None:
        # Of a dimension that the user has bound: as the attribute says.
        (out,) = importer.emit(FullyConnected(tflite_clip(importer)), inputs, [tensor.quant])
        importer.bind(reshape(importer, out, (*(x.shape[:-1] if keeps else (rows,)), filter_.shape[0])))
        return
    # The declared shape, [rows, n] or [.., n], may differ in axes of 1 from what keep_num_dims says.
    declared = importer.output_type()
    type_ = declared.with_shape((rows, filter_.shape[0]))
    (out,) = importer.emit(FullyConnected(tflite_clip(importer)), inputs, types=[type_])
    importer.bind(reshape(importer, out, declared.shape))


def _computed(importer: Importer, x: Value, filter_: Value, rows: int) -> None:
    """Imports a layer whose filter is computed at run time: a product of two matrices, then bias and activation."""
    bias, declared = importer.optional_input(2), importer.output_type()
    if DType.F32 in (x.type.dtype, filter_.type.dtype) and x.type.dtype is not filter_.type.dtype:
        raise UnsupportedReason("the filter is computed at run time; beside float32 it must be float32, or a constant")
    if bias is not None and x.type.dtype is not DType.F32:
        raise UnsupportedReason("the filter is computed at run time; then a bias is supported in float32 only")
    x = reshape(importer, x, (rows, filter_.shape[1]))
    if x.type.dtype is DType.I16:
        (filter_,) = importer.emit(Cast(DType.I16), [filter_], [filter_.type.quant])
    type_ = declared.with_shape((rows, filter_.shape[0]))
    (out,) = importer.emit(BatchMatMul(adj_y=True), [x, filter_], types=[type_])
    if bias is not None:
        (out,) = importer.emit(Map2("Add"), [out, bias], types=[type_])
    clip = tflite_clip(importer)
    if clip != UNBOUNDED:
        (out,) = importer.emit(Clip(clip), [out], types=[type_])
    importer.bind(reshape(importer, out, declared.shape))
