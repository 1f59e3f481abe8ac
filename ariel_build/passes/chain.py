"""Looking up a chain of nodes: from a value to the operator whose elements it holds, over nodes that only move them."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array, Node, Value
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.transpose import Transpose
from ariel_build.passes.editor import Editor

__all__ = ["made_by", "per_channel"]


def made_by(editor: Editor, value: Value, *, same_channels: bool = False) -> Node | str:
    """Returns the node that computes the elements of `value`, if nobody reads them but through `value`; or why not.

    Transposes and reshapes are passed over; with `same_channels` only reshapes that leave the last axis alone.
    """
    while True:
        node = editor.producer(value)
        if node is None:
            return "it is computed by no operator"
        if len(editor.readers(value)) > 1 or editor.graph.is_kept(value):
            return "its operand is read elsewhere, too"
        passed = isinstance(node.op, Reshape if same_channels else Reshape | Transpose)
        if not passed or (same_channels and _last(node.input(0)) != _last(node.output)):
            return node
        value = node.input(0)


def _last(value: Value) -> int:
    return value.shape[-1] if value.shape else 1


def per_channel(constant: Value, shape: tuple[int, ...]) -> Array | None:
    """Returns the constant as one number per channel (the last axis of `shape`), or None where it is none such."""
    if constant.data is None or not shape or len(constant.shape) > len(shape):
        return None
    if any(n != 1 for n in constant.shape[:-1]) or constant.type.elements not in (1, shape[-1]):
        return None
    return np.ascontiguousarray(np.broadcast_to(constant.data.reshape(-1), shape[-1:]))
