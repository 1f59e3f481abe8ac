"""TFLite's int8 and int16 functions of one number, bit for bit as TFLite-Micro computes them.

Each takes stored elements as int64, the quantisation of input and output, the output's type and the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from ariel_build.ir import Array, DType, Quant
from ariel_build.kernels import Field, Packed
from ariel_build.kernels.declared.quant import Multiplier
from ariel_build.ops import gemmlowp, sigmoid16
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.elementwise import dequantize, multiplier, rescale, store_rounded
from ariel_build.ops.fixed_point import (
    I64,
    Rounding,
    multiply,
    quantize_multiplier,
    round_away,
    rounding_shift_right,
)

__all__ = [
    "Fields",
    "Formula",
    "absolute",
    "absolute_fields",
    "elu",
    "hard_swish",
    "leaky_relu",
    "leaky_relu_fields",
    "log",
    "rsqrt",
    "rsqrt_fields",
    "scale_ratio",
    "sigmoid",
    "sigmoid_fields",
    "sqrt",
    "tanh",
    "tanh_fields",
]

Formula = Callable[[I64, Quant, Quant, DType, tuple[float, ...]], Array]
#: The fields of a kernel of int16, but for its zero point and bounds at the end.
Fields = Callable[[Quant, Quant, tuple[float, ...]], Mapping[str, Field]]

#: Integer bits of the fixed-point input of LOGISTIC and TANH.
_INTEGER_BITS = 4


def _store(value: Numbers, dtype: DType) -> Array:
    return np.asarray(np.clip(value, *dtype.range), dtype.numpy)


def _sigmoidal(
    function: Callable[[I64, int], I64], fraction: int, zero_point: int, wide: Callable[[I64], I64], exact: int
) -> Formula:
    """Returns LOGISTIC or TANH: the function in fixed point, `fraction` bits stored, saturated outside its radius.

    Of int16 it is the function `wide`; see `_sigmoid16_factor` for `exact`.
    """

    def formula(x: I64, source: Quant, target: Quant, dtype: DType, _: tuple[float, ...]) -> Array:
        if dtype is DType.I16:
            return _store(wide(sigmoid16.prescaled(x, *_sigmoid16_factor(source, target, exact))), dtype)
        q, shift = quantize_multiplier(source.scale * (1 << (31 - _INTEGER_BITS)))
        radius = math.floor(((1 << _INTEGER_BITS) - 1) * 2.0 ** (31 - _INTEGER_BITS - shift))
        value = x - source.zero_point
        inside = np.clip(value, -radius, radius)
        # Of uint8 all lies 128 higher.
        lift = zero_point + (128 if dtype is DType.U8 else 0)
        stored = rounding_shift_right(function(multiply(inside, q, shift), _INTEGER_BITS), 31 - fraction) + lift
        least, greatest = dtype.range
        stored = np.where(value <= -radius, least, np.where(value >= radius, greatest, stored))
        return _store(stored, dtype)

    return formula


def _near_power(scale: float) -> tuple[int, bool]:
    """Returns the power of two that a scale is nearest to, and whether it is as good as that, as TFLite sees it."""
    logarithm = np.log(np.float32(scale)) * (np.float32(1.0) / np.log(np.float32(2.0)))
    return int(round_away(logarithm)), bool(abs(logarithm - round_away(logarithm)) < np.float32(1e-3))


def _sigmoid16_factor(source: Quant, target: Quant, exact: int) -> tuple[int, int]:
    """Returns multiplier and right shift from stored int16 to thirds of Q3.12.

    TFLite truncates the multiplier to 15 bits; it is exact where the input has a scale of 2^-12 up to 2^(exact - 12).
    """
    power, is_power = _near_power(target.scale)
    if source.zero_point or target.zero_point or (power, is_power) != (-15, True):
        raise UnsupportedReason(
            f"of int16 the zero points must be 0, and the output's scale 1/32768, not {source} and {target}"
        )
    power, is_power = _near_power(source.scale)
    if is_power and 0 <= power + 12 <= exact:
        return 3 << (power + 12), 0
    multiplier, shift = source.scale * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    if multiplier > 32767.0:
        raise UnsupportedReason(f"an input of int16 with a scale of more than 8/3 is not supported: {source}")
    return int(multiplier), shift


def _sigmoid16_fields(exact: int) -> Fields:
    def fields(source: Quant, target: Quant, _: tuple[float, ...]) -> Mapping[str, Field]:
        multiplier, shift = _sigmoid16_factor(source, target, exact)
        return {"multiplier": multiplier, "shift": shift, "table": Packed(sigmoid16.table(), "table")}

    return fields


def _table(function: Callable[[Numbers], Numbers]) -> Formula:
    """Returns a formula that multiplies the real function by the inverse of the output's scale, as TFLite's tables."""

    def formula(x: I64, source: Quant, target: Quant, dtype: DType, _: tuple[float, ...]) -> Array:
        real: Numbers = np.asarray(function(dequantize(x, source).astype(np.float64)), np.float32)
        with np.errstate(all="ignore"):
            quotient = real * (np.float32(1.0) / np.float32(target.scale))
        return store_rounded(quotient, target, dtype, Rounding.DOUBLE)

    return formula


def _elu(x: Numbers) -> Numbers:
    return np.where(x < 0, np.expm1(np.minimum(x, 0)), x)


def log(x: I64, source: Quant, target: Quant, dtype: DType, _: tuple[float, ...]) -> Array:
    """LOG of int8: a table; what has no logarithm gets the least that the output can be."""
    least = np.float32(target.scale) * np.float32(dtype.range[0] - target.zero_point)

    def function(real: Numbers) -> Numbers:
        positive = real > 0
        return np.where(positive, np.log(np.where(positive, real, 1.0)), least)

    return _table(function)(x, source, target, dtype, ())


def sqrt(x: I64, source: Quant, target: Quant, dtype: DType, _: tuple[float, ...]) -> Array:
    """SQRT of bytes: in float32, truncated; what has no root, which TFLite refuses as it runs, gets the zero point."""
    real = np.maximum(dequantize(x, source), np.float32(0))
    return _store(np.trunc(np.sqrt(real) / np.float32(target.scale)) + target.zero_point, dtype)


def scale_ratio(source: Quant, target: Quant, *, wide: bool) -> float:
    """Returns the factor from one scale to another: in float32, of int16 in double.

    TFLite-Micro divides float32, but as it is built for x86-64 the quotient is a double; int8 does not show it.
    """
    real = np.float64 if wide else np.float32
    return float(real(np.float32(source.scale)) / real(np.float32(target.scale)))


def absolute(x: I64, source: Quant, target: Quant, dtype: DType, _: tuple[float, ...]) -> Array:
    """ABS, scaled where the scales differ."""
    value = np.abs(x - source.zero_point)
    if source.scale != target.scale:
        value = rescale(value, scale_ratio(source, target, wide=dtype is DType.I16))
    return _store(value + target.zero_point, dtype)


def absolute_fields(source: Quant, target: Quant, _: tuple[float, ...]) -> Mapping[str, Field]:
    """Returns the fields of `AbsInt16`."""
    # A factor of 1 changes nothing.
    return {"zero_point": source.zero_point, "multiplier": multiplier(scale_ratio(source, target, wide=True))}


def hard_swish(x: I64, source: Quant, target: Quant, dtype: DType, _: tuple[float, ...]) -> Array:
    """Returns x * relu6(x + 3) / 6 in int16: the input with 7 more bits, times a factor in [0, 1] in Q0.15."""

    def narrow(real: float) -> tuple[int, int]:
        q, shift = quantize_multiplier(real)
        return min((q + (1 << 15)) >> 16, (1 << 15) - 1), shift

    def times(a: I64, b: int) -> I64:
        return np.minimum(_truncate(a * b + np.where(a * b >= 0, 1 << 14, 1 - (1 << 14)), 15), (1 << 15) - 1)

    def saturate(value: I64) -> I64:
        return np.asarray(np.clip(value, -(1 << 15), (1 << 15) - 1), np.int64)

    fine = np.float32(1.0 / 128.0) * np.float32(source.scale)
    factor, shift = narrow(float(fine / np.float32(target.scale)))
    relu_factor, relu_shift = narrow(float(fine / (np.float32(3.0) / np.float32(32768.0))))
    value = (x - source.zero_point) << 7
    scaled = times(value, factor)
    relu = value if relu_shift <= 0 else saturate(value << (relu_shift - 1))
    relu = times(relu, relu_factor)
    if relu_shift > 0:
        relu = saturate(relu << 1)
    elif relu_shift < 0:
        relu = rounding_shift_right(relu, -relu_shift)
    relu = (relu + (1 << 15)) >> 1
    product = np.minimum(_truncate(relu * scaled, 15), (1 << 15) - 1)
    return _store(rounding_shift_right(product, -shift) + target.zero_point, dtype)


def _truncate(value: I64, shift: int) -> I64:
    """`value / 2^shift`, towards zero."""
    return np.asarray(np.where(value >= 0, value >> shift, -(-value >> shift)), np.int64)


def leaky_relu_factors(
    source: Quant, target: Quant, parameters: tuple[float, ...], *, wide: bool
) -> tuple[float, float]:
    """Returns the factors of positive inputs and of negative ones: in float32, of int16 in double."""
    real = np.float64 if wide else np.float32
    scale, alpha, unit = (real(np.float32(v)) for v in (source.scale, parameters[0], target.scale))
    return float(scale / unit), float(scale * alpha / unit)


def leaky_relu(x: I64, source: Quant, target: Quant, dtype: DType, parameters: tuple[float, ...]) -> Array:
    """LEAKY_RELU: one multiplier on either side of 0."""
    value = x - source.zero_point
    factor, slope = leaky_relu_factors(source, target, parameters, wide=dtype is DType.I16)
    negative = rescale(value, abs(slope)) * (-1 if slope < 0 else 1)
    positive = rescale(value, factor)
    return _store(np.where(value >= 0, positive, negative) + target.zero_point, dtype)


def leaky_relu_fields(source: Quant, target: Quant, parameters: tuple[float, ...]) -> Mapping[str, Field]:
    """Returns the fields of `LeakyReluInt16`."""
    factor, slope = leaky_relu_factors(source, target, parameters, wide=True)
    return {
        "zero_point": source.zero_point,
        "positive": multiplier(factor),
        "negative": multiplier(abs(slope)),
        "falls": slope < 0,
    }


#: Bits behind the point of an inverse square root.
_ROOT_BITS = 20


def _rsqrt_factor(source: Quant, target: Quant) -> tuple[int, int]:
    """Returns the multiplier of inverse roots with their bits behind the point."""
    q, shift = quantize_multiplier(1.0 / float(np.sqrt(np.float32(source.scale)) * np.float32(target.scale)))
    return q, shift - _ROOT_BITS


def rsqrt(x: I64, source: Quant, target: Quant, dtype: DType, _: tuple[float, ...]) -> Array:
    """20 bits of 1 / sqrt in fixed point, then the scale; 0 gives the greatest output (and so do negative numbers)."""
    q, shift = _rsqrt_factor(source, target)
    stored = []
    for value in (x - source.zero_point).reshape(-1):
        if value <= 0:
            stored.append(dtype.range[1])
            continue
        inverse, right = gemmlowp.inverse_sqrt(int(value))
        data = multiply(np.array(1), inverse, _ROOT_BITS - right)
        stored.append(int(multiply(data, q, shift)) + target.zero_point)
    return _store(np.array(stored, np.int64).reshape(x.shape), dtype)


def rsqrt_fields(source: Quant, target: Quant, _: tuple[float, ...]) -> Mapping[str, Field]:
    """Returns the fields of `RsqrtInt16`."""
    q, shift = _rsqrt_factor(source, target)
    return {"zero_point": source.zero_point, "multiplier": Multiplier(multiplier=q, shift=shift)}


elu = _table(_elu)
sigmoid = _sigmoidal(gemmlowp.logistic, 8, -128, sigmoid16.logistic, 0)
sigmoid_fields = _sigmoid16_fields(0)
tanh = _sigmoidal(gemmlowp.tanh, 7, 0, sigmoid16.tanh, 1)
tanh_fields = _sigmoid16_fields(1)
