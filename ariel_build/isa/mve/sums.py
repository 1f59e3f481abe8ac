"""Sums and products of int8 with constants of 32 bits: `(left * l + right * r + offset) >> 21` is what wider ones give.

A lane of Helium has 32 bits, constants of `map2.Linear` need 36 or more. All 65,536 pairs of operands are looked at:
for factors near the rounded ones each pair has offsets that are right; these have one in common, or others are tried.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from ariel_build.kernels.declared.quant import Bounds

__all__ = ["SHIFT", "narrowed", "narrowed_product"]

#: Bits behind the point of the constants that are given, and of those that are found (as `mve/linear.rs` shifts).
_WIDE, SHIFT = 28, 21
#: How far a factor may be from the rounded one.
_AROUND = 4
#: What sums stay below, and operands reach.
_LIMIT, _REACH = 1 << 31, 1 << 7


def narrowed(left: int, right: int, offset: int, bounds: Bounds) -> tuple[int, int, int] | None:
    """Returns the left and right factor and the offset, which is the middle one of those that are right.

    None where no factors are right for all pairs, or a sum would leave int32. What is beyond `bounds`, where int8 or an
    activation ends, has only to stay there.
    """
    values = np.arange(-_REACH, _REACH, dtype=np.int64)
    rows, columns = values[:, None], values[None, :]
    wanted = np.clip((left * rows + right * columns + offset) >> _WIDE, bounds.min, bounds.max)
    # From where on, and up to where a sum is right.
    least, most = wanted << SHIFT, ((wanted + 1) << SHIFT) - 1
    above, below = wanted > bounds.min, wanted < bounds.max
    near = [(factor + (1 << (_WIDE - SHIFT - 1))) >> (_WIDE - SHIFT) for factor in (left, right)]
    around = product(range(-_AROUND, _AROUND + 1), repeat=2)
    for step in sorted(around, key=lambda step: (abs(step[0]) + abs(step[1]), step)):
        a, b = near[0] + step[0], near[1] + step[1]
        products = a * rows + b * columns
        first = int(np.max((least - products)[above], initial=-_LIMIT))
        last = int(np.min((most - products)[below], initial=_LIMIT))
        middle = (first + last) // 2
        if first <= last and _REACH * (abs(a) + abs(b)) + abs(middle) < _LIMIT:
            return a, b, middle
    return None


#: Bits behind the point of a factor of products, besides those of the shift, and of a shift at most.
_POINT, _MOST_SHIFT = 16, 31


def narrowed_product(
    products: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64], scale: float, bounds: Bounds
) -> tuple[int, int, int] | None:
    """Returns factor, offset and shift with which `round(product * factor / 2^16) + offset >> shift` is what is wanted.

    `scale` is the one of the products, of which none but these occur. None where no factor near it is right for all.
    """
    most = int(np.abs(products).max(initial=1))
    wanted = np.clip(wanted, bounds.min, bounds.max)
    above, below = wanted > bounds.min, wanted < bounds.max
    for shift in range(_MOST_SHIFT, -1, -1):
        near = round(scale * 2.0 ** (shift + _POINT))
        if near + _AROUND >= _LIMIT or ((near + _AROUND) * most >> _POINT) + 1 >= _LIMIT // 2:
            continue
        least, greatest = wanted << shift, ((wanted + 1) << shift) - 1
        for step in sorted(range(-_AROUND, _AROUND + 1), key=abs):
            factor = max(near + step, 0)
            found = (products * factor + (1 << (_POINT - 1))) >> _POINT
            first = int(np.max((least - found)[above], initial=-_LIMIT // 2))
            last = int(np.min((greatest - found)[below], initial=_LIMIT // 2 - 1))
            if first <= last and max(abs(first), abs(last)) <= _LIMIT // 2:
                return factor, (first + last) // 2, shift
        # With fewer bits there are fewer factors.
        return None
    return None
