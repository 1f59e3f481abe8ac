"""RowNorm: output = (input - mean) / sqrt(variance + epsilon) * scale + bias, of each row by itself.

What LayerNormalization is of its last axes, and, without the mean, RMSNormalization.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import normalize as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator
from ariel_build.ops.shorter import Axes, apart, one_only
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["RowNorm"]


@dataclass(frozen=True)
class RowNorm(Operator):
    """Normalises rows, which are the axes from `axis` on; inputs: x, scale and bias, both of the shape of a row."""

    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=False)
    passed_on = never
    permuted = keeps_axes

    axis: int
    epsilon: float
    centred: bool = True

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[.., row], f32[row], f32[row] -> f32[.., row]."""
        x, scale, bias = inputs[0], inputs[1], inputs[2]
        if x is None or scale is None or bias is None or not 0 <= self.axis < len(x.shape) or not x.elements:
            raise ValueError(f"{x} has no rows from axis {self.axis} on, or no scale and bias")
        if any(t.dtype is not DType.F32 for t in (x, scale, bias)):
            raise ValueError(f"{x} is not supported, only float32")
        if scale.shape != x.shape[self.axis :] or bias.shape != scale.shape:
            raise ValueError(f"scale {scale} or bias {bias} does not fit rows of {list(x.shape[self.axis :])}")
        return [TensorType(x.dtype, x.shape)]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Rows are along other axes."""
        return [apart(one_only(given), range(self.axis, len(node.input(0).shape)), "it normalises along it")]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Sums element after element in float32."""
        x, scale, bias = (np.asarray(i, np.float32) for i in inputs)
        rows = x.reshape(-1, math.prod(x.shape[self.axis :]))
        size = np.float32(rows.shape[1])
        with np.errstate(all="ignore"):
            rest = rows - _sum(rows) / size if self.centred else rows
            factor = np.float32(1) / np.sqrt(_sum(rest * rest) / size + np.float32(self.epsilon))
            made = rest * factor * scale.reshape(-1) + bias.reshape(-1)
        return [np.asarray(made, np.float32).reshape(x.shape)]

    def lower(self, node: Node) -> KernelCall:
        """`normalize::Rows`."""
        x, scale, bias, output = node.input(0), node.input(1), node.input(2), node.output
        count = math.prod(x.shape[self.axis :])
        rows = x.type.elements // count
        kernel = declared.Rows(
            input=Operand(x),
            scale=Source(scale),
            bias=Source(bias),
            output=Operand(output),
            rows=rows,
            count=count,
            epsilon=self.epsilon,
            centred=self.centred,
        )
        inputs = [v for v in dict.fromkeys((x, scale, bias)) if not v.is_constant]
        return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ROWS, rows))


def _sum(rows: Numbers) -> Numbers:
    return np.asarray(np.add.accumulate(rows, axis=1, dtype=np.float32)[:, -1:])
