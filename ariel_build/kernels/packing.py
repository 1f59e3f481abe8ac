"""packed(weights): the order in which the portable kernels read a filter (`kernels::multiply`)."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array
from ariel_build.kernels.kernel import Packed

__all__ = ["packed"]


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
