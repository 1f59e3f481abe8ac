"""Armv7E-M with an FPU: constants with which packed kernels requantise as ONNX does: rne(float32(sum) * scale) + zero.

Sums stay below 2^23, where float32 holds every integer, so the kernels' instructions are those of the formula itself.
"""

from __future__ import annotations

import numpy as np

from ariel_build.isa.armv7e_m.streams import SUM, Channels, Ints, Unfit, nested
from ariel_build.kernels import Field, Nested, Packed

__all__ = ["rounded_to_even"]


def rounded_to_even(weights: Ints, fields: dict[str, Field]) -> Channels:
    """Returns the channels with the bits of their scales, the zero point, and 0; Unfit where a sum may be too large.

    Channels whose output has only one value, as dead ones with huge biases have, get a scale of 0.
    """
    requantize, bounds, bias = fields["requantize"], fields["bounds"], fields["bias"]
    if not (isinstance(requantize, Nested) and isinstance(bounds, Nested) and isinstance(bias, Packed)):
        raise Unfit
    data = requantize.fields["scales"]
    if fields.get("filter_zero_point", 0) != 0 or not isinstance(data, Packed) or not np.isfinite(data.data).all():
        raise Unfit
    output, count = nested(bounds), weights.shape[0]
    scales = np.broadcast_to(data.data.reshape(-1).astype(np.float32), (count,)).copy()
    zeros = np.full(count, output["zero_point"], np.int64)
    found = Channels(weights.copy(), bias.data.astype(np.int64), np.zeros((count, 3), np.int64))
    for channel in np.flatnonzero(found.bound >= SUM):
        low = found.bias[channel] - int(128 * np.abs(weights[channel]).sum())
        high = found.bias[channel] + int(128 * np.abs(weights[channel]).sum())
        first, last = (_stored(int(acc), scales[channel], output) for acc in (low, high))
        if first != last or max(abs(low), abs(high)) >= 1 << 31:
            raise Unfit
        found.weights[channel], found.bias[channel] = 0, 0
        scales[channel], zeros[channel] = 0, first
    found.scale[:] = np.stack([scales.view(np.int32).astype(np.int64), zeros, np.zeros(count, np.int64)], axis=1)
    return found


def _stored(acc: int, scale: np.float32, output: dict[str, int]) -> int:
    """Returns the stored output of a sum, as `quant::NearestEven` computes it."""
    real = np.clip(np.float32(acc) * scale, np.float32(-1024), np.float32(1024))
    return max(output["min"], min(output["max"], int(np.rint(real)) + output["zero_point"]))
