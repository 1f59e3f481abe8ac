"""Map1: output = f(input), one function of one number; in int8 it is a table of 256 bytes.

The functions are the rows of `map1_rows.py`; what TFLite computes in fixed point instead is in `map1_int8.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Kernel, KernelCall
from ariel_build.kernels.declared import map1 as declared
from ariel_build.ops.accumulate import bounds
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.elementwise import (
    BYTES,
    call_of,
    dequantize,
    lookup_call,
    one_operand,
    quant_of,
    quantize,
    same_type,
)
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1_rows import MAP1, Map1Row
from ariel_build.ops.rows import called, named, parameters
from ariel_build.ops.traits import POINTWISE, alike, never

__all__ = ["Map1"]


@dataclass(frozen=True)
class Map1(Operator):
    """The function `kind` of every element; `parameters` in the order in which its row names them."""

    traits = POINTWISE
    passed_on = never
    permuted = alike

    kind: str
    parameters: tuple[float, ...] = ()
    rounding: Rounding = Rounding.DOUBLE

    @property
    def name(self) -> str:
        """The function's name."""
        return self.kind

    @property
    def row(self) -> Map1Row:
        """All that there is to say of the function."""
        return MAP1[self.kind]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T -> T."""
        type_ = same_type(inputs)
        wide = type_.dtype is DType.I16 and self.row.wide is not None
        if type_.dtype not in (DType.F32, *BYTES) and self.row.integer is None and not wide:
            raise ValueError(f"{self.kind} of {type_.dtype.value} is not supported")
        return [type_]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Computes in double; int8 by TFLite's formula, or rne of the real function."""
        x = inputs[0]
        assert x is not None  # noqa: S101 - infer has seen it
        row = self.row
        if x.dtype == np.float32:
            return [self.real(x)]
        if node.output.type.quant is None:
            if row.integer is None:
                raise UnsupportedReason(f"{self.kind} of {node.output.type.dtype.value} without quantisation")
            return [row.integer(x).astype(x.dtype)]
        source, target = quant_of(node.input(0), "the input"), quant_of(node.output, "the output")
        dtype = node.output.type.dtype
        special = row.stored if self.rounding is Rounding.DOUBLE else None
        if special is not None:
            return [special(x.astype(np.int64), source, target, dtype, self.parameters)]
        return [quantize(self.real(dequantize(x, source)), target, dtype, self.rounding)]

    def real(self, x: Array) -> Array:
        """Returns the function of float32 elements; its parameters are float32 too."""
        parameters = [float(np.float32(p)) for p in self.parameters]
        with np.errstate(all="ignore"):
            return np.asarray(self.row.real(x.astype(np.float64), *parameters), np.float32)

    def lower(self, node: Node) -> KernelCall:
        """`lookup::Table`, `map1::<kind>` or `map1::<kind>Int16`."""
        x = node.input(0)
        if x.type.dtype in BYTES:
            return lookup_call(node, x, lambda data: self.reference([data], node)[0])
        if x.type.dtype is DType.I16 and self.row.wide is not None and self.rounding is Rounding.DOUBLE:
            quants = quant_of(x, "the input"), quant_of(node.output, "the output")
            ends = {"bounds": bounds(node, UNBOUNDED, self.rounding)}
            fields = {**one_operand(node), **self.row.wide(*quants, self.parameters), **ends}
            return call_of(getattr(declared, f"{self.kind}Int16").made(fields), node)
        if x.type.dtype is not DType.F32:
            raise UnsupportedReason(f"{self.kind} of {x.type.dtype.value} is not supported")
        kernel: type[Kernel] = getattr(declared, self.kind)
        parameters = dict(zip(self.row.parameters, self.parameters, strict=True))
        return call_of(kernel.made({**one_operand(node), **parameters}), node)


_TFLITE, _ONNX = (called(MAP1.values(), format_) for format_ in ("tflite", "onnx"))


@imports("tflite", *_TFLITE)
def _from_tflite(importer: Importer) -> None:
    row, name = named(importer, _TFLITE[importer.node.op])
    importer.emit_declared(Map1(row.name, parameters(importer, name)), [importer.input(0)])


@imports("onnx", *_ONNX)
def _from_onnx(importer: Importer) -> None:
    row, name = named(importer, _ONNX[importer.node.op])
    op = Map1(row.name, parameters(importer, name), Rounding.NEAREST_EVEN)
    importer.bind(*importer.emit(op, [importer.input(0)]))


@imports("onnx", "Identity")
def _identity_from_onnx(importer: Importer) -> None:
    importer.bind(importer.input(0))


@imports(
    "onnx",
    "Dropout",
    harmless={"ratio": "nothing is dropped at inference", "seed": "nothing is dropped at inference"},
)
def _dropout_from_onnx(importer: Importer) -> None:
    if importer.optional_input(2) is not None and importer.constant_input(2, "the training mode").any():
        raise UnsupportedReason("training mode is not supported: export the model for inference")
    # At inference nothing is dropped.
    x = importer.input(0)
    importer.bind(x, importer.constant(np.ones(x.shape, np.bool_)))
