"""stored(sum) = clamp((high word of (4 * sum * multiplier) + below(sum) + rounding) >> shift), proved.

Both sides, this and the reference's definition, grow with the sum. So they agree for every sum that can occur where
they agree on both sides of each step of the reference: that is tried for each channel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ariel_build.isa.unfit import Unfit
from ariel_build.kernels.declared.quant import DoubleRounding, NearestEven
from ariel_build.kernels.layer import Stored
from ariel_build.kernels.packing import factors
from ariel_build.ops.fixed_point import multiply
from ariel_build.records import dataclass

__all__ = ["BIAS", "Channels", "Ints", "requantised", "sum_bits"]

Ints = npt.NDArray[np.int64]

_INT32 = 1 << 31
#: What |sum| must stay below: four times the sum is a word.
_SUM = 1 << 29
#: The greatest shift: a zero point of 128 times it leaves room for the sum.
_MOST_SHIFT = 22
#: The multiplier that leaves a sum as it is.
_ONE = 1 << 30
#: By how much the first sum that reaches a value differs from the real one at most, where nothing wraps.
_NEAR = 2
#: What |bias| must stay below, for its word has the shift as well.
BIAS = 1 << 23
#: Where products have 32 bits: of which number multipliers are multiples so that sums of so many bits take fewer.
_ROUND = {22: 2, 20: 1 << 7}
#: What is added to negative sums where halves go away from zero.
BELOW = -2


@dataclass(frozen=True)
class Channels:
    """Weights [channels, k], constants [channels, (bias, multiplier, shift)], and what negative sums get, and all.

    A channel's rounding is that of the shift and of the output's zero point, and `extra`.
    """

    weights: Ints
    constants: Ints
    below: int
    extra: int


@dataclass(frozen=True)
class _Reference:
    """How the reference stores the sums of some channels: columns of factors, and the limits of the output."""

    multiplier: Ints
    shift: Ints
    scale: npt.NDArray[np.float32] | None
    zero_point: int
    least: int
    greatest: int

    @property
    def real(self) -> npt.NDArray[np.float64]:
        """The real factors of the channels."""
        return self.multiplier * np.exp2(self.shift - 31.0) if self.scale is None else self.scale.astype(np.float64)

    def stored(self, sums: Ints) -> Ints:
        """Returns what sums [channels, ..] are stored as."""
        if self.scale is None:
            value = multiply(sums, self.multiplier, self.shift)
        else:
            product = sums.astype(np.float32) * self.scale
            value = np.rint(np.clip(product, np.float32(-1024), np.float32(1024))).astype(np.int64)
        return np.clip(value + self.zero_point, self.least, self.greatest)

    def of(self, rows: Ints) -> _Reference:
        """Returns the reference of some channels."""
        scale = None if self.scale is None else self.scale[rows]
        return _Reference(self.multiplier[rows], self.shift[rows], scale, self.zero_point, self.least, self.greatest)


def requantised(weights: Ints, finish: Stored) -> Channels:
    """Returns constants that give the reference's value for every sum of every channel; Unfit where there are none.

    Channels whose output never changes, as dead ones with huge biases have, get other weights.
    """
    if finish.filter_zero_point != 0:
        raise Unfit
    reference = _reference(finish, weights.shape[0])
    weights, biases = weights.copy(), finish.bias.astype(np.int64)
    if reference.scale is None:
        # Whatever wraps, nothing times 0 is left of it.
        dead = reference.multiplier[:, 0] == 0
        weights[dead], biases[dead] = 0, 0
    low = biases + np.where(weights > 0, -128 * weights, 127 * weights).sum(axis=1)
    high = biases + np.where(weights > 0, 127 * weights, -128 * weights).sum(axis=1)
    if low.min() < -_INT32 or high.max() >= _INT32:
        raise Unfit
    first, last = (reference.stored(sums[:, None])[:, 0] for sums in (low, high))
    multiplier, shift, rounded = _guess(reference)
    constants = np.stack([biases, multiplier, shift], axis=1)
    constant = first == last
    weights[constant] = 0
    rows = np.flatnonzero(~constant)
    if rows.size > 0 and min(low[rows].min(), -high[rows].max()) <= -_SUM:
        raise Unfit
    steps = _steps(reference.of(rows), low[rows], high[rows], biases[rows])
    extra = int(rounded[rows].any())
    for below in (0, BELOW):
        found, ends = constants.copy(), _Ends(finish.bounds.zero_point, below, extra)
        found[constant] = ends.constant(first[constant])
        wrong = rows[_wrong(found[rows], ends, steps) | (np.abs(biases[rows]) >= BIAS)]
        for row in wrong:
            at = int(np.searchsorted(rows, row))
            if int(last[row] - first[row]) == 1:
                _split(found[row], steps, at, int(first[row]), (int(low[row]), int(high[row])), ends)
        small = np.abs(found[:, 0]).max() < BIAS
        if small and not _wrong(found[rows], ends, steps).any():
            needed = sum_bits(weights, found[:, 0])
            for bits, multiple in _ROUND.items():
                if needed <= bits:
                    found[rows] = _rounded(found[rows], multiple, ends, steps)
            return Channels(weights, found, below, extra)
    raise Unfit


def sum_bits(weights: Ints, biases: Ints) -> int:
    """Returns the bits that hold every sum of every channel of int8, bias included."""
    below, above = np.minimum(weights, 0).sum(axis=1), np.maximum(weights, 0).sum(axis=1)
    low, high = biases + 127 * below - 128 * above, biases - 128 * below + 127 * above
    return int(max(-low.min() - 1, high.max(), 0)).bit_length() + 1


def _rounded(constants: Ints, multiple: int, ends: _Ends, steps: _Steps) -> Ints:
    """Returns the constants; multipliers of channels that agree with the reference so as well are multiples."""
    found = constants.copy()
    for more in (0, 1):
        rounded = constants.copy()
        rounded[:, 1] = (constants[:, 1] // multiple + more) * multiple
        right = (rounded[:, 1] < _INT32) & ~_wrong(rounded, ends, steps)
        found[right] = rounded[right]
    return found


@dataclass(frozen=True)
class _Ends:
    """What all channels have in common: the output's zero point, what negative sums get, and what all get."""

    zero_point: int
    below: int
    extra: int

    def rounding(self, shift: Ints) -> Ints:
        """Returns what is added to the high word."""
        return np.asarray(((2 * self.zero_point + 1) << (shift - 1)) + self.extra)

    def constant(self, values: Ints) -> Ints:
        """Returns the constants of channels without weights, each of one value: what is added to sums changes none."""
        biases = 4 * (values - self.zero_point)
        return np.stack([biases, np.full_like(biases, _ONE), np.full_like(biases, 2)], axis=1)


