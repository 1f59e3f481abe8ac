"""Weights of four bits: their streams, and the proofs of packed kernels (`kernels/isa/armv7e_m/int4.rs`).

A halfword has the weights of four channels: `4096 * w3 + 256 * (w2 + 8) + 16 * (w1 + 8) + w0 + 8`.
"""

from __future__ import annotations

import numpy as np

from ariel_build.isa.armv7e_m.streams import Channels, ordered_words, requantising_words, with_channels
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Packed

__all__ = ["rows_of", "stream_of"]

_ACTIVATION = 128
#: What sums of the fourth channel must stay below, and those of the other three's digits together.
_MOST_W3, _MOST_DIGITS = 1 << 19, 1 << 31
#: What is behind a row, up to a whole step, is any int16, which digits of 8 multiply.
_BEHIND = (7 * 0x888) << 15


def stream_of(channels: Channels) -> Packed:
    """Returns for each four channels words of weights, and what requantises them; Unfit without a proof.

    All sums of the kernel for patches have 32 bits.
    """
    if (_ACTIVATION * np.abs(channels.weights[3::4]).sum(axis=1)).max(initial=0) >= _MOST_W3:
        raise Unfit
    return rows_of(channels)


def rows_of(channels: Channels) -> Packed:
    """Returns the same for kernels of one row, which sum the greatest weights in 64 bits."""
    all_ = with_channels(channels, 4)
    w0, w1, w2, w3 = (all_.weights[channel::4] for channel in range(4))
    digits = 256 * (w2 + 8) + 16 * (w1 + 8) + w0 + 8
    if _ACTIVATION * digits.sum(axis=1).max(initial=0) + _BEHIND >= _MOST_DIGITS:
        raise Unfit
    words = ordered_words(4096 * w3 + digits)
    ends = requantising_words(all_).reshape(words.shape[0], -1)
    return Packed(np.concatenate([words, ends], axis=1).astype(np.int32), "stream")
