"""Layers with activations of int16 whose sums fit 32 bits.

TFLite sums int16 in 64 bits. A core that multiplies 32 bits at a time takes twice as many instructions for that, or, on
Armv6-M, ten times; most layers do not need them.

TFLite's formula is `(sum * rq + 2^(14 - shift)) >> (15 - shift)` with a multiplier of 16 bits. Where `shift` is at most
-2, the lower 16 bits of the product decide nothing: it is `(((sum * rq) >> 16) + 2^(-2 - shift)) >> (-1 - shift)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ariel_build.isa.portable import portable
from ariel_build.isa.reduced import stored
from ariel_build.isa.scalar.requantise import Channels
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, LayerCall, Packed
from ariel_build.kernels.declared.quant import Narrow, Reduced
from ariel_build.kernels.layer import Layer, Stored

__all__ = ["channels16", "is_wide", "narrowed"]

_INT32 = 1 << 31
#: The greatest shift of a high word.
_MOST_SHIFT = 31
_LEAST, _GREATEST = -(1 << 15), (1 << 15) - 1


def is_wide(call: LayerCall) -> bool:
    """Whether the layer's sums have 64 bits."""
    finish = call.layer.finish
    return isinstance(finish, Stored) and isinstance(finish.requantize, Reduced)


def narrowed(call: LayerCall) -> KernelCall:
    """Returns the call of a portable kernel with sums of 32 bits; Unfit where some input may need more."""
    layer = call.layer
    finish, multipliers = _wide(layer)
    if not all(fits for fits, _, _ in _ranges(layer, finish)):
        raise Unfit
    requantize = Narrow(multipliers=multipliers)
    narrow = replace(finish, bias=finish.bias.astype(np.int32), requantize=requantize)
    return portable(replace(call, layer=replace(layer, finish=narrow)))


def channels16(layer: Layer) -> Channels:
    """Returns weights and constants of the kernels of scalar cores; Unfit where some input may need more than 32 bits.

    A channel has bias, multiplier, rounding and shift: its bias may need more bits than a word has beside the shift.
    One whose output has one value, as dead ones with huge biases have, gets constants that give it.
    """
    finish, multipliers = _wide(layer)
    if finish.bounds.zero_point:
        raise Unfit
    weights = layer.weights.reshape(layer.count, -1).astype(np.int64)
    pairs = np.broadcast_to(multipliers.data.reshape(-1, 2).astype(np.int64), (layer.count, 2))
    constants = np.zeros((layer.count, 4), np.int64)
    for channel, (fits, least, greatest) in enumerate(_ranges(layer, finish)):
        factor, shift = (int(number) for number in pairs[channel])
        right = -1 - shift
        if fits and factor >= 0 and 0 < right <= _MOST_SHIFT:
            constants[channel] = int(finish.bias[channel]), factor << 16, 1 << right - 1, right
            continue
        first, last = (stored(total, factor, shift, finish.bounds) for total in (least, greatest))
        if first != last:
            raise Unfit
        weights[channel], constants[channel] = 0, (0, 0, first, 0)
    return Channels(weights, constants, 0, 0)


def _wide(layer: Layer) -> tuple[Stored, Packed]:
    """Returns how sums of 64 bits end, and the multipliers."""
    finish = layer.finish
    if not isinstance(finish, Stored) or not isinstance(finish.requantize, Reduced):
        raise Unfit
    if finish.filter_zero_point or getattr(layer, "input_zero_point", 0):
        raise Unfit
    return finish, finish.requantize.multipliers


def _ranges(layer: Layer, finish: Stored) -> Iterator[tuple[bool, int, int]]:
    """Yields for each channel whether its sums have 32 bits, the least and the greatest.

    Sums wrap, so that only the whole one counts; the bias is a part of it that stands alone. It may have 64 bits: these
    are Python's integers.
    """
    weights = layer.weights.reshape(layer.count, -1).astype(np.int64)
    below, above = np.minimum(weights, 0).sum(axis=1), np.maximum(weights, 0).sum(axis=1)
    for bias, minus, plus in zip(finish.bias.tolist(), below.tolist(), above.tolist(), strict=True):
        least, greatest = bias + _GREATEST * minus + _LEAST * plus, bias + _LEAST * minus + _GREATEST * plus
        yield all(-_INT32 <= total < _INT32 for total in (bias, least, greatest)), least, greatest
