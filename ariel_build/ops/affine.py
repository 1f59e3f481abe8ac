"""Quantisation whose scale is known at run time only, or not one for all: written out in operators of numbers.

stored = clip(round(real / scale) + zero_point), real = (stored - zero_point) * scale. Sums of products of integers are
exact in float32 as long as they are below 2^24, which so many of them are that are less than 2^8 each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.cast import cast
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.matmul import product
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice

__all__ = ["EXACT", "Spread", "dequantized", "integer_product", "map1", "map2", "quantized", "rounded", "total"]

#: Products of two numbers of 8 bits with their sign that a float32 sums exactly.
EXACT = 256
#: Beyond this, rounded quotients are outside every type of 16 bits, whatever the zero point; float32 is exact there.
_FAR = float(1 << 18)


@dataclass(frozen=True)
class Spread:
    """How scales lie over a tensor: one for all, one for each part along `axis`, or for each block of `block` there."""

    shape: tuple[int, ...]
    axis: int = 1
    block: int = 0

    def over(self, importer: Importer, value: Value) -> Value:
        """Returns scales or zero points in a shape that broadcasts to the tensor."""
        if value.type.elements == 1 and not self.block:
            return reshape(importer, value, ())
        rank = len(self.shape)
        if not -rank <= self.axis < rank:
            raise UnsupportedReason(f"axis {self.axis} is outside {list(self.shape)}")
        axis = self.axis % rank
        if not self.block:
            if value.shape != (self.shape[axis],):
                raise UnsupportedReason(f"scales {list(value.shape)} do not fit axis {axis} of {list(self.shape)}")
            return reshape(importer, value, [extent if k == axis else 1 for k, extent in enumerate(self.shape)])
        blocks = -(-self.shape[axis] // self.block)
        if value.shape != (*self.shape[:axis], blocks, *self.shape[axis + 1 :]):
            raise UnsupportedReason(
                f"scales {list(value.shape)} do not fit blocks of {self.block} in {list(self.shape)}"
            )
        before, after = self.shape[:axis], self.shape[axis + 1 :]
        apart = reshape(importer, value, (*before, blocks, 1, *after))
        repeats = tuple(self.block if k == axis + 1 else 1 for k in range(rank + 1))
        (repeated,) = importer.emit(Tile(repeats), [apart])
        whole = reshape(importer, repeated, (*before, blocks * self.block, *after))
        return emit_slice(importer, whole, {axis: (0, self.shape[axis], 1)})


def map1(importer: Importer, kind: str, x: Value) -> Value:
    """Returns a function of one number, as ONNX rounds."""
    return importer.emit(Map1(kind, (), Rounding.NEAREST_EVEN), [x])[0]


def map2(importer: Importer, kind: str, left: Value, right: Value) -> Value:
    """Returns an operator of two numbers, as ONNX rounds."""
    return importer.emit(Map2(kind, rounding=Rounding.NEAREST_EVEN), [left, right])[0]


def quantized(
    importer: Importer, x: Value, scale: Value, zero_point: Value | None, dtype: DType, limits: tuple[int, int]
) -> Value:
    """Returns `x` / `scale`, rounded, plus the zero point, within the limits; scales are spread over `x`."""
    return rounded(importer, map2(importer, "Div", x, scale), zero_point, dtype, limits)


def rounded(
    importer: Importer, quotient: Value, zero_point: Value | None, dtype: DType, limits: tuple[int, int]
) -> Value:
    """Returns the quotient rounded, halves to even, plus the zero point, within the limits."""
    whole = map1(importer, "Round", quotient)
    if zero_point is None or (zero_point.data is not None and not zero_point.data.any()):
        return cast(importer, _within(importer, whole, limits), dtype)
    # What is far away stays so; nearer numbers and all zero points are exact in float32, and so is their sum.
    whole = _within(importer, whole, (-_FAR, _FAR))
    moved = map2(importer, "Add", whole, cast(importer, zero_point, DType.F32))
    return cast(importer, _within(importer, moved, limits), dtype)


def _within(importer: Importer, x: Value, limits: tuple[float, float]) -> Value:
    low, high = (importer.constant(np.array(limit, np.float32)) for limit in limits)
    return map2(importer, "Minimum", map2(importer, "Maximum", x, low), high)


def dequantized(importer: Importer, x: Value, scale: Value, zero_point: Value | None) -> Value:
    """Returns (`x` - zero point) * `scale`; scales are spread over `x`."""
    return map2(importer, "Mul", cast(importer, _centred(importer, x, zero_point), DType.F32), scale)


def _centred(importer: Importer, x: Value, zero_point: Value | None) -> Value:
    """Returns integers less their zero point in int32, or as they are where that is 0."""
    if zero_point is None or (zero_point.data is not None and not zero_point.data.any()):
        return x
    return map2(importer, "Sub", cast(importer, x, DType.I32), cast(importer, zero_point, DType.I32))


def integer_product(
    importer: Importer, left: Value, right: Value, zeros: Sequence[Value | None] = (None, None)
) -> Value:
    """Returns the matrix product of integers of 8 bits, less zero points that broadcast to them, in int32."""
    for side in (left, right):
        if side.type.dtype not in (DType.I8, DType.U8):
            raise UnsupportedReason(f"a factor of {side.type.dtype.value} is not supported, only int8 and uint8")
    a, b = (
        cast(importer, _centred(importer, side, zero), DType.F32)
        for side, zero in zip((left, right), zeros, strict=True)
    )
    depth, rows = a.shape[-1], max(len(b.shape) - 2, 0)
    parts = []
    for start in range(0, depth, EXACT):
        piece = (start, min(EXACT, depth - start), 1)
        parts.append(
            product(
                importer,
                emit_slice(importer, a, {len(a.shape) - 1: piece}),
                emit_slice(importer, b, {rows: piece}),
            )
        )
    return total(importer, [cast(importer, part, DType.I32) for part in parts])


def total(importer: Importer, parts: Sequence[Value]) -> Value:
    """Returns the sum of integers."""
    whole = parts[0]
    for part in parts[1:]:
        whole = map2(importer, "Add", whole, part)
    return whole
