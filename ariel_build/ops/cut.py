"""Cut: output = input where the bounded dimension is there, else a number that changes nothing: what mixes may read on.

An operator that mixes parts of a bounded dimension sees all of its bound. Behind what there is it gets the neutral
element of what it does: 0 where it sums or multiplies matrices, where its windows see a border of zeros, -infinity
where it looks for the greatest. So a shorter dimension gives what a shorter tensor gives. `Uncut` says that an axis
follows the dimension again: what it has behind what there is nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ariel_build.ir import DType, Node, TensorType, Value
from ariel_build.ops.base import Operator
from ariel_build.ops.compare import Compare
from ariel_build.ops.gather import Gather
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.select import Select
from ariel_build.ops.shorter import Axes, Bound
from ariel_build.ops.traits import Moved, Wish, keeps_axes, never
from ariel_build.ops.window import Window
from ariel_build.records import dataclass

__all__ = ["Cut", "Last", "Uncut", "as_stored", "bordered", "cut", "last", "neutral", "uncut"]


@dataclass(frozen=True)
class Cut(Select):
    """condition ? left : right, where the condition is whether what `axis` follows is there."""

    axis: int

    @property
    def name(self) -> str:
        """`Select`, as which it is computed."""
        return "Select"

    def permuted(self, wish: Wish) -> Moved | None:
        """Follows the axis."""
        return wish.alike(replace(self, axis=wish.perm.index(self.axis) if len(wish.perm) > self.axis else self.axis))

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """What is behind is told: the axis follows nothing any more."""
        return [{axis: bound for axis, bound in given[1].items() if axis != self.axis}]


@dataclass(frozen=True)
class Uncut(Reshape):
    """The same elements, of which those along `axis` behind what there is of the dimension are not to be read."""

    passed_on = never
    permuted = keeps_axes

    axis: int
    bound: Bound

    @property
    def name(self) -> str:
        """`Reshape`, as which it is computed."""
        return "Reshape"

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """The axis follows the dimension, too."""
        return [{**given[0], self.axis: self.bound}]

    def after(self, first: Operator) -> Operator | None:
        """Axes of what comes before are told by their places."""
        return None


@dataclass(frozen=True)
class Last(Gather):
    """The last of what there is along `axis`: the index is the second input."""

    @property
    def name(self) -> str:
        """`Gather`, as which it is computed."""
        return "Gather"

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """There is always one: the axis follows nothing any more."""
        return [{axis: bound for axis, bound in given[0].items() if axis != self.axis}]


def last(node: Node, axis: int, bound: Bound, count: Callable[[Bound], Value]) -> list[Node]:
    """Returns the nodes that make a node's output of the last of what there is along an axis of its input."""
    x, index = node.input(0), TensorType(DType.I32, (1,))
    each, one = (Value(index, "", np.array([n], np.int32)) for n in (x.shape[axis] // bound.most, 1))
    length, place = Value(index), Value(index, f"the last of `{bound.name}`")
    return [
        Node(Map2("Mul"), [count(bound), each], [length], node.origin),
        Node(Map2("Sub"), [length, one], [place], node.origin),
        Node(Last(wraps=False, axis=axis), [x, place], node.outputs, node.origin),
    ]


def neutral(value: Value, number: float) -> Value:
    """Returns a real number as an element of a value's type: 0 is the zero point of what is quantised."""
    return as_stored(value, number if value.type.quant is None or number else value.type.quant.zero_point)


def as_stored(value: Value, number: float) -> Value:
    """Returns an element of a value's type that is stored as a number."""
    data = np.full((1,) * len(value.shape), number, value.type.dtype.numpy)
    return Value(TensorType(value.type.dtype, data.shape, value.type.quant), "neutral", data)


def cut(
    value: Value, axis: int, bound: Bound, fill: Value, count: Callable[[Bound], Value]
) -> tuple[list[Node], Value]:
    """Returns the nodes that put `fill` behind what there is along an axis, and what they make."""
    extent, rank = value.shape[axis], len(value.shape)
    shape = [extent if k == axis else 1 for k in range(rank)]
    numbers = (np.arange(extent, dtype=np.int32) // (extent // bound.most)).reshape(shape)
    which = Value(TensorType(DType.I32, numbers.shape), "number", numbers)
    is_there = Value(TensorType(DType.BOOL, numbers.shape), f"{bound.name} is there")
    made = Value(value.type, value.name, origin=value.origin)
    origin = f"what there is of `{bound.name}`"
    return [
        Node(Compare("Less"), [which, count(bound)], [is_there], origin),
        Node(Cut(axis), [is_there, value, fill], [made], origin),
    ], made


def uncut(value: Value, output: Value, axis: int, bound: Bound) -> Node:
    """Returns the node that makes `output` of a value, along whose axis nobody is to read behind what there is."""
    return Node(Uncut(output.shape, axis, bound), [value], [output], f"what there is of `{bound.name}`")


def bordered(window: Window, node: Node, given: Sequence[Axes], count: Callable[[Bound], Value]) -> list[Node] | None:
    """Returns the nodes of a layer whose windows reach along a dimension and give as many elements as they see.

    Behind what there is they see zeros, as they see a border of zeros behind the image; None where they are others.
    """
    x, weights = node.input(0), node.input(1)
    cuts = {}
    for axis in (1, 2):
        size, step = window.size[axis - 1], window.strides[axis - 1]
        padding = window.padding[axis - 1], window.padding[axis + 1]
        if axis in given[0] and (size, step, *padding) != (1, 1, 0, 0):
            if step != 1 or sum(padding) != window.extent(axis - 1) - 1:
                return None
            cuts[axis] = given[0][axis]
    if not cuts or weights.data is None or not np.isfinite(weights.data.astype(np.float64)).all():
        return None
    nodes, value = list[Node](), x
    for axis, bound in cuts.items():
        made, value = cut(value, axis, bound, neutral(x, 0), count)
        nodes += made
    inner = Value(node.output.type, node.output.name, origin=node.origin)
    nodes.append(Node(node.op, [value, *node.inputs[1:]], [inner], node.origin))
    *first, (last, bound) = cuts.items()
    for axis, other in first:
        made_of = Value(node.output.type, node.output.name, origin=node.origin)
        nodes.append(uncut(inner, made_of, axis, other))
        inner = made_of
    return [*nodes, uncut(inner, node.output, last, bound)]
