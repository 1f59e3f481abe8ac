"""Which axes of a value may be shorter than they are, where a dimension is only bounded (`dims = { time = "..=100" }`).

A graph has the shapes of the bounds. Of an axis of c * N elements that follows a dimension of at most N, the first
c * n are there in an inference with n of it; what lies behind may be anything. An operator that computes each part of
the dimension from the same part of its inputs alone does so whatever lies behind, and what it makes of the first n is
what a model of exactly n would make: it says which axes of its outputs follow. All others are refused, by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ariel_build.ir import Bound, Node

__all__ = ["Axes", "Bound", "Mixed", "aligned", "apart", "one_only", "reshaped"]


#: Axes of a value that follow a bounded dimension.
Axes = Mapping[int, Bound]


class Mixed(Exception):
    """Why what an operator makes of a part of a dimension depends on other parts, or on how many there are."""


def aligned(node: Node, given: Sequence[Axes]) -> Axes:
    """Returns the axes of what is computed element by element of operands that are broadcast."""
    rank = len(node.output.shape)
    operands = [(value, axes) for value, axes in zip(node.inputs, given, strict=True) if value is not None]
    found: dict[int, Bound] = {}
    for value, axes in operands:
        for axis, bound in axes.items():
            place = axis + rank - len(value.shape)
            if found.setdefault(place, bound) != bound:
                raise Mixed(f"it brings `{bound.name}` and `{found[place].name}` together")
    for value, axes in operands:
        for place in found:
            axis = place - rank + len(value.shape)
            # Of a constant as many are taken as there are; that they are the same is found out by importing anew.
            if axis >= 0 and axis not in axes and value.shape[axis] != 1 and not value.is_constant:
                raise Mixed(f"one of its operands always has {value.shape[axis]} elements there")
    return found


def apart(axes: Axes, forbidden: Sequence[int], why: str) -> Axes:
    """Returns the axes, none of which may be one of those that are `forbidden`."""
    if any(axis in axes for axis in forbidden):
        raise Mixed(why)
    return axes


def one_only(given: Sequence[Axes]) -> Axes:
    """Returns the axes of the first operand, where no other one has any."""
    if any(given[1:]):
        raise Mixed("an operand other than the first depends on it")
    return given[0]


def reshaped(old: Sequence[int], new: Sequence[int], axes: Axes) -> Axes:
    """Returns the axes where a shape becomes another one: elements stay in order, and so do parts of the dimension."""
    found = {}
    for axis, bound in axes.items():
        before = math.prod(old[:axis])
        fits = [k for k, n in enumerate(new) if n % bound.most == 0 and math.prod(new[:k]) == before]
        if len(fits) != 1:
            raise Mixed(f"it makes {list(new)} of {list(old)}, where it has no axis of its own any more")
        found[fits[0]] = bound
    return found
