"""uint8 with zero point z -> int8 with zero point z - 128: every kernel knows one type of one byte only.

What users see keeps its type: an input or output of uint8 is flipped (its top bit inverted) at the border.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ariel_build.ir import DType, Graph, Node, TensorType, Value
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.binary import Binary
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.clip import Clip
from ariel_build.ops.concat import Concat
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.copy import Copy
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.gather import GatherConstant
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.quantize import Dequantize, Quantize, is_flip
from ariel_build.ops.reduce import Reduce
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.softmax import LogSoftmax, Softmax
from ariel_build.ops.transpose import Transpose
from ariel_build.ops.unary import Unary
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor

__all__ = ["normalize_unsigned", "signed"]

#: Operators that see stored integers only through scale and zero point, and those that only move them.
_MEANS_REAL = (
    *(BatchMatMul, Binary, Clip, Conv2d, DepthwiseConv2d, Dequantize, FullyConnected, LogSoftmax, Pool2d, Quantize),
    *(Reduce, Softmax, Unary),
)
_MOVEMENT = (Concat, Copy, GatherConstant, Pad, Reshape, Slice, Tile, Transpose)


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
        reason = refusal(node)
        if reason:
            log.refused(node, reason)
        elif not _is_border(node) and _is_computed_with(editor, node):
            log.rewrote(node, f"{node.op.name} on int8 instead of uint8")
            _normalize(editor, node)
    return editor.finish()


def is_unsigned(value: Value) -> bool:
    """Whether a value holds quantised numbers as uint8."""
    return value.type.dtype is DType.U8 and value.type.quant is not None


def refusal(node: Node) -> str:
    """Returns why an operator keeps its uint8, or an empty string."""
    op = node.op
    if not isinstance(op, _MEANS_REAL + _MOVEMENT):
        return f"{op.name} sees the stored integers themselves"
    if any(v is not None and v.type.dtype is DType.U8 and v.type.quant is None for v in [*node.inputs, *node.outputs]):
        return "an operand is uint8 without a scale"
    if isinstance(op, Pool2d) and op.kind is PoolKind.AVERAGE and op.rounding is Rounding.DOUBLE:
        return "TFLite's average rounds stored integers away from 0"
    return ""


def _is_border(node: Node) -> bool:
    """Whether a node does nothing but flip uint8 to int8 or back."""
    return isinstance(node.op, Quantize) and is_flip(node.input(0).type, node.output.type)


def _is_computed_with(editor: Editor, node: Node) -> bool:
    """Whether anything but the outside uses a result; what is moved on its way out may as well be uint8."""
    if not isinstance(node.op, _MOVEMENT):
        return True
    return any(_is_computed_with(editor, reader) for v in node.outputs for reader in editor.readers(v))


def signed(value: Value) -> Value:
    """Returns a uint8 value as a new one of int8; constants are shifted."""
    data = None if value.data is None else (value.data.astype(np.int16) - 128).astype(np.int8)
    return Value(signed_type(value.type), value.name, data, value.origin)


def signed_type(type_: TensorType) -> TensorType:
    """Returns the int8 type of the same real numbers."""
    assert type_.quant is not None  # noqa: S101 - is_unsigned has looked
    quant = replace(type_.quant, zero_points=tuple(z - 128 for z in type_.quant.zero_points))
    return TensorType(DType.I8, type_.shape, quant)


def _normalize(editor: Editor, node: Node) -> None:
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
    op, outputs, flips = node.op, list(node.outputs), []
    for k, v in enumerate(node.outputs):
        if is_unsigned(v):
            outputs[k] = signed(v)
            flips.append(Node(Quantize(DType.U8, Rounding.NEAREST_EVEN), [outputs[k]], [v], node.origin))
    if isinstance(op, Quantize) and op.dtype is DType.U8:
        op = replace(op, dtype=DType.I8)
    if isinstance(op, Pad) and is_unsigned(node.output):
        op = replace(op, value=op.value - 128)
    editor.add(Node(op, inputs, outputs, node.origin), node)
    for flip in flips:
        editor.add(flip, node)
    editor.remove(node)
