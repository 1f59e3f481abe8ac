"""TFLite's int8 and int16 operators of two operands, bit for bit as TFLite-Micro's reference kernels compute them.

`wide` operands are int16.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ariel_build.ir import Quant
from ariel_build.kernels import Field
from ariel_build.kernels.declared.map2 import Scaled
from ariel_build.ops import fixed_point, gemmlowp
from ariel_build.ops.elementwise import multiplier, rescale
from ariel_build.ops.fixed_point import I64
from ariel_build.records import dataclass

__all__ = [
    "Operands",
    "Scales",
    "add",
    "difference_fields",
    "divide",
    "multiply",
    "prelu",
    "prelu_fields",
    "prelu_scales",
    "product_fields",
    "product_scale",
    "quotient_fields",
    "quotient_scale",
    "scaled",
    "square_fields",
    "square_scales",
    "squared_difference",
    "subtract",
    "sum_fields",
    "sum_scales",
]

#: Bits by which ADD and SUB shift operands of int8, those of int16, and by which SQUARED_DIFFERENCE does.
SUM_SHIFT, WIDE_SUM_SHIFT, SQUARE_SHIFT = 20, 15, 7


@dataclass(frozen=True)
class Operands:
    """Stored elements of both operands, and the quantisation of operands and output."""

    left: I64
    right: I64
    left_quant: Quant
    right_quant: Quant
    output: Quant
    wide: bool = False

    @property
    def quants(self) -> tuple[Quant, Quant, Quant]:
        """Quantisation of left, right and output."""
        return self.left_quant, self.right_quant, self.output

    def centred(self) -> tuple[I64, I64]:
        """Returns both operands less their zero points."""
        return self.left - self.left_quant.zero_point, self.right - self.right_quant.zero_point


@dataclass(frozen=True)
class Scales:
    """Real factors of the shifted operands and of what is made of them."""

    left: float
    right: float
    result: float
    shift: int


def sum_scales(left: Quant, right: Quant, output: Quant, *, single: bool, wide: bool) -> Scales:
    """Returns the factors of ADD, in double, or of SUB, `single`: in float32."""
    shift = WIDE_SUM_SHIFT if wide else SUM_SHIFT
    real = np.float32 if single else np.float64
    a, b, c = (real(np.float32(q.scale)) for q in (left, right, output))
    twice = real(2) * max(a, b)
    return Scales(float(a / twice), float(b / twice), float(twice / (real(1 << shift) * c)), shift)


def square_scales(left: Quant, right: Quant, output: Quant, *, wide: bool) -> Scales:
    """Returns the factors of SQUARED_DIFFERENCE."""
    shift = 0 if wide else SQUARE_SHIFT
    twice = 2.0 * max(left.scale, right.scale)
    unit = float(np.float32(1 << (2 * shift)) * np.float32(output.scale))
    return Scales(left.scale / twice, right.scale / twice, twice * twice / unit, shift)


def _scaled_operands(operands: Operands, scales: Scales) -> tuple[I64, I64]:
    left, right = operands.centred()
    return rescale(left << scales.shift, scales.left), rescale(right << scales.shift, scales.right)


def add(operands: Operands) -> I64:
    """Scales both operands to a common scale with 20 more bits (15 where they are wide), adds, scales the sum."""
    scales = sum_scales(*operands.quants, single=False, wide=operands.wide)
    left, right = _scaled_operands(operands, scales)
    return rescale(left + right, scales.result) + operands.output.zero_point


def subtract(operands: Operands) -> I64:
    """As ADD; of int8 with factors that are computed in float32."""
    scales = sum_scales(*operands.quants, single=not operands.wide, wide=operands.wide)
    left, right = _scaled_operands(operands, scales)
    return rescale(left - right, scales.result) + operands.output.zero_point


def squared_difference(operands: Operands) -> I64:
    """As SUB with 7 more bits (none where they are wide); the difference is squared before it is scaled."""
    scales = square_scales(*operands.quants, wide=operands.wide)
    left, right = _scaled_operands(operands, scales)
    return rescale((left - right) ** 2, scales.result) + operands.output.zero_point


def product_scale(left: Quant, right: Quant, output: Quant) -> float:
    """Returns s1 * s2 / s3 in double."""
    return left.scale * right.scale / output.scale


def multiply(operands: Operands) -> I64:
    """Scales the product."""
    left, right = operands.centred()
    return rescale(left * right, product_scale(*operands.quants)) + operands.output.zero_point


def quotient_scale(left: Quant, right: Quant, output: Quant) -> float:
    """Returns s1 / (s2 * s3) in float32."""
    return float(np.float32(left.scale) / (np.float32(right.scale) * np.float32(output.scale)))


def divide(operands: Operands) -> I64:
    """Multiplies by the divisor's reciprocal in fixed point, with all bits that the dividend leaves free.

    Where the quotient is small the reference then shifts by more than the 31 bits that there are: the result is what it
    gives when built for x86-64, as the recorded answers are. It leaves division by 0 undefined; we divide by 1.
    """
    left, right = np.broadcast_arrays(*operands.centred())
    left, right = np.where(right < 0, -left, left), np.abs(right)
    inverse, bits = gemmlowp.reciprocal(np.maximum(right, 1), 31)
    magnitude = np.where(left < 0, -left - 1, left)
    headroom = 31 - np.frexp(magnitude.astype(np.float64))[1].astype(np.int64)
    quotient = fixed_point.high_mul(fixed_point.wrap32(left << headroom), inverse)
    q, shift = fixed_point.quantize_multiplier(quotient_scale(*operands.quants))
    result, right_shift = fixed_point.high_mul(quotient, q), headroom + bits - shift
    beyond = (result >> (right_shift & 31)) + (result >= 0)
    result = np.where(right_shift < 32, fixed_point.rounding_shift_right(result, np.clip(right_shift, 0, 31)), beyond)
    return np.asarray(result + operands.output.zero_point, np.int64)


def prelu_scales(left: Quant, right: Quant, output: Quant) -> tuple[float, float]:
    """Returns the factors of positive inputs and of negative ones times their slopes."""
    return left.scale / output.scale, left.scale * right.scale / output.scale


def prelu(operands: Operands) -> I64:
    """Scales positive inputs, and the product of negative ones with their slopes."""
    left, right = operands.centred()
    positive, negative = prelu_scales(*operands.quants)
    result = np.where(left >= 0, rescale(left, positive), rescale(left * right, negative))
    return np.asarray(result + operands.output.zero_point, np.int64)


def sum_fields(left: Quant, right: Quant, output: Quant, wide: bool) -> Mapping[str, Field]:
    """Returns the fields of `AddInt8` and `AddInt16`."""
    return _scaled_fields(left, right, sum_scales(left, right, output, single=False, wide=wide))


def difference_fields(left: Quant, right: Quant, output: Quant, wide: bool) -> Mapping[str, Field]:
    """Returns the fields of `SubInt8` and `SubInt16`."""
    return _scaled_fields(left, right, sum_scales(left, right, output, single=not wide, wide=wide))


def square_fields(left: Quant, right: Quant, output: Quant, wide: bool) -> Mapping[str, Field]:
    """Returns the fields of `SquaredDifferenceInt8` and `SquaredDifferenceInt16`."""
    return _scaled_fields(left, right, square_scales(left, right, output, wide=wide))


def _scaled_fields(left: Quant, right: Quant, scales: Scales) -> Mapping[str, Field]:
    return {
        "scale_left": scaled(left, scales.left, scales.shift),
        "scale_right": scaled(right, scales.right, scales.shift),
        "multiplier": multiplier(scales.result),
    }


def product_fields(left: Quant, right: Quant, output: Quant, _: bool) -> Mapping[str, Field]:
    """Returns the fields of `MulInt8` and `MulInt16`."""
    return {"zero_points": _zeros(left, right), "multiplier": multiplier(product_scale(left, right, output))}


def quotient_fields(left: Quant, right: Quant, output: Quant, _: bool) -> Mapping[str, Field]:
    """Returns the fields of `DivInt8`."""
    return {"zero_points": _zeros(left, right), "multiplier": multiplier(quotient_scale(left, right, output))}


def prelu_fields(left: Quant, right: Quant, output: Quant, _: bool) -> Mapping[str, Field]:
    """Returns the fields of `PreluInt8` and `PreluInt16`."""
    positive, negative = prelu_scales(left, right, output)
    zeros = _zeros(left, right)
    return {"zero_points": zeros, "positive": multiplier(positive), "negative": multiplier(negative)}


def _zeros(left: Quant, right: Quant) -> tuple[int, int]:
    return left.zero_point, right.zero_point


def scaled(quant: Quant, factor: float, shift: int) -> Scaled:
    """Returns the `Scaled` of the runtime crate."""
    return Scaled(zero_point=quant.zero_point, shift=shift, multiplier=multiplier(factor))
