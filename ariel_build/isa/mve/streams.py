"""Helium: the streams that its kernels read, and the proofs that they need (`kernels/isa/mve/mod.rs`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ariel_build.isa.armv7e_m import int16
from ariel_build.isa.armv7e_m.nearest import rounded_to_even
from ariel_build.isa.armv7e_m.streams import Channels, Ints, padded, requantised
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Packed
from ariel_build.kernels.declared.isa_mve import Away, Even, Rectified, Up
from ariel_build.kernels.declared.quant import DoubleRounding, NearestEven
from ariel_build.kernels.layer import Layer, Stored

__all__ = [
    "BYTES",
    "LANES",
    "Rounding",
    "bytes_of",
    "channels_of",
    "channels_of_int16",
    "filled",
    "stream_of",
    "taps_of",
    "words",
]

#: Bytes of a vector, and int32 of one.
BYTES, LANES = 16, 4
_INT32, _INT16 = 1 << 31, 1 << 15
Rounding = Away | Even | Rectified | Up


def channels_of(layer: Layer, *, floats: bool) -> tuple[Channels, Rounding]:
    """Proves that sums fit 32 bits; returns the constants of the channels and how they are rounded, or raises Unfit.

    A row of `scale` is the three numbers of a channel that requantise, or of int16 the one.
    """
    if int16.is_int16(layer):
        return channels_of_int16(layer), Up()
    finish = layer.finish
    if not isinstance(finish, Stored) or layer.weights.dtype != np.int8:
        raise Unfit
    weights = layer.weights.reshape(layer.count, -1).astype(np.int64)
    match finish.requantize:
        case DoubleRounding():
            found = requantised(weights, finish, _INT32, before_shift=True)
            twice, shift = found.scale.T
            multiplier, rounding = (twice + 2 * _INT32) // 2, found.rounding << shift
            own = replace(found, scale=np.stack([multiplier, rounding, -shift - 1], axis=1))
            # Results before they saturate: those of a ReLU need less where they fit int16.
            most = (((found.bound * multiplier) >> 31) + 2 + np.abs(rounding)) >> (shift + 1)
            bounds = finish.bounds
            ends = (bounds.zero_point, bounds.min, bounds.max) == (-128, -128, 127)
            return own, Rectified() if ends and int(most.max()) < _INT16 - 1 else Away()
        case NearestEven() if floats:
            found = rounded_to_even(weights, finish)
            scale, nothing = found.scale.T
            rounding = np.full_like(scale, found.rounding)
            return replace(found, scale=np.stack([scale, rounding, nothing], axis=1)), Even()
    raise Unfit


def channels_of_int16(layer: Layer) -> Channels:
    """The same of activations of int16."""
    return int16.channels_of(replace(layer, weights=layer.weights.reshape(layer.count, -1)))


def bytes_of(rounding: Rounding) -> int:
    """Returns the bytes of an activation."""
    return 2 if isinstance(rounding, Up) else 1


def filled(channels: Channels, multiple: int) -> Channels:
    """Returns the channels with as many more, which give anything, as make a multiple."""
    extra = -channels.bias.size % multiple
    return Channels(
        np.pad(channels.weights, ((0, extra), (0, 0))),
        np.pad(channels.bias, (0, extra)),
        np.concatenate([channels.scale, np.repeat(channels.scale[-1:], extra, axis=0)]),
        channels.rounding,
    )


def words(weights: Ints) -> Ints:
    """Returns weights of int8, a multiple of four along the last axis, as int32 that hold them in order."""
    return np.ascontiguousarray(weights.astype(np.int8)).view("<i4").astype(np.int64)


def stream_of(channels: Channels, together: int = BYTES) -> Packed:
    """Returns for each four channels, for so many elements those of each of the four; biases; what requantises."""
    fours = filled(channels, LANES)
    count = fours.bias.size // LANES
    bytes_ = fours.weights.reshape(count, LANES, -1, together).transpose(0, 2, 1, 3).reshape(count, -1)
    scale = fours.scale.reshape(count, LANES, -1).transpose(0, 2, 1).reshape(count, -1)
    stream = np.concatenate([words(bytes_), fours.bias.reshape(count, LANES), scale], axis=1)
    return Packed(stream.astype(np.int32), "stream")


def taps_of(channels: Channels) -> Packed:
    """Returns for each eight channels biases and multipliers, even numbers first, and for each tap weights."""
    eights = filled(channels, 2 * LANES)
    count = eights.bias.size // (2 * LANES)
    weights = padded(eights.weights, 2).reshape(count, 2 * LANES, -1).transpose(0, 2, 1).reshape(count, -1)
    bias, scale = (
        values.reshape(count, LANES, 2).transpose(0, 2, 1).reshape(count, -1)
        for values in (eights.bias, eights.scale[:, 0])
    )
    return Packed(np.concatenate([bias, scale, words(weights)], axis=1).astype(np.int32), "stream")
