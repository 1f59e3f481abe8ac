"""g * (W . x + b) + h -> W' . x + b' with W' = g W, b' = g b + h: a layer swallows what scales or shifts its channels.

So BatchNormalization, which comes as Mul and Add, is gone, and a bias that comes as Add is the layer's own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ariel_build.ir import DType, Graph, Node, TensorType, Value
from ariel_build.ops.fixed_point import UNBOUNDED
from ariel_build.ops.map2 import Map2
from ariel_build.ops.traits import Clamping, clamps
from ariel_build.passes.base import PassLog
from ariel_build.passes.chain import made_by, per_channel
from ariel_build.passes.editor import Editor, operator
from ariel_build.records import dataclass

__all__ = ["fold_batch_norm"]

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """y = factor * x + shift, per channel; None stands for 1 and for 0."""

    factor: F64 | None = None
    shift: F64 | None = None


def fold_batch_norm(graph: Graph, log: PassLog) -> bool:
    """Folds Mul, Div, Add and Sub of constants per channel into the float layer in front of them."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        if not isinstance(node.op, Map2) or node.op.row.affine is None or node.output.type.dtype is not DType.F32:
            continue
        operands = [v for v in (node.input(0), node.input(1)) if not v.is_constant]
        if len(operands) != 1:
            continue
        layer = made_by(editor, operands[0], reshaped=True)
        if isinstance(layer, str) or not clamps(layer.op) or operator(layer).traits.channels is None:
            continue
        affine = affine_of(node, node.op, layer.output.shape[-1])
        reason = affine if isinstance(affine, str) else refusal(editor, layer, layer.op, affine)
        if not reason and not editor.replace(node.output, operands[0]):
            reason = "its result and its operand are both outputs of the model"
        if reason or isinstance(affine, str):
            log.refused(node, reason or str(affine))
            continue
        log.rewrote(node, f"folded into the weights of {layer.origin}")
        editor.remove(node)
        fold(editor, layer, layer.op, affine, node.op)
    return editor.finish()


def affine_of(node: Node, op: Map2, channels: int) -> Affine | str:
    """Returns what a node does to each channel, or why it does not treat all elements of a channel alike.

    The channels may be several of the node's last axes, such as the heads of a transformer.
    """
    left, right = node.input(0), node.input(1)
    x, constant = (right, left) if left.is_constant else (left, right)
    if x.shape != node.output.shape:
        return "the constant enlarges the tensor"
    numbers = per_channel(constant, x.shape, channels)
    if numbers is None:
        return f"the constant {list(constant.shape)} is not one number per channel of {list(x.shape)}"
    does = None if op.row.affine is None else op.row.affine(numbers.astype(np.float64), x is left)
    return "the constant is divided by the tensor, or is 0" if does is None else Affine(*does)


def refusal(editor: Editor, layer: Node, op: Clamping, affine: Affine) -> str:
    """Returns why a layer does not swallow what follows it, or an empty string."""
    filter_, bias = layer.input(1), layer.inputs[2] if len(layer.inputs) > 2 else None
    if op.clip != UNBOUNDED:
        return "the layer has an activation"
    if not filter_.is_constant or (bias is not None and not bias.is_constant):
        return "the layer's weights are computed at run time"
    if affine.factor is None:
        return ""
    if filter_.type.dtype is not DType.F32 or filter_.stored is not None:
        return "the layer's weights are quantised"
    if len(editor.readers(filter_)) > 1:
        return "other layers share the weights"
    return ""


def fold(editor: Editor, layer: Node, op: Clamping, affine: Affine, last: Map2) -> None:
    """Gives the layer scaled weights, a new bias, and the activation of what it swallows."""
    filter_ = layer.input(1)
    channels = layer.output.shape[-1]
    bias = layer.inputs[2] if len(layer.inputs) > 2 else None
    shift = np.zeros(channels) if bias is None or bias.data is None else bias.data.astype(np.float64)
    if affine.factor is not None and filter_.data is not None:
        along = np.ones(len(filter_.shape), np.int64)
        along[operator(layer).traits.channels] = -1
        filter_ = constant(filter_.data.astype(np.float64) * affine.factor.reshape(along), filter_)
        shift = shift * affine.factor
    if affine.shift is not None:
        shift = shift + affine.shift
    new = constant(shift, bias or Value(TensorType(DType.F32, (channels,)), origin=layer.origin))
    editor.substitute(layer, replace(op, clip=last.clip), [layer.input(0), filter_, new, *layer.inputs[3:]])


def constant(data: F64, like: Value) -> Value:
    """Returns float32 elements as a constant of the name and origin of another one."""
    return Value(TensorType(DType.F32, data.shape), like.name, data.astype(np.float32), like.origin)
