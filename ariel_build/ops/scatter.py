"""Scatter: output = data, with updates written, or combined, where indices lead; later updates come over earlier ones.

ScatterElements, ScatterND, TensorScatter and DYNAMIC_UPDATE_SLICE are ways in which indices lead; what is written moves
elements, what is combined computes with them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import index as declared
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.broadcast import filled
from ariel_build.ops.cast import cast
from ariel_build.ops.copy import dense_strides
from ariel_build.ops.fixed_point import I64
from ariel_build.ops.gather import elements_along, slices_at
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import blocks, indices_input, inside, place, strides
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import reshape
from ariel_build.ops.traits import MOVEMENT, OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["AtIndices", "AtRows", "AtStart", "Combine", "Elements", "Scatter", "Way"]


@dataclass(frozen=True)
class Way(ABC):
    """How indices lead from updates into the output."""

    wraps: bool

    @abstractmethod
    def fits(self, data: tuple[int, ...], indices: tuple[int, ...], updates: tuple[int, ...]) -> bool:
        """Whether the three shapes go together."""

    @abstractmethod
    def targets(self, data: tuple[int, ...], indices: I64, updates: tuple[int, ...]) -> I64:
        """Returns for each element of the updates the element of the output where it leads."""

    @abstractmethod
    def blocks(self, data: Value, indices: Value, updates: Value) -> declared.Blocks:
        """Returns the same as blocks of bytes."""


@dataclass(frozen=True)
class Elements(Way):
    """output[.., indices[.., i, ..], ..] = updates[.., i, ..] along `axis`."""

    axis: int

    def fits(self, data: tuple[int, ...], indices: tuple[int, ...], updates: tuple[int, ...]) -> bool:
        """All have one rank, indices and updates one shape."""
        if not 0 <= self.axis < len(data) == len(indices) or indices != updates:
            return False
        return all(k == self.axis or i <= n for k, (n, i) in enumerate(zip(data, indices, strict=True)))

    def targets(self, data: tuple[int, ...], indices: I64, updates: tuple[int, ...]) -> I64:
        """Replaces one coordinate."""
        places = list(np.indices(updates))
        places[self.axis] = inside(indices, data[self.axis], wraps=self.wraps)
        return _flat(places, data)

    def blocks(self, data: Value, indices: Value, updates: Value) -> declared.Blocks:
        """Elements."""
        return elements_along(data, indices, self.axis, wraps=self.wraps)


@dataclass(frozen=True)
class AtIndices(Way):
    """output[*indices[k], ..] = updates[k, ..]."""

    def fits(self, data: tuple[int, ...], indices: tuple[int, ...], updates: tuple[int, ...]) -> bool:
        """[n.., i], [k, len(n)], [k, i]."""
        depth = indices[-1] if indices else len(data) + 1
        return depth <= len(data) and updates == (*indices[:-1], *data[depth:])

    def targets(self, data: tuple[int, ...], indices: I64, updates: tuple[int, ...]) -> I64:
        """The coordinates of a group, then those inside of a slice."""
        depth = indices.shape[-1]
        first = [inside(indices[..., k], data[k], wraps=self.wraps) for k in range(depth)]
        inner = math.prod(data[depth:])
        start = _flat(first, data[:depth]) if depth else np.zeros(indices.shape[:-1], np.int64)
        return np.asarray(start[..., None] * inner + np.arange(inner)).reshape(updates)

    def blocks(self, data: Value, indices: Value, updates: Value) -> declared.Blocks:
        """Slices."""
        return slices_at(data, indices, 0, wraps=self.wraps)


@dataclass(frozen=True)
class AtRows(Way):
    """output[b, o, indices[b, k], ..] = updates[b, o, k, ..] along `axis`, for each of the first `batch` axes apart."""

    axis: int
    batch: int

    def fits(self, data: tuple[int, ...], indices: tuple[int, ...], updates: tuple[int, ...]) -> bool:
        """[b, o, n, i], [b, k], [b, o, k, i]."""
        if not 0 <= self.batch <= self.axis < len(data) or indices[:-1] != data[: self.batch]:
            return False
        return updates == (*data[: self.axis], *indices[-1:], *data[self.axis + 1 :])

    def targets(self, data: tuple[int, ...], indices: I64, updates: tuple[int, ...]) -> I64:
        """Replaces one coordinate."""
        found = inside(indices, data[self.axis], wraps=self.wraps)
        shape = [1] * len(updates)
        shape[: self.batch], shape[self.axis] = updates[: self.batch], updates[self.axis]
        places = list(np.indices(updates))
        places[self.axis] = np.broadcast_to(found.reshape(shape), updates)
        return _flat(places, data)

    def blocks(self, data: Value, indices: Value, updates: Value) -> declared.Blocks:
        """Slices behind the axis."""
        steps, groups = strides(data.shape, data.type.dtype.bytes), dense_strides(indices.shape)
        axes = [(updates.shape[k], steps[k], groups[k] if k < self.batch else 0) for k in range(self.axis)]
        axes.append((updates.shape[self.axis], 0, 1))
        step = steps[self.axis]
        return blocks(step, axes, [place(data.shape[self.axis], step, wraps=self.wraps)], indices)


@dataclass(frozen=True)
class AtStart(Way):
    """output[indices[0] + i, indices[1] + j, ..] = updates[i, j, ..]; a box that would leave is moved inside."""

    def fits(self, data: tuple[int, ...], indices: tuple[int, ...], updates: tuple[int, ...]) -> bool:
        """The updates have the rank of the data, and there is an index for each axis."""
        if len(updates) != len(data) or indices != (len(data),):
            return False
        return all(u <= n for n, u in zip(data, updates, strict=True))

    def targets(self, data: tuple[int, ...], indices: I64, updates: tuple[int, ...]) -> I64:
        """Adds the start to all coordinates."""
        start = [int(np.clip(i, 0, n - u)) for i, n, u in zip(indices, data, updates, strict=True)]
        return _flat([at + s for at, s in zip(np.indices(updates), start, strict=True)], data)

    def blocks(self, data: Value, indices: Value, updates: Value) -> declared.Blocks:
        """Runs along the last axis, and those before it of which the updates have all."""
        steps = strides(data.shape, data.type.dtype.bytes)
        inner = len(data.shape) - 1
        while inner > 0 and updates.shape[inner] == data.shape[inner]:
            inner -= 1
        block = data.type.dtype.bytes * math.prod(updates.shape[max(inner, 0) :])
        axes = [(updates.shape[k], steps[k], 0) for k in range(inner)]
        places = [
            place(n, step, wraps=False, room=u) for n, step, u in zip(data.shape, steps, updates.shape, strict=True)
        ]
        return blocks(block, axes, places, indices)


def _flat(places: Sequence[I64], shape: Sequence[int]) -> I64:
    """Returns the numbers of elements from their coordinates."""
    steps = dense_strides(shape)
    return np.asarray(sum(place * step for place, step in zip(places, steps, strict=True)), np.int64)


@dataclass(frozen=True)
class _Scattering(Operator):
    """What writing and combining have in common."""

    passed_on = never
    permuted = keeps_axes

    way: Way

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[data], indices, T[updates] -> T[data]."""
        data, indices, updates = inputs
        if data is None or indices is None or updates is None or data.dtype is not updates.dtype:
            raise ValueError(f"updates {updates} do not fit data {data}")
        if not self.way.fits(data.shape, indices.shape, updates.shape) or not data.elements:
            raise ValueError(f"updates {updates} at indices {indices} do not fit data {data}")
        return [TensorType(data.dtype, data.shape)]

    def call(self, node: Node, kernel: Kernel) -> KernelCall:
        """Returns the call of a kernel; every tile looks at all updates."""
        data, output = node.input(0), node.output
        inputs = list(dict.fromkeys(node.input(k) for k in range(3) if not node.input(k).is_constant))
        call = KernelCall.of(kernel, inputs, [output], Tiling(Axis.ROWS, output.type.elements, few=True))
        if data in (node.input(1), node.input(2)):
            # What is read as indices or updates, too, must not be overwritten.
            call.in_place_whole = ()
        return call


