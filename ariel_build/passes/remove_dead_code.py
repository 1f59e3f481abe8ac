"""Removes nodes whose outputs nobody reads."""

from __future__ import annotations

from ariel_build.ir import Graph
from ariel_build.passes.base import PassLog

__all__ = ["remove_dead_code"]


def remove_dead_code(graph: Graph, log: PassLog) -> bool:
    """Keeps the nodes from which a graph output or a next state can be reached."""
    needed = {*graph.outputs, *(s.next for s in graph.states)}
    kept = []
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs):
            log.rewrote(node, f"removed {node.op.name}: nobody reads it")
            continue
        kept.append(node)
        needed.update(v for v in node.inputs if v is not None)
    changed = len(kept) != len(graph.nodes)
    graph.nodes = kept[::-1]
    return changed
