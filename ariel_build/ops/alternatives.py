"""What is known at run time only, where declared shapes leave few possibilities: all of them are made, one is taken.

A model whose axes are none of those would not have the shapes that its file declares; it gets the last possibility.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.compare import Compare
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select

__all__ = ["MOST", "by_axes", "by_number", "by_numbers"]

#: Possibilities that are worth their instructions.
MOST = 16
#: What several integers may be together, as one.
MOST_NUMBER = 1 << 62
_RNE = Rounding.NEAREST_EVEN


def by_number(importer: Importer, number: Value, made: Mapping[int, Value]) -> Value:
    """Returns what has been made for an integer that is known at run time, the only element of `number`."""
    if not 0 < len(made) <= MOST:
        raise UnsupportedReason(f"what is computed at run time leaves {len(made)} possibilities, not up to {MOST}")
    (*others, (_, found)) = made.items()
    if others and number.type.elements != 1:
        raise UnsupportedReason(f"{number.type} is not one number")
    scalar = reshape(importer, number, ()) if others else number
    for own, value in others:
        (is_own,) = importer.emit(Compare("Equal"), [scalar, importer.constant(np.array(own, number.type.dtype.numpy))])
        found = select(importer, is_own, value, found)
    return found


def by_numbers(importer: Importer, numbers: Value, most: int, made: Mapping[tuple[int, ...], Value]) -> Value:
    """Returns what has been made for the integers from 0 to `most` that a tensor of one axis holds at run time."""
    if len(made) == 1:
        return next(iter(made.values()))
    # Digits of one number.
    places = [(most + 1) ** k for k in range(numbers.type.elements)]
    if numbers.type.dtype is not DType.I64 or (most + 1) * places[-1] > MOST_NUMBER:
        raise UnsupportedReason(f"what is computed at run time leaves {len(made)} possibilities, and too large ones")
    (parts,) = importer.emit(Map2("Mul", rounding=_RNE), [numbers, importer.constant(np.array(places, np.int64))])
    (number,) = importer.emit(Fold("Sum", (0,), keep_dims=False, rounding=_RNE), [parts])
    digits = {sum(n * place for n, place in zip(own, places, strict=True)): value for own, value in made.items()}
    return by_number(importer, number, digits)


def by_axes(importer: Importer, axes: Value, rank: int, made: Mapping[tuple[int, ...], Value]) -> Value:
    """Returns what has been made for the axes that a tensor names at run time, of `rank` ones, in any order.

    All of `made` are for as many axes as the tensor has elements.
    """
    if len(made) == 1:
        return next(iter(made.values()))
    if rank > MOST:
        raise UnsupportedReason(f"which of {rank} axes is computed at run time: only up to {MOST} are supported")
    # Each axis is a bit.
    (bits,) = importer.emit(Gather(axis=0, wraps=True), [importer.constant(1 << np.arange(rank, dtype=np.int32)), axes])
    every = tuple(range(len(bits.shape)))
    (named,) = importer.emit(Fold("Sum", every, keep_dims=False, rounding=_RNE), [bits])
    return by_number(importer, named, {sum(1 << axis for axis in own): value for own, value in made.items()})
