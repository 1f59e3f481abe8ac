"""A function of int16 as TFLite tabulates it: its values at 512 places and at the end, straight lines between them.

`LUTPopulate` and `LUTLookup` of int16 (tensorflow/lite/kernels/internal/common.h).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Quant
from ariel_build.ops.fixed_point import I64, round_away

__all__ = ["interpolated", "least", "tabled"]

F64 = npt.NDArray[np.float64]
Reals = npt.NDArray[np.floating[Any]]
_PLACES = 512


def least(target: Quant) -> float:
    """Returns the least real number that an output of int16 can be."""
    return float(np.float32(target.scale) * np.float32(-32768 - target.zero_point))


def tabled(
    function: Callable[[F64], F64], source: Quant, target: Quant, real: type[np.floating[Any]] = np.float32
) -> I64:
    """Returns the stored function at all places: lowered by half of what lines are above it in their middle.

    All is computed in `real`; what is not a number then is stored as 0.
    """
    scale, unit = real(source.scale), real(target.scale)
    low, high = (scale * real(n - source.zero_point) for n in (-32768, 32767))
    per_unit = real(65536) / (unit * real(32767 - target.zero_point) - unit * real(-32768 - target.zero_point))
    step = (high - low) / real(_PLACES)
    place = np.arange(_PLACES + 1, dtype=real)

    def stored(x: Reals) -> Reals:
        return np.asarray(np.asarray(function(x.astype(np.float64)), real) * per_unit)

    with np.errstate(all="ignore"):
        at = stored(low + place * step)
        middle = stored(low + place[:-1] * step + step / real(2))
        sample = round_away(at[:-1])
        above = round_away((at[1:] + sample) / real(2)) - round_away(middle)
        entries = np.append(sample - round_away(above / real(2)), round_away(stored(np.array([high], real))))
        return np.asarray(np.nan_to_num(np.clip(entries, -32768, 32767), nan=0.0), np.int64)


def interpolated(table: I64, place: I64) -> I64:
    """Returns the function at any int16; places beyond are the ends."""
    place = np.clip(place, -32768, 32767)
    index = 256 + (place >> 7)
    slope = (table[index + 1] - table[index]).astype(np.int16).astype(np.int64)
    return np.asarray((table[index] + ((slope * (place & 0x7F) + 64) >> 7)).astype(np.int16), np.int64)