def _reference(finish: Stored, count: int) -> _Reference:
    """Returns the reference of a layer of int8."""
    ends = (finish.bounds.zero_point, finish.bounds.min, finish.bounds.max)
    column = np.zeros((count, 1), np.int64)
    match finish.requantize:
        case NearestEven(scales=scales):
            scale = np.broadcast_to(scales.data.reshape(-1, 1).astype(np.float32), (count, 1))
            if not (np.isfinite(scale).all() and scale.min() > 0):
                raise Unfit
            return _Reference(column, column, scale, *ends)
        case DoubleRounding() as rounding:
            pairs = np.broadcast_to(factors(rounding), (count, 2)).astype(np.int64)
            return _Reference(pairs[:, :1], pairs[:, 1:], None, *ends)
    raise Unfit


def _guess(reference: _Reference) -> tuple[Ints, Ints, Ints]:
    """Returns multipliers and shifts that are right but for ties, where the real factor is less than 1, and extras.

    Exact for double rounding: with sum * q * 2^-31 >= (2 j - 1) * 2^(n-1) - 1/2 for outputs j > 0, and
    sum * q * 2^-31 >= (2 j - 1) * 2^(n-1) + 1/2 for j <= 0, both sides times 4 are integers.
    """
    if reference.scale is None:
        multiplier, n = reference.multiplier[:, 0], -reference.shift[:, 0]
        extra = (n > 0).astype(np.int64)
    else:
        mantissa, exponent = np.frexp(reference.scale[:, 0].astype(np.float64))
        multiplier = np.minimum(np.rint(mantissa * _INT32).astype(np.int64), _INT32 - 1)
        n, extra = -exponent.astype(np.int64), np.zeros_like(exponent, np.int64)
    fits = (n >= 0) & (n + 1 <= _MOST_SHIFT)
    shift = np.where(fits, n + 1, _MOST_SHIFT)
    return np.where(fits, multiplier, 0), shift, extra


