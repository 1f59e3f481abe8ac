"""Weights, biases and other constants as integers: each is a float constant that remembers how it is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Quant, TensorType, Value
from ariel_build.quantize.ranges import quant_of_range

__all__ = [
    "all_finite",
    "int4_weights",
    "least_scales",
    "scales_of",
    "stored_bias",
    "stored_operand",
    "stored_weights",
    "whole_multipliers",
]

F64 = npt.NDArray[np.float64]
#: Biases stay below: `passes/stored_constants.py` refuses what does not fit 31 bits.
_MOST_BIAS = (1 << 30) - 1
_LEAST_SCALE = 1e-30
#: The magnitude of weights: -128 is left out, so that they are symmetric.
_MOST_WEIGHT = 127
#: The limits of weights of 4 bits, and how many scales of each channel are tried, down to this part of the greatest.
_INT4, _TRIED, _SMALLEST = (-8, 7), 64, 0.4


def _real(stored: Array, quant: Quant, like: Value, dtype: DType) -> Value:
    """Returns the float constant of which the integers are the stored form."""
    shape = [-1 if k == quant.axis else 1 for k in range(stored.ndim)] if quant.axis is not None else []
    scales, zeros = np.array(quant.scales, np.float32), np.array(quant.zero_points, np.int64)
    scales, zeros = (scales.reshape(shape), zeros.reshape(shape)) if shape else (scales[0], zeros[0])
    real = (stored.astype(np.int64) - zeros).astype(np.float32) * scales
    twin = Value(TensorType(dtype, stored.shape, quant), like.name, stored, like.origin)
    return Value(TensorType(DType.F32, stored.shape), like.name, real, like.origin, stored=twin)


def stored_weights(
    filter_: Value, data: F64, axis: int, least: F64 | None = None, finer: Callable[[F64], F64] | None = None
) -> Value:
    """Returns weights as symmetric int8, with a scale for each channel along `axis`.

    `least` are the least scales that the channels may have; `finer` may make them greater still.
    """
    axis %= data.ndim
    rest = tuple(k for k in range(data.ndim) if k != axis)
    scales = np.maximum(np.abs(data).max(axis=rest) / _MOST_WEIGHT, _LEAST_SCALE)
    # A channel of zeros: any scale will do, and that of its neighbours keeps its bias small.
    empty = scales <= _LEAST_SCALE
    scales[empty] = scales[~empty].max(initial=_LEAST_SCALE) if not empty.all() else 1.0
    if least is not None:
        scales = np.maximum(scales, least)
    scales = (scales if finer is None else finer(scales)).astype(np.float32)
    along = [-1 if k == axis else 1 for k in range(data.ndim)]
    stored = np.clip(np.rint(data / scales.astype(np.float64).reshape(along)), -_MOST_WEIGHT, _MOST_WEIGHT).astype(
        np.int8
    )
    quant = Quant(tuple(float(s) for s in scales), (0,) * len(scales), axis)
    return _real(stored, quant, filter_, DType.I8)


def int4_weights(filter_: Value, axis: int, energy: F64 | None = None) -> Value:
    """Returns weights as int4; the scale of each channel along `axis` errs least, by rounding and clipping together.

    With the `energy` of what they multiply, the mean square for each place along the last axis, errors count by what
    they do to sums.
    """
    data = np.asarray(filter_.data, np.float64)
    axis %= data.ndim
    data = np.moveaxis(data, axis, 0)
    rows = data.reshape(data.shape[0], -1)
    low, high = _INT4
    greatest = np.maximum(rows.max(axis=1) / high, rows.min(axis=1) / low)
    greatest[greatest <= _LEAST_SCALE] = greatest.max(initial=0.0) if greatest.max(initial=0.0) > _LEAST_SCALE else 1.0
    best, scales = np.full(len(rows), np.inf), greatest
    weight = 1.0 if energy is None else energy
    for part in np.linspace(1.0, _SMALLEST, _TRIED):
        tried = (greatest * part).astype(np.float32).astype(np.float64)
        steps = np.clip(np.rint(rows / tried[:, None]), low, high)
        error = ((steps * tried[:, None] - rows) ** 2 * weight).sum(axis=1)
        scales, best = np.where(error < best, tried, scales), np.minimum(error, best)
    stored = np.clip(np.rint(rows / scales[:, None]), low, high).astype(np.int8)
    quant = Quant(tuple(float(s) for s in scales), (0,) * len(scales), axis, 4)
    return _real(np.ascontiguousarray(np.moveaxis(stored.reshape(data.shape), 0, axis)), quant, filter_, DType.I8)


def whole_multipliers(scales: F64, x: Quant, y: Quant) -> F64:
    """Returns scales of weights, greater by a 2^-14 at most, with which sx * sw / sy has 15 bits.

    Multipliers of kernels of int16 have as many: so they err by nothing.
    """
    mantissa, exponent = np.frexp(scales * x.scale / y.scale)
    return np.asarray(np.ldexp(np.ceil(np.ldexp(mantissa, 15)), exponent - 15) * y.scale / x.scale)


def least_scales(bias: F64, x: Quant) -> F64:
    """Returns the scales that weights must have at least, so that the biases fit 31 bits."""
    return np.abs(bias) / (x.scale * _MOST_BIAS) * 1.001


def stored_bias(bias: F64, x: Quant, filter_: Value, like: Value) -> Value:
    """Returns biases in units of the accumulator: the scale of the input times those of the weights."""
    units = (x.scale * scales_of(filter_)).astype(np.float32)
    steps = np.rint(bias / units.astype(np.float64))
    stored = np.clip(steps, -_MOST_BIAS, _MOST_BIAS).astype(np.int32)
    quant = Quant(tuple(float(u) for u in units), (0,) * len(units), 0)
    return _real(stored, quant, like, DType.I32)


def scales_of(weights: Value) -> F64:
    """Returns the scales of stored weights."""
    quant = None if weights.stored is None else weights.stored.type.quant
    assert quant is not None  # noqa: S101 - `stored_weights` made it
    return np.array(quant.scales)


def stored_operand(value: Value) -> Value:
    """Returns a constant operand as int8 with one scale; one that is a single number all over as it is."""
    data = np.asarray(value.data, np.float32)
    if data.size == 0 or np.all(data == data.flat[0]):
        return value
    quant = quant_of_range(float(data.min()), float(data.max()))
    steps = np.rint(data / np.float32(quant.scale)).astype(np.int64) + quant.zero_point
    return _real(np.clip(steps, -128, 127).astype(np.int8), quant, value, DType.I8)


def all_finite(values: Sequence[Value]) -> bool:
    """Whether all float constants among the values are numbers."""
    return all(v.data is None or v.data.dtype.kind != "f" or bool(np.all(np.isfinite(v.data))) for v in values)
