"""What TFLite stores a sum of 64 bits as, where layers have activations of int16 (`quant::Reduced`)."""

from __future__ import annotations

from ariel_build.isa.unfit import Unfit
from ariel_build.kernels.declared.quant import Bounds

__all__ = ["stored"]

_INT32 = 1 << 31


def stored(total: int, multiplier: int, shift: int, output: Bounds) -> int:
    """Returns the stored output of a sum, for zero points of 0; Unfit where that may wrap."""
    product, by = total * multiplier, 15 - shift
    if not 1 <= by <= 63 or not -(1 << 62) <= product < 1 << 62:
        raise Unfit
    value = (product + (1 << (by - 1))) >> by
    if not -_INT32 <= value < _INT32:
        raise Unfit
    return max(output.min, min(output.max, value))
