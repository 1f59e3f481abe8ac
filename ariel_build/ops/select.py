"""Select: output = condition ? left : right, element by element; the three are broadcast to one shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import KernelCall, Operand, Source
from ariel_build.kernels.declared import index as declared
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.elementwise import broadcast_shape, call_of
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import AXES, six
from ariel_build.ops.reshape import reshape
from ariel_build.ops.traits import MOVEMENT, alike, never
from ariel_build.records import dataclass

__all__ = ["Select", "select"]


@dataclass(frozen=True)
class Select(Operator):
    """condition ? left : right."""

    traits = replace(MOVEMENT, pointwise=True)
    passed_on = never
    permuted = alike

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """bool[a], T[b], T[c] -> T[a, b and c broadcast]."""
        condition, left, right = inputs
        if condition is None or left is None or right is None or condition.dtype is not DType.BOOL:
            raise ValueError(f"its condition is {condition}, not bool")
        if left.dtype is not right.dtype:
            raise ValueError(f"it chooses between {left.dtype.value} and {right.dtype.value}")
        return [TensorType(left.dtype, broadcast_shape(condition.shape, left.shape, right.shape))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Chooses."""
        condition, left, right = (np.asarray(i) for i in inputs)
        return [np.where(condition, left, right)]

    def lower(self, node: Node) -> KernelCall:
        """`index::Select`."""
        condition, left, right, output = node.input(0), node.input(1), node.input(2), node.output
        counts, strides = _spread([v.shape for v in (condition, left, right)], output.shape)
        kernel = declared.Select(
            condition=Source(condition),
            left=Source(left),
            right=Source(right),
            output=Operand(output),
            element=output.type.dtype.bytes,
            elements=output.type.elements,
            counts=six(counts),
            strides=(six(strides[0], 0), six(strides[1], 0), six(strides[2], 0)),
        )
        return call_of(kernel, node)


def _spread(shapes: Sequence[tuple[int, ...]], output: tuple[int, ...]) -> tuple[list[int], list[list[int]]]:
    """Returns counts, and the strides of each operand, axes merged as far as all operands are dense over them."""
    padded = [(1,) * (len(output) - len(shape)) + shape for shape in shapes]
    axes: list[tuple[int, ...]] = []
    for k, count in enumerate(output):
        steps = [0 if shape[k] == 1 else math.prod(shape[k + 1 :]) for shape in padded]
        if count == 1:
            continue
        if axes and all(axes[-1][1 + j] == count * step for j, step in enumerate(steps)):
            axes[-1] = (axes[-1][0] * count, *steps)
        else:
            axes.append((count, *steps))
    if len(axes) > AXES:
        raise UnsupportedReason(f"operands are broadcast over {len(axes)} separate axes, more than {AXES}")
    return [a[0] for a in axes], [[a[1 + j] for a in axes] for j in range(len(shapes))]


def select(importer: Importer, condition: Value, left: Value, right: Value) -> Value:
    """Returns `condition ? left : right`, with the scale of both where they have the same."""
    if left.type.quant != right.type.quant and importer.model.format == "onnx":
        # ONNX chooses between the integers themselves.
        left, right = (importer.view(v, None) for v in (left, right))
    if left.type.quant != right.type.quant:
        raise UnsupportedReason("what it chooses between is not quantised alike")
    return importer.emit(Select(), [condition, left, right], [left.type.quant])[0]


@imports("tflite", "SELECT", "SELECT_V2")
@imports("onnx", "Where")
def _select(importer: Importer) -> None:
    condition, left, right = (importer.input(k) for k in range(3))
    if importer.node.op == "SELECT" and len(condition.shape) == 1 < len(left.shape):
        # The older one chooses whole rows.
        condition = reshape(importer, condition, (*condition.shape, *[1] * (len(left.shape) - 1)))
    importer.bind(select(importer, condition, left, right))
