"""Linear resizing of bytes as onnxruntime does it: float32 sums of neighbours, cut towards zero.

What is cut tells apart sums that differ by nothing but rounding. Where places are multiples of a power of two, as for
factors of two, no sum is rounded, and one axis may go after the other. Else there is one order only: each of the four
neighbours times the product of its two weights, the upper ones first.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.cast import cast
from ariel_build.ops.formula import map2
from ariel_build.ops.gather import gathered
from ariel_build.ops.importer import Importer
from ariel_build.ops.resample import resampled
from ariel_build.records import dataclass

__all__ = ["BYTES", "resized_bytes"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
#: What onnxruntime resizes so.
BYTES = (DType.I8, DType.U8)
#: Bits of a float32 that count, and of a byte.
_MANTISSA, _BYTE = 24, 8
#: The axes of rows and columns, by the number of axes.
_IMAGE = {2: (0, 1), 4: (2, 3)}


@dataclass(frozen=True)
class _Line:
    """For each place of an axis the two cells around it and their weights, both [count, 2]."""

    cells: I64
    weights: F32

    def bits(self) -> int | None:
        """Returns the least k such that the weights are multiples of 2^-k; None where no number of bits suffices."""
        return next((k for k in range(_MANTISSA) if not np.any(np.ldexp(self.weights, k) % 1)), None)


def _line(places: F32, extent: int) -> _Line:
    """At the last cell, both neighbours are that one, with a half each."""
    inside = np.clip(places, 0, np.float32(extent - 1))
    below = inside.astype(np.int64)
    cells = np.stack([below, np.minimum(below + 1, extent - 1)], axis=1)
    weights = np.abs(inside[:, None] - cells.astype(np.float32))[:, ::-1]
    return _Line(cells, np.where(cells[:, :1] == cells[:, 1:], np.float32(0.5), weights))


def resized_bytes(importer: Importer, x: Value, places: Mapping[int, F32]) -> Value:
    """Returns what is at some `places` of the axes that change."""
    x, dtype, rank = importer.view(x, None), x.type.dtype, len(x.shape)
    lines = {axis: _line(own, x.shape[axis]) for axis, own in places.items()}
    bits = [line.bits() for line in lines.values()]
    if None not in bits and sum(k for k in bits if k is not None) + _BYTE <= _MANTISSA:
        y = cast(importer, x, DType.F32)
        for axis, line in lines.items():
            y = resampled(importer, y, axis, line.cells, line.weights.astype(np.float64))
        return cast(importer, y, dtype)
    image = _IMAGE.get(rank)
    if image is None or not set(lines) <= set(image):
        raise UnsupportedReason(
            f"linear resizing of {dtype.value} over other axes than rows and columns is supported by powers of two only"
        )
    rows, columns = (lines.get(k) or _line(np.arange(x.shape[k], dtype=np.float32), x.shape[k]) for k in image)
    total: Value | None = None
    for row, column in itertools.product((0, 1), repeat=2):
        indices = [np.arange(n) for n in x.shape]
        indices[image[0]], indices[image[1]] = rows.cells[:, row], columns.cells[:, column]
        share = columns.weights[:, column] * rows.weights[:, row, None]
        cells = cast(importer, gathered(importer, x, indices), DType.F32)
        part = map2(importer, "Mul", cells, importer.constant(share))
        total = part if total is None else map2(importer, "Add", total, part)
    assert total is not None  # noqa: S101 - there are four
    return cast(importer, total, dtype)
