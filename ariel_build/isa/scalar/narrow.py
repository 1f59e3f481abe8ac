"""Layers with activations of int16 whose sums fit 32 bits: the portable kernels, which sum them so.

TFLite sums int16 in 64 bits. A core that multiplies 32 bits at a time takes twice as many instructions for that, or, on
Armv6-M, ten times; most layers do not need them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ariel_build.isa.portable import portable
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, LayerCall
from ariel_build.kernels.declared.quant import Narrow, Reduced
from ariel_build.kernels.layer import Stored

__all__ = ["is_wide", "narrowed"]

_INT32 = 1 << 31
_LEAST, _GREATEST = -(1 << 15), (1 << 15) - 1


def is_wide(call: LayerCall) -> bool:
    """Whether the layer's sums have 64 bits."""
    finish = call.layer.finish
    return isinstance(finish, Stored) and isinstance(finish.requantize, Reduced)


def narrowed(call: LayerCall) -> KernelCall:
    """Returns the call of a portable kernel with sums of 32 bits; Unfit where some input may need more."""
    layer, finish = call.layer, call.layer.finish
    if not isinstance(finish, Stored) or not isinstance(finish.requantize, Reduced):
        raise Unfit
    if finish.filter_zero_point or getattr(layer, "input_zero_point", 0):
        raise Unfit
    weights = layer.weights.reshape(layer.count, -1).astype(np.int64)
    below, above = np.minimum(weights, 0).sum(axis=1), np.maximum(weights, 0).sum(axis=1)
    # A bias of 64 bits: in Python's integers.
    ends = [
        (int(b) + _GREATEST * int(m) + _LEAST * int(p), int(b) + _LEAST * int(m) + _GREATEST * int(p))
        for b, m, p in zip(finish.bias, below, above, strict=True)
    ]
    # Sums wrap, so that only the whole one counts; the bias is a part of it that stands alone.
    alone = [int(b) for b in finish.bias]
    if any(least < -_INT32 or greatest >= _INT32 for least, greatest in [*ends, *zip(alone, alone, strict=True)]):
        raise Unfit
    requantize = Narrow(multipliers=finish.requantize.multipliers)
    narrow = replace(finish, bias=finish.bias.astype(np.int32), requantize=requantize)
    return portable(replace(call, layer=replace(layer, finish=narrow)))
