"""Removes nodes whose outputs nobody reads, and states that nothing but their own next content is made of."""

from __future__ import annotations

from ariel_build.ir import Graph, State
from ariel_build.passes.base import PassLog

__all__ = ["remove_dead_code"]


def remove_dead_code(graph: Graph, log: PassLog) -> bool:
    """Keeps the nodes from which a graph output, or what a state that is read becomes, can be reached."""
    states = _read_states(graph)
    changed = len(states) < len(graph.states)
    graph.states[:] = states
    needed = {*graph.outputs, *(s.next for s in graph.states)}
    kept = []
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs):
            log.rewrote(node, f"removed {node.op.name}: nobody reads it")
            continue
        kept.append(node)
        needed.update(v for v in node.inputs if v is not None)
    changed |= len(kept) != len(graph.nodes)
    graph.nodes = kept[::-1]
    return changed


def _read_states(graph: Graph) -> list[State]:
    """Returns the states on which an output depends, now or in a later inference."""
    read: list[State] = []
    while True:
        needed = {*graph.outputs, *(state.next for state in read)}
        for node in reversed(graph.nodes):
            if not needed.isdisjoint(node.outputs):
                needed.update(v for v in node.inputs if v is not None)
        found = [state for state in graph.states if state.current in needed]
        if len(found) == len(read):
            return found
        read = found
