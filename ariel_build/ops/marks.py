"""OneHot, Triangle (Trilu), Found: one of many set, a triangle of matrices, and where booleans are set.

How many are set is known only when the model runs. Where the file declares the shape of the result, so many places are
found: those behind the last one are 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import index as declared
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.best import Best
from ariel_build.ops.cast import cast
from ariel_build.ops.concat import Concat
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import AXES, indices_input, is_wide, six
from ariel_build.ops.reshape import reshape
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.ops.transpose import transpose
from ariel_build.records import dataclass

__all__ = ["Found", "OneHot", "Triangle"]


@dataclass(frozen=True)
class OneHot(Operator):
    """output[o, d, ..] = values[1] where indices[o, ..] == d, else values[0]; the new axis is `axis`."""

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    axis: int
    depth: int
    wraps: bool

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """i[a, b], T[2] -> T[a, depth, b]."""
        indices, values = inputs
        if indices is None or values is None or values.shape != (2,) or self.depth < 1:
            raise ValueError(f"{values} are not two elements, or {self.depth} is no depth")
        if not 0 <= self.axis <= len(indices.shape):
            raise ValueError(f"there is no axis {self.axis}")
        return [TensorType(values.dtype, (*indices.shape[: self.axis], self.depth, *indices.shape[self.axis :]))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Compares."""
        indices, values = np.asarray(inputs[0]).astype(np.int64), np.asarray(inputs[1])
        found = np.where((indices < 0) & self.wraps, indices + self.depth, indices)
        shape = [1] * (indices.ndim + 1)
        shape[self.axis] = self.depth
        hot = np.expand_dims(found, self.axis) == np.arange(self.depth).reshape(shape)
        return [values[hot.astype(np.int64)]]

    def lower(self, node: Node) -> KernelCall:
        """`index::OneHot`."""
        indices, values, output = node.input(0), node.input(1), node.output
        outer = math.prod(indices.shape[: self.axis])
        kernel = declared.OneHot(
            indices=Source(indices),
            values=Source(values),
            output=Operand(output),
            element=values.type.dtype.bytes,
            outer=outer,
            depth=self.depth,
            inner=math.prod(indices.shape[self.axis :]),
            wide=is_wide(indices),
            wraps=self.wraps,
        )
        inputs = list(dict.fromkeys(v for v in (indices, values) if not v.is_constant))
        return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ROWS, outer * self.depth))


@dataclass(frozen=True)
class Triangle(Operator):
    """The elements of each matrix on one side of a diagonal, the second input, with it; 0 elsewhere."""

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    upper: bool

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[.., n, m], i[] -> T[.., n, m]."""
        x = inputs[0]
        if x is None or len(x.shape) < 2 or not x.elements:
            raise ValueError(f"{x} are no matrices")
        return [TensorType(x.dtype, x.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Cuts."""
        x, k = np.asarray(inputs[0]), int(np.asarray(inputs[1]).reshape(()))
        behind = np.arange(x.shape[-1])[None] - np.arange(x.shape[-2])[:, None]
        return [np.where(behind >= k if self.upper else behind <= k, x, np.zeros((), x.dtype))]

    def lower(self, node: Node) -> KernelCall:
        """`index::Triangle`."""
        x, diagonal, output = node.input(0), node.input(1), node.output
        count, rows = math.prod(x.shape[:-2]), x.shape[-2]
        kernel = declared.Triangle(
            input=Source(x),
            diagonal=Source(diagonal),
            output=Operand(output),
            element=x.type.dtype.bytes,
            count=count,
            rows=rows,
            columns=x.shape[-1],
            wide=is_wide(diagonal),
            upper=self.upper,
        )
        inputs = list(dict.fromkeys(v for v in (x, diagonal) if not v.is_constant))
        return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ROWS, count * rows))


