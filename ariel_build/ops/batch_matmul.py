"""BatchMatMul: output[b, i, j] = sum of x[b, i, k] * y[b, k, j] over k, with broadcasting batch axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import batch_matmul as declared
from ariel_build.kernels.declared.quant import DoubleRounding16, Narrow
from ariel_build.ops.accumulate import bounds, finish_integer, requantizer, stored_zero
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.copy import dense_strides
from ariel_build.ops.cut import cut, neutral
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.permutation import Perm
from ariel_build.ops.shorter import Axes, Bound, Mixed, apart
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["BATCH_AXES", "PLAIN", "BatchMatMul"]

#: Plain integers, whose products wrap, and float64.
PLAIN = {
    DType.F64: declared.F64,
    DType.I32: declared.I32,
    DType.I64: declared.I64,
}
#: Batch axes that the kernel walks, after merging those that lie one behind the other on both sides.
BATCH_AXES = 3


@dataclass(frozen=True)
class BatchMatMul(Operator):
    """Product of two matrices per batch, both of which may be computed at run time.

    Inputs: x [.., m, k] and y [.., k, n]; `adj_x` and `adj_y` say that the last two axes are the other way round. Where
    there is a permutation of an operand, what it gives of it is x or y.
    """

    traits = Traits(moves=False, pointwise=False, real=True, reads_scaled=False)
    passed_on = never
    permuted = keeps_axes

    adj_x: bool = False
    adj_y: bool = False
    rounding: Rounding = Rounding.DOUBLE
    x_perm: Perm | None = None
    y_perm: Perm | None = None

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[.., m, k], [.., k, n] -> [.., m, n]."""
        x, y = inputs[0], inputs[1]
        if x is None or y is None or min(len(x.shape), len(y.shape)) < 2:
            raise ValueError("both sides of a matrix product must have 2 axes at least")
        x, y = (t.with_shape(_permuted(t.shape, p)) for t, p in ((x, self.x_perm), (y, self.y_perm)))
        rows, depth = x.shape[:-3:-1] if self.adj_x else x.shape[-2:]
        deep, columns = y.shape[:-3:-1] if self.adj_y else y.shape[-2:]
        if depth != deep or x.dtype is not y.dtype:
            raise ValueError(f"{x} and {y} cannot be multiplied")
        if x.dtype not in (DType.I8, DType.U8, DType.I16, DType.F32, *PLAIN):
            raise ValueError(f"elements of {x.dtype.value} are not supported")
        try:
            batches = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        except ValueError:
            raise ValueError(f"the batch axes of {x} and {y} do not broadcast") from None
        return [TensorType(x.dtype, (*batches, rows, columns))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Batches, rows of the left side and columns of the right one are computed apart."""
        rank, found = len(node.output.shape), dict[int, Bound]()
        perms = (self.x_perm, self.y_perm)
        given = [_seen(axes, perm) for axes, perm in zip(given, perms, strict=True)]
        for index, swapped in ((0, self.adj_x), (1, not self.adj_y)):
            last = len(node.input(index).shape) - 1
            apart(given[index], [last - 1 if swapped else last], "it sums along it")
            for axis, bound in given[index].items():
                # The axis of the right side that is not summed counts the columns.
                place = rank - 2 + index if axis >= last - 1 else axis + rank - 1 - last
                if found.setdefault(place, bound) != bound:
                    raise Mixed(f"it brings `{bound.name}` and `{found[place].name}` together")
        for index in (0, 1):
            shape = _permuted(node.input(index).shape, perms[index])
            for place in found:
                axis = place - rank + len(shape)
                if place < rank - 2 and axis >= 0 and shape[axis] != 1 and axis not in given[index]:
                    raise Mixed("one of its sides has all of it, however much there is")
        return [found]

    def counted_nodes(self, node: Node, given: Sequence[Axes], count: Callable[[Bound], Value]) -> list[Node] | None:
        """Sums what there is: both sides are 0 behind it, for there may be infinity."""
        nodes, sides = list[Node](), list[Value | None]()
        for index, swapped in ((0, self.adj_x), (1, not self.adj_y)):
            value, perm = node.input(index), (self.x_perm, self.y_perm)[index]
            axis = len(value.shape) - (2 if swapped else 1)
            axis = axis if perm is None else perm[axis]
            if axis in given[index]:
                made, value = cut(value, axis, given[index][axis], neutral(value, 0), count)
                nodes += made
            sides.append(value)
        return [*nodes, Node(self, sides, node.outputs, node.origin)] if nodes else None

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Multiplies with numpy; integers in int64, floats in float32."""
        x, y = np.asarray(inputs[0]), np.asarray(inputs[1])
        x = x if self.x_perm is None else np.transpose(x, self.x_perm)
        y = y if self.y_perm is None else np.transpose(y, self.y_perm)
        x = np.swapaxes(x, -1, -2) if self.adj_x else x
        y = np.swapaxes(y, -1, -2) if self.adj_y else y
        if node.input(0).type.dtype is DType.F32 or x.dtype.itemsize >= 4:
            return [np.matmul(x, y)]
        zero_x, zero_y = stored_zero(node.input(0)), stored_zero(node.input(1))
        acc = np.matmul(x.astype(np.int64) - zero_x, y.astype(np.int64) - zero_y)
        return [finish_integer(acc, node, UNBOUNDED, self.rounding, single_precision=True)]

    def macs(self, node: Node) -> int:
        """Output elements times depth."""
        return node.output.type.elements * _permuted(node.input(0).shape, self.x_perm)[-2 if self.adj_x else -1]

    def lower(self, node: Node) -> KernelCall:
        """`batch_matmul::Quantized`, `F32`, `I32` or `I64`."""
        x, y, output = node.input(0), node.input(1), node.output
        rows, columns = output.shape[-2:]
        batches = output.shape[:-2]
        x_shape, y_shape = _permuted(x.shape, self.x_perm), _permuted(y.shape, self.y_perm)
        x_strides = _permuted(dense_strides(x.shape), self.x_perm)
        y_strides = _permuted(dense_strides(y.shape), self.y_perm)
        depth = x_shape[-2 if self.adj_x else -1]
        x_batch, y_batch = _batch_strides(x_shape, x_strides, batches), _batch_strides(y_shape, y_strides, batches)
        walks = _merge(batches, x_batch, y_batch)
        shape = {
            "rows": rows,
            "columns": columns,
            "depth": depth,
            "x_row": x_strides[-1 if self.adj_x else -2],
            "x_step": x_strides[-2 if self.adj_x else -1],
            "y_column": y_strides[-2 if self.adj_y else -1],
            "y_step": y_strides[-1 if self.adj_y else -2],
        }
        extents, x_batches, y_batches = ((w[0], w[1], w[2]) for w in zip(*walks, strict=True))
        kernel: Kernel
        if x.type.dtype is DType.F32 or x.type.dtype in PLAIN:
            plain = {DType.F32: declared.F32, **PLAIN}[x.type.dtype]
            kernel = plain(
                x=Source(x),
                y=Source(y),
                output=Operand(output),
                batches=extents,
                x_batches=x_batches,
                y_batches=y_batches,
                **shape,
            )
        else:
            if y.type.quant is not None and not y.type.quant.per_tensor:
                raise UnsupportedReason("the right side is quantised per channel")
            requantize = requantizer(node, self.rounding, single_precision=True)
            wide = x.type.dtype is DType.I16
            if wide and self.rounding is not Rounding.DOUBLE:
                raise UnsupportedReason("products of int16 are not supported")
            if wide and (stored_zero(x) or stored_zero(y)):
                raise UnsupportedReason("products of int16 with a zero point are not supported")
            # int16 without a bias is summed in 64 bits.
            assert not isinstance(requantize, DoubleRounding16 | Narrow)  # noqa: S101
            kernel = declared.Quantized(
                x=Source(x),
                y=Source(y),
                output=Operand(output),
                batches=extents,
                x_batches=x_batches,
                y_batches=y_batches,
                x_zero_point=stored_zero(x),
                y_zero_point=stored_zero(y),
                requantize=requantize,
                bounds=bounds(node, UNBOUNDED, self.rounding),
                **shape,
            )
        return KernelCall.of(kernel, [x, y], [output], Tiling(Axis.ROWS, math.prod(batches) * rows), self.macs(node))


def _permuted(axes: tuple[int, ...], perm: Perm | None) -> tuple[int, ...]:
    """Returns what there is of each axis in the order of a permutation."""
    return axes if perm is None else tuple(axes[p] for p in perm)


def _seen(axes: Axes, perm: Perm | None) -> Axes:
    """Returns the axes as they are behind a permutation."""
    return axes if perm is None else {k: axes[p] for k, p in enumerate(perm) if p in axes}


def _batch_strides(shape: tuple[int, ...], strides: tuple[int, ...], batches: tuple[int, ...]) -> list[int]:
    """Returns the strides, in elements, of an operand along the batch axes of the output; 0 where it broadcasts."""
    missing = len(batches) + 2 - len(shape)
    own = [0 if extent == 1 else stride for extent, stride in zip(shape, strides, strict=True)]
    return [0] * missing + own[: len(shape) - 2]


def _merge(batches: tuple[int, ...], x: list[int], y: list[int]) -> list[tuple[int, int, int]]:
    """Returns (extent, stride of x, stride of y) of the batch axes, as few as can be, padded to BATCH_AXES."""
    merged: list[tuple[int, int, int]] = []
    for extent, stride_x, stride_y in zip(batches, x, y, strict=True):
        if extent == 1:
            continue
        if merged and merged[-1][1] == extent * stride_x and merged[-1][2] == extent * stride_y:
            merged[-1] = (merged[-1][0] * extent, stride_x, stride_y)
        else:
            merged.append((extent, stride_x, stride_y))
    if len(merged) > BATCH_AXES:
        raise UnsupportedReason(f"{len(merged)} separate batch axes are more than {BATCH_AXES}")
    return [(1, 0, 0)] * (BATCH_AXES - len(merged)) + merged
