"""Transpose . Transpose -> Transpose, Reshape . Reshape -> Reshape, Transpose of axes of 1 -> Reshape.

All of them move stored elements, whatever scale those have in between.
"""

from __future__ import annotations

from ariel_build.ir import Graph
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.transpose import Transpose, moves_only_ones
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor, operator

__all__ = ["merge_movement"]


def merge_movement(graph: Graph, log: PassLog) -> bool:
    """Lets what moves what another one of its kind has moved read the source itself."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        op = operator(node)
        if isinstance(op, Transpose) and moves_only_ones(node.input(0).shape, op.perm):
            log.rewrote(node, "a Transpose that moves only axes of 1 is a Reshape")
            editor.substitute(node, Reshape(node.output.shape), node.inputs)
            continue
        first = editor.producer(node.input(0)) if op.traits.moves and len(node.inputs) == 1 else None
        both = None if first is None else op.after(operator(first))
        if first is not None and both is not None:
            log.rewrote(node, f"one {op.name} for two")
            editor.substitute(node, both, first.inputs)
    return editor.finish()
