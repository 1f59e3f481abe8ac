"""floor((sum of factor[k] * x[k] + offset) / 2^28) = want: searches the factors and proves the formula for every input.

Quantised operators of int8 have at most 65,536 different pairs of inputs. Their definitions round several times, or in
floating point; nearly always one multiplication per operand and one shift give the same integers. Whether they do
is not argued but tried, in exact arithmetic, for each pair that can occur.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ariel_build.ops.fixed_point import I64
from ariel_build.records import dataclass

__all__ = ["FRACTION", "IntegerFormula", "find_formula"]

#: Fractional bits of factors and offset: `FRACTION` of the runtime's kernels.
FRACTION = 28
#: The first step of the search, in units of the last fractional bit.
_FIRST_STEP = 1 << 12
#: Inputs whose rounding is decided by less than this can tip during the search.
_MARGIN = 1 << (FRACTION - 7)


@dataclass(frozen=True)
class IntegerFormula:
    """Factors and offset, with 28 fractional bits."""

    factors: tuple[int, ...]
    offset: int

    def evaluate(self, features: Sequence[I64], bounds: tuple[int, int]) -> I64:
        """Returns what the kernel computes."""
        total = sum((f * x for f, x in zip(self.factors, features, strict=True)), np.int64(self.offset))
        return np.asarray(np.clip(np.asarray(total, np.int64) >> FRACTION, *bounds), np.int64)


def find_formula(
    features: Sequence[I64], want: I64, bounds: tuple[int, int], slopes: Sequence[float]
) -> IntegerFormula | None:
    """Returns a formula that gives `want` for all features, clamped to `bounds`, or None.

    `slopes` are the real factors, near which the search begins.
    """
    factors = [round(s * (1 << FRACTION)) for s in slopes]
    if max(abs(f) for f in factors) + _FIRST_STEP * 4 >= 1 << 31:
        return None
    xs = [np.ravel(x) for x in features]
    problem = _Problem(xs, np.ravel(want), bounds)
    if problem.gap(factors) < 0:
        factors = _search(problem.critical(factors), factors)
    if problem.gap(factors) < 0:
        return None
    least, most = problem.offsets(factors)
    formula = IntegerFormula(tuple(factors), (least + most) // 2)
    return formula if np.array_equal(formula.evaluate(xs, bounds), problem.want) else None


class _Problem:
    """The offsets that each input allows: `want <= (t + offset) / 2^28 < want + 1`, open where the bounds clamp."""

    def __init__(self, xs: Sequence[I64], want: I64, bounds: tuple[int, int]) -> None:
        self.xs = xs
        self.want = want
        self.bounds = bounds
        self.from_below = want > bounds[0]
        self.from_above = want < bounds[1]

    def _limits(self, factors: Sequence[int]) -> tuple[I64, I64]:
        total = sum((f * x for f, x in zip(factors, self.xs, strict=True)), np.int64(0))
        least = (self.want << FRACTION) - total
        return least, least + ((1 << FRACTION) - 1)

    def offsets(self, factors: Sequence[int]) -> tuple[int, int]:
        """Returns the least and the greatest offset that suit every input; none where the first is greater."""
        least, most = self._limits(factors)
        floor = int(least[self.from_below].max(initial=-(1 << 40)))
        ceiling = int(most[self.from_above].min(initial=1 << 40))
        return floor, ceiling

    def gap(self, factors: Sequence[int]) -> int:
        """Returns how many offsets suit, less one; negative where none does. Concave in the factors."""
        least, most = self.offsets(factors)
        return most - least

    def critical(self, factors: Sequence[int]) -> _Problem:
        """Returns the problem of those inputs alone that decide, here and for factors near by."""
        least, most = self._limits(factors)
        floor, ceiling = self.offsets(factors)
        near = (self.from_below & (least > floor - _MARGIN)) | (self.from_above & (most < ceiling + _MARGIN))
        return _Problem([x[near] for x in self.xs], self.want[near], self.bounds)


def _search(problem: _Problem, factors: list[int]) -> list[int]:
    """Climbs towards the factors with the greatest gap, in steps that halve."""
    directions = [d for d in itertools.product((-2, -1, 0, 1, 2), repeat=len(factors)) if any(d)]
    best, step = problem.gap(factors), _FIRST_STEP
    while step and best < 0:
        moves = ([f + step * d for f, d in zip(factors, direction, strict=True)] for direction in directions)
        gaps = [(problem.gap(move), move) for move in moves]
        gap, move = max(gaps, key=lambda g: g[0])
        if gap > best:
            best, factors = gap, move
        else:
            step //= 2
    return factors
