"""Weights of four bits: their streams, and the proofs of packed kernels (`kernels/isa/armv7e_m/int4.rs`).

A halfword has the weights of four channels: `4096 * w3 + 256 * (w2 + 8) + 16 * (w1 + 8) + w0 + 8`.
"""

from __future__ import annotations

import numpy as np

from ariel_build.isa.armv7e_m.streams import Channels, ordered_words, requantising_words, with_channels
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Packed

__all__ = ["stream_of"]

_ACTIVATION = 128
#: What sums of the fourth channel, of the third one's digits and of the second one's must stay below.
_MOST_W3, _MOST_D2, _MOST_D1 = 1 << 19, 1 << 23, 1 << 27
#: What is behind a row, up to a whole step, is any int16, which digits of 8 multiply.
_BEHIND = 7 * 8 << 15


def stream_of(channels: Channels) -> Packed:
    """Returns for each four channels words of weights, and what requantises them; Unfit without a proof."""
    all_ = with_channels(channels, 4)
    w0, w1, w2, w3 = (all_.weights[channel::4] for channel in range(4))
    w3_sums, d2_sums, d1_sums = (
        _ACTIVATION * digits.sum(axis=1).max(initial=0) for digits in (np.abs(w3), w2 + 8, w1 + 8)
    )
    if w3_sums >= _MOST_W3 or d2_sums + _BEHIND >= _MOST_D2 or d1_sums + _BEHIND >= _MOST_D1:
        raise Unfit
    words = ordered_words(4096 * w3 + 256 * (w2 + 8) + 16 * (w1 + 8) + w0 + 8)
    ends = requantising_words(all_).reshape(words.shape[0], -1)
    return Packed(np.concatenate([words, ends], axis=1).astype(np.int32), "stream")
