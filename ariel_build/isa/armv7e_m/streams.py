"""Armv7E-M: the streams that its kernels read, and the proofs that they need (`kernels/isa/armv7e_m/mod.rs`).

Two channels share a word: halfwords `256 * c1 + c0`. SMLAD on the word sums `256 * A1 + A0`, and A0 alone comes from
the low bytes, so `A1 = (sum - A0) >> 8`: needs |A1| < 2^23 and halfwords that do not overflow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Packed
from ariel_build.kernels.declared.quant import Bounds, DoubleRounding
from ariel_build.kernels.layer import Stored
from ariel_build.kernels.packing import factors
from ariel_build.records import dataclass

__all__ = [
    "PAIR",
    "SUM",
    "Channels",
    "Ints",
    "ordered_words",
    "padded",
    "quad_stream",
    "requantised",
    "requantising_words",
    "stored_of",
    "stream_of",
    "sum_stream",
    "with_channels",
    "words_of",
    "wrapped",
]

Ints = npt.NDArray[np.int64]

#: What the kernels take a depth of at a time: SXTB16 gives of each four elements k the words (k0, k2) and (k1, k3).
_ORDER = (0, 2, 1, 3)
_INT32 = 1 << 31
_ACTIVATION = 128
#: What a sum of the second channel of a word must stay below, and any sum where two pixels share a word (`thumb2`).
SUM, PAIR = 1 << 23, 1 << 22
#: The multiplier that leaves a sum below 2^30 as it is.
_ONE = (1 << 31) - 1


@dataclass(frozen=True)
class Channels:
    """Integer constants of the output channels: bias, and (multiplier, shift less 1), one row each.

    `rounding` is what all of them add between both shifts of `kernels/isa/packed`.
    """

    weights: Ints
    bias: Ints
    scale: Ints
    rounding: int

    @property
    def bound(self) -> Ints:
        """The greatest |sum| of each channel, for any input."""
        return self.bound_of(slice(None))

    def bound_of(self, channels: int | slice) -> Ints:
        """Returns the same of some channels."""
        return np.asarray(np.abs(self.bias[channels]) + _ACTIVATION * np.abs(self.weights[channels]).sum(axis=-1))


def requantised(weights: Ints, finish: Stored, limit: int = SUM, *, before_shift: bool = False) -> Channels:
    """Proves that sums stay below `limit` and that five instructions requantise each; Unfit where it cannot.

    Channels whose output has only one or two values, as dead ones with huge biases have, get other constants that give
    the same values. With `before_shift` the kernel adds the rounding, shifted, to sums: both fit 32 bits together.
    """
    requantize, output = finish.requantize, finish.bounds
    if finish.filter_zero_point != 0 or not isinstance(requantize, DoubleRounding):
        raise Unfit
    count = weights.shape[0]
    multiplier, shift = np.broadcast_to(factors(requantize), (count, 2)).T.copy()
    rounding = 2 * output.zero_point + 1
    found = Channels(weights.copy(), finish.bias.astype(np.int64), np.zeros((count, 2), np.int64), rounding)
    n = -shift

    def too_large(channels: int | slice) -> npt.NDArray[np.bool_]:
        bound = found.bound_of(channels)
        added = abs(rounding) << np.clip(n[channels] - 1, 0, 31) if before_shift else 0
        return np.asarray((bound >= limit) | (bound + 1 + added >= _INT32))

    odd = (n < 1) | (n > 31) | (multiplier < 1 << 30) | too_large(slice(None))
    for channel in np.flatnonzero(odd):
        n[channel] = _few_values(found, int(channel), (int(multiplier[channel]), int(n[channel])), output)
        multiplier[channel] = _ONE
        if too_large(int(channel)):
            raise Unfit
    found.scale[:] = np.stack([2 * multiplier - 2 * _INT32, n - 1], axis=1)
    return found


def _few_values(channels: Channels, channel: int, factor: tuple[int, int], output: Bounds) -> int:
    """Changes a channel whose output has one or two values to one that is easily requantised; Unfit if it has more.

    Where v becomes v + 1 at the sum t, `(sum - t + ((v + 1) << n)) >> n` is the same, for n with |sum - t| < 2^n. The
    kernel computes that with a multiplier that changes nothing, but takes one from what is negative. Returns n.
    """
    weights, bias = channels.weights[channel], int(channels.bias[channel])
    up, down = int(weights.clip(min=0).sum()), -int(weights.clip(max=0).sum())
    low, high = bias - 128 * up - 127 * down, bias + 127 * up + 128 * down
    if low < -_INT32 or high >= _INT32 or (factor[0] != 0 and not 0 <= factor[1] <= 31):
        raise Unfit
    first, last = (stored_of(acc, factor, output) for acc in (low, high))
    if last > first + 1:
        raise Unfit
    if first == last:
        channels.weights[channel], channels.bias[channel] = 0, 2 * (first - output.zero_point)
        return 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if stored_of(middle, factor, output) == first else (low, middle)
    channels.bias[channel] = bias - high
    n = (int(channels.bound_of(channel)) + 2).bit_length()
    added = (2 * last - channels.rounding) << (n - 1)
    channels.bias[channel] += added + (added < 0)
    return n


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


def ordered_words(halfwords: Ints) -> Ints:
    """Returns [n, k] halfwords, k a multiple of 4, as words in the order of SXTB16."""
    ordered = halfwords.reshape(halfwords.shape[0], -1, 4)[:, :, _ORDER].reshape(halfwords.shape[0], -1, 2)
    return wrapped((ordered[:, :, 1] << 16) | (ordered[:, :, 0] & 0xFFFF))


def with_channels(channels: Channels, multiple: int) -> Channels:
    """Returns the channels with as many more, which give anything, as make a multiple."""
    extra = -channels.bias.size % multiple
    return Channels(
        np.pad(channels.weights, ((0, extra), (0, 0))),
        np.pad(channels.bias, (0, extra)),
        np.concatenate([channels.scale, np.repeat(channels.scale[-1:], extra, axis=0)]),
        channels.rounding,
    )


def padded(weights: Ints, multiple: int) -> Ints:
    """Returns the weights with zeros up to a multiple of elements along the last axis."""
    extra = -weights.shape[-1] % multiple
    return np.pad(weights, [(0, 0)] * (weights.ndim - 1) + [(0, extra)])


def requantising_words(channels: Channels) -> Ints:
    """Returns for each channel its multiplier, and the word with its bias and its shift."""
    return np.stack([channels.scale[:, 0], words_of(channels)], axis=1)


def words_of(channels: Channels) -> Ints:
    """Returns the words that have a channel's bias and its shift; Unfit where the bias has more than 24 bits."""
    if np.any(channels.bias < -SUM) or np.any(channels.bias >= SUM):
        raise Unfit
    return wrapped(channels.bias << 8 | channels.scale[:, 1])


