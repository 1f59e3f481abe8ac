"""Gather: output[.., k, ..] = input[.., indices[k], ..], and its kin GatherElements and GatherND.

Indices that are known at build time become copies of whole slices; others lead where they lead when the model runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import index as declared
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.copy import Part, copy_call, dense_strides
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import blocks, indices_input, inside, place, strides
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, Mixed, apart
from ariel_build.ops.traits import MOVEMENT, Moved, Wish, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["Gather", "GatherConstant", "GatherElements", "GatherNd", "gathered"]

MOST_PARTS = 256


@dataclass(frozen=True)
class GatherConstant(Operator):
    """output[.., k, ..] = input[.., indices[k], ..] along `axis`."""

    traits = MOVEMENT

    axis: int
    indices: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[.., n, ..] -> [.., len(indices), ..]."""
        x = inputs[0]
        if x is None or not 0 <= self.axis < len(x.shape):
            raise ValueError(f"there is no axis {self.axis} in {x}")
        if any(not 0 <= i < x.shape[self.axis] for i in self.indices):
            raise ValueError(f"an index is outside an axis of {x.shape[self.axis]}")
        return [TensorType(x.dtype, (*x.shape[: self.axis], len(self.indices), *x.shape[self.axis + 1 :]))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Takes the slices."""
        return [np.take(np.asarray(inputs[0]), np.array(self.indices, np.int64), self.axis)]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Takes along another axis, or of the first part alone, which is always there."""
        bound = given[0].get(self.axis)
        if bound is not None and max(self.indices, default=0) >= node.input(0).shape[self.axis] // bound.most:
            raise Mixed("it takes some of its parts")
        return [{axis: bound for axis, bound in given[0].items() if axis != self.axis}]

    def last_axis(self, node: Node) -> int | None:
        """Returns the axis of which it takes the last element alone."""
        return self.axis if self.indices == (node.input(0).shape[self.axis] - 1,) else None

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what is taken whole and in order."""
        return node.input(0) if self.indices == tuple(range(node.input(0).shape[self.axis])) else None

    def permuted(self, wish: Wish) -> Moved | None:
        """Takes along where the axis has gone."""
        return wish.alike(replace(self, axis=wish.perm.index(self.axis)))

    def lower(self, node: Node) -> KernelCall:
        """`copy::Copy` with a part for each run of indices that go up, or down, by one."""
        x = node.input(0)
        strides = dense_strides(x.shape)
        parts, at = [], 0
        for first, run, step in runs(self.indices):
            shape = (*x.shape[: self.axis], run, *x.shape[self.axis + 1 :])
            place = tuple(at if k == self.axis else 0 for k in range(len(shape)))
            own = tuple(step * s if k == self.axis else s for k, s in enumerate(strides))
            parts.append(Part(x, shape, own, first * strides[self.axis], place))
            at += run
        if len(parts) > MOST_PARTS:
            raise UnsupportedReason(f"{len(parts)} separate runs of indices are more than {MOST_PARTS}")
        return copy_call(node.output, parts)


def runs(indices: Sequence[int]) -> list[tuple[int, int, int]]:
    """Returns the runs of indices that go up, or down, by one: (first, count, step)."""
    found, at = [], 0
    while at < len(indices):
        run = 1
        step = -1 if indices[at + 1 : at + 2] == (indices[at] - 1,) else 1
        while indices[at + run : at + run + 1] == (indices[at] + step * run,):
            run += 1
        found.append((indices[at], run, step))
        at += run
    return found


@dataclass(frozen=True)
class _Gathering(Operator):
    """What all gathers with indices of the run time have: data, then indices; negative ones may `wrap`."""

    traits = MOVEMENT
    passed_on = never
    permuted = keeps_axes

    wraps: bool

    def call(self, node: Node, found: declared.Blocks) -> KernelCall:
        """Returns the call of `index::Gather`."""
        data, indices, output = node.input(0), node.input(1), node.output
        kernel = declared.Gather(
            data=Source(data), indices=Source(indices), output=Operand(output), bytes=data.type.bytes, blocks=found
        )
        inputs = list(dict.fromkeys(v for v in (data, indices) if not v.is_constant))
        return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ROWS, math.prod(found.counts)))


@dataclass(frozen=True)
class Gather(_Gathering):
    """output[b, o, k, ..] = input[b, o, indices[b, k], ..]: along `axis`, for each of the first `batch` axes apart."""

    axis: int
    batch: int = 0

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[b, o, n, i], [b, k] -> [b, o, k, i]."""
        x, indices = inputs[0], inputs[1]
        if x is None or indices is None or not 0 <= self.batch <= self.axis < len(x.shape):
            raise ValueError(f"there is no axis {self.axis} behind {self.batch} batch axes in {x}")
        if x.shape[: self.batch] != indices.shape[: self.batch] or not x.shape[self.axis]:
            raise ValueError(f"the indices {indices} do not fit {x}")
        return [TensorType(x.dtype, (*x.shape[: self.axis], *indices.shape[self.batch :], *x.shape[self.axis + 1 :]))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Looks up along another axis; there may be as many indices as there are."""
        data, indices = given
        if self.batch:
            raise Mixed("it looks each batch up apart")
        apart(data, [self.axis], "it looks up along it")
        more = len(node.input(1).shape) - 1
        moved = {k + more * (k > self.axis): bound for k, bound in data.items()}
        return [moved | {k + self.axis: bound for k, bound in indices.items()}]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Takes the slices, batch by batch."""
        x, indices = np.asarray(inputs[0]), np.asarray(inputs[1])
        found = inside(indices, x.shape[self.axis], wraps=self.wraps)
        out = np.empty(node.output.shape, x.dtype)
        for batch in np.ndindex(x.shape[: self.batch]):
            out[batch] = np.take(x[batch], found[batch], self.axis - self.batch)
        return [out]

    def lower(self, node: Node) -> KernelCall:
        """`index::Gather` of slices."""
        x, indices = node.input(0), node.input(1)
        steps = strides(x.shape, x.type.dtype.bytes)
        count = math.prod(indices.shape[self.batch :])
        step = steps[self.axis]
        outer = [(x.shape[k], steps[k], 0) for k in range(self.batch, self.axis)]
        lead = math.prod(x.shape[: self.batch])
        batch = x.type.bytes // max(lead, 1)
        axes = [(lead, batch, count), *outer, (count, 0, 1)]
        found = blocks(step, axes, [place(x.shape[self.axis], step, wraps=self.wraps)], indices)
        return self.call(node, found)


@dataclass(frozen=True)
class GatherElements(_Gathering):
    """output[.., i, ..] = input[.., indices[.., i, ..], ..] along `axis`."""

    axis: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[..], indices [..] -> T[the shape of the indices]."""
        x, indices = inputs[0], inputs[1]
        if x is None or indices is None or len(x.shape) != len(indices.shape) or not 0 <= self.axis < len(x.shape):
            raise ValueError(f"the indices {indices} do not fit axis {self.axis} of {x}")
        if any(k != self.axis and i > n for k, (n, i) in enumerate(zip(x.shape, indices.shape, strict=True))):
            raise ValueError(f"the indices {indices} have more than {x}")
        return [TensorType(x.dtype, indices.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Takes along the axis."""
        x, indices = np.asarray(inputs[0]), np.asarray(inputs[1])
        part = tuple(slice(None) if k == self.axis else slice(n) for k, n in enumerate(indices.shape))
        return [np.take_along_axis(x[part], inside(indices, x.shape[self.axis], wraps=self.wraps), self.axis)]

    def lower(self, node: Node) -> KernelCall:
        """`index::Gather` of elements."""
        x, indices = node.input(0), node.input(1)
        return self.call(node, elements_along(x, indices, self.axis, wraps=self.wraps))


@dataclass(frozen=True)
class GatherNd(_Gathering):
    """output[b, k, ..] = input[b, *indices[b, k], ..]: an index for each of some axes, for `batch` axes apart."""

    batch: int = 0

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[b, n.., i], [b, k, len(n)] -> [b, k, i]."""
        x, indices = inputs[0], inputs[1]
        if x is None or indices is None or not 0 <= self.batch < len(indices.shape):
            raise ValueError(f"the indices {indices} do not fit {x}")
        depth = indices.shape[-1]
        if self.batch + depth > len(x.shape) or x.shape[: self.batch] != indices.shape[: self.batch]:
            raise ValueError(f"the indices {indices} do not fit {x}")
        return [TensorType(x.dtype, (*indices.shape[:-1], *x.shape[self.batch + depth :]))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Takes the slices, batch by batch."""
        x, indices = np.asarray(inputs[0]), np.asarray(inputs[1])
        out = np.empty(node.output.shape, x.dtype)
        for batch in np.ndindex(x.shape[: self.batch]):
            part, own = x[batch], indices[batch]
            out[batch] = part[tuple(inside(own[..., k], part.shape[k], wraps=self.wraps) for k in range(own.shape[-1]))]
        return [out]

    def lower(self, node: Node) -> KernelCall:
        """`index::Gather` of slices."""
        x, indices = node.input(0), node.input(1)
        return self.call(node, slices_at(x, indices, self.batch, wraps=self.wraps))


def elements_along(x: Value, indices: Value, axis: int, *, wraps: bool) -> declared.Blocks:
    """Returns the elements of `x` that indices of its rank choose along an axis."""
    steps = strides(x.shape, x.type.dtype.bytes)
    groups = dense_strides(indices.shape)
    axes = [(n, 0 if k == axis else steps[k], groups[k]) for k, n in enumerate(indices.shape)]
    return blocks(x.type.dtype.bytes, axes, [place(x.shape[axis], steps[axis], wraps=wraps)], indices)


def slices_at(x: Value, indices: Value, batch: int, *, wraps: bool) -> declared.Blocks:
    """Returns the slices of `x` that groups of indices choose, each for its own of the first `batch` axes."""
    steps = strides(x.shape, x.type.dtype.bytes)
    depth, lead = indices.shape[-1], math.prod(x.shape[:batch])
    count = math.prod(indices.shape[batch:-1])
    block = x.type.dtype.bytes * math.prod(x.shape[batch + depth :])
    places = [place(x.shape[k], steps[k], wraps=wraps) for k in range(batch, batch + depth)]
    return blocks(block, [(lead, x.type.bytes // max(lead, 1), count), (count, 0, 1)], places, indices)


def gathered(importer: Importer, x: Value, indices: Sequence[npt.NDArray[np.int64]]) -> Value:
    """Returns `x` with element indices[k][i] at place i of axis k."""
    repeats = [
        len(own) // n if len(own) % n == 0 and np.array_equal(own, np.arange(len(own)) // (len(own) // n)) else 1
        for n, own in zip(x.shape, indices, strict=True)
    ]
    if max(repeats, default=1) > 1:
        apart = [d for n, r in zip(x.shape, repeats, strict=True) for d in ((n, 1) if r > 1 else (n,))]
        tiles = tuple(t for r in repeats for t in ((1, r) if r > 1 else (1,)))
        (tiled,) = importer.emit(Tile(tiles), [reshape(importer, x, apart)], [x.type.quant])
        x = reshape(importer, tiled, [n * r for n, r in zip(x.shape, repeats, strict=True)])
    for axis, own in enumerate(indices):
        if repeats[axis] == 1 and not np.array_equal(own, np.arange(x.shape[axis])):
            op = GatherConstant(axis, tuple(int(k) for k in own))
            (x,) = importer.emit(op, [x], [x.type.quant])
    return x


@imports("tflite", "GATHER")
@imports("onnx", "Gather", stored=True)
def _gather(importer: Importer) -> None:
    x, indices = importer.input(0), indices_input(importer, 1)
    axis, batch, rank = importer.integer("axis"), importer.integer("batch_dims"), len(x.shape)
    if not -rank <= axis < rank:
        raise UnsupportedReason(f"axis {axis} is outside {x.type}")
    axis %= rank
    batch += len(indices.shape) if batch < 0 else 0
    extent, data = x.shape[axis], indices.data
    if indices.type.elements == 0:
        raise UnsupportedReason("there are no indices")
    if data is not None and batch == 0:
        # What is known to be outside is a defect of the model.
        flat = tuple(int(i) + (extent if int(i) < 0 else 0) for i in data.reshape(-1))
        if len(runs(flat)) <= MOST_PARTS or not all(0 <= i < extent for i in flat):
            (taken,) = importer.emit(GatherConstant(axis, flat), [x], [x.type.quant])
            importer.bind(reshape(importer, taken, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])))
            return
    op = Gather(axis=axis, batch=batch, wraps=importer.model.format == "onnx")
    importer.bind(*importer.emit(op, [x, indices], [x.type.quant]))


@imports("tflite", "EMBEDDING_LOOKUP")
def _embedding_lookup(importer: Importer) -> None:
    x = importer.input(1)
    importer.bind(*importer.emit(Gather(axis=0, wraps=False), [x, indices_input(importer, 0)], [x.type.quant]))


@imports("onnx", "GatherElements")
def _elements_from_onnx(importer: Importer) -> None:
    x, indices = importer.input(0), indices_input(importer, 1)
    (axis,) = axes_of([importer.integer("axis")], len(x.shape))
    importer.bind(*importer.emit(GatherElements(axis=axis, wraps=True), [x, indices], [x.type.quant]))


@imports("tflite", "GATHER_ND")
@imports("onnx", "GatherND")
def _nd(importer: Importer) -> None:
    x, indices = importer.input(0), indices_input(importer, 1)
    op = GatherNd(batch=importer.integer("batch_dims"), wraps=importer.model.format == "onnx")
    importer.bind(*importer.emit(op, [x, indices], [x.type.quant]))