@dataclass(frozen=True)
class Scatter(_Scattering):
    """The data with updates written."""

    traits = MOVEMENT

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Writes one update after the other."""
        data, indices, updates = (np.asarray(i) for i in inputs)
        out = data.reshape(-1).copy()
        targets = self.way.targets(data.shape, indices.astype(np.int64), updates.shape)
        for target, update in zip(targets.reshape(-1), updates.reshape(-1), strict=True):
            out[target] = update
        return [out.reshape(data.shape)]

    def lower(self, node: Node) -> KernelCall:
        """`index::Scatter`."""
        data, indices, updates = (node.input(k) for k in range(3))
        kernel = declared.Scatter(
            data=Source(data),
            indices=Source(indices),
            updates=Source(updates),
            output=Operand(node.output),
            element=data.type.dtype.bytes,
            size=data.type.elements,
            blocks=self.way.blocks(data, indices, updates),
        )
        return self.call(node, kernel)


_UFUNCS = {
    declared.Combined.ADD: np.add,
    declared.Combined.MUL: np.multiply,
    declared.Combined.MAX: np.maximum,
    declared.Combined.MIN: np.minimum,
}


@dataclass(frozen=True)
class Combine(_Scattering):
    """The data with updates added, multiplied, or the greater or lesser of both kept; integers wrap."""

    traits = OPAQUE

    combined: declared.Combined

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Combines one update after the other."""
        data, indices, updates = (np.asarray(i) for i in inputs)
        out = data.reshape(-1).copy()
        targets = self.way.targets(data.shape, indices.astype(np.int64), updates.shape)
        with np.errstate(all="ignore"):
            _UFUNCS[self.combined].at(out, targets.reshape(-1), updates.reshape(-1))
        return [out.reshape(data.shape)]

    def lower(self, node: Node) -> KernelCall:
        """`index::CombineF32` and its kin."""
        data, indices, updates = (node.input(k) for k in range(3))
        dtype = data.type.dtype
        if dtype not in (DType.F32, DType.I8, DType.I32, DType.I64):
            raise UnsupportedReason(f"updates of {dtype.value} that are combined are not supported")
        kernel: type[Kernel] = getattr(declared, f"Combine{dtype.value.upper()}")
        fields = {
            "data": Source(data),
            "indices": Source(indices),
            "updates": Source(updates),
            "output": Operand(node.output),
            "size": data.type.elements,
            "blocks": self.way.blocks(data, indices, updates),
            "combined": self.combined,
        }
        return self.call(node, kernel.made(fields))


