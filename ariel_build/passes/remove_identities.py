"""f(x) -> x, where f does nothing: Reshape to the same shape, Pad by 0, Clip to infinity, x * 1, x + 0, .."""

from __future__ import annotations

from ariel_build.ir import Graph
from ariel_build.ops.reshape import Reshape
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor, operator

__all__ = ["remove_identities"]


def remove_identities(graph: Graph, log: PassLog) -> bool:
    """Lets the readers of a node that does nothing read its input."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        x = operator(node).passed_on(node)
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
