"""move(Dequantize(x)) -> Dequantize(move(x)), Quantize(move(x)) -> move(Quantize(x)): what moves floats moves integers.

So nothing stands between Dequantize, the operator that it feeds, and Quantize; and what is moved is a quarter as large.
"""

from __future__ import annotations

from collections.abc import Sequence

from ariel_build.ir import DType, Graph, Node, Quant, TensorType, Value
from ariel_build.ops import Operator
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.traits import clamps
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor, operator

__all__ = ["move_quantize"]


def move_quantize(graph: Graph, log: PassLog) -> bool:
    """Pushes Dequantize down, and pulls Quantize up, through nodes that move elements or choose among them."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        if isinstance(node.op, Quantize) and node.input(0).type.dtype is DType.F32:
            _pull(editor, node, node.op)
        elif moves(operator(node)) and node.output.type.dtype is DType.F32:
            _push(editor, node, operator(node))
    return editor.finish()


def moves(op: Operator) -> bool:
    """Whether every element of the output is one of the inputs', and the same one after any monotone function."""
    if clamps(op) and op.clip != UNBOUNDED:
        return False
    return op.traits.moves or op.chooses


def is_moved(value: Value | None) -> bool:
    """Whether an operand of a node that moves floats is what it moves: others tell where."""
    return value is not None and value.type.dtype is DType.F32


def _push(editor: Editor, node: Node, op: Operator) -> None:
    """move(Dequantize(x)) -> Dequantize(move(x))."""
    real = [v for v in node.inputs if v is not None and is_moved(v)]
    sources = [editor.producer(v) for v in real]
    if not sources or any(s is None or not isinstance(s.op, Dequantize) for s in sources):
        return
    stored = [s.input(0) for s in sources if s is not None]
    quant, dtype = stored[0].type.quant, stored[0].type.dtype
    if quant is None or not quant.per_tensor or any(v.type.quant != quant or v.type.dtype is not dtype for v in stored):
        editor.log.refused(node, "its operands are not quantised alike")
        return
    movement, inexact = op.on_stored(quant, dtype, Rounding.NEAREST_EVEN)
    if inexact:
        editor.log.refused(node, f"{inexact} is no number that {stored[0].type} holds")
        return
    editor.log.rewrote(node, f"{op.name} moves {dtype.value}")
    given = iter(stored)
    inputs = [next(given) if is_moved(v) else v for v in node.inputs]
    moved = _emit(editor, movement, inputs, node, node.output.type.shape, dtype, quant)
    editor.substitute(node, Dequantize(), [moved])


def _pull(editor: Editor, node: Node, quantizer: Quantize) -> None:
    """Quantize(move(x)) -> move(Quantize(x))."""
    movement, quant = editor.producer(node.input(0)), node.output.type.quant
    if movement is None or not moves(operator(movement)) or quant is None or not quant.per_tensor:
        return
    if editor.sole_reader(node.input(0)) is not node:
        editor.log.refused(node, f"the result of {movement.op.name} is read as float32, too")
        return
    dtype = quantizer.dtype
    stored = [
        v if v is None or not is_moved(v) else _emit(editor, quantizer, [v], node, v.shape, dtype, quant)
        for v in movement.inputs
    ]
    op, _ = operator(movement).on_stored(quant, dtype, quantizer.rounding)
    editor.log.rewrote(node, f"{op.name} moves {dtype.value}")
    editor.substitute(node, op, stored)


def _emit(
    editor: Editor,
    op: Operator,
    inputs: Sequence[Value | None],
    before: Node,
    shape: tuple[int, ...],
    dtype: DType,
    quant: Quant,
) -> Value:
    output = Value(TensorType(dtype, shape, quant), before.output.name, origin=before.origin)
    editor.add(Node(op, list(inputs), [output], before.origin), before)
    return output
