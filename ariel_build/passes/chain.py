"""Looking up a chain of nodes: from a value to the operator whose elements it holds, over nodes that only move them."""

from __future__ import annotations

import math

import numpy as np

from ariel_build.ir import Array, Node, Value
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.transpose import Transpose
from ariel_build.passes.editor import Editor

__all__ = ["made_by", "per_channel"]


def made_by(editor: Editor, value: Value, *, reshaped: bool = False) -> Node | str:
    """Returns the node that computes the elements of `value`, if nobody reads them but through `value`; or why not.

    Transposes and reshapes are passed over; with `reshaped` only reshapes, so that the order of elements is the node's.
    """
    while True:
        node = editor.producer(value)
        if node is None:
            return "it is computed by no operator"
        if len(editor.readers(value)) > 1 or editor.graph.is_kept(value):
            return "its operand is read elsewhere, too"
        if not isinstance(node.op, Reshape if reshaped else Reshape | Transpose):
            return node
        value = node.input(0)


def per_channel(constant: Value, shape: tuple[int, ...], channels: int) -> Array | None:
    """Returns the constant as one number per channel, or None where it is none such.

    The channels are the last axis of `shape`, or all of the last axes together that have so many elements.
    """
    axis = next((k for k in reversed(range(len(shape))) if math.prod(shape[k:]) == channels), None)
    if constant.data is None or axis is None or len(constant.shape) > len(shape):
        return None
    aligned = (1,) * (len(shape) - len(constant.shape)) + constant.shape
    if any(n != 1 for n in aligned[:axis]):
        return None
    return np.broadcast_to(constant.data.reshape(aligned[axis:]), shape[axis:]).reshape(-1).copy()
