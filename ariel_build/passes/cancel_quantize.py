"""Quantize(Dequantize(x)) -> x, flip(flip(x)) -> x: what is stored again as it was stored has not changed.

Exact: `rne(f32(s * (x - z)) / s)` is x - z for all integers of 16 bits. Dequantize(Quantize(x)) is not: it rounds.
"""

from __future__ import annotations

from ariel_build.ir import DType, Graph, Node
from ariel_build.ops.quantize import Dequantize, Quantize, is_flip
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor

__all__ = ["cancel_quantize"]


def cancel_quantize(graph: Graph, log: PassLog) -> bool:
    """Lets the readers of a pair that gives back its input read that input."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        first = editor.producer(node.input(0)) if isinstance(node.op, Quantize) else None
        if first is None or not (isinstance(first.op, Dequantize) or (_flips(first) and _flips(node))):
            continue
        reason = refusal(first, node)
        if not reason and not editor.replace(node.output, first.input(0)):
            reason = "its result is an output of the model, its input another one or an input"
        if reason:
            log.refused(node, reason)
            continue
        log.rewrote(node, f"undoes {first.origin}")
        editor.remove(node)
    return editor.finish()


def _flips(node: Node) -> bool:
    return isinstance(node.op, Quantize) and is_flip(node.input(0).type, node.output.type)


def refusal(first: Node, node: Node) -> str:
    """Returns why a pair does not give back its input, or an empty string."""
    x, y = first.input(0).type, node.output.type
    if x.dtype is DType.I32:
        return "float32 does not hold all integers of 32 bits"
    return "" if x == y else f"{x} is stored again as {y}"
