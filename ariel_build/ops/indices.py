"""Indices that are known only when the model runs: how they lead into tensors, in numpy and as `index::Blocks`.

One that is outside leads to the nearest element that is there: kernels and references clamp it, and touch nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.kernels.declared.index import Blocks, Place
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.cast import cast
from ariel_build.ops.fixed_point import I64
from ariel_build.ops.importer import Importer

__all__ = ["AXES", "blocks", "indices_input", "inside", "is_wide", "place", "six"]

#: Axes of the kernels.
AXES = 6
#: Types that indices have.
TYPES = (DType.I32, DType.I64)


def inside(indices: Numbers, extent: int, *, wraps: bool) -> I64:
    """Returns the indices of an axis, those outside clamped; negative ones count from the end where that `wraps`."""
    found = np.asarray(indices, np.int64)
    return np.clip(np.where((found < 0) & wraps, found + extent, found), 0, extent - 1)


def indices_input(importer: Importer, index: int, what: str = "the indices") -> Value:
    """Returns an input that holds indices; TFLite has them in int16, too."""
    value = importer.input(index)
    if value.type.dtype is DType.I16 and importer.model.format == "tflite":
        value = cast(importer, importer.view(value, None), DType.I32)
    if value.type.dtype not in TYPES:
        raise UnsupportedReason(f"{what} are {value.type.dtype.value}, not i32 or i64")
    return value


def is_wide(value: Value) -> bool:
    """Whether indices have 64 bits."""
    return value.type.dtype is DType.I64


def place(extent: int, stride: int, *, wraps: bool, room: int = 1) -> Place:
    """Returns where an index leads along an axis, of which each block takes `room`; the stride is in bytes."""
    return Place(wrap=extent if wraps else 0, last=extent - room, stride=stride)


def blocks(block: int, axes: Iterable[tuple[int, int, int]], places: Sequence[Place], indices: Value) -> Blocks:
    """Returns the blocks of so many bytes along `axes`, each (blocks, bytes, groups of indices) from one to the next.

    Axes over which both sides lie dense are merged.
    """
    merged: list[tuple[int, int, int]] = []
    for count, stride, step in axes:
        if count == 1:
            continue
        if merged and merged[-1][1] == count * stride and merged[-1][2] == count * step:
            merged[-1] = (merged[-1][0] * count, stride, step)
        else:
            merged.append((count, stride, step))
    if len(merged) > AXES:
        raise UnsupportedReason(f"indices along {len(merged)} separate axes are more than {AXES}")
    merged = [(1, 0, 0)] * (AXES - len(merged)) + merged
    counts, strides, steps = (six([m[k] for m in merged]) for k in range(3))
    return Blocks(block=block, counts=counts, strides=strides, steps=steps, wide=is_wide(indices), places=tuple(places))


def six(numbers: Sequence[int], fill: int = 1) -> tuple[int, int, int, int, int, int]:
    """Returns a number for each axis of the kernels, `fill` for those in front."""
    a, b, c, d, e, f = [fill] * (AXES - len(numbers)) + list(numbers)
    return (a, b, c, d, e, f)


def strides(shape: Sequence[int], element: int) -> tuple[int, ...]:
    """Returns the bytes from an element to the next along each axis."""
    return tuple(element * math.prod(shape[k + 1 :]) for k in range(len(shape)))
