"""How each operator computes the same on tensors with permuted axes: Transpose . op = op' . Transpose.

`moved(node, value, perm)` says what becomes of a node when one of its values is to have permuted axes: how all its
other values must be permuted then, and the operator that computes them; None where there is no such operator. An
operator that no rule knows keeps its axes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch

from ariel_build.ir import Node, Value
from ariel_build.ops import Operator
from ariel_build.ops.binary import Binary
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.cast import Cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.concat import Concat
from ariel_build.ops.copy import Copy
from ariel_build.ops.dynamic_quantize import is_hybrid
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.gather import GatherConstant
from ariel_build.ops.pad import Pad
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.reduce import Reduce
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.softmax import LogSoftmax, Softmax
from ariel_build.ops.table import Table
from ariel_build.ops.unary import Unary
from ariel_build.passes.permutation import Perm, through_reshape

__all__ = ["Moved", "moved"]


@dataclass(frozen=True)
class Moved:
    """The permutation of each input (None: it stays as it is) and output of a node, and its operator then."""

    op: Operator
    inputs: tuple[Perm | None, ...]
    outputs: tuple[Perm, ...]


@dataclass(frozen=True)
class Wish:
    """A node, and the permutation that its inputs, or with `at_output` its output, shall have."""

    node: Node
    perm: Perm
    at_output: bool

    def alike(self, op: Operator) -> Moved | None:
        """Permutes all operands and results, which have one rank, alike; operands of one element stay."""
        rank = len(self.node.output.shape)
        if len(self.perm) != rank:
            return None
        inputs: list[Perm | None] = []
        for v in self.node.inputs:
            if v is None or (v.type.elements == 1 and len(v.shape) <= rank):
                inputs.append(None)
            elif len(v.shape) == rank or v.is_constant:
                # A constant of lower rank gets axes of 1 in front.
                inputs.append(self.perm)
            else:
                return None
        return Moved(op, tuple(inputs), (self.perm,) * len(self.node.outputs))


def moved(node: Node, value: Value, perm: Perm) -> Moved | None:
    """Returns the node under permuted axes, so that `value`, one of its inputs or outputs, is permuted by `perm`."""
    assert isinstance(node.op, Operator)  # noqa: S101 - the graph's nodes hold our operators only
    result = _moved(node.op, Wish(node, perm, any(value is v for v in node.outputs)))
    if result is None:
        return None
    # A value may stand in several places, and must be permuted alike in all of them.
    places = [*zip(node.inputs, result.inputs, strict=True), *zip(node.outputs, result.outputs, strict=True)]
    return result if all(own == perm for v, own in places if v is value) else None


@singledispatch
def _moved(op: Operator, wish: Wish) -> Moved | None:
    """Returns None: an operator without a rule."""
    del op, wish
    return None


def _elementwise(op: Operator, wish: Wish) -> Moved | None:
    return wish.alike(op)


for _kind in (Binary, Cast, Clip, Copy, Dequantize, Quantize, Table, Unary):
    _moved.register(_kind)(_elementwise)


@_moved.register
def _lines(op: Softmax | LogSoftmax, wish: Wish) -> Moved | None:
    # A softmax over several axes needs them side by side, at the end.
    return None if op.flat else wish.alike(replace(op, axis=wish.perm.index(op.axis % len(wish.perm))))


@_moved.register
def _pad(op: Pad, wish: Wish) -> Moved | None:
    return wish.alike(replace(op, pads=tuple(op.pads[p] for p in wish.perm)))


@_moved.register
def _slice(op: Slice, wish: Wish) -> Moved | None:
    begin, shape, steps = (tuple(part[p] for p in wish.perm) for part in (op.begin, op.shape, op.steps))
    return wish.alike(Slice(begin, shape, steps))


@_moved.register
def _tile(op: Tile, wish: Wish) -> Moved | None:
    return wish.alike(Tile(tuple(op.repeats[p] for p in wish.perm)))


@_moved.register
def _gather(op: GatherConstant, wish: Wish) -> Moved | None:
    return wish.alike(replace(op, axis=wish.perm.index(op.axis)))


@_moved.register
def _concat(op: Concat, wish: Wish) -> Moved | None:
    inputs = tuple(None if v is None else wish.perm for v in wish.node.inputs)
    return Moved(Concat(wish.perm.index(op.axis)), inputs, (wish.perm,))


@_moved.register
def _reshape(op: Reshape, wish: Wish) -> Moved | None:
    old, new = wish.node.input(0).shape, op.shape
    before = through_reshape(new, old, wish.perm) if wish.at_output else wish.perm
    after = wish.perm if wish.at_output else through_reshape(old, new, wish.perm)
    if before is None or after is None:
        return None
    return Moved(Reshape(tuple(new[p] for p in after)), (before,), (after,))


@_moved.register
def _reduce(op: Reduce, wish: Wish) -> Moved | None:
    rank = len(wish.node.input(0).shape)
    kept = [k for k in range(rank) if k not in op.axes]
    before: Perm = wish.perm
    after: Perm = wish.perm
    if not op.keep_dims and wish.at_output:
        # The reduced axes stay where they are.
        slots = iter([kept[p] for p in after])
        before = tuple(next(slots) if k in kept else k for k in range(rank))
    elif not op.keep_dims:
        after = tuple(kept.index(p) for p in before if p in kept)
    axes = tuple(sorted(before.index(a) for a in op.axes))
    return Moved(replace(op, axes=axes), (before,), (after,))


@_moved.register
def _fully_connected(op: FullyConnected, wish: Wish) -> Moved | None:
    # The rows may change places; what is summed over, and the results, stay last.
    if not op.keep_dims or wish.perm[-1] != len(wish.perm) - 1 or is_hybrid(wish.node.inputs):
        return None
    return Moved(op, (wish.perm, *(None for _ in wish.node.inputs[1:])), (wish.perm,))
