"""f(constants) -> constant: what is known at build time is computed at build time, but for loops, which take long."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Graph, Node, Value
from ariel_build.ops import UnsupportedReason
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import operator

__all__ = ["fold_constants"]

#: A result may have this many bytes, or `MOST_GROWTH` times those of the operands: flash is scarcer than cycles.
MOST_BYTES = 4096
MOST_GROWTH = 2


def fold_constants(graph: Graph, log: PassLog) -> bool:
    """Computes every node whose inputs are all constants; their readers follow in the same walk."""
    kept = []
    for node in graph.nodes:
        if node.bodies or not node.inputs or not all(v is None or v.is_constant for v in node.inputs):
            kept.append(node)
            continue
        reason = refusal(node) or fold(node)
        if reason:
            log.refused(node, reason)
            kept.append(node)
            continue
        log.rewrote(node, f"computed {node.op.name} of constants")
    changed = len(kept) != len(graph.nodes)
    graph.nodes = kept
    return changed


def refusal(node: Node) -> str:
    """Returns why a node of constants stays, or an empty string."""
    size = sum(v.type.bytes for v in node.outputs)
    source = sum(v.type.bytes for v in node.inputs if v is not None)
    if size > max(MOST_BYTES, MOST_GROWTH * source):
        return f"the result has {size:,} bytes, its operands {source:,}"
    return ""


def fold(node: Node) -> str:
    """Makes the outputs of a node of constants constants; returns why it cannot, or an empty string.

    A quantised twin is moved along with its float.
    """
    try:
        with np.errstate(all="ignore"):
            results = operator(node).reference([None if v is None else v.data for v in node.inputs], node)
    except UnsupportedReason as reason:
        return str(reason)
    for value, result in zip(node.outputs, results, strict=True):
        value.data = np.ascontiguousarray(result, value.type.dtype.numpy).reshape(value.shape)
    node.output.stored = twin(node)
    return ""


def twin(node: Node) -> Value | None:
    """Returns the quantised twin of the output of a node that only moves elements."""
    x = node.inputs[0]
    if x is None or x.stored is None:
        return None
    return operator(node).twin(x)
