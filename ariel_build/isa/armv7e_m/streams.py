"""Armv7E-M: the streams that its kernels read, and the proofs that they need (`kernels/isa/armv7e_m/mod.rs`).

Two channels share a word: halfwords `256 * c1 + c0`. SMLAD on the word sums `256 * A1 + A0`, and A0 alone comes from
the low bytes, so `A1 = (sum - A0) >> 8`: needs |A1| < 2^23 and halfwords that do not overflow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Packed
from ariel_build.kernels.declared.quant import Bounds, DoubleRounding
from ariel_build.kernels.layer import Stored

__all__ = [
    "PAIR",
    "SUM",
    "Channels",
    "Ints",
    "padded",
    "quad_stream",
    "requantised",
    "stored_of",
    "stream_of",
    "sum_stream",
    "wrapped",
]

Ints = npt.NDArray[np.int64]

#: What the kernels take a depth of at a time: SXTB16 gives of each four elements k the words (k0, k2) and (k1, k3).
_ORDER = (0, 2, 1, 3)
_INT32 = 1 << 31
_ACTIVATION = 128
#: What a sum of the second channel of a word must stay below, and any sum where two pixels share a word (`thumb2`).
SUM, PAIR = 1 << 23, 1 << 22
#: The multiplier that leaves a sum below 2^30 as it is, and the shift of channels with one value or two.
_ONE, _FEW_BITS = (1 << 31) - 1, 22


@dataclass(frozen=True)
class Channels:
    """Integer constants of the output channels: bias, multiplier, rounding and shift, one row each."""

    weights: Ints
    bias: Ints
    scale: Ints

    @property
    def bound(self) -> Ints:
        """The greatest |sum| of each channel, for any input."""
        return np.asarray(np.abs(self.bias) + _ACTIVATION * np.abs(self.weights).sum(axis=1))


def requantised(weights: Ints, finish: Stored, limit: int = SUM) -> Channels:
    """Proves that sums stay below `limit` and that five instructions requantise each; Unfit where it cannot.

    Channels whose output has only one or two values, as dead ones with huge biases have, get other constants that give
    the same values.
    """
    requantize, output = finish.requantize, finish.bounds
    if finish.filter_zero_point != 0 or not isinstance(requantize, DoubleRounding):
        raise Unfit
    pairs = requantize.multipliers
    count = weights.shape[0]
    multiplier, shift = np.broadcast_to(pairs.data.reshape(-1, 2).astype(np.int64), (count, 2)).T.copy()
    found = Channels(weights.copy(), finish.bias.astype(np.int64), np.zeros((count, 3), np.int64))
    n = -shift
    rounding = (2 * output.zero_point + 1) << np.clip(n - 1, 0, 31)
    odd = (n < 1) | (n > 31) | (multiplier < 1 << 30) | (found.bound >= limit)
    odd |= found.bound + 1 + np.abs(rounding) >= _INT32
    for channel in np.flatnonzero(odd):
        few = _few_values(found, int(channel), (int(multiplier[channel]), int(n[channel])), output)
        multiplier[channel], rounding[channel], n[channel] = few
    found.scale[:] = np.stack([2 * multiplier - 2 * _INT32, rounding, n], axis=1)
    return found


def _few_values(channels: Channels, channel: int, factor: tuple[int, int], output: Bounds) -> tuple[int, int, int]:
    """Changes a channel whose output has one or two values to one that is easily requantised; Unfit if it has more.

    Where v becomes v + 1 at the sum t,
    `(sum - t + ((v + 1) << 22)) >> 22` is the same. Returns multiplier, rounding, shift.
    """
    weights, bias = channels.weights[channel], int(channels.bias[channel])
    low = bias - int(np.where(weights > 0, 128 * weights, -127 * weights).sum())
    high = bias + int(np.where(weights > 0, 127 * weights, -128 * weights).sum())
    if low < -_INT32 or high >= _INT32 or (factor[0] != 0 and not 0 <= factor[1] <= 31):
        raise Unfit
    first, last = (stored_of(acc, factor, output) for acc in (low, high))
    if last > first + 1:
        raise Unfit
    if first == last:
        channels.weights[channel], channels.bias[channel] = 0, 0
        return _ONE, first << _FEW_BITS, _FEW_BITS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if stored_of(middle, factor, output) == first else (low, middle)
    channels.bias[channel] = bias - high
    if channels.bound[channel] + 2 >= 1 << _FEW_BITS:
        raise Unfit
    return _ONE, last << _FEW_BITS, _FEW_BITS


def stored_of(acc: int, factor: tuple[int, int], output: Bounds) -> int:
    """Returns the stored output of a sum, as `quant::DoubleRounding` computes it, for a shift to the right."""
    multiplier, n = factor
    high = (acc * multiplier + (1 << 30)) >> 31 if multiplier else 0
    if n > 0:
        high = (high - (high < 0) + (1 << (n - 1))) >> n
    return max(output.min, min(output.max, high + output.zero_point))


def _halfwords(weights: Ints, bound: Ints) -> Ints:
    """Returns `256 * c1 + c0` for each pair of rows; Unfit where the trick has no proof."""
    low, high = weights[0::2], weights[1::2]
    both = 256 * high + low
    if np.any(both < -(1 << 15)) or np.any(both >= 1 << 15) or np.any(bound[1::2] >= SUM):
        raise Unfit
    return np.asarray(both)


def wrapped(values: Ints) -> Ints:
    """Returns the low 32 bits, signed."""
    return np.asarray((values + _INT32) % (2 * _INT32) - _INT32)


def _words(halfwords: Ints) -> Ints:
    """Returns [n, k] halfwords, k a multiple of 4, as words in the order of SXTB16."""
    ordered = halfwords.reshape(halfwords.shape[0], -1, 4)[:, :, _ORDER].reshape(halfwords.shape[0], -1, 2)
    return wrapped((ordered[:, :, 1] << 16) | (ordered[:, :, 0] & 0xFFFF))


def _filled(channels: Channels, multiple: int) -> Channels:
    """Returns the channels with as many more, which give anything, as make a multiple."""
    extra = -channels.bias.size % multiple
    return Channels(
        np.pad(channels.weights, ((0, extra), (0, 0))),
        np.pad(channels.bias, (0, extra)),
        np.concatenate([channels.scale, np.repeat(channels.scale[-1:], extra, axis=0)]),
    )


def padded(weights: Ints, multiple: int) -> Ints:
    """Returns the weights with zeros up to a multiple of elements along the last axis."""
    extra = -weights.shape[-1] % multiple
    return np.pad(weights, [(0, 0)] * (weights.ndim - 1) + [(0, extra)])


def stream_of(channels: Channels) -> Packed:
    """Returns for each pair of channels biases, words of weights, and the requantisation of both."""
    even = _filled(channels, 2)
    words = _words(_halfwords(even.weights, even.bound))
    low, high = even.bias[0::2], even.bias[1::2]
    starts = np.stack([low, wrapped(256 * high + low)], axis=1)
    stream = np.concatenate([starts, words, even.scale.reshape(-1, 6)], axis=1)
    return Packed(stream.astype(np.int32), "stream")


def sum_stream(weights: Ints, bias: Ints) -> Packed:
    """Returns for each pair of channels, biases and words of weights; Unfit without a proof."""
    bound = np.abs(bias) + _ACTIVATION * np.abs(weights).sum(axis=1)
    if np.any(bound >= SUM):
        raise Unfit
    words = _words(_halfwords(padded(weights, 4), bound))
    low, high = bias[0::2], bias[1::2]
    return Packed(np.concatenate([np.stack([low, 256 * high + low], axis=1), words], axis=1).astype(np.int32), "stream")


def quad_stream(channels: Channels) -> Packed:
    """Returns for each four channels biases, words of two and two of them in turn, and their requantisation."""
    even = _filled(channels, 4)
    words = _words(_halfwords(even.weights, even.bound))
    words = words.reshape(words.shape[0] // 2, 2, -1, 2).transpose(0, 2, 1, 3).reshape(words.shape[0] // 2, -1)
    low, high = even.bias[0::2], even.bias[1::2]
    starts = np.stack([wrapped(256 * high + low), low], axis=1).reshape(-1, 4)
    stream = np.concatenate([starts, words, even.scale.reshape(-1, 12)], axis=1)
    return Packed(stream.astype(np.int32), "stream")
