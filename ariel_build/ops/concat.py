"""Concat: the inputs one after another along an axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.copy import Part, copy_call, dense_strides
from ariel_build.ops.importer import Importer
from ariel_build.ops.quantize import requantized
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, Mixed, aligned
from ariel_build.ops.tensor_lists import written
from ariel_build.ops.traits import MOVEMENT, Moved, Wish
from ariel_build.records import dataclass

__all__ = ["Concat", "concat"]


@dataclass(frozen=True)
class Concat(Operator):
    """Joins the inputs along `axis`; all have the output's quantisation."""

    traits = MOVEMENT

    axis: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[.., a, ..], [.., b, ..] -> [.., a + b, ..]."""
        types = [t for t in inputs if t is not None]
        first = types[0] if types else None
        if first is None or not 0 <= self.axis < len(first.shape):
            raise ValueError(f"there is no axis {self.axis} to join along")
        rest = [(*t.shape[: self.axis], *t.shape[self.axis + 1 :]) for t in types]
        if any(r != rest[0] for r in rest) or any(t.dtype is not first.dtype for t in types):
            raise ValueError(f"{', '.join(map(str, types))} cannot be joined along axis {self.axis}")
        total = sum(t.shape[self.axis] for t in types)
        return [TensorType(first.dtype, (*first.shape[: self.axis], total, *first.shape[self.axis + 1 :]))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Joins along other axes."""
        if any(self.axis in axes for axes in given):
            raise Mixed("it joins along it: what comes behind would not follow what there is")
        return [aligned(node, given)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Concatenates."""
        return [np.concatenate([np.asarray(x) for x in inputs], self.axis)]

    def passed_on(self, node: Node) -> Value | None:
        """Passes on an only input."""
        return node.input(0) if len(node.inputs) == 1 else None

    def permuted(self, wish: Wish) -> Moved | None:
        """Joins along where the axis has gone."""
        inputs = tuple(None if v is None else wish.perm for v in wish.node.inputs)
        return Moved(Concat(wish.perm.index(self.axis)), inputs, (wish.perm,))

    def lower(self, node: Node) -> KernelCall:
        """`copy::Copy` with a part for each input."""
        parts, at = [], 0
        for x in node.inputs:
            if x is None:
                continue
            if x.type.quant is not None and x.type.quant != node.output.type.quant:
                raise UnsupportedReason("the inputs are not quantised alike")
            place = tuple(at if k == self.axis else 0 for k in range(len(x.shape)))
            parts.append(Part(x, x.shape, dense_strides(x.shape), 0, place))
            at += x.shape[self.axis]
        return copy_call(node.output, parts)


def concat(importer: Importer, values: Sequence[Value], axis: int) -> Value:
    """Returns the values joined along an axis; with the first one's quantisation, if no other has another one."""
    if len(values) == 1:
        return values[0]
    quant = values[0].type.quant
    if any(v.type.quant not in (None, quant) for v in values):
        # Integers of several scales are joined as integers.
        values, quant = [importer.view(v, None) for v in values], None
    return importer.emit(Concat(axis), values, [quant])[0]


@imports("tflite", "CONCATENATION")
def _from_tflite(importer: Importer) -> None:
    if importer.text("fused_activation_function", "NONE") != "NONE":
        raise UnsupportedReason("a fused activation is not supported")
    type_ = importer.output_type()
    axis = importer.integer("axis")
    if axis == 0 and written(importer, type_.quant):
        return
    if not -len(type_.shape) <= axis < len(type_.shape):
        raise UnsupportedReason(f"axis {axis} is outside {type_}")
    if type_.dtype is DType.I16:
        # TFLite joins integers of 16 bits as they are, whatever their scales.
        inputs = [importer.view(x, type_.quant) for x in importer.inputs()]
    else:
        inputs = [requantized(importer, x, type_.quant) for x in importer.inputs()]
    importer.emit_declared(Concat(axis % len(type_.shape)), inputs)


@imports("tflite", "PACK")
def _pack_from_tflite(importer: Importer) -> None:
    type_ = importer.output_type()
    axis, rank = importer.integer("axis"), len(type_.shape)
    if not -rank <= axis < rank or importer.integer("values_count") != len(importer.inputs()):
        raise UnsupportedReason(f"axis {axis} or values_count does not fit {len(importer.inputs())} parts of {type_}")
    axis %= rank
    parts = [reshape(importer, x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in importer.inputs()]
    importer.emit_declared(Concat(axis), parts)


@imports("onnx", "Concat", stored=True)
def _from_onnx(importer: Importer) -> None:
    values = [v for v in importer.inputs() if v.type.elements or len(importer.node.inputs) == 1]
    if not values:
        raise UnsupportedReason("all inputs are empty")
    axis = importer.integer("axis")
    if not -len(values[0].shape) <= axis < len(values[0].shape):
        raise UnsupportedReason(f"axis {axis} is outside {values[0].type}")
    importer.bind(concat(importer, values, axis % len(values[0].shape)))