@dataclass(frozen=True)
class Found(Operator):
    """The int32 indices, axis by axis, of the first `count` booleans that are set; 0 where there are fewer."""

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    count: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """bool[..] -> i32[axes, count]."""
        x = inputs[0]
        if x is None or x.dtype is not DType.BOOL or not 1 <= len(x.shape) <= AXES or self.count < 1:
            raise ValueError(f"{self.count} places in {x} are not supported")
        return [TensorType(DType.I32, (len(x.shape), self.count))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Looks from the front."""
        places = np.argwhere(np.asarray(inputs[0]))[: self.count].T
        return [np.pad(places, ((0, 0), (0, self.count - places.shape[1]))).astype(np.int32)]

    def lower(self, node: Node) -> KernelCall:
        """`index::Found`."""
        x, output = node.input(0), node.output
        kernel = declared.Found(
            input=Source(x), output=Operand(output), extents=six(x.shape), rank=len(x.shape), count=self.count
        )
        return KernelCall.of(kernel, [] if x.is_constant else [x], [output], Tiling(Axis.WHOLE, 1))


def _one_hot(importer: Importer, indices: Value, depth: int, values: Value, *, wraps: bool) -> None:
    axis, rank = importer.integer("axis", -1), len(indices.shape)
    (axis,) = axes_of([axis], rank + 1)
    importer.bind(*importer.emit(OneHot(axis, depth, wraps), [indices, values], [values.type.quant]))


@imports("tflite", "ONE_HOT")
def _one_hot_from_tflite(importer: Importer) -> None:
    indices, depth = indices_input(importer, 0), int(importer.constant_input(1, "the depth").reshape(()))
    on, off = (reshape(importer, importer.input(k), (1,)) for k in (2, 3))
    (values,) = importer.emit(Concat(0), [off, on], [off.type.quant])
    _one_hot(importer, indices, depth, values, wraps=False)


@imports("onnx", "OneHot")
def _one_hot_from_onnx(importer: Importer) -> None:
    indices, depth = importer.input(0), importer.input(1)
    if indices.type.dtype not in (DType.I32, DType.I64):
        indices = cast(importer, indices, DType.I32)
    if depth.data is not None:
        extent = int(depth.data.reshape(-1)[0])
    else:
        extent = importer.declared_shape("the depth")[importer.integer("axis", -1)]
    _one_hot(importer, indices, extent, importer.input(2), wraps=True)


@imports("onnx", "Hardmax")
def _hardmax(importer: Importer) -> None:
    x, old = importer.input(0), importer.node.version < 13
    (axis,) = axes_of([importer.integer("axis", 1 if old else -1)], len(x.shape))
    # Before opset 13 all axes from this one on are one.
    split = (math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))
    rows, axis = (reshape(importer, x, split), 1) if old else (x, axis)
    values = importer.constant(np.array([0, 1], x.type.dtype.numpy))
    (place,) = importer.emit(Best(axis), [rows])
    (hot,) = importer.emit(OneHot(axis, rows.shape[axis], wraps=False), [place, values])
    importer.bind(reshape(importer, hot, x.shape))


@imports("onnx", "Trilu", "com.microsoft:Trilu")
def _trilu(importer: Importer) -> None:
    x, k = importer.input(0), importer.optional_input(1)
    diagonal = importer.constant(np.zeros((), np.int32)) if k is None else reshape(importer, k, ())
    importer.bind(*importer.emit(Triangle(bool(importer.integer("upper", 1))), [x, diagonal]))


@imports("onnx", "NonZero")
def _non_zero(importer: Importer) -> None:
    x = importer.input(0)
    if x.data is not None:
        importer.bind(importer.constant(np.array(np.nonzero(x.data), np.int64)))
        return
    shape = importer.declared_shape("what is not 0")
    if len(shape) != 2 or shape[0] != len(x.shape):
        raise UnsupportedReason(f"its output is declared {list(shape)}")
    places = importer.emit(Found(shape[1]), [cast(importer, x, DType.BOOL)])
    importer.bind(cast(importer, places[0], DType.I64))


@imports("tflite", "WHERE")
def _where(importer: Importer) -> None:
    x, type_ = importer.input(0), importer.output_type()
    if len(type_.shape) != 2 or type_.shape[1] != len(x.shape):
        raise UnsupportedReason(f"its output is declared {type_}, not so many places in {x.type}")
    (places,) = importer.emit(Found(type_.shape[0]), [cast(importer, x, DType.BOOL)])
    importer.bind(cast(importer, transpose(importer, places, (1, 0)), type_.dtype))


@imports("onnx", "Compress")
def _compress(importer: Importer) -> None:
    x, condition = importer.input(0), importer.input(1)
    if importer.attribute("axis") is None:
        x, axis = reshape(importer, x, (x.type.elements,)), 0
    else:
        (axis,) = axes_of([importer.integer("axis")], len(x.shape))
    if len(condition.shape) != 1 or condition.shape[0] > x.shape[axis]:
        raise UnsupportedReason(f"the condition {condition.type} does not fit axis {axis} of {x.type}")
    if condition.data is not None:
        indices = importer.constant(np.flatnonzero(condition.data).astype(np.int32))
    else:
        count = importer.declared_shape("the condition")[axis]
        (places,) = importer.emit(Found(count), [condition])
        indices = reshape(importer, places, (count,))
    importer.bind(*importer.emit(Gather(axis=axis, wraps=False), [x, indices], [x.type.quant]))
