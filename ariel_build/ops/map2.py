"""Map2: output = activation(f(left, right)) element by element, the operands broadcast to one shape.

What TFLite computes in integers is in `map2_int8.py`; the choice of a kernel for int8 in `map2_lowering.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import Kernel, KernelCall
from ariel_build.kernels.declared import map2 as declared
from ariel_build.ops.accumulate import finish_float, tflite_clip
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.cast import Cast, cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.elementwise import (
    BYTES,
    broadcast_type,
    call_of,
    dequantize,
    plain_call,
    quant_of,
    quantize,
    two_operands,
)
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding, stored_bounds
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2_int8 import Operands
from ariel_build.ops.map2_lowering import lower_stored
from ariel_build.ops.map2_rows import MAP2, Map2Row
from ariel_build.ops.quantize import Quantize
from ariel_build.ops.rows import called, named
from ariel_build.ops.traits import POINTWISE, alike
from ariel_build.records import dataclass

__all__ = ["Map2"]


@dataclass(frozen=True)
class Map2(Operator):
    """The operator `kind`, a row of `map2_rows.py`; `clip` holds the real bounds of the fused activation."""

    traits = POINTWISE
    permuted = alike

    kind: str
    clip: tuple[float, float] = UNBOUNDED
    rounding: Rounding = Rounding.DOUBLE

    @property
    def name(self) -> str:
        """The operator's name."""
        return self.kind

    @property
    def row(self) -> Map2Row:
        """All that there is to say of the operator."""
        return MAP2[self.kind]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[a], T[b] -> T[a and b broadcast]."""
        type_ = broadcast_type(inputs)
        integers = type_.dtype.is_integer
        if type_.dtype is DType.BOOL or (self.row.of_bits and not integers) or (self.row.of_reals and integers):
            raise ValueError(f"{self.kind} of {type_.dtype.value} is not supported")
        return [type_]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Computes in the type of the operands, or as TFLite or onnxruntime compute int8."""
        left, right = inputs[0], inputs[1]
        assert left is not None and right is not None  # noqa: S101 - infer has seen them
        if left.dtype == np.float64:
            with np.errstate(all="ignore"):
                return [np.clip(self.row.real(left, right), *self.clip)]
        if left.dtype == np.float32:
            real = self.row.of_real(tflite=self.rounding is Rounding.DOUBLE).real
            with np.errstate(all="ignore"):
                return [finish_float(real(left, right), self.clip)]
        if node.output.type.quant is not None:
            return [self.on_bytes(left, right, node)]
        with np.errstate(all="ignore"):
            result = self.row.of_integers.real(left, right)
        least, greatest = DType.of(left.dtype).range
        return [np.clip(result, max(least, self.clip[0]), min(greatest, self.clip[1])).astype(left.dtype)]

    def on_bytes(self, left: Array, right: Array, node: Node) -> Array:
        """Computes stored elements, for the quantisation of the node's values."""
        source = quant_of(node.input(0), "the left operand"), quant_of(node.input(1), "the right operand")
        output, dtype = quant_of(node.output, "the output"), node.output.type.dtype
        bounds = stored_bounds(self.clip, output, dtype, self.rounding)
        if self.rounding is Rounding.DOUBLE:
            if self.row.stored is None:
                raise UnsupportedReason(f"{self.name} of int8 is not a kernel of TFLite")
            wide = dtype is DType.I16
            if wide and not self.row.stored.wide:
                raise UnsupportedReason(f"{self.name} of int16 is not a kernel of TFLite")
            operands = Operands(left.astype(np.int64), right.astype(np.int64), *source, output, wide)
            return np.clip(self.row.stored.formula(operands), *bounds).astype(dtype.numpy)
        with np.errstate(all="ignore"):
            real = self.row.real(dequantize(left, source[0]), dequantize(right, source[1]))
        return np.clip(quantize(real, output, dtype, self.rounding), *bounds).astype(dtype.numpy)

    def on_wide(self) -> Operator | None:
        """Sums and differences: their multipliers have 31 bits."""
        return replace(self, rounding=Rounding.DOUBLE) if self.kind in ("Add", "Sub") else None

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what meets the neutral operand: x + 0, x * 1, .."""
        left, right = node.input(0), node.input(1)
        neutral = self.row.neutral
        if node.output.type.quant is not None or self.clip != UNBOUNDED or neutral is None:
            return None
        for x, other in ((left, right), (right, left)):
            if x is right and not self.row.commutes:
                continue
            if other.data is not None and x.shape == node.output.shape and bool(np.all(other.data == neutral)):
                return x
        return None

    def lower(self, node: Node) -> KernelCall:
        """`map2::<name>F32`, `I32`, `Plain<type>`, or what `lower_stored` finds for int8 and int16."""
        dtype = node.output.type.dtype
        if node.output.type.quant is not None:
            return lower_stored(self, node)
        low, high = self.clip
        if dtype is DType.F32:
            kernel = self.row.of_real(tflite=self.rounding is Rounding.DOUBLE).kernel
            return _bounded(f"{kernel}F32", node, (low, high))
        if dtype is DType.I32 and self.row.of_integers.rust:
            least, greatest = dtype.range
            return _bounded(f"{self.name}I32", node, (int(max(low, least)), int(min(high, greatest))))
        if self.clip != UNBOUNDED:
            raise UnsupportedReason(f"{self.name} of {dtype.value} with a fused activation is not supported")
        return plain_call(self.kind, node, two_operands(node))


def _bounded(kernel: str, node: Node, clip: tuple[float, float]) -> KernelCall:
    """Returns the call of a kernel of two operands whose fused activation is a clip."""
    made: type[Kernel] = getattr(declared, kernel)
    return call_of(made.made({**two_operands(node), "min": clip[0], "max": clip[1]}), node)


_TFLITE, _ONNX = (called(MAP2.values(), format_) for format_ in ("tflite", "onnx"))


@imports("tflite", *_TFLITE, harmless={"pot_scale_int16": "TFLite-Micro goes by the scales"})
def _from_tflite(importer: Importer) -> None:
    row, _ = named(importer, _TFLITE[importer.node.op])
    left, right = importer.input(0), importer.input(1)
    if row.name == "Prelu" and (left.type.dtype, right.type.dtype) == (DType.I16, DType.I8):
        # The slopes of int16 are int8.
        (right,) = importer.emit(Cast(DType.I16), [right], [right.type.quant])
    clip, dtype = tflite_clip(importer), left.type.dtype
    if clip == UNBOUNDED or dtype in (DType.F32, DType.I32) or left.type.quant is not None or not dtype.is_integer:
        importer.emit_declared(Map2(row.name, clip), [left, right])
        return
    # Kernels of rarer integers have no bounds of their own.
    (y,) = importer.emit(Map2(row.name), [left, right])
    least, greatest = dtype.range
    for kind, bound in (("Maximum", clip[0]), ("Minimum", clip[1])):
        if least < bound < greatest:
            (y,) = importer.emit(Map2(kind), [y, importer.constant(np.array(bound, dtype.numpy))])
    importer.bind(y)


@imports("tflite", "ADD_N")
def _add_n_from_tflite(importer: Importer) -> None:
    if importer.output_type().dtype is DType.I8:
        _add_stored(importer)
    else:
        importer.bind(_chain(importer, Map2("Add")))


#: Bits by which ADD_N shifts operands of int8, less the one by which it halves them.
_SUM_BITS = 19


def _add_stored(importer: Importer) -> None:
    """ADD_N of int8: the operands less their zero points, shifted by 19 bits, summed in int32 and scaled.

    TFLite-Micro's sum begins with a stored 0, which is the zero point too little, and not with nothing.
    """
    first, target = importer.input(0), importer.output_type()
    quant = quant_of(first, "an operand")
    if target.quant is None or any(v.type.quant != quant or v.shape != first.shape for v in importer.inputs()):
        raise UnsupportedReason("the operands differ in shape, scale or zero point")
    if len(importer.inputs()) > MOST_SUMMANDS:
        raise UnsupportedReason(f"more than {MOST_SUMMANDS} operands of int8 are not supported")
    fine = Quant((quant.scale * 2.0**-_SUM_BITS,), (0,))
    wide = [importer.emit(Quantize(DType.I32), [v], [fine])[0] for v in importer.inputs()]
    total = reduce(lambda left, right: importer.emit(Map2("Add"), [left, right])[0], wide)
    total = importer.view(total, replace(fine, zero_points=(quant.zero_point << _SUM_BITS,)))
    importer.emit_declared(Quantize(DType.I8), [total])


#: int8 that int32 can sum after they are shifted.
MOST_SUMMANDS = 14


@imports("tflite", "FLOOR_DIV")
def _floor_div_from_tflite(importer: Importer) -> None:
    left, right = _plain(importer)
    (quotient,) = importer.emit(Map2("Div"), [left, right])
    if left.type.dtype is DType.F32:
        importer.emit_declared(Map1("Floor"), [quotient])
        return
    # Rounded towards zero it is one too many where the two kinds of remainders differ.
    remainders = [importer.emit(Map2(kind), [left, right])[0] for kind in ("Mod", "Remainder")]
    above = cast(importer, importer.emit(Compare("NotEqual"), remainders)[0], left.type.dtype)
    importer.bind(*importer.emit(Map2("Sub"), [quotient, above]))


def _plain(importer: Importer) -> list[Value]:
    """Returns two operands whose stored integers are what TFLite computes with, whatever their scales."""
    return [importer.view(importer.input(k), None) for k in range(2)]


@imports("tflite", "FLOOR_MOD", "BITWISE_XOR")
def _of_stored(importer: Importer) -> None:
    kind = "Mod" if importer.node.op == "FLOOR_MOD" else "BitXor"
    importer.bind(*importer.emit(Map2(kind), _plain(importer)))


@imports("tflite", "RIGHT_SHIFT")
def _right_shift_from_tflite(importer: Importer) -> None:
    """By no less than 0, and no more than all bits but one."""
    left, right = _plain(importer)
    for kind, bound in (("Maximum", 0), ("Minimum", 8 * left.type.dtype.bytes - 1)):
        (right,) = importer.emit(Map2(kind), [right, importer.constant(np.array(bound, right.type.dtype.numpy))])
    importer.bind(*importer.emit(Map2("ShiftRight"), [left, right]))


@imports("onnx", *_ONNX)
def _from_onnx(importer: Importer) -> None:
    row, name = named(importer, _ONNX[importer.node.op])
    op = Map2(row.name, rounding=Rounding.NEAREST_EVEN)
    if name.many:
        importer.bind(_chain(importer, op, _common_scale(importer.inputs()) if row.keeps_scale else None))
    else:
        importer.bind(*importer.emit(op, [importer.input(0), importer.input(1)]))


@imports("onnx", "Mean")
def _mean_from_onnx(importer: Importer) -> None:
    total = _chain(importer, Map2("Add", rounding=Rounding.NEAREST_EVEN))
    count = importer.constant(np.array(len(importer.inputs()), total.type.dtype.numpy))
    importer.bind(*importer.emit(Map2("Div", rounding=Rounding.NEAREST_EVEN), [total, count]))


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
    if base.type.dtype.is_integer and exponent.type.dtype.is_real:
        # What becomes of an integer is a fraction maybe: rounded towards zero at last.
        wide = [cast(importer, value, DType.F64) for value in (base, exponent)]
        (power,) = importer.emit(Map2("Pow", rounding=Rounding.NEAREST_EVEN), wide)
        importer.bind(cast(importer, power, base.type.dtype))
        return
    exponent = cast(importer, exponent, base.type.dtype)
    importer.bind(*importer.emit(Map2("Pow", rounding=Rounding.NEAREST_EVEN), [base, exponent]))