@dataclass(frozen=True)
class _Steps:
    """For each channel (rows) and each stored value above the least, the first sum that reaches it.

    `sums` is one more than the greatest sum where none does, and the least sum where all do.
    """

    sums: Ints
    values: Ints
    low: Ints
    high: Ints
    bias: Ints


def _steps(reference: _Reference, low: Ints, high: Ints, bias: Ints) -> _Steps:
    """Returns the steps of the reference, by bisection between two sums near to the real factor's, where these do."""
    values = np.arange(reference.least + 1, reference.greatest + 1, dtype=np.int64)[None, :]
    first, last = low[:, None] - 1, high[:, None] + 1
    near = np.rint(np.clip((values - reference.zero_point - 0.5) / reference.real, first, last)).astype(np.int64)
    below, reached = np.maximum(near - _NEAR, first), np.minimum(near + _NEAR, last)
    below = np.where((below > first) & (reference.stored(below) >= values), first, below)
    reached = np.where((reached < last) & (reference.stored(reached) < values), last, reached)
    while np.any(reached - below > 1):
        middle = (below + reached) >> 1
        enough = reference.stored(middle) >= values
        reached = np.where(enough, middle, reached)
        below = np.where(enough, below, middle)
    return _Steps(reached, values, low[:, None], high[:, None], bias[:, None])


def _wrong(constants: Ints, ends: _Ends, steps: _Steps) -> npt.NDArray[np.bool_]:
    """Returns which channels do not agree with the reference."""
    bias, multiplier, shift = (constants[:, index, None] for index in range(3))
    added, factor, rounding = bias - steps.bias, 4 * multiplier, ends.rounding(shift)

    def total(sums: Ints) -> Ints:
        """Returns what the kernel shifts, where nothing overflows."""
        sums = sums + added
        high = ((sums * factor) >> 32) + rounding
        return high + ends.below * (sums < 0) if ends.below else high

    # Both grow with the sum: what fits at both ends fits between them.
    fits = np.ones_like(multiplier, np.bool_)
    for end in (steps.low, steps.high):
        fits &= (np.abs(end + added) < _SUM) & (np.abs(total(end)) < _INT32)
    # A step at the least sum, or behind the greatest, has one side only.
    before, at = np.maximum(steps.sums - 1, steps.low), np.minimum(steps.sums, steps.high)
    right = ((total(before) >> shift) < steps.values) | (steps.sums <= steps.low)
    right &= ((total(at) >> shift) >= steps.values) | (steps.sums > steps.high)
    return np.asarray(~(right.all(axis=1) & fits[:, 0]))


def _split(constants: Ints, steps: _Steps, at: int, first: int, reach: tuple[int, int], ends: _Ends) -> None:
    """Sets the constants of a channel with two values: the bias makes the step lie where the greater one begins."""
    step = int(steps.sums[at, np.searchsorted(steps.values[0], first + 1)])
    shift = (max(step - reach[0], reach[1] - step) + 2).bit_length()
    if shift <= _MOST_SHIFT:
        begins = ((first + 1) << shift) - int(ends.rounding(np.array(shift)))
        constants[:] = (constants[0] - step + begins - (ends.below if begins < 0 else 0), _ONE, shift)
