"""packed(weights): the order in which the portable kernels read a filter (`kernels::multiply`), and phases of one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ariel_build.ir import Array
from ariel_build.kernels.kernel import Packed

__all__ = ["packed", "phases"]


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


def phases(weights: Array, strides: tuple[int, int]) -> Iterator[Array]:
    """Yields the filters of the phases of a transposed one [channels, rows, columns, ..], taps backwards.

    A stride longer than the filter has phases without taps.
    """
    for y in range(strides[0]):
        for x in range(strides[1]):
            yield weights[:, y :: strides[0], x :: strides[1]][:, ::-1, ::-1]
