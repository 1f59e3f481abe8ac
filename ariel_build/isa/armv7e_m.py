"""Armv7E-M: the streams that its kernels read, and the proofs that they need (`kernels/isa/armv7e_m/mod.rs`).

Two channels share a word: halfwords `256 * c1 + c0`. SMLAD on the word sums `256 * A1 + A0`, and A0 alone comes from the
low bytes, so `A1 = (sum - A0) >> 8`: needs |A1| < 2^23 and halfwords that do not overflow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array
from ariel_build.isa.packing import unpacked
from ariel_build.kernel import Axis, Field, KernelCall, Nested, Operand, Packed, Scratch, Tiling

__all__ = ["KERNELS"]

Ints = npt.NDArray[np.int64]

#: What the kernels take a depth of at a time: SXTB16 gives of each four elements k the words (k0, k2) and (k1, k3).
_ORDER = (0, 2, 1, 3)
_INT32 = 1 << 31
_ACTIVATION = 128


class _Unfit(Exception):  # noqa: N818 - no error: the portable kernel is taken
    """A kernel of this instruction set cannot compute the call."""


@dataclass(frozen=True)
class _Channels:
    """Integer constants of the output channels: bias, multiplier, rounding and shift, one row each."""

    weights: Ints
    bias: Ints
    scale: Ints

    @property
    def bound(self) -> Ints:
        """The greatest |sum| of each channel, for any input."""
        return np.asarray(np.abs(self.bias) + _ACTIVATION * np.abs(self.weights).sum(axis=1))


def _channels(weights: Ints, fields: dict[str, Field]) -> _Channels:
    """Proves that five instructions requantise every sum of every channel; _Unfit where it cannot.

    Channels that can only give the zero point get weights, bias and multiplier that do so.
    """
    requantize, bounds, bias = fields["requantize"], fields["bounds"], fields["bias"]
    if not (isinstance(requantize, Nested) and isinstance(bounds, Nested) and isinstance(bias, Packed)):
        raise _Unfit
    pairs = requantize.fields["multipliers"]
    zero = bounds.fields["zero_point"]
    if fields.get("filter_zero_point", 0) != 0 or not isinstance(pairs, Packed) or not isinstance(zero, int):
        raise _Unfit
    count = weights.shape[0]
    multiplier, shift = np.broadcast_to(pairs.data.reshape(-1, 2).astype(np.int64), (count, 2)).T.copy()
    found = _Channels(weights.copy(), bias.data.astype(np.int64), np.zeros((count, 3), np.int64))
    n = -shift
    # |high| <= |sum|: nothing rounds up to 1 where it is less than half.
    silent = (multiplier == 0) | ((n > 0) & (found.bound + 2 < np.left_shift(1, np.clip(n - 1, 0, 40))))
    found.weights[silent] = 0
    found.bias[silent] = 0
    multiplier[silent], n[silent] = 1 << 30, 1
    if np.any(n < 1) or np.any(n > 31) or np.any(multiplier < 1 << 30) or np.any(multiplier >= _INT32):
        raise _Unfit
    rounding = (2 * zero + 1) * np.left_shift(1, n - 1)
    if np.any(found.bound + 1 + np.abs(rounding) >= _INT32) or np.any(found.bound >= _INT32):
        raise _Unfit
    found.scale[:] = np.stack([2 * multiplier - 2 * _INT32, rounding, n], axis=1)
    return found


def _halfwords(weights: Ints, bound: Ints) -> Ints:
    """Returns `256 * c1 + c0` for each pair of rows; _Unfit where the trick has no proof."""
    low, high = weights[0::2], weights[1::2]
    both = 256 * high + low
    if np.any(both < -(1 << 15)) or np.any(both >= 1 << 15) or np.any(bound[1::2] >= 1 << 23):
        raise _Unfit
    return np.asarray(both)


def _wrapped(values: Ints) -> Ints:
    """Returns the low 32 bits, signed."""
    return np.asarray((values + _INT32) % (2 * _INT32) - _INT32)


def _words(halfwords: Ints) -> Ints:
    """Returns [n, k] halfwords, k a multiple of 4, as words in the order of SXTB16."""
    ordered = halfwords.reshape(halfwords.shape[0], -1, 4)[:, :, _ORDER].reshape(halfwords.shape[0], -1, 2)
    return _wrapped((ordered[:, :, 1] << 16) | (ordered[:, :, 0] & 0xFFFF))


def _even(channels: _Channels) -> _Channels:
    """Returns the channels with one more, which gives anything, where they are odd in number."""
    if channels.bias.size % 2 == 0:
        return channels
    return _Channels(
        np.concatenate([channels.weights, np.zeros_like(channels.weights[:1])]),
        np.append(channels.bias, 0),
        np.concatenate([channels.scale, channels.scale[-1:]]),
    )


def _padded(weights: Ints, multiple: int) -> Ints:
    """Returns the weights with zeros up to a multiple of elements along the last axis."""
    extra = -weights.shape[-1] % multiple
    return np.pad(weights, [(0, 0)] * (weights.ndim - 1) + [(0, extra)])


def _stream(channels: _Channels) -> Packed:
    """Returns for each pair of channels biases, words of weights, and the requantisation of both."""
    even = _even(channels)
    words = _words(_halfwords(even.weights, even.bound))
    low, high = even.bias[0::2], even.bias[1::2]
    starts = np.stack([low, _wrapped(256 * high + low)], axis=1)
    stream = np.concatenate([starts, words, even.scale.reshape(-1, 6)], axis=1)
    return Packed(stream.astype(np.int32), "stream")


def _number(field: Field) -> int:
    if not isinstance(field, int):
        raise _Unfit
    return field


def _nested(field: Field) -> dict[str, int]:
    """Returns the numbers of a struct."""
    if not isinstance(field, Nested):
        raise _Unfit
    return {key: value for key, value in field.fields.items() if isinstance(value, int)}


def _filter(fields: dict[str, Field]) -> Array:
    field = fields["filter"]
    if not isinstance(field, Packed):
        raise _Unfit
    return field.data


def _conv2d(call: KernelCall, fields: dict[str, Field]) -> KernelCall:
    """Four pixels times two channels; tiles are ranges of pixels."""
    if _number(fields["groups"]) != 1:
        raise _Unfit
    output, window, image = _nested(fields["output"]), _nested(fields["window"]), _nested(fields["input"])
    count, rows = output["channels"], window["height"]
    channels = _channels(unpacked(_filter(fields), count), fields)
    runs = _padded(channels.weights.reshape(count, rows, window["width"] * image["channels"]), 4)
    words = runs.shape[2] // 4
    stream = _stream(_Channels(runs.reshape(count, -1), channels.bias, channels.scale))
    new: dict[str, Field] = {key: fields[key] for key in ("input", "output", "window")}
    new |= {"stream": stream, "input_zero_point": fields["input_zero_point"], "bounds": fields["bounds"]}
    new["scratch"] = Scratch(16 * words * (2 * rows + 1))
    tiling = Tiling(Axis.PIXELS, output["height"] * output["width"], 4)
    return _replaced(call, "Conv2d", new, tiling)


def _replaced(call: KernelCall, kernel: str, fields: dict[str, Field], tiling: Tiling) -> KernelCall:
    return KernelCall(
        f"isa::armv7e_m::{kernel}",
        fields,
        call.inputs,
        call.outputs,
        tiling,
        call.macs,
        call.in_place,
        call.reads,
        call.label,
        call.origin,
        call.summary,
    )


def _choice(make: Callable[[KernelCall, dict[str, Field]], KernelCall]) -> Callable[[KernelCall], KernelCall]:
    def choose(call: KernelCall) -> KernelCall:
        try:
            return make(call, dict(call.fields))
        except _Unfit:
            return call

    return choose


#: What this instruction set computes instead of a portable kernel; the call itself where it cannot.
KERNELS: dict[str, Callable[[KernelCall], KernelCall]] = {
    "conv2d::Int8<DoubleRounding>": _choice(_conv2d),
}
