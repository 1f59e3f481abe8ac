"""Armv7E-M with an FPU: constants with which packed kernels requantise as ONNX does: rne(float32(sum) * scale) + zero.

Sums stay below 2^23, where float32 holds every integer, so the kernels' instructions are those of the formula itself.
"""

from __future__ import annotations

import numpy as np

from ariel_build.isa.armv7e_m.streams import SUM, Channels, Ints
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels.declared.quant import Bounds, NearestEven
from ariel_build.kernels.layer import Stored

__all__ = ["rounded_to_even"]


def rounded_to_even(weights: Ints, finish: Stored) -> Channels:
    """Returns the channels with the bits of their scales and no shift; Unfit where a sum may be too large.

    Channels whose output has only one value, as dead ones with huge biases have, get it as their sum.
    """
    requantize, output = finish.requantize, finish.bounds
    if finish.filter_zero_point != 0 or not isinstance(requantize, NearestEven):
        raise Unfit
    data = requantize.scales.data
    if not np.isfinite(data).all():
        raise Unfit
    count = weights.shape[0]
    scales = np.broadcast_to(data.reshape(-1).astype(np.float32), (count,)).copy()
    found = Channels(weights.copy(), finish.bias.astype(np.int64), np.zeros((count, 2), np.int64), output.zero_point)
    for channel in np.flatnonzero(found.bound >= SUM):
        low = found.bias[channel] - int(128 * np.abs(weights[channel]).sum())
        high = found.bias[channel] + int(128 * np.abs(weights[channel]).sum())
        first, last = (_stored(int(acc), scales[channel], output) for acc in (low, high))
        if first != last or max(abs(low), abs(high)) >= 1 << 31:
            raise Unfit
        found.weights[channel], found.bias[channel] = 0, first - output.zero_point
        scales[channel] = 1
    found.scale[:, 0] = scales.view(np.int32)
    return found


def _stored(acc: int, scale: np.float32, output: Bounds) -> int:
    """Returns the stored output of a sum, as `quant::NearestEven` computes it."""
    real = np.clip(np.float32(acc) * scale, np.float32(-1024), np.float32(1024))
    return max(output.min, min(output.max, int(np.rint(real)) + output.zero_point))