def _stream(words: Ints, channels: Channels, together: int) -> Packed:
    """Returns for so many channels `together` words of weights and their requantisation, and biases a turn ahead."""
    own, nothing = words_of(channels), np.zeros(together, np.int64)
    # What lies in front of each turn, of which there is one more: its biases, and the shifts of the one before.
    biases, shifts = np.append(own & ~0xFF, nothing), np.append(nothing, own & 0xFF)
    multipliers = np.append(nothing, channels.scale[:, 0])
    between = np.stack([multipliers, biases | shifts], axis=1).reshape(-1, 2 * together)
    turns = np.concatenate([words, between[1:]], axis=1)
    return Packed(np.append(between[0, 1:], turns).astype(np.int32), "stream")


def stream_of(channels: Channels) -> Packed:
    """Returns the biases of the first pair of channels, and for each words of weights and the requantisation of both.

    Biases of all other pairs stand where the one before is requantised (`kernels/isa/packed/mod.rs`).
    """
    even = with_channels(channels, 2)
    return _stream(ordered_words(_halfwords(even.weights, even.bound)), even, 2)


def sum_stream(weights: Ints, bias: Ints) -> Packed:
    """Returns for each pair of channels, biases and words of weights; Unfit without a proof."""
    bound = np.abs(bias) + _ACTIVATION * np.abs(weights).sum(axis=1)
    if np.any(bound >= SUM):
        raise Unfit
    words = ordered_words(_halfwords(padded(weights, 4), bound))
    low, high = bias[0::2], bias[1::2]
    return Packed(np.concatenate([np.stack([low, 256 * high + low], axis=1), words], axis=1).astype(np.int32), "stream")


def quad_stream(channels: Channels) -> Packed:
    """Returns the same for each four channels, with words of two and two of them in turn."""
    even = with_channels(channels, 4)
    words = ordered_words(_halfwords(even.weights, even.bound))
    words = words.reshape(words.shape[0] // 2, 2, -1, 2).transpose(0, 2, 1, 3).reshape(words.shape[0] // 2, -1)
    return _stream(words, even, 4)
