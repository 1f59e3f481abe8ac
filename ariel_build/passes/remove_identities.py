"""f(x) -> x, where f does nothing: Reshape to the same shape, Pad by 0, Clip to infinity, x * 1, x + 0, .."""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np

from ariel_build.ir import DType, Graph, Node, Value
from ariel_build.ops import Operator
from ariel_build.ops.binary import Add, Div, Mul, Pow, Sub
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.cast import Cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.concat import Concat
from ariel_build.ops.copy import Copy
from ariel_build.ops.fixed_point import UNBOUNDED, stored_bounds
from ariel_build.ops.gather import GatherConstant
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d
from ariel_build.ops.reduce import Reduce
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.transpose import Transpose
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor
from ariel_build.passes.permutation import is_identity

__all__ = ["remove_identities"]


def remove_identities(graph: Graph, log: PassLog) -> bool:
    """Lets the readers of a node that does nothing read its input."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        assert isinstance(node.op, Operator)  # noqa: S101 - the graph's nodes hold our operators only
        x = passed_on(node.op, node)
        if x is None:
            continue
        y = node.output
        if x.type.quant != y.type.quant or x.type.dtype is not y.type.dtype:
            log.refused(node, f"it does nothing, but input and output have different types: {x.type}, {y.type}")
        elif x.shape != y.shape:
            log.rewrote(node, f"{node.op.name} changes nothing but the shape")
            editor.substitute(node, Reshape(y.shape), [x])
        elif editor.replace(y, x):
            log.rewrote(node, f"{node.op.name} does nothing")
            editor.remove(node)
        else:
            log.refused(node, "its result is an output of the model, its input another one or an input")
    return editor.finish()


@singledispatch
def passed_on(op: Operator, node: Node) -> Value | None:
    """Returns the input whose elements are the output's, in the same order; None where the operator does something."""
    del op, node
    return None


@passed_on.register
def _copy(op: Copy, node: Node) -> Value | None:
    del op
    return node.input(0)


@passed_on.register
def _reshape(op: Reshape, node: Node) -> Value | None:
    return node.input(0) if op.shape == node.input(0).shape else None


@passed_on.register
def _transpose(op: Transpose, node: Node) -> Value | None:
    return node.input(0) if is_identity(op.perm) else None


@passed_on.register
def _pad(op: Pad, node: Node) -> Value | None:
    return node.input(0) if all(p == (0, 0) for p in op.pads) else None


@passed_on.register
def _slice(op: Slice, node: Node) -> Value | None:
    return node.input(0) if op.shape == node.input(0).shape and all(s == 1 for s in op.steps) else None


@passed_on.register
def _tile(op: Tile, node: Node) -> Value | None:
    return node.input(0) if all(r == 1 for r in op.repeats) else None


@passed_on.register
def _concat(op: Concat, node: Node) -> Value | None:
    del op
    return node.input(0) if len(node.inputs) == 1 else None


@passed_on.register
def _gather(op: GatherConstant, node: Node) -> Value | None:
    return node.input(0) if op.indices == tuple(range(node.input(0).shape[op.axis])) else None


@passed_on.register
def _cast(op: Cast, node: Node) -> Value | None:
    return node.input(0) if node.input(0).type.dtype is op.dtype else None


@passed_on.register
def _clip(op: Clip, node: Node) -> Value | None:
    return node.input(0) if _clips_nothing(op.clip, op, node) else None


def _clips_nothing(clip: tuple[float, float], op: Clip | Pool2d, node: Node) -> bool:
    """Whether the bounds are infinite, or those of the stored type."""
    type_ = node.output.type
    if clip == UNBOUNDED:
        return True
    if type_.quant is None or not type_.quant.per_tensor or type_.dtype is DType.F32:
        return False
    return stored_bounds(clip, type_.quant, type_.dtype, op.rounding) == type_.dtype.range


@passed_on.register
def _pool(op: Pool2d, node: Node) -> Value | None:
    window = op.window
    plain = window.is_pointwise and window.strides == (1, 1)
    return node.input(0) if plain and _clips_nothing(op.clip, op, node) else None


@passed_on.register
def _reduce(op: Reduce, node: Node) -> Value | None:
    return node.input(0) if all(node.input(0).shape[a] == 1 for a in op.axes) else None


#: The right operand with which an operator does nothing; for Add and Mul the left one as well.
_NEUTRAL: dict[type[Operator], float] = {Add: 0.0, Sub: 0.0, Mul: 1.0, Div: 1.0, Pow: 1.0}


def _binary(op: Add | Sub | Mul | Div | Pow, node: Node) -> Value | None:
    left, right = node.input(0), node.input(1)
    if node.output.type.quant is not None or op.clip != (-math.inf, math.inf):
        return None
    for x, other in ((left, right), (right, left)):
        swapped = x is right
        if swapped and not isinstance(op, Add | Mul):
            continue
        if other.data is not None and x.shape == node.output.shape and bool(np.all(other.data == _NEUTRAL[type(op)])):
            return x
    return None


for _kind in _NEUTRAL:
    passed_on.register(_kind, _binary)
