"""uint8 with zero point z -> int8 with zero point z - 128: every kernel knows one type of one byte only.

What users see keeps its type: an input or output of uint8 is flipped (its top bit inverted) at the border.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Graph, Node, TensorType, Value
from ariel_build.ops import Operator
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.quantize import Quantize, is_flip
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor, operator

__all__ = ["normalize_unsigned", "signed"]


def normalize_unsigned(graph: Graph, log: PassLog) -> bool:
    """Makes quantised uint8 tensors int8, where those who make and read them see only what they stand for."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        for value in node.inputs:
            if value is not None and value.stored is not None and is_unsigned(value.stored):
                value.stored = signed(value.stored)
                editor.changed = True
        if not any(v is not None and is_unsigned(v) for v in [*node.inputs, *node.outputs]):
            continue
        op = on_signed(node)
        if isinstance(op, str):
            log.refused(node, op)
        elif not _is_border(node) and _is_computed_with(editor, node):
            log.rewrote(node, f"{node.op.name} on int8 instead of uint8")
            _normalize(editor, node, op)
    return editor.finish()


def is_unsigned(value: Value) -> bool:
    """Whether a value holds quantised numbers as uint8."""
    return value.type.dtype is DType.U8 and value.type.quant is not None


def on_signed(node: Node) -> Operator | str:
    """Returns the operator on int8 instead of uint8, or why it keeps its uint8."""
    op = operator(node).on_signed()
    if isinstance(op, str):
        return op
    if any(v is not None and v.type.dtype is DType.U8 and v.type.quant is None for v in [*node.inputs, *node.outputs]):
        return "an operand is uint8 without a scale"
    return op


def _is_border(node: Node) -> bool:
    """Whether a node does nothing but flip uint8 to int8 or back."""
    return isinstance(node.op, Quantize) and is_flip(node.input(0).type, node.output.type)


def _is_computed_with(editor: Editor, node: Node) -> bool:
    """Whether anything but the outside uses a result; what is moved on its way out may as well be uint8."""
    if not operator(node).traits.moves:
        return True
    return any(_is_computed_with(editor, reader) for v in node.outputs for reader in editor.readers(v))


def signed(value: Value) -> Value:
    """Returns a uint8 value as a new one of int8; constants are shifted."""
    data = None if value.data is None else (value.data.astype(np.int16) - 128).astype(np.int8)
    return Value(signed_type(value.type), value.name, data, value.origin)


def signed_type(type_: TensorType) -> TensorType:
    """Returns the int8 type of the same real numbers."""
    assert type_.quant is not None  # noqa: S101 - is_unsigned has looked
    return TensorType(DType.I8, type_.shape, type_.quant.shifted(-128))


def _normalize(editor: Editor, node: Node, op: Operator) -> None:
    """Replaces a node by one on int8, with flips around it; those between two such nodes cancel later on."""
    inputs: list[Value | None] = []
    for v in node.inputs:
        if v is None or not is_unsigned(v):
            inputs.append(v)
        elif v.is_constant:
            inputs.append(signed(v))
        else:
            flip = Node(Quantize(DType.I8, Rounding.NEAREST_EVEN), [v], [signed(v)], node.origin)
            inputs.append(editor.add(flip, node).output)
    outputs, flips = list(node.outputs), []
    for k, v in enumerate(node.outputs):
        if is_unsigned(v):
            outputs[k] = signed(v)
            flips.append(Node(Quantize(DType.U8, Rounding.NEAREST_EVEN), [outputs[k]], [v], node.origin))
    editor.add(Node(op, inputs, outputs, node.origin), node)
    for flip in flips:
        editor.add(flip, node)
    editor.remove(node)
