"""Float constants as the integers of which they are the real numbers: exactly, or not at all; biases to half a unit."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Quant, TensorType, Value

__all__ = ["stored_bias", "stored_filter", "stored_operand"]

#: How far the scale of a stored bias may be from sx * sw, relatively: exporters round the product to float32.
SCALE_TOLERANCE = 1e-5
#: A bias that is rounded to the accumulator's unit may be off by this part of a step of the output.
MOST_ERROR = 1 / 16


def stored_filter(filter_: Value, axis: int) -> Value | str:
    """Returns a filter as the file stores it, or why it cannot be used; `axis` is that of its output channels."""
    stored = filter_.stored
    if stored is None or stored.type.quant is None:
        return "the weights are not stored quantised"
    quant = stored.type.quant
    if stored.type.dtype is not DType.I8:
        return f"the weights are stored as {stored.type.dtype.value}"
    if not quant.per_tensor and quant.axis != axis % len(stored.shape):
        return "the weights are quantised along an axis that is not that of the output channels"
    if len(set(quant.zero_points)) > 1:
        return "the zero points of the weights differ between channels"
    return stored


def stored_operand(constant: Value) -> Value | str:
    """Returns a constant operand as the file stores it; one that holds one number as 1, 0 or -1 times its magnitude."""
    stored = constant.stored
    if stored is not None and stored.type.quant is not None and stored.type.quant.per_tensor:
        return stored
    data = np.asarray(constant.data, np.float32)
    if data.size == 0 or not np.all(data == data.flat[0]) or not np.isfinite(data.flat[0]):
        return "a constant operand is not stored quantised per tensor"
    number = float(data.flat[0])
    quant = Quant((abs(number) or 1.0,), (0,))
    sign = np.full(data.shape, np.sign(number), np.int8)
    return Value(TensorType(DType.I8, data.shape, quant), constant.name, sign, constant.origin)


def stored_bias(bias: Value, x: Quant | None, filter_: Quant | None, y: Quant | None) -> Value | str:
    """Returns a bias in units of the accumulator, sx * sw, or why it cannot be had so."""
    if bias.data is None or x is None or filter_ is None or y is None:
        return "the bias is computed at run time"
    units = x.scale * np.broadcast_to(np.array(filter_.scales), bias.shape)
    quant = Quant(tuple(float(u) for u in units), (0,) * len(units), 0)
    stored = bias.stored
    if stored is not None and stored.data is not None and stored.type.quant is not None:
        own = stored.type.quant
        near = np.all(np.abs(np.array(own.scales) / units - 1.0) <= SCALE_TOLERANCE)
        if stored.type.dtype is DType.I32 and not any(own.zero_points) and near:
            return Value(TensorType(DType.I32, bias.shape, quant), bias.name, stored.data, bias.origin)
    steps = bias.data.astype(np.float64) / units
    if not np.all(np.abs(steps) < 1 << 30):
        return "the bias does not fit 31 bits in units of the accumulator"
    exact = np.rint(steps)
    error = float(np.max(np.abs(exact - steps) * units / y.scale, initial=0.0))
    if error > MOST_ERROR:
        return f"the bias, rounded to units of the accumulator, would be off by {error:.2f} steps of the output"
    return Value(TensorType(DType.I32, bias.shape, quant), bias.name, exact.astype(np.int32), bias.origin)
