"""Unpacks what lowering packed for the portable kernels, so that an instruction set may order it anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array

__all__ = ["unpacked"]


def unpacked(data: Array, count: int) -> npt.NDArray[np.int64]:
    """Returns the filter [channels, k] of which `ops.accumulate.packed` made `data`, for one group."""
    flat = data.reshape(-1).astype(np.int64)
    depth = flat.size // count
    whole = count // 4 * 4
    blocks = flat[: whole * depth].reshape(-1, depth, 4).transpose(0, 2, 1).reshape(whole, depth)
    return np.concatenate([blocks, flat[whole * depth :].reshape(count - whole, depth)])
