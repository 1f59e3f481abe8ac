"""(x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias -> RowNorm(x, scale, bias).

Exporters write a layer's normalisation as eight operators or more, in one of two forms, with
s = scale / sqrt(variance + epsilon):

    (x - mean) * s + bias            what papers and PyTorch write
    x * s + (bias - mean * s)        what Keras writes: -mean * s + bias is a term of its own

Each of these walks over all elements; the one kernel reads a row three times and stores it once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, DType, Graph, Node, TensorType, Value
from ariel_build.ops.fixed_point import UNBOUNDED
from ariel_build.ops.fold import Fold
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.row_norm import RowNorm
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor
from ariel_build.records import dataclass

__all__ = ["fuse_row_norm"]


@dataclass(frozen=True)
class _Inverse:
    """`1 / sqrt(variance + epsilon)`, as a tensor of a shape; it may be scaled by a constant."""

    variance: Value
    epsilon: float
    shape: tuple[int, ...]
    scale: Value | None = None


@dataclass(frozen=True)
class _Normal:
    """Rows of `x`, the axes from `axis` on, and what is added to their variance."""

    x: Value
    axis: int
    epsilon: float
    scale: Value | None
    bias: Value | None = None


def fuse_row_norm(graph: Graph, log: PassLog) -> bool:
    """Replaces the last operator of such a group; what only it needed goes with it."""
    editor = Editor(graph, log)
    seen = _Pattern(editor)
    for node in editor.nodes():
        if not _is(node, "Add") or node.output.type.dtype is not DType.F32:
            continue
        found = next((f for f in (seen.normal(*pair) for pair in seen.orders(node)) if f is not None), None)
        if found is None or found.x.shape != node.output.shape:
            continue
        constants = [_of_row(found.scale, found, 1.0), _of_row(found.bias, found, 0.0)]
        if any(c is None for c in constants):
            log.refused(node, "scale or bias is not one number for each element of a row")
            continue
        row = found.x.shape[found.axis :]
        log.rewrote(node, f"normalises rows of {math.prod(row)}")
        operands = [Value(TensorType(DType.F32, row), "", data, node.origin) for data in constants]
        editor.substitute(node, RowNorm(found.axis, found.epsilon), [found.x, *operands])
    return editor.finish()


def _is(node: Node | None, *kinds: str) -> bool:
    """Whether a node is one of these operators, without an activation."""
    if node is None or not isinstance(node.op, Map1 | Map2) or node.op.kind not in kinds:
        return False
    return not isinstance(node.op, Map2) or node.op.clip == UNBOUNDED


def _of_row(constant: Value | None, found: _Normal, otherwise: float) -> Array | None:
    """Returns a constant as one number for each element of a row, or None where rows would differ."""
    row, rank = found.x.shape[found.axis :], len(found.x.shape)
    if constant is None:
        return np.full(row, otherwise, np.float32)
    shape = _aligned(constant.shape, rank)
    if constant.data is None or len(shape) != rank or any(n != 1 for n in shape[: found.axis]):
        return None
    numbers = constant.data.astype(np.float32).reshape(shape[found.axis :])
    return np.ascontiguousarray(np.broadcast_to(numbers, row))


def _aligned(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Returns a shape with axes of 1 in front, as broadcasting sees it."""
    return (1,) * (rank - len(shape)) + shape


def _number(value: Value) -> float | None:
    """Returns the one number that a constant is."""
    return float(value.data.reshape(())) if value.data is not None and value.data.size == 1 else None


