"""Integer arithmetic of quantised operators, bit for bit as TFLite-Micro's reference kernels and onnxruntime do it."""

from __future__ import annotations

import math
from enum import Enum

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Quant

__all__ = [
    "Rounding",
    "high_mul",
    "multiply",
    "quantize_multiplier",
    "reduced_multiplier",
    "requantize",
    "rounding_shift_right",
    "stored_bounds",
]

I64 = npt.NDArray[np.int64]
UNBOUNDED = (-math.inf, math.inf)


class Rounding(Enum):
    """How an accumulator becomes a stored integer; the source format decides."""

    #: gemmlowp's double rounding (TFLite).
    DOUBLE = "double"
    #: `rne(f32(acc) * f32 scale)` (onnxruntime).
    NEAREST_EVEN = "nearest even"


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Returns (q, shift) with real = q * 2^(shift - 31), q = round(m * 2^31) of frexp in double.

    q == 2^31 is halved; shifts below -31 give (0, 0), as TFLite's QuantizeMultiplier.
    """
    if real == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    q = math.floor(mantissa * (1 << 31) + 0.5)
    if q == 1 << 31:
        q, shift = q // 2, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return (1 << 31) - 1, 30
    return q, shift


def high_mul(a: Array | int, b: Array | int) -> I64:
    """`round(a * b / 2^31)` with gemmlowp's nudge: floor((a * b + 2^30) / 2^31), saturated."""
    product: I64 = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    high: I64 = np.minimum((product + (1 << 30)) >> 31, (1 << 31) - 1)
    return high


def rounding_shift_right(value: Array | int, shift: Array | int) -> I64:
    """`round(value / 2^shift)`, halves away from zero."""
    whole: I64 = np.asarray(value, np.int64)
    by: I64 = np.asarray(shift, np.int64)
    mask: I64 = np.left_shift(np.int64(1), by) - 1
    threshold = (mask >> 1) + (whole < 0)
    rounded: I64 = (whole >> by) + ((whole & mask) > threshold)
    return rounded


def wrap32(value: Array) -> I64:
    """Reduces integers to int32 as wrapping arithmetic does, held in int64."""
    return np.asarray(value, np.int64).astype(np.int32).astype(np.int64)


def multiply(acc: Array, multiplier: Array | int, shift: Array | int) -> I64:
    """`MultiplyByQuantizedMultiplier`: gemmlowp double rounding, elementwise with broadcasting."""
    by: I64 = np.asarray(shift, np.int64)
    left, right = np.maximum(by, 0), np.maximum(-by, 0)
    return rounding_shift_right(high_mul(wrap32(np.asarray(acc, np.int64) << left), multiplier), right)


def reduced_multiplier(real: float) -> tuple[int, int]:
    """Returns (q, shift) with real = q * 2^(shift - 15): the mantissa of `quantize_multiplier` in 16 bits.

    TFLite's `MultiplyByQuantizedMultiplier` of 64-bit sums.
    """
    q, shift = quantize_multiplier(real)
    return (0x7FFF if q >= 0x7FFF0000 else (q + (1 << 15)) >> 16), shift


def requantize(acc: Array, scales: npt.NDArray[np.float64], rounding: Rounding) -> I64:
    """Returns accumulators times real scales (along the last axis), rounded; no zero point, no clamping.

    For NEAREST_EVEN the scales are float32 values. With DOUBLE, sums of 64 bits take TFLite's reduced multiplier.
    """
    if rounding is Rounding.DOUBLE:
        wide = np.asarray(acc).dtype == np.int64
        pairs = [(reduced_multiplier if wide else quantize_multiplier)(float(s)) for s in np.atleast_1d(scales)]
        q, shift = np.array(pairs, np.int64).T
        if wide:
            scaled = (acc * q + (np.int64(1) << (14 - shift))) >> (15 - shift)
            return wrap32(scaled)
        return multiply(acc, q, shift)
    product = np.asarray(acc).astype(np.float32) * np.atleast_1d(scales).astype(np.float32)
    return np.clip(np.rint(product), -(2.0**31), 2.0**31 - 1).astype(np.int64)


def stored_bounds(clip: tuple[float, float], quant: Quant, dtype: DType, rounding: Rounding) -> tuple[int, int]:
    """Returns the least and the greatest stored integer under a fused activation with real bounds `clip`.

    zero_point + round(bound / scale), within the type; TFLite rounds halves away from zero, onnxruntime to even.
    """
    least, greatest = dtype.range

    def stored(bound: float) -> int:
        quotient = np.float32(bound) / np.float32(quant.scale)
        rounded = np.rint(quotient) if rounding is Rounding.NEAREST_EVEN else round_away(quotient)
        return quant.zero_point + int(rounded)

    low, high = clip
    return (
        least if low == -math.inf else min(max(least, stored(low)), greatest),
        greatest if high == math.inf else max(min(greatest, stored(high)), least),
    )


def round_away(value: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """Rounds to the nearest integer, halves away from zero, in the type of `value`."""
    real: npt.NDArray[np.floating] = np.asarray(value)
    whole = np.trunc(real)
    # The difference is exact, where value + 0.5 is not.
    away: npt.NDArray[np.floating] = whole + np.copysign((np.abs(real - whole) >= 0.5).astype(real.dtype), real)
    return away
