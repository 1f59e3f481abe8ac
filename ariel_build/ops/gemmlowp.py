"""Functions in 32-bit fixed point, bit for bit as gemmlowp defines them, over numpy arrays.

A number in Qm.n has m integer bits and n fractional ones, m + n = 31. Arrays are int64 that hold int32 values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ariel_build.ops.fixed_point import high_mul, rounding_shift_right, wrap32

__all__ = [
    "exp_on_negative_values",
    "inverse_sqrt",
    "ln_q12",
    "logistic",
    "one_over_one_plus",
    "reciprocal",
    "saturating_shift_left",
    "tanh",
]

I64 = npt.NDArray[np.int64]

#: The greatest int32, which stands for 1 in Q0.31.
MOST = (1 << 31) - 1
#: (power of two, e^-(2^power) in Q0.31): the factors of the exponential.
_EXP_FACTORS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)


def saturating_shift_left(value: npt.ArrayLike, shift: int) -> I64:
    """`value * 2^shift`, saturated to int32."""
    return np.asarray(np.clip(np.asarray(value, np.int64) << shift, -(1 << 31), MOST), np.int64)


def _half_sum(a: npt.ArrayLike, b: npt.ArrayLike) -> I64:
    """`(a + b) / 2`, halves away from zero."""
    total = np.asarray(a, np.int64) + np.asarray(b, np.int64)
    return np.asarray(np.where(total >= 0, (total + 1) >> 1, -((1 - total) >> 1)), np.int64)


def _exp_of_last_quarter(value: I64) -> I64:
    """`e^value` for value in [-1/4, 0), both in Q0.31: a Taylor polynomial around -1/8."""
    exp_of_eighth, third = 1895147668, 715827883
    x = value + (1 << 28)
    x2 = high_mul(x, x)
    x3 = high_mul(x2, x)
    x4 = high_mul(x2, x2)
    tail = rounding_shift_right(high_mul(rounding_shift_right(x4, 2) + x3, third) + x2, 1)
    return exp_of_eighth + high_mul(exp_of_eighth, x + tail)


def exp_on_negative_values(value: npt.ArrayLike, integer_bits: int) -> I64:
    """`e^value` in Q0.31 for value <= 0 with at most 5 integer bits."""
    value = np.asarray(value, np.int64)
    fraction = 31 - integer_bits
    quarter = 1 << (fraction - 2)
    last = (value & (quarter - 1)) - quarter
    result = _exp_of_last_quarter(saturating_shift_left(last, integer_bits))
    rest = last - value
    for power, factor in _EXP_FACTORS:
        if integer_bits > power:
            result = np.where(rest & (1 << (fraction + power)), high_mul(result, factor), result)
    return np.asarray(np.where(value == 0, MOST, result), np.int64)


def _newton(value: npt.ArrayLike) -> I64:
    """`2 / (1 + value)` in Q2.29 for value in [0, 1) in Q0.31: three Newton steps on half the denominator."""
    half = _half_sum(value, MOST)
    x = 1515870810 + high_mul(half, -1010580540)
    for _ in range(3):
        x = x + saturating_shift_left(high_mul(x, (1 << 29) - high_mul(half, x)), 2)
    return x


def one_over_one_plus(value: npt.ArrayLike) -> I64:
    """`1 / (1 + value)` for value in [0, 1), both in Q0.31."""
    return saturating_shift_left(_newton(value), 1)


def logistic(value: npt.ArrayLike, integer_bits: int) -> I64:
    """`1 / (1 + e^-value)` in Q0.31."""
    value = np.asarray(value, np.int64)
    positive = one_over_one_plus(exp_on_negative_values(-np.abs(value), integer_bits))
    return np.asarray(np.where(value == 0, 1 << 30, np.where(value > 0, positive, MOST - positive)), np.int64)


def tanh(value: npt.ArrayLike, integer_bits: int) -> I64:
    """`tanh(value)` in Q0.31: (1 - e^-2|v|) / (1 + e^-2|v|) with the sign of v."""
    value = np.asarray(value, np.int64)
    exp = exp_on_negative_values(-np.abs(value), integer_bits + 1)
    result = saturating_shift_left(_newton(exp) - (1 << 29), 2)
    return np.asarray(np.where(value < 0, -result, np.where(value == 0, 0, result)), np.int64)


def _leading_zeros(value: npt.ArrayLike) -> I64:
    """Returns the leading zeros of positive int32."""
    return 32 - np.frexp(np.asarray(value, np.float64))[1].astype(np.int64)


def reciprocal(value: npt.ArrayLike, digits: int) -> tuple[I64, I64]:
    """Returns `1 / value` for value > 0 with `digits` integer bits.

    As the reciprocal of the mantissa in Q0.31 and the bits by which the value exceeds 1.
    """
    value = np.asarray(value, np.int64)
    zeros = _leading_zeros(value)
    return one_over_one_plus((value << zeros) - (1 << 31)), digits - zeros


def ln_q12(value: int) -> int:
    """`ln(value)` in Q5.26 for value >= 1 in Q12.19."""
    fourth_root, root = 1805811301, 1518500250

    def power(number: int, shift: int) -> int:
        threshold = (1 << (31 - shift)) - 1
        if shift == 0 or -threshold <= number <= threshold:
            return number << shift
        return MOST if number > 0 else -MOST - 1

    def times(a: int, b: int) -> int:
        return int(high_mul(a, b))

    zeros_a = int(_leading_zeros(value))
    r_a = power(times(power(value, zeros_a - 1), root), 1)
    power_a = min(power(12 - zeros_a, 25) + (1 << 23), MOST)
    zeros_b = int(_leading_zeros(times(value, root))) - 1
    r_b = power(value, zeros_b)
    power_b = max(power(12 - zeros_b, 25) - (1 << 23), -MOST - 1)
    r = min(r_a, r_b)
    p = int(_half_sum(r, fourth_root))
    q = 2 * (r - fourth_root)
    square = times(q, q)
    numerator = times(q, r) + times(times(q, square), 117049297)
    denominator = times(p, 1057819769 + q + times(127690142, square)) + times(638450708, q)
    fraction = times(int(rounding_shift_right(numerator, 6)), int(one_over_one_plus(denominator)))
    return int(saturating_shift_left(times(max(power_a, power_b), 1488522236) + fraction, 1))


def inverse_sqrt(value: int) -> tuple[int, int]:
    """Returns (q, right shift) with 1 / sqrt(value) = q * 2^(-31 - shift), for value >= 1: five Newton steps from 1."""
    if value <= 1:
        return MOST, 0
    shift = 11
    pairs = (int(_leading_zeros(value)) - 1) // 2 - 1
    shift -= pairs
    value <<= 2 * pairs
    number = value >> 1
    half = int(rounding_shift_right(number, 1))
    x = 1 << 28
    for _ in range(5):
        cube = int(saturating_shift_left(high_mul(high_mul(x, x), x), 6))
        x = int(saturating_shift_left(wrap32(high_mul((1 << 28) + (1 << 27), x) - high_mul(half, cube)), 3))
    x = int(high_mul(x, 1518500250))
    return (x << -shift, 0) if shift < 0 else (x, shift)