def _scattered(importer: Importer, way: Way, values: Sequence[Value]) -> None:
    word = importer.text("reduction", "none")
    if word == "none":
        importer.bind(*importer.emit(Scatter(way), values, [values[0].type.quant]))
        return
    combined = {one.value.lower(): one for one in declared.Combined}.get(word)
    if combined is None:
        raise UnsupportedReason(f"reduction `{word}` is not known")
    importer.bind(*importer.emit(Combine(way, combined), values))


@imports("onnx", "ScatterElements", "Scatter")
def _elements_from_onnx(importer: Importer) -> None:
    data, indices, updates = importer.input(0), indices_input(importer, 1), importer.input(2)
    (axis,) = axes_of([importer.integer("axis")], len(data.shape))
    _scattered(importer, Elements(wraps=True, axis=axis), [data, indices, updates])


@imports("onnx", "ScatterND")
def _nd_from_onnx(importer: Importer) -> None:
    data, indices, updates = importer.input(0), indices_input(importer, 1), importer.input(2)
    _scattered(importer, AtIndices(wraps=True), [data, indices, updates])


@imports("tflite", "SCATTER_ND")
def _nd_from_tflite(importer: Importer) -> None:
    indices, updates, type_ = indices_input(importer, 0), importer.input(1), importer.output_type()
    # The shape (input 2) is the declared one: memory is planned for that.
    if importer.optional_input(2) is None:
        raise UnsupportedReason("its shape is missing")
    zeros = importer.constant(np.zeros(type_.shape, type_.dtype.numpy))
    op = Combine(AtIndices(wraps=False), declared.Combined.ADD)
    (y,) = importer.emit(op, [zeros, indices, importer.view(updates, None)], [None])
    importer.bind(y)


