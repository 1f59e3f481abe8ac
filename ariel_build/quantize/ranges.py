"""From what a value was on the calibration samples to the range that int8 covers: scale and zero point.

Three ways: the least and the greatest number; all but a few of the outermost; and the range whose rounding and clipping
together err least, in squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Literal

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Quant
from ariel_build.records import dataclass

__all__ = ["METHODS", "Method", "Seen", "merged", "quant_of_range", "range_of", "rounded", "wide_range_of"]

Method = Literal["min-max", "percentile", "least-error"]
METHODS: tuple[Method, ...] = ("min-max", "percentile", "least-error")

F32 = npt.NDArray[np.float32]
#: Elements of a value that are kept of each batch of samples.
_KEPT = 1 << 13
#: Elements that the search for the least error looks at.
_TRIED = 1 << 14
#: The share of elements outside the range on either side.
_OUTSIDE = 5e-5
#: Parts of the full range that the search tries on either side.
_PARTS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
#: No scale is less: its reciprocal is a float32.
_LEAST_SCALE = 1e-30


@dataclass
class Seen:
    """What was seen of a value: its least and greatest number, and a part of its elements, evenly spread."""

    low: float = 0.0
    high: float = 0.0
    parts: list[F32] = field(default_factory=list)

    def see(self, array: Array) -> None:
        """Takes a batch of samples."""
        flat = np.asarray(array, np.float32).reshape(-1)
        if not flat.size:
            return
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.parts.append(_some(flat, _KEPT, seed=len(self.parts)))


def _some(elements: F32, most: int, seed: int) -> F32:
    """Returns elements from anywhere: equal steps would visit the same channels again and again."""
    if elements.size <= most:
        return elements.copy()
    return elements[np.random.default_rng(seed).integers(0, elements.size, most)]


def merged(seen: Sequence[Seen]) -> Seen:
    """Returns what was seen of several values that have one scale."""
    return Seen(min(s.low for s in seen), max(s.high for s in seen), [part for s in seen for part in s.parts])


def quant_of_range(low: float, high: float) -> Quant:
    """Returns the int8 that covers a range, widened so that 0 lies in it, and is a stored number itself."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return Quant((1.0,), (0,))
    scale = np.float32(max((high - low) / 255.0, _LEAST_SCALE))
    zero_point = int(np.clip(np.rint(-128.0 - low / float(scale)), -128, 127))
    return Quant((float(scale),), (zero_point,))


def wide_range_of(seen: Seen) -> Quant:
    """Returns the int16 that covers what was seen of a value: its zero point is 0, as the kernels ask for."""
    most = max(-seen.low, seen.high)
    return Quant((float(np.float32(max(most / 32767.0, _LEAST_SCALE))) if most else 1.0,), (0,))


def rounded(x: Array, quant: Quant, dtype: DType = DType.I8) -> F32:
    """Returns what the stored integers of numbers mean: QuantizeLinear, then DequantizeLinear."""
    scale, zero = np.float32(quant.scale), np.float32(quant.zero_point)
    stored = np.rint(np.asarray(x, np.float32) / scale)
    stored += zero
    np.clip(stored, *dtype.range, out=stored)
    stored -= zero
    stored *= scale
    return np.asarray(stored, np.float32)


def range_of(seen: Seen, method: Method) -> Quant:
    """Returns the quantisation of a value."""
    if method == "min-max" or not seen.parts:
        return quant_of_range(seen.low, seen.high)
    elements = np.concatenate(seen.parts)
    if method == "percentile":
        low, high = np.quantile(elements, [_OUTSIDE, 1.0 - _OUTSIDE])
        return quant_of_range(float(low), float(high))
    return _least_error(seen, elements)


def _least_error(seen: Seen, elements: F32) -> Quant:
    tried = _some(elements, _TRIED, seed=0)
    lows = sorted({seen.low * part for part in _PARTS} if seen.low < 0 else {0.0})
    highs = sorted({seen.high * part for part in _PARTS} if seen.high > 0 else {0.0}, reverse=True)
    best, least = quant_of_range(seen.low, seen.high), np.inf
    for low in lows:
        for high in highs:
            quant = quant_of_range(low, high)
            error = float(np.mean(np.square(rounded(tried, quant) - tried, dtype=np.float64)))
            if error < least:
                best, least = quant, error
    return best
