"""Transpose: output[i[perm[0]], i[perm[1]], ..] = input[i]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, Node, Quant, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.copy import Part, copy_call, dense_strides
from ariel_build.ops.importer import Importer
from ariel_build.ops.permutation import compose, is_identity
from ariel_build.ops.shorter import Axes
from ariel_build.ops.traits import MOVEMENT, keeps_axes
from ariel_build.records import dataclass

__all__ = [
    "NCHW_TO_NHWC",
    "NHWC_TO_NCHW",
    "Transpose",
    "moves_only_ones",
    "permuted_constant",
    "permuted_quant",
    "transpose",
]

NCHW_TO_NHWC = (0, 2, 3, 1)
NHWC_TO_NCHW = (0, 3, 1, 2)


@dataclass(frozen=True)
class Transpose(Operator):
    """Permutes the axes: axis k of the output is axis `perm[k]` of the input."""

    traits = MOVEMENT
    permuted = keeps_axes

    perm: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[a, b, c] -> [shape[perm[0]], ..]."""
        x = inputs[0]
        if x is None or sorted(self.perm) != list(range(len(x.shape))):
            raise ValueError(f"the permutation {list(self.perm)} does not fit {x}")
        return [TensorType(x.dtype, tuple(x.shape[p] for p in self.perm))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Returns the permuted input."""
        return [np.transpose(np.asarray(inputs[0]), self.perm)]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Axes go where they go."""
        return [{self.perm.index(axis): bound for axis, bound in given[0].items()}]

    def aliases(self, node: Node) -> dict[Value, tuple[Value, int]] | None:
        """Where only axes of extent 1 move, the bytes stay in order."""
        x = node.input(0)
        return {node.output: (x, 0)} if moves_only_ones(x.shape, self.perm) and not x.is_constant else None

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what stays in place."""
        return node.input(0) if is_identity(self.perm) else None

    def after(self, first: Operator) -> Operator | None:
        """Composes two permutations."""
        return Transpose(compose(first.perm, self.perm)) if isinstance(first, Transpose) else None

    def twin(self, constant: Value) -> Value | None:
        """Permutes the twin."""
        return permuted_constant(constant, self.perm).stored

    def lower(self, node: Node) -> KernelCall:
        """`copy::Copy` with permuted strides."""
        x = node.input(0)
        strides = dense_strides(x.shape)
        return copy_call(node.output, [Part(x, node.output.shape, tuple(strides[p] for p in self.perm))])


def moves_only_ones(shape: Sequence[int], perm: Sequence[int]) -> bool:
    """Whether a permutation leaves the elements in their order, as axes of extent 1 do."""
    kept = [p for p in perm if shape[p] != 1]
    return kept == sorted(kept)


def transpose(importer: Importer, value: Value, perm: Sequence[int]) -> Value:
    """Returns `value` with permuted axes; constants, and their stored twins, are permuted at once."""
    perm = tuple(perm)
    if sorted(perm) != list(range(len(value.shape))):
        raise UnsupportedReason(f"the permutation {list(perm)} does not fit {value.type}")
    if perm == tuple(range(len(perm))):
        return value
    if value.is_constant:
        return permuted_constant(value, perm)
    return importer.emit(Transpose(perm), [value], [permuted_quant(value.type.quant, perm)])[0]


def permuted_constant(value: Value, perm: tuple[int, ...]) -> Value:
    """Returns a constant with permuted axes; its stored twin is permuted alike."""
    data = np.ascontiguousarray(np.transpose(np.asarray(value.data), perm))
    type_ = TensorType(value.type.dtype, data.shape, permuted_quant(value.type.quant, perm))
    twin = None if value.stored is None else permuted_constant(value.stored, perm)
    return Value(type_, value.name, data, value.origin, twin)


def permuted_quant(quant: Quant | None, perm: tuple[int, ...]) -> Quant | None:
    """Returns the quantisation after a transpose: its axis moves along."""
    if quant is None or quant.per_tensor or quant.axis is None:
        return quant
    return replace(quant, axis=perm.index(quant.axis))


@imports("tflite", "TRANSPOSE")
def _from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    perm = tuple(int(p) for p in importer.constant_input(1, "the permutation").reshape(-1))
    rank = len(x.shape)
    if any(not -rank <= p < rank for p in perm) or sorted(p % rank for p in perm) != list(range(rank)):
        raise UnsupportedReason(f"the permutation {list(perm)} does not fit {x.type}")
    importer.emit_declared(Transpose(tuple(p % rank for p in perm)), [x])


@imports("onnx", "Transpose", stored=True)
def _from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    importer.bind(transpose(importer, x, importer.integers("perm", tuple(range(len(x.shape)))[::-1])))
