"""Elements of one type -> the same numbers in another: what numpy's `astype` does, for bfloat16 as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ariel_build.ir.graph import Array
from ariel_build.ir.types import DType

__all__ = ["converted", "readable"]


def readable(data: Array) -> npt.NDArray[Any]:
    """Returns the elements in a type with which numpy computes: bfloat16 becomes float32, all others stay."""
    if data.dtype.kind != "V":
        return data
    return (np.ascontiguousarray(data).view(np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(data.shape)


def converted(data: Array, dtype: DType) -> Array:
    """Returns the numbers in another type, rounded to nearest, halves to even, where it has fewer bits.

    Integers wrap; floats that an integer type cannot hold are the caller's concern.
    """
    numbers = readable(data)
    with np.errstate(all="ignore"):
        if dtype is not DType.BF16:
            return np.asarray(numbers.astype(dtype.numpy))
        bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
        rounded = (bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16
        none = bits & 0x7FFFFFFF > 0x7F800000
        halves = np.where(none, bits >> 16 & 0x8000 | 0x7FC0, rounded).astype(np.uint16)
        return halves.view(dtype.numpy).reshape(data.shape)
