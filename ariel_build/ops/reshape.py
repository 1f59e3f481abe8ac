"""Reshape: the same elements in the same order under another shape. Costs nothing: the output is the input's bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ariel_build.ir import Array, Node, Quant, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.copy import Part, copy_call, dense_strides
from ariel_build.ops.permutation import through_reshape
from ariel_build.ops.shorter import Axes, reshaped
from ariel_build.ops.spectra import bind_spectrum, spectrum, spectrum_shape
from ariel_build.ops.traits import MOVEMENT, Moved, Wish
from ariel_build.records import dataclass

if TYPE_CHECKING:
    from ariel_build.ops.importer import Importer

__all__ = ["Reshape", "is_view", "reshape", "reshaped_constant", "reshaped_quant"]


@dataclass(frozen=True)
class Reshape(Operator):
    """output = input, of shape `shape`."""

    traits = MOVEMENT

    shape: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T of n elements -> T of n elements."""
        x = inputs[0]
        if x is None or math.prod(self.shape) != x.elements or any(d < 0 for d in self.shape):
            raise ValueError(f"{x} cannot be reshaped to {list(self.shape)}")
        return [TensorType(x.dtype, self.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Returns the input with the new shape."""
        return [np.reshape(np.asarray(inputs[0]), self.shape)]

    def aliases(self, node: Node) -> dict[Value, tuple[Value, int]] | None:
        """The output is the input's bytes; a constant has none in the arena, and is copied."""
        return None if node.input(0).is_constant else {node.output: (node.input(0), 0)}

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what has the shape."""
        return node.input(0) if self.shape == node.input(0).shape else None

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Elements stay in order."""
        return [reshaped(node.input(0).shape, self.shape, given[0])]

    def permuted(self, wish: Wish) -> Moved | None:
        """Permutes whole groups of axes that are reshaped to each other."""
        old, new = wish.node.input(0).shape, self.shape
        before = through_reshape(new, old, wish.perm) if wish.at_output else wish.perm
        after = wish.perm if wish.at_output else through_reshape(old, new, wish.perm)
        if before is None or after is None:
            return None
        return Moved(Reshape(tuple(new[p] for p in after)), (before,), (after,))

    def after(self, first: Operator) -> Operator | None:
        """Reshapes at once."""
        return self if isinstance(first, Reshape) else None

    def twin(self, constant: Value) -> Value | None:
        """Reshapes the twin."""
        return reshaped_constant(constant, self.shape).stored

    def lower(self, node: Node) -> KernelCall:
        """`copy::Copy` of a constant."""
        x = node.input(0)
        return copy_call(node.output, [Part(x, node.output.shape, dense_strides(node.output.shape))])


def is_view(node: Node) -> bool:
    """Whether a node is none of the model's: the same elements under another name, or with another scale."""
    return isinstance(node.op, Reshape) and node.op.shape == node.input(0).shape


def reshape(importer: Importer, value: Value, shape: Sequence[int]) -> Value:
    """Returns `value` under another shape; constants, and their stored twins, are reshaped at once."""
    shape = tuple(int(d) for d in shape)
    if value.shape == shape:
        return value
    if value.is_constant and value.type.elements == math.prod(shape):
        return reshaped_constant(value, shape)
    return importer.emit(Reshape(shape), [value], [reshaped_quant(value.type.quant, value.shape, shape)])[0]


def reshaped_constant(value: Value, shape: tuple[int, ...]) -> Value:
    """Returns a constant under another shape; its stored twin is reshaped alike, or dropped where its axis breaks."""
    type_ = TensorType(value.type.dtype, shape, reshaped_quant(value.type.quant, value.shape, shape))
    try:
        twin = None if value.stored is None else reshaped_constant(value.stored, shape)
    except UnsupportedReason:
        twin = None
    return Value(type_, value.name, np.asarray(value.data).reshape(shape), value.origin, twin)


def reshaped_quant(quant: Quant | None, old: tuple[int, ...], new: tuple[int, ...]) -> Quant | None:
    """Returns the quantisation after a reshape: its axis moves along, where it stays one axis."""
    if quant is None or quant.per_tensor or quant.axis is None:
        return quant
    before, extent = math.prod(old[: quant.axis]), old[quant.axis]
    for axis, size in enumerate(new):
        if math.prod(new[:axis]) == before and size == extent:
            return replace(quant, axis=axis)
    raise UnsupportedReason("a tensor that is quantised per axis is reshaped across that axis")


@imports(
    "tflite",
    "RESHAPE",
    "SQUEEZE",
    "EXPAND_DIMS",
    harmless={
        "new_shape": "the output is declared with its shape",
        "squeeze_dims": "the output is declared with its shape",
    },
)
def _from_tflite(importer: Importer) -> None:
    # TFLite declares the output's shape, whatever the attributes say.
    pairs = spectrum(importer, 0)
    if pairs is not None:
        bind_spectrum(importer, reshape(importer, pairs, spectrum_shape(importer)))
        return
    x = importer.input(0)
    tensor = importer.model.tensors[importer.node.outputs[0]]
    if tensor.shape is None and importer.node.op == "RESHAPE":
        # Of a dimension that the user has bound: what the operator says itself, where one extent is left open.
        given, told = importer.optional_input(1), importer.integers("new_shape")
        if given is not None and given.data is not None:
            told = tuple(int(extent) for extent in given.data.reshape(-1))
        others = math.prod(extent for extent in told if extent != -1)
        if told.count(-1) == 1 and others > 0 and x.type.elements % others == 0:
            shape = tuple(x.type.elements // others if extent == -1 else extent for extent in told)
            importer.bind(*importer.emit(Reshape(shape), [x], [tensor.quant]))
            return
    importer.bind(*importer.emit(Reshape(importer.output_type().shape), [x], types=[importer.output_type()]))


@imports("onnx", "Reshape", stored=True)
def _reshape_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    if len(importer.node.inputs) > 1 and importer.input(1).data is None:
        importer.integer("allowzero")
        importer.bind(reshape(importer, x, importer.declared_shape("the shape")))
        return
    target = (
        importer.constant_input(1, "the shape") if len(importer.node.inputs) > 1 else importer.attribute("shape", ())
    )
    shape = [int(d) for d in np.asarray(target).reshape(-1)]
    if not importer.integer("allowzero"):
        shape = [x.shape[k] if d == 0 and k < len(x.shape) else d for k, d in enumerate(shape)]
    importer.bind(reshape(importer, x, infer_free(shape, x.type.elements)))


def infer_free(shape: Sequence[int], elements: int) -> tuple[int, ...]:
    """Returns the shape with its one -1 replaced by what `elements` leaves."""
    free = [k for k, d in enumerate(shape) if d == -1]
    known = math.prod(d for d in shape if d != -1)
    if len(free) > 1 or any(d < -1 for d in shape) or (free and (known == 0 or elements % known)):
        raise UnsupportedReason(f"{elements} elements cannot have the shape {list(shape)}")
    return tuple(elements // known if d == -1 else d for d in shape)


@imports("onnx", "Flatten", stored=True)
def _flatten_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    axis, rank = importer.integer("axis", 1), len(x.shape)
    if not -rank <= axis <= rank:
        raise UnsupportedReason(f"axis {axis} is outside {x.type}")
    axis = axis + rank if axis < 0 else axis
    importer.bind(reshape(importer, x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))))


def _axes(importer: Importer, rank: int, what: str) -> tuple[int, ...] | None:
    """Returns the axes, attribute or input, counted from the front; None where there are none."""
    if len(importer.node.inputs) > 1 and importer.node.inputs[1] is not None:
        axes = tuple(int(a) for a in importer.constant_input(1, what).reshape(-1))
    elif importer.attribute("axes") is not None:
        axes = importer.integers("axes")
    else:
        return None
    return axes_of(axes, rank)


def _by_declared(importer: Importer) -> bool:
    """Whether axes are computed at run time: then the output has the shape that is declared, axes of 1 aside."""
    axes = importer.optional_input(1)
    if axes is None or axes.data is not None:
        return False
    x, shape = importer.input(0), importer.declared_shape("the axes")
    if [d for d in shape if d != 1] != [d for d in x.shape if d != 1]:
        raise UnsupportedReason(f"{x.type} and the declared {list(shape)} differ in more than axes of 1")
    importer.bind(reshape(importer, x, shape))
    return True


@imports("onnx", "Squeeze", stored=True)
def _squeeze_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    if _by_declared(importer):
        return
    axes = _axes(importer, len(x.shape), "the axes")
    if axes is not None and any(x.shape[a] != 1 for a in axes):
        raise UnsupportedReason(f"axes {list(axes)} of {list(x.shape)} are not all 1")
    importer.bind(
        reshape(importer, x, [d for k, d in enumerate(x.shape) if (d != 1 if axes is None else k not in axes)])
    )


@imports("onnx", "Unsqueeze", stored=True)
def _unsqueeze_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    if _by_declared(importer):
        return
    count = len(
        importer.integers("axes")
        if importer.attribute("axes") is not None
        else importer.constant_input(1, "the axes").reshape(-1)
    )
    axes = _axes(importer, len(x.shape) + count, "the axes") or ()
    shape = list(x.shape)
    for axis in sorted(axes):
        shape.insert(axis, 1)
    importer.bind(reshape(importer, x, shape))
