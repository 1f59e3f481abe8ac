"""logistic(x) and tanh(x) in int16, as TFLite computes them: a table of 1 / (1 + e^(-i / 24)) with lines between.

LSTM cells and the operators LOGISTIC and TANH read it.

Both take x in steps of a third of Q3.12's, as `prescaled` makes it, so that an entry is a power of two of them.
tanh(x) = 2 * logistic(2 * x) - 1 reads the same table at twice the distance.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array

__all__ = ["logistic", "prescaled", "table", "tanh"]

I64 = npt.NDArray[np.int64]
#: Entries of the table; from the last one on both functions are constant.
_ENTRIES = 256
#: Entries of TFLite's table (`sigmoid_table_uint16` of its `common.h`) that are one more than the function rounded.
_ONE_MORE = (
    *(4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45, 46, 49),
    *(50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255),
)


@functools.cache
def _sigmoid() -> I64:
    """Returns the table in Q0.16."""
    entries = np.floor(65536.0 / (1.0 + np.exp(-np.arange(_ENTRIES) / 24.0)) + 0.5).astype(np.int64)
    entries[list(_ONE_MORE)] += 1
    return entries


def table() -> Array:
    """Returns what the kernels read: for each interval from -256 on its first value, u32, and above it the slope.

    Left of 0 the function is 1 less its mirror image: an interval begins with 1 less the entry with which that ends.
    """
    entries = _sigmoid()
    slopes = np.append(np.diff(entries), 0)
    left = (1 << 16) - np.append(entries[1:], entries[-1])
    both = np.concatenate([(left + (slopes << 16))[::-1], entries + (slopes << 16)])
    return both.astype(np.uint32)


def prescaled(x: Array, multiplier: int, shift: int) -> I64:
    """Multiplies by `multiplier / 2^shift`, and rounds halves up."""
    product = np.asarray(x, np.int64) * multiplier
    return np.asarray((product + ((1 << shift) >> 1)) >> shift)


def _interpolated(distance: I64, bits: int) -> I64:
    """Returns the table at `distance / 2^bits`, with `bits` more bits; it ends at its last entry but one."""
    entries = _sigmoid()
    index = np.minimum(distance >> bits, _ENTRIES - 2)
    part = distance & ((1 << bits) - 1)
    return np.asarray((entries[index] << bits) + part * (entries[index + 1] - entries[index]))


def logistic(x: I64) -> I64:
    """Gives 1 / (1 + e^-x) in Q0.15."""
    distance = np.abs(x)
    value = np.where(distance >> 9 >= _ENTRIES - 1, 0x7FFF << 10, _interpolated(distance, 9))
    return np.asarray(np.where(x >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10)


def tanh(x: I64) -> I64:
    """Gives the hyperbolic tangent in Q0.15."""
    distance = np.abs(x)
    value = np.where(distance >> 8 >= _ENTRIES - 1, 0xFFFF << 8, _interpolated(distance, 8)) - (1 << 23)
    return np.asarray(np.where(x >= 0, value + (1 << 7), -value + (1 << 7) - 1) >> 8)
