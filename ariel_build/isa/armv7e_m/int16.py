"""Layers with activations of int16: their streams, and the proofs of packed kernels (`kernels/isa/armv7e_m/int16.rs`).

TFLite's formula is `(sum * rq + 2^(14 - shift)) >> (15 - shift)` of sums of 64 bits, with a multiplier of 16. Where
sums fit 32 bits and `m = rq << (17 + shift)` fits 31, it is `(sum * m + 2^31) >> 32`: one instruction, SMMULR.
"""

from __future__ import annotations

import numpy as np

from ariel_build.isa.armv7e_m.streams import Channels, Ints, padded, wrapped
from ariel_build.isa.reduced import stored
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Packed
from ariel_build.kernels.declared.quant import Reduced
from ariel_build.kernels.layer import Layer, Stored

__all__ = ["channels_of", "is_int16", "stream_of", "stream_of_any"]

_INT32 = 1 << 31
_LEAST, _GREATEST = -(1 << 15), (1 << 15) - 1
#: The multiplier that divides a sum by 4, for channels with one value.
_QUARTER = 1 << 30


def is_int16(layer: Layer) -> bool:
    """Whether the layer has activations of int16 that TFLite sums in 64 bits."""
    return isinstance(layer.finish, Stored) and isinstance(layer.finish.requantize, Reduced)


def channels_of(layer: Layer) -> Channels:
    """Proves that sums fit 32 bits and that one instruction requantises each; Unfit where it cannot.

    A channel whose output has one value, as dead ones with huge biases have, gets constants that give it.
    """
    finish = layer.finish
    if not isinstance(finish, Stored) or not isinstance(finish.requantize, Reduced):
        raise Unfit
    zeros = finish.filter_zero_point, finish.bounds.zero_point, getattr(layer, "input_zero_point", 0)
    if any(zeros) or layer.weights.dtype != np.int8:
        raise Unfit
    weights, count = layer.weights.astype(np.int64), layer.count
    pairs = finish.requantize.multipliers.data.reshape(-1, 2).astype(np.int64)
    multiplier, shift = np.broadcast_to(pairs, (count, 2)).T.copy()
    bias = finish.bias.astype(np.int64)
    below, above = np.minimum(weights, 0).sum(axis=1), np.maximum(weights, 0).sum(axis=1)
    least = [int(b) + _GREATEST * int(m) + _LEAST * int(p) for b, m, p in zip(bias, below, above, strict=True)]
    greatest = [int(b) + _LEAST * int(m) + _GREATEST * int(p) for b, m, p in zip(bias, below, above, strict=True)]
    scale = np.zeros((count, 1), np.int64)
    weights, bias = weights.copy(), bias.copy()
    for channel in range(count):
        # SMLAD wraps: only the whole sum counts.
        fits = least[channel] >= -_INT32 and greatest[channel] < _INT32
        left, factor = 17 + int(shift[channel]), int(multiplier[channel])
        if fits and factor >= 0 and (factor == 0 or (left >= 0 and factor << left < _INT32)):
            scale[channel] = factor << left if factor else 0
            continue
        ends = least[channel], greatest[channel]
        first, last = (stored(acc, factor, int(shift[channel]), finish.bounds) for acc in ends)
        if first != last:
            raise Unfit
        weights[channel], bias[channel], scale[channel] = 0, 4 * first, _QUARTER
    return Channels(weights, bias, scale, 0)


def stream_of(channels: Channels) -> Packed:
    """Returns for each pair of channels biases, words of weights, and both multipliers; depths are even."""
    extra = channels.bias.size % 2
    weights = np.pad(channels.weights, ((0, extra), (0, 0)))
    bias, scale = np.pad(channels.bias, (0, extra)), np.pad(channels.scale[:, 0], (0, extra))
    stream = np.concatenate([bias.reshape(-1, 2), _words(weights), scale.reshape(-1, 2)], axis=1)
    return Packed(stream.astype(np.int32), "stream")


def stream_of_any(channels: Channels) -> Packed:
    """Returns the same of channels of int8 whose weights may be any, in the order in which words are widened."""
    extra = channels.bias.size % 2
    weights = padded(np.pad(channels.weights, ((0, extra), (0, 0))), 4)
    weights = weights.reshape(weights.shape[0], -1, 4)[:, :, (0, 2, 1, 3)].reshape(weights.shape)
    bias, scale = np.pad(channels.bias, (0, extra)), np.insert(channels.scale, 1, channels.rounding, axis=1)
    scale = np.pad(scale, ((0, extra), (0, 0)))
    stream = np.concatenate([bias.reshape(-1, 2), _words(weights), scale.reshape(-1, 6)], axis=1)
    return Packed(stream.astype(np.int32), "stream")


def _words(weights: Ints) -> Ints:
    """Returns for each pair of rows, and of elements, a word: c0k0, c1k0, c0k1, c1k1."""
    quads = padded(weights, 2).reshape(weights.shape[0] // 2, 2, -1, 2) & 0xFF
    low, high = quads[:, 0], quads[:, 1]
    return wrapped(low[..., 0] | high[..., 0] << 8 | low[..., 1] << 16 | high[..., 1] << 24)
