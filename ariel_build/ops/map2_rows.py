"""The operators of two numbers, a row each: what they are called, what they compute in numpy and in Rust.

A new one is one row here; `python -m tools.rows` makes its kernels. One that TFLite computes in int8 by steps of its
own has these in `map2_int8.py`, and a kernel in the runtime's `map2/int8.rs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Quant
from ariel_build.kernels import Field
from ariel_build.ops import map2_int8 as int8
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.fixed_point import I64
from ariel_build.ops.rows import Named, Names
from ariel_build.records import dataclass

__all__ = ["MAP2", "Integer", "Map2Row", "Real", "Stored"]

F64 = npt.NDArray[np.float64]
Function = Callable[[Numbers, Numbers], Numbers]


@dataclass(frozen=True)
class Real:
    """A kernel of float32: its name without the type, what it does, and the function in numpy and in Rust."""

    kernel: str
    about: str
    real: Function
    rust: str


@dataclass(frozen=True)
class Integer:
    """Plain integers, wrapping: the function in numpy, and, where int32 has a kernel of its own, in Rust, with remarks.

    That of all other types is the runtime's `map2::Function` of the row's name.
    """

    real: Function
    rust: str = ""
    remarks: str = ""


@dataclass(frozen=True)
class Stored:
    """TFLite's int8: the formula (zero point included, bounds not), and the fields of the kernel `<name>Int8`.

    With `wide` the same goes for int16, and the kernel `<name>Int16`, to whose fields the last argument leads.
    """

    formula: Callable[[int8.Operands], I64]
    fields: Callable[[Quant, Quant, Quant, bool], Mapping[str, Field]]
    wide: bool = False


@dataclass(frozen=True)
class Map2Row:
    """An operator of two numbers.

    `about` is its formula, `rare` what holds for numbers that are none. `real` computes float32; `rust` does, as a
    function of `a` and `b`. With `neutral` as its right operand it does nothing, and where it `commutes` with that as
    its left one. `affine` tells what a constant operand per channel makes of the other one: factor and shift, None for
    1 and 0, or nothing where it is neither; it takes the constant, and whether that is the right operand. `form` says
    of what shape the fixed-point formulas are that may be proved equal to it. `keeps_scale` says that stored integers
    of one scale have that afterwards. `tflite_real` is what TFLite computes of floats where that is something else;
    `dequantized` what stands for `rust` where int8 is computed by way of float32. `of_bits` says that it is about
    integers only, whatever they mean, `of_reals` that it is about floats only.
    """

    name: str
    about: str
    real: Function
    rust: str
    tflite: Names = ()
    onnx: Names = ()
    rare: str = ""
    neutral: float | None = None
    commutes: bool = False
    affine: Callable[[F64, bool], tuple[F64 | None, F64 | None] | None] | None = None
    integer: Integer | None = None
    stored: Stored | None = None
    form: Literal["sum", "difference", "product"] | None = None
    keeps_scale: bool = False
    tflite_real: Real | None = None
    dequantized: str = ""
    of_bits: bool = False
    of_reals: bool = False

    def of_real(self, *, tflite: bool) -> Real:
        """Returns what computes float32."""
        own = Real(self.name, f"{self.about} in float32{self.rare}", self.real, self.rust)
        return self.tflite_real if tflite and self.tflite_real is not None else own

    @property
    def of_integers(self) -> Integer:
        """What computes plain integers: the function of real numbers, where no other is given."""
        return self.integer or Integer(self.real)


def _truncated(left: Numbers, right: Numbers) -> Numbers:
    return np.where(right == 0, 0, _quotient(left, np.where(right == 0, 1, right)))


def _quotient(left: Numbers, divisor: Numbers) -> Numbers:
    """Rounds towards zero: what is left of the division is what C has."""
    return np.asarray((left - np.fmod(left, divisor)) // divisor)


def _modulo(left: Numbers, right: Numbers) -> Numbers:
    if left.dtype.kind == "f":
        return np.mod(left, right)
    return np.where(right == 0, 0, np.mod(left, np.where(right == 0, 1, right)))


def _remainder(left: Numbers, right: Numbers) -> Numbers:
    if left.dtype.kind == "f":
        return np.fmod(left, right)
    return np.where(right == 0, 0, np.fmod(left, np.where(right == 0, 1, right)))


def _power(left: Numbers, right: Numbers) -> Numbers:
    return np.power(left.astype(np.float64), right.astype(np.float64))


def _integer_power(left: Numbers, right: Numbers) -> Numbers:
    """Wraps; with a negative exponent, 1 and -1 remain, and all else is less than 1."""
    base, exponent = np.broadcast_arrays(left, right)
    power, factor, rest = np.ones_like(base), base.copy(), np.maximum(exponent, 0)
    while rest.any():
        power = np.where(rest & 1 == 1, power * factor, power)
        factor, rest = factor * factor, rest >> 1
    units = np.where((base == 1) | ((base + 1 == 0) & (exponent & 1 == 0)), 1, np.where(base + 1 == 0, base, 0))
    return np.where(exponent < 0, units, power).astype(base.dtype)


def _ratio(constant: F64, is_right: bool) -> tuple[F64 | None, F64 | None] | None:
    return (1.0 / constant, None) if is_right and not np.any(constant == 0) else None


def _nothing(*_: object) -> Mapping[str, Field]:
    return {}


_ROWS = (
    Map2Row(
        "Add",
        "`left + right`",
        np.add,
        "|a, b| a + b",
        "ADD",
        (Named("Add"), Named("Sum", many=True)),
        neutral=0.0,
        commutes=True,
        affine=lambda constant, _: (None, constant),
        integer=Integer(np.add, "i32::wrapping_add"),
        stored=Stored(int8.add, int8.sum_fields, wide=True),
        form="sum",
    ),
    Map2Row(
        "Sub",
        "`left - right`",
        np.subtract,
        "|a, b| a - b",
        "SUB",
        "Sub",
        neutral=0.0,
        affine=lambda constant, right: (None, -constant) if right else (np.full(constant.shape, -1.0), constant),
        integer=Integer(np.subtract, "i32::wrapping_sub"),
        stored=Stored(int8.subtract, int8.difference_fields, wide=True),
        form="difference",
    ),
    Map2Row(
        "Mul",
        "`left * right`",
        np.multiply,
        "|a, b| a * b",
        "MUL",
        "Mul",
        neutral=1.0,
        commutes=True,
        affine=lambda constant, _: (constant, None),
        integer=Integer(np.multiply, "i32::wrapping_mul"),
        stored=Stored(int8.multiply, int8.product_fields, wide=True),
        form="product",
    ),
    Map2Row(
        "Div",
        "`left / right`",
        np.divide,
        "|a, b| a / b",
        "DIV",
        "Div",
        neutral=1.0,
        affine=_ratio,
        integer=Integer(
            _truncated,
            "|a, b| if b == 0 { 0 } else { a.wrapping_div(b) }",
            ", rounded towards zero; division by 0 gives 0",
        ),
        stored=Stored(int8.divide, int8.quotient_fields, wide=True),
    ),
    Map2Row(
        "Maximum",
        "`max(left, right)`",
        np.maximum,
        "|a, b| if a > b || a.is_nan() { a } else { b }",
        "MAXIMUM",
        Named("Max", many=True),
        rare=", not a number where one of them is none",
        integer=Integer(np.maximum, "i32::max"),
        # TFLite compares the stored integers, whatever their scales.
        stored=Stored(lambda operands: np.maximum(operands.left, operands.right), _nothing, wide=True),
        keeps_scale=True,
        tflite_real=Real(
            "Greater",
            "`left` where it is greater, else `right` (also where one of them is not a number), in float32: TFLite's "
            "maximum",
            lambda left, right: np.where(left > right, left, right),
            "|a, b| if a > b { a } else { b }",
        ),
        dequantized="|a, b| if a < b { b } else { a }",
    ),
    Map2Row(
        "Minimum",
        "`min(left, right)`",
        np.minimum,
        "|a, b| if a < b || a.is_nan() { a } else { b }",
        "MINIMUM",
        Named("Min", many=True),
        rare=", not a number where one of them is none",
        integer=Integer(np.minimum, "i32::min"),
        stored=Stored(lambda operands: np.minimum(operands.left, operands.right), _nothing, wide=True),
        keeps_scale=True,
        tflite_real=Real(
            "Lesser",
            "`left` where it is less, else `right` (also where one of them is not a number), in float32: TFLite's "
            "minimum",
            lambda left, right: np.where(left < right, left, right),
            "|a, b| if a < b { a } else { b }",
        ),
        dequantized="|a, b| if b < a { b } else { a }",
    ),
    Map2Row(
        "SquaredDifference",
        "`(left - right)^2`",
        lambda left, right: np.square(np.subtract(left, right)),
        "|a, b| (a - b) * (a - b)",
        "SQUARED_DIFFERENCE",
        stored=Stored(int8.squared_difference, int8.square_fields, wide=True),
    ),
    Map2Row(
        "Atan2",
        "`atan2(left, right)`, the angle of the point (right, left),",
        np.arctan2,
        "libm::atan2f",
        "ATAN2",
        of_reals=True,
    ),
    # ONNX's importer is in `map2.py`: some powers are simpler functions.
    Map2Row(
        "Pow",
        "`left ^ right`",
        lambda left, right: _power(left, right).astype(left.dtype),
        "libm::powf",
        "POW",
        neutral=1.0,
        integer=Integer(_integer_power),
    ),
    Map2Row(
        "Prelu",
        "`left` where it is positive, else `left * right`,",
        lambda left, right: np.where(left < 0, left * right, left),
        "|a, b| if a < 0.0 { a * b } else { a }",
        "PRELU",
        "PRelu",
        stored=Stored(int8.prelu, int8.prelu_fields, wide=True),
    ),
    Map2Row(
        "Mod",
        "the remainder of `left / right` that has the sign of `right`",
        _modulo,
        "modulo",
        onnx=Named("Mod", when=("fmod", False)),
    ),
    Map2Row(
        "Remainder",
        "the remainder of `left / right` that has the sign of `left`",
        _remainder,
        "remainder",
        onnx=Named("Mod", when=("fmod", True)),
    ),
    Map2Row("BitAnd", "`left & right`", np.bitwise_and, "", onnx="BitwiseAnd", of_bits=True),
    Map2Row("BitOr", "`left | right`", np.bitwise_or, "", onnx="BitwiseOr", of_bits=True),
    Map2Row("BitXor", "`left ^ right`", np.bitwise_xor, "", onnx="BitwiseXor", of_bits=True),
    Map2Row(
        "ShiftLeft",
        "`left << right`",
        np.left_shift,
        "",
        onnx=Named("BitShift", when=("direction", "LEFT")),
        of_bits=True,
    ),
    Map2Row(
        "ShiftRight",
        "`left >> right`",
        np.right_shift,
        "",
        onnx=Named("BitShift", when=("direction", "RIGHT")),
        of_bits=True,
    ),
)
MAP2 = {row.name: row for row in _ROWS}
