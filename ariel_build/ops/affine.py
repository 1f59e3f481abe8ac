"""Quantisation whose scale is known at run time only, or not one for all: written out in operators of numbers.

stored = clip(round(real / scale) + zero_point), real = (stored - zero_point) * scale.
"""

from __future__ import annotations

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.cast import cast
from ariel_build.ops.formula import map1, map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice
from ariel_build.records import dataclass

__all__ = ["Spread", "dequantized", "quantized", "rounded"]

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
    return map2(importer, "Minimum", map2(importer, "Maximum", x, limits[0]), limits[1])


def dequantized(importer: Importer, x: Value, scale: Value, zero_point: Value | None) -> Value:
    """Returns (`x` - zero point) * `scale`; scales are spread over `x`."""
    return map2(importer, "Mul", cast(importer, _centred(importer, x, zero_point), DType.F32), scale)


def _centred(importer: Importer, x: Value, zero_point: Value | None) -> Value:
    """Returns integers less their zero point in int32, or as they are where that is 0."""
    if zero_point is None or (zero_point.data is not None and not zero_point.data.any()):
        return x
    return map2(importer, "Sub", cast(importer, x, DType.I32), cast(importer, zero_point, DType.I32))