class _Pattern:
    """The parts of a normalisation, looked up from the last one."""

    def __init__(self, editor: Editor) -> None:
        """Looks at the nodes of an editor."""
        self.editor = editor

    def root(self, value: Value) -> Value:
        """Returns the value whose elements those of a value are, reshapes passed over."""
        node = self.editor.producer(value)
        while node is not None and isinstance(node.op, Reshape):
            value = node.input(0)
            node = self.editor.producer(value)
        return value

    def maker(self, value: Value, *kinds: str) -> Node | None:
        """Returns the node that makes the elements of a value, if it is one of these operators."""
        node = self.editor.producer(self.root(value))
        return node if _is(node, *kinds) else None

    def direct(self, value: Value, *kinds: str) -> Node | None:
        """Returns the node that makes a value as it is, if it is one of these operators."""
        node = self.editor.producer(value)
        return node if _is(node, *kinds) else None

    def orders(self, node: Node | None) -> Iterator[tuple[Value, Value]]:
        """Yields the operands of a sum or a product in both orders."""
        if node is not None:
            yield node.input(0), node.input(1)
            yield node.input(1), node.input(0)

    def normal(self, one: Value, other: Value) -> _Normal | None:
        """Returns what a sum of these two normalises."""
        return self.centred(one, other) if other.is_constant else self.spread(one, other)

    def centred(self, value: Value, bias: Value) -> _Normal | None:
        """`(x - mean) * s + bias`, where the scale may be a factor of its own."""
        for one, other in self.orders(self.direct(value, "Mul")):
            if other.is_constant:
                return self.unit(one, other, bias)
        return self.unit(value, None, bias)

    def unit(self, value: Value, scale: Value | None, bias: Value) -> _Normal | None:
        """`(x - mean) * s` or `(x - mean) / sqrt(variance + epsilon)`."""
        quotient = self.direct(value, "Div")
        if quotient is not None:
            return self.of_rest(quotient.input(0), self.deviation(quotient.input(1)), scale, bias)
        for one, other in self.orders(self.direct(value, "Mul")):
            inverse = self.inverse(other)
            if inverse is None or (scale is not None and inverse.scale is not None):
                continue
            found = self.of_rest(one, inverse, scale or inverse.scale, bias)
            if found is not None:
                return found
        return None

    def of_rest(self, rest: Value, inverse: _Inverse | None, scale: Value | None, bias: Value) -> _Normal | None:
        """Returns the rows whose distances from their mean are `rest`, if that variance is theirs."""
        node = self.direct(rest, "Sub")
        if inverse is None or node is None:
            return None
        return self.rows(node.input(0), node.input(1), node.input(1).shape, inverse, scale, bias)

    def spread(self, value: Value, rest: Value) -> _Normal | None:
        """`x * s` with `bias - mean * s` or `-mean * s + bias` beside it."""
        node, term = self.direct(value, "Mul"), self.direct(rest, "Add", "Sub")
        if node is None or term is None:
            return None
        is_sum = _is(term, "Add")
        # `mean * s - bias` is another number.
        terms = list(self.orders(term))[: 2 if is_sum else 1]
        for x, factor in self.orders(node):
            inverse = self.inverse(factor)
            for bias, product in terms:
                if inverse is None or not bias.is_constant:
                    continue
                for middle, other in self.orders(self.direct(product, "Mul")):
                    minus = self.maker(middle, "Neg") if is_sum else None
                    mean = minus.input(0) if minus is not None else None if is_sum else middle
                    if other is factor and mean is not None:
                        return self.rows(x, mean, middle.shape, inverse, inverse.scale, bias)
        return None

    def inverse(self, value: Value) -> _Inverse | None:
        """`1 / sqrt(variance + epsilon)`, or that times a constant."""
        for one, other in self.orders(self.direct(value, "Mul")):
            if other.is_constant:
                found = self.inverse(one)
                return None if found is None or found.scale is not None else replace(found, scale=other)
        inverse = self.maker(value, "Rsqrt")
        if inverse is not None:
            return self.raised(inverse.input(0), value.shape)
        inverse = self.maker(value, "Reciprocal", "Div")
        if inverse is None or (_is(inverse, "Div") and _number(inverse.input(0)) != 1.0):
            return None
        found = self.deviation(inverse.inputs[-1])
        return None if found is None else replace(found, shape=value.shape)

    def deviation(self, value: Value | None) -> _Inverse | None:
        """`sqrt(variance + epsilon)`."""
        node = None if value is None else self.maker(value, "Sqrt")
        return None if node is None or value is None else self.raised(node.input(0), value.shape)

    def raised(self, value: Value, shape: tuple[int, ...]) -> _Inverse | None:
        """`variance + epsilon`."""
        for one, other in self.orders(self.maker(value, "Add")):
            number = _number(other)
            if number is not None:
                return _Inverse(one, number, shape)
        return None

    def rows(
        self,
        x: Value,
        mean: Value,
        spread: tuple[int, ...],
        inverse: _Inverse,
        scale: Value | None,
        bias: Value,
    ) -> _Normal | None:
        """Returns the rows of `x` whose mean, which is broadcast from the shape `spread`, and variance these are."""
        rank = len(x.shape)
        shape = _aligned(spread, rank)
        axis = next((k for k in range(rank) if shape == x.shape[:k] + (1,) * (rank - k)), None)
        if axis is None or _aligned(inverse.shape, rank) != shape:
            return None
        count = math.prod(x.shape[axis:])
        source, squares = self.mean_source(mean, count), self.mean_source(inverse.variance, count)
        if count == 1 or source is None or squares is None or self.root(source) is not self.root(x):
            return None
        if not self.is_square(squares, x, (self.root(mean), shape)):
            return None
        return _Normal(x, axis, inverse.epsilon, scale, bias)

    def mean_source(self, value: Value, count: int) -> Value | None:
        """Returns what a value is the mean of, over each `count` elements that follow one another."""
        node = self.editor.producer(self.root(value))
        if node is None or not isinstance(node.op, Fold) or node.op.kind != "Mean":
            return None
        shape = node.input(0).shape
        reduced = [k for k in node.op.axes if shape[k] != 1]
        kept = [k for k in range(len(shape)) if k not in node.op.axes and shape[k] != 1]
        together = not reduced or not kept or min(reduced) > max(kept)
        return node.input(0) if together and math.prod(shape[k] for k in reduced) == count else None

    def is_square(self, squares: Value, x: Value, mean: tuple[Value, tuple[int, ...]]) -> bool:
        """Whether a value is `(x - mean)^2`."""
        node = self.maker(squares, "SquaredDifference", "Square", "Mul", "Pow")
        if node is None:
            return False
        if _is(node, "SquaredDifference"):
            return any(self.is_rest(pair, x, mean) for pair in self.orders(node))
        if _is(node, "Pow") and _number(node.input(1)) != 2.0:
            return False
        factors = [node.input(0), node.input(1)] if _is(node, "Mul") else [node.input(0)]
        makers = [self.direct(factor, "Sub") for factor in factors]
        return all(m is not None and self.is_rest((m.input(0), m.input(1)), x, mean) for m in makers)

    def is_rest(self, pair: tuple[Value, Value], x: Value, mean: tuple[Value, tuple[int, ...]]) -> bool:
        """Whether two operands are the rows and their mean, which is broadcast from a shape."""
        (rows, middle), (root, shape) = pair, mean
        alike = rows.shape == x.shape and _aligned(middle.shape, len(x.shape)) == shape
        return alike and self.root(rows) is self.root(x) and self.root(middle) is root