@imports("tflite", "SPARSE_TO_DENSE", harmless={"validate_indices": "indices that are outside lead to what is near"})
def _sparse_to_dense(importer: Importer) -> None:
    """A default all over, and values where indices lead: of one axis each a number, of more a row."""
    indices, values, default = indices_input(importer, 0), importer.input(2), importer.input(3)
    type_, count = importer.output_type(), values.type.elements
    # The shape (input 1) is the declared one: memory is planned for that.
    if default.type.elements != 1 or default.type.dtype is not values.type.dtype or not type_.shape:
        raise UnsupportedReason(f"{default.type} is no default of {values.type}")
    rank = len(type_.shape)
    each = indices.shape[1] if len(indices.shape) == 2 else 1
    rows = indices.type.elements // max(each, 1)
    if len(indices.shape) > 2 or each != rank or count not in (1, rows):
        raise UnsupportedReason(f"{indices.type} and {values.type} do not lead into {type_}")
    quant = values.type.quant
    data = filled(importer, reshape(importer, importer.view(default, quant), (1,) * rank), type_.shape)
    updates = reshape(importer, values, (count,))
    if count != rows:
        updates = filled(importer, updates, (rows,))
    at = reshape(importer, indices, (rows, each))
    importer.bind(*importer.emit(Scatter(AtIndices(wraps=False)), [data, at, updates], [quant]))


@imports("tflite", "DYNAMIC_UPDATE_SLICE")
def _update_slice_from_tflite(importer: Importer) -> None:
    data, updates, start = importer.input(0), importer.input(1), indices_input(importer, 2, "the start")
    if data.type.quant != updates.type.quant:
        raise UnsupportedReason("operand and update are not quantised alike")
    importer.bind(*importer.emit(Scatter(AtStart(wraps=False)), [data, start, updates], [data.type.quant]))


@imports("onnx", "TensorScatter")
def _tensor_scatter(importer: Importer) -> None:
    data, updates, rank = importer.input(0), importer.input(1), len(importer.input(0).shape)
    (axis,) = axes_of([importer.integer("axis", -2)], rank)
    mode = importer.text("mode", "linear")
    if mode not in ("linear", "circular") or axis == 0 or len(updates.shape) != rank:
        raise UnsupportedReason(f"mode `{mode}` along axis {axis} of {data.type} is not supported")
    batch, count, extent = data.shape[0], updates.shape[axis], data.shape[axis]
    # Behind the last row a circular cache begins anew: there an index less its extent is negative, and counts from the
    # end, before that as well.
    behind = np.arange(count) - (extent if mode == "circular" else 0)
    if importer.optional_input(2) is None:
        start = importer.constant(np.zeros((batch, 1), np.int32))
    else:
        start = cast(importer, reshape(importer, indices_input(importer, 2), (batch, 1)), DType.I32)
    (rows,) = importer.emit(Map2("Add"), [start, importer.constant(behind.astype(np.int32)[None])])
    way = AtRows(wraps=mode == "circular", axis=axis, batch=1)
    importer.bind(*importer.emit(Scatter(way), [data, rows, updates], [data.type.quant]))
