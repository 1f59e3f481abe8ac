"""move(Dequantize(x)) -> Dequantize(move(x)), Quantize(move(x)) -> move(Quantize(x)): what moves floats moves integers.

So nothing stands between Dequantize, the operator that it feeds, and Quantize; and what is moved is a quarter as large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, DType, Graph, Node, Quant, TensorType, Value
from ariel_build.ops import Operator
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.concat import Concat
from ariel_build.ops.copy import Copy
from ariel_build.ops.elementwise import dequantize, quantize
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.gather import GatherConstant
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.reduce import Reduce, Reduction
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.transpose import Transpose
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor

__all__ = ["move_quantize"]

_MOVEMENT = (Concat, Copy, GatherConstant, Pad, Reshape, Slice, Tile, Transpose)


def move_quantize(graph: Graph, log: PassLog) -> bool:
    """Pushes Dequantize down, and pulls Quantize up, through nodes that move elements or choose among them."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        if isinstance(node.op, Quantize) and node.input(0).type.dtype is DType.F32:
            _pull(editor, node, node.op)
        elif moves(node) and node.output.type.dtype is DType.F32:
            _push(editor, node)
    return editor.finish()


def moves(node: Node | None) -> bool:
    """Whether every element of the output is one of the inputs', and the same one after any monotone function."""
    if node is None:
        return False
    op = node.op
    if isinstance(op, Pool2d):
        return op.kind is PoolKind.MAX and op.clip == UNBOUNDED
    if isinstance(op, Reduce):
        return op.kind in (Reduction.MAX, Reduction.MIN)
    return isinstance(op, _MOVEMENT)


def _push(editor: Editor, node: Node) -> None:
    """move(Dequantize(x)) -> Dequantize(move(x))."""
    sources = [editor.producer(v) for v in node.inputs if v is not None]
    if not sources or any(s is None or not isinstance(s.op, Dequantize) for s in sources):
        return
    stored = [s.input(0) for s in sources if s is not None]
    quant, dtype = stored[0].type.quant, stored[0].type.dtype
    if quant is None or not quant.per_tensor or any(v.type.quant != quant or v.type.dtype is not dtype for v in stored):
        editor.log.refused(node, "its operands are not quantised alike")
        return
    op = node.op
    if isinstance(op, Pad):
        border = stored_number(op.value, quant, dtype, Rounding.NEAREST_EVEN)
        if float(dequantize(np.array(border), quant)) != op.value:
            editor.log.refused(node, f"the border {op.value:g} is no number that {stored[0].type} holds")
            return
        op = replace(op, value=float(border))
    editor.log.rewrote(node, f"{op.name} moves {dtype.value}")
    moved = _emit(editor, op, stored, node, node.output.type.shape, dtype, quant)
    editor.substitute(node, Dequantize(), [moved])


def _pull(editor: Editor, node: Node, quantizer: Quantize) -> None:
    """Quantize(move(x)) -> move(Quantize(x))."""
    movement, quant = editor.producer(node.input(0)), node.output.type.quant
    if movement is None or not moves(movement) or quant is None or not quant.per_tensor:
        return
    if editor.sole_reader(node.input(0)) is not node:
        editor.log.refused(node, f"the result of {movement.op.name} is read as float32, too")
        return
    dtype = quantizer.dtype
    inputs = [v for v in movement.inputs if v is not None]
    stored = [_emit(editor, quantizer, [v], node, v.shape, dtype, quant) for v in inputs]
    op = movement.op
    if isinstance(op, Pad):
        op = replace(op, value=float(stored_number(op.value, quant, dtype, quantizer.rounding)))
    editor.log.rewrote(node, f"{op.name} moves {dtype.value}")
    assert isinstance(op, Operator)  # noqa: S101 - the graph's nodes hold our operators only
    editor.substitute(node, op, stored)


def _emit(
    editor: Editor,
    op: object,
    inputs: Sequence[Value],
    before: Node,
    shape: tuple[int, ...],
    dtype: DType,
    quant: Quant,
) -> Value:
    assert isinstance(op, Operator)  # noqa: S101 - the graph's nodes hold our operators only
    output = Value(TensorType(dtype, shape, quant), before.output.name, origin=before.origin)
    editor.add(Node(op, list(inputs), [output], before.origin), before)
    return output


def stored_number(real: float, quant: Quant, dtype: DType, rounding: Rounding) -> Array:
    """Returns a real number as it is stored."""
    return quantize(np.array(real, np.float32), quant, dtype, rounding)
