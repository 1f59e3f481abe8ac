"""Importers of the operators of two operands, and of those of several that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from ariel_build.ir import DType, Quant, Value
from ariel_build.ops.accumulate import tflite_clip
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.elementwise import BYTES
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Add, Div, Map2, Maximum, Minimum, Mul, Pow, Prelu, SquaredDifference, Sub

_TFLITE: dict[str, type[Map2]] = {
    "ADD": Add,
    "DIV": Div,
    "MAXIMUM": Maximum,
    "MINIMUM": Minimum,
    "MUL": Mul,
    "POW": Pow,
    "PRELU": Prelu,
    "SQUARED_DIFFERENCE": SquaredDifference,
    "SUB": Sub,
}


@imports("tflite", *_TFLITE, harmless={"pot_scale_int16": "it is about int16, which is refused"})
def _from_tflite(importer: Importer) -> None:
    op = _TFLITE[importer.node.op](tflite_clip(importer))
    importer.emit_declared(op, [importer.input(0), importer.input(1)])


@imports("tflite", "ADD_N")
def _add_n_from_tflite(importer: Importer) -> None:
    importer.bind(_chain(importer, Add()))


@imports("tflite", "FLOOR_DIV")
def _floor_div_from_tflite(importer: Importer) -> None:
    if importer.output_type().dtype is not DType.F32:
        raise UnsupportedReason("only float32 is supported")
    (quotient,) = importer.emit(Div(), [importer.input(0), importer.input(1)])
    importer.emit_declared(Map1("Floor"), [quotient])


_ONNX: dict[str, type[Map2]] = {"Add": Add, "Div": Div, "Mul": Mul, "PRelu": Prelu, "Sub": Sub}


@imports("onnx", *_ONNX)
def _from_onnx(importer: Importer) -> None:
    op = _ONNX[importer.node.op](rounding=Rounding.NEAREST_EVEN)
    importer.bind(*importer.emit(op, [importer.input(0), importer.input(1)]))


_VARIADIC: dict[str, type[Map2]] = {"Max": Maximum, "Mean": Add, "Min": Minimum, "Sum": Add}


@imports("onnx", *_VARIADIC)
def _variadic_from_onnx(importer: Importer) -> None:
    quant = _common_scale(importer.inputs()) if importer.node.op in ("Max", "Min") else None
    result = _chain(importer, _VARIADIC[importer.node.op](rounding=Rounding.NEAREST_EVEN), quant)
    if importer.node.op == "Mean":
        count = importer.constant(np.array(len(importer.inputs()), np.float32))
        (result,) = importer.emit(Div(rounding=Rounding.NEAREST_EVEN), [result, count])
    importer.bind(result)


def _common_scale(values: Sequence[Value]) -> Quant | None:
    """Returns the one scale that all bytes have, constants left out: the greatest of them has it, too."""
    quants = {v.type.quant for v in values if not v.is_constant}
    quant = quants.pop() if len(quants) == 1 else None
    alike = quant is not None and quant.per_tensor and all(v.type.dtype in BYTES for v in values)
    return quant if alike else None


def _chain(importer: Importer, op: Map2, quant: Quant | None = None) -> Value:
    """Returns the inputs combined from the left; with `quant`, all have that scale, and so has the result."""
    inputs = importer.inputs()
    if not inputs:
        raise UnsupportedReason("it has no input")
    if quant is not None:
        inputs = [importer.view(v, quant) for v in inputs]
    return reduce(lambda left, right: importer.emit(op, [left, right], [quant])[0], inputs)


#: Exponents that are simpler functions.
_POWERS = {2.0: "Square", 0.5: "Sqrt", -0.5: "Rsqrt", -1.0: "Reciprocal"}


@imports("onnx", "Pow")
def _pow_from_onnx(importer: Importer) -> None:
    base, exponent = importer.input(0), importer.input(1)
    if exponent.data is not None and exponent.data.size == 1 and len(exponent.shape) <= len(base.shape):
        number = float(exponent.data.reshape(-1)[0])
        if number == 1.0:
            importer.bind(base)
            return
        if number in _POWERS and base.type.dtype is DType.F32:
            importer.bind(*importer.emit(Map1(_POWERS[number], (), Rounding.NEAREST_EVEN), [base]))
            return
    exponent = cast(importer, exponent, base.type.dtype)
    importer.bind(*importer.emit(Pow(rounding=Rounding.NEAREST_EVEN), [base, exponent]))
