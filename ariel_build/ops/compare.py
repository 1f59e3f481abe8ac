"""Compare: output = left relation right, a boolean; and the logic of booleans."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, Quant, TensorType
from ariel_build.kernels import Kernel, KernelCall
from ariel_build.kernels.declared import compare as declared
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.compare_rows import LOGIC, RELATIONS, LogicRow, RelationRow
from ariel_build.ops.elementwise import (
    BYTES,
    broadcast_type,
    call_of,
    lookup_call,
    quant_of,
    rescale,
    same_type,
    two_operands,
)
from ariel_build.ops.fixed_point import I64
from ariel_build.ops.importer import Importer
from ariel_build.ops.map2_int8 import scaled
from ariel_build.ops.rows import Named, called, named
from ariel_build.ops.traits import Traits, alike, never
from ariel_build.records import dataclass

__all__ = ["Compare", "Logic", "Not"]

#: Integers that stand for themselves.
_PLAIN = Quant((1.0,), (0,))
#: Types whose relations have kernels of their own, and int8, to which plain integers have a scale of 1.
_OWN = (DType.F32, DType.I32, DType.I8)
#: Bits by which TFLite shifts int8 operands before it scales them.
_SHIFT = 8


@dataclass(frozen=True)
class Compare(Operator):
    """left `relation` right."""

    traits = Traits(moves=False, pointwise=True, real=True, reads_scaled=True)
    passed_on = never
    permuted = alike

    relation: str

    @property
    def name(self) -> str:
        """The relation."""
        return self.relation

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[a], T[b] -> bool[a and b broadcast]."""
        return [TensorType(DType.BOOL, broadcast_type(inputs).shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Compares; quantised integers as TFLite, at a common scale, or as they are."""
        left, right = inputs[0], inputs[1]
        assert left is not None and right is not None  # noqa: S101 - infer has seen them
        quants = node.input(0).type.quant, node.input(1).type.quant
        if self._scales(node.input(0).type.dtype) and quants[0] is not None and quants[1] is not None:
            left, right = _scale(left, quants[0]), _scale(right, quants[1])
        return [np.asarray(RELATIONS[self.relation].function(left, right), np.bool_)]

    def lower(self, node: Node) -> KernelCall:
        """`compare::<relation>F32`, `I32`, `Plain<type>`, `compare::Quantized` or `QuantizedInt16`."""
        dtype = node.input(0).type.dtype
        if dtype is not DType.BOOL and not (dtype.is_half or node.input(0).type.quant or dtype in _OWN):
            plain: type[Kernel] = getattr(declared, f"Plain{dtype.value.capitalize()}")
            return call_of(plain.made({**two_operands(node), "relation": declared.Relation(self.relation)}), node)
        if dtype in (DType.F32, DType.I32):
            kernel: type[Kernel] = getattr(declared, f"{self.relation}{dtype.value.upper()}")
            return call_of(kernel.made(two_operands(node)), node)
        if dtype not in (DType.I8, DType.I16):
            raise UnsupportedReason(f"{self.relation} of {dtype.value} is not supported")
        quantized = declared.Quantized if dtype is DType.I8 else declared.QuantizedInt16
        is_plain = not self._scales(dtype) or None in (node.input(0).type.quant, node.input(1).type.quant)
        if is_plain:
            scales = [scaled(_PLAIN, 1.0, 0)] * 2
        else:
            quants = quant_of(node.input(0), "the left operand"), quant_of(node.input(1), "the right operand")
            scales = [scaled(quant, quant.scale, _SHIFT) for quant in quants]
        made = quantized(
            **two_operands(node),
            scale_left=scales[0],
            scale_right=scales[1],
            relation=declared.Relation(self.relation),
        )
        return call_of(made, node)

    def _scales(self, dtype: DType) -> bool:
        """Whether stored integers are scaled before they are compared.

        Of int16 LiteRT scales those only that may be equal; TFLite-Micro has GREATER alone, with scales that it never
        sets.
        """
        return dtype in BYTES or (dtype is DType.I16 and self.relation in ("Equal", "NotEqual"))


def _scale(data: Array, quant: Quant) -> I64:
    return rescale((data.astype(np.int64) - quant.zero_point) << _SHIFT, quant.scale)


@dataclass(frozen=True)
class Logic(Operator):
    """left and, or, xor right."""

    traits = Traits(moves=False, pointwise=True, real=False, reads_scaled=False)
    passed_on = never
    permuted = alike

    kind: str

    @property
    def name(self) -> str:
        """`And`, `Or`, `Same` or `Xor`."""
        return self.kind

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """bool[a], bool[b] -> bool[a and b broadcast]."""
        type_ = broadcast_type(inputs)
        if type_.dtype is not DType.BOOL:
            raise ValueError(f"{self.kind} of {type_.dtype.value} is not supported, only of booleans")
        return [type_]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Combines."""
        return [np.asarray(LOGIC[self.kind].function(np.asarray(inputs[0]), np.asarray(inputs[1])), np.bool_)]

    def lower(self, node: Node) -> KernelCall:
        """`compare::And`, `Or`, `Same` or `Xor`."""
        kernel: type[Kernel] = getattr(declared, self.kind)
        return call_of(kernel.made(two_operands(node)), node)


@dataclass(frozen=True)
class Not(Operator):
    """not input."""

    traits = Traits(moves=False, pointwise=True, real=False, reads_scaled=False)
    passed_on = never
    permuted = alike

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """Booleans -> booleans."""
        type_ = same_type(inputs)
        if type_.dtype is not DType.BOOL:
            raise ValueError(f"Not of {type_.dtype.value} is not supported, only of booleans")
        return [type_]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Inverts."""
        return [np.logical_not(np.asarray(inputs[0]))]

    def lower(self, node: Node) -> KernelCall:
        """`lookup::Table`."""
        return lookup_call(node, node.input(0), np.logical_not)


_ROWS: list[RelationRow | LogicRow] = [*RELATIONS.values(), *LOGIC.values()]
_TFLITE, _ONNX = (called(_ROWS, format_) for format_ in ("tflite", "onnx"))
#: What relations of booleans are.
_OF_BOOLEANS = {"Equal": "Same", "NotEqual": "Xor"}


def _meant(importer: Importer, rows: list[tuple[RelationRow | LogicRow, Named]]) -> Operator:
    row, _ = named(importer, rows)
    if row.name in _OF_BOOLEANS and importer.input(0).type.dtype is DType.BOOL:
        return Logic(_OF_BOOLEANS[row.name])
    return Compare(row.name) if isinstance(row, RelationRow) else Logic(row.name)


@imports("tflite", *_TFLITE)
def _from_tflite(importer: Importer) -> None:
    importer.emit_declared(_meant(importer, _TFLITE[importer.node.op]), importer.inputs())


@imports("tflite", "LOGICAL_NOT")
def _not_from_tflite(importer: Importer) -> None:
    importer.emit_declared(Not(), importer.inputs())


@imports("onnx", *_ONNX)
def _from_onnx(importer: Importer) -> None:
    # ONNX compares the integers themselves.
    values = [importer.view(v, _PLAIN if v.type.dtype is DType.I8 else None) for v in importer.inputs()]
    importer.bind(*importer.emit(_meant(importer, _ONNX[importer.node.op]), values))


@imports("onnx", "Not")
def _not_from_onnx(importer: Importer) -> None:
    importer.bind(*importer.emit(Not(), importer.inputs()))
