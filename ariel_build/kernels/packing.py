"""What portable kernels read: filters in their order (`kernels::multiply`), phases of one, and factors of channels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array
from ariel_build.kernels.declared.quant import DoubleRounding
from ariel_build.kernels.kernel import Packed

__all__ = ["double_rounding", "factors", "packed", "packed_fours", "phases"]


def double_rounding(pairs: Array) -> DoubleRounding:
    """Returns the rounding with (mantissa, exponent) of each channel, or of all: [channels, 2]."""
    multipliers, shifts = pairs.reshape(-1, 2).T
    return DoubleRounding(
        multipliers=Packed(multipliers.astype(np.int32), "multipliers"),
        shifts=Packed(shifts.astype(np.int8), "shifts"),
    )


def factors(rounding: DoubleRounding) -> npt.NDArray[np.int64]:
    """Returns what `double_rounding` was made of, as int64."""
    return np.stack([rounding.multipliers.data, rounding.shifts.data], axis=1).astype(np.int64)


def packed(weights: Array, groups: int = 1) -> Packed:
    """Returns a filter [channels, k] as [channels / 4][k][4], then [k] for each one left, group by group.

    Four channels take turns, so that one pointer and fixed offsets reach them.
    """
    parts: list[Array] = []
    for group in np.split(weights, groups):
        whole = group.shape[0] // 4 * 4
        blocks = group[:whole].reshape(-1, 4, group.shape[1])
        parts += [blocks.transpose(0, 2, 1).reshape(-1), group[whole:].reshape(-1)]
    return Packed(np.concatenate(parts), "filter")


def packed_fours(weights: Array) -> Packed:
    """Returns a filter [channels, k] of four bits as [channels / 4][k] of words, the first channel in the lowest bits.

    Channels that make a whole four have weights of 0.
    """
    extra = -weights.shape[0] % 4
    fours = np.pad(weights.astype(np.int64), ((0, extra), (0, 0))).reshape(-1, 4, weights.shape[1]) & 15
    words = sum(fours[:, channel] << 4 * channel for channel in range(4))
    return Packed(np.asarray(words).astype(np.uint16), "filter")


def phases(weights: Array, strides: tuple[int, int]) -> Iterator[Array]:
    """Yields the filters of the phases of a transposed one [channels, rows, columns, ..], taps backwards.

    A stride longer than the filter has phases without taps.
    """
    for y in range(strides[0]):
        for x in range(strides[1]):
            yield weights[:, y :: strides[0], x :: strides[1]][:, ::-1, ::-1]
