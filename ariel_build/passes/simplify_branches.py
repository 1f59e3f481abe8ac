"""If(constant, x) -> the body that it chooses; constants go into bodies, and what nobody reads is not handed over."""

from __future__ import annotations

from ariel_build.ir import Graph, Node
from ariel_build.ops.control import If
from ariel_build.ops.reshape import Reshape
from ariel_build.passes.base import PassLog

__all__ = ["simplify_branches"]


def simplify_branches(graph: Graph, log: PassLog) -> bool:
    """Makes nodes of control flow decide as little, and hand over as little, as they have to."""
    changed = False
    for node in list(graph.nodes):
        if not isinstance(node.op, If):
            continue
        condition = node.input(0).data
        if condition is not None:
            log.rewrote(node, "its condition is known")
            _choose(graph, node, node.bodies[0 if bool(condition.reshape(-1)[0]) else 1])
            changed = True
            continue
        for index in reversed(range(1, len(node.inputs))):
            reason = _dropped_input(node, index)
            if reason:
                log.rewrote(node, reason)
                changed = True
        changed = _drop_outputs(graph, node, log) or changed
    return changed


def _choose(graph: Graph, node: Node, body: Graph) -> None:
    """Puts the nodes of a body in the place of the node, whose outputs go on to bear their names."""
    for index, value in enumerate(list(body.inputs), 1):
        body.replace_uses(value, node.input(index))
    views = [Node(Reshape(y.shape), [x], [y], node.origin) for x, y in zip(body.outputs, node.outputs, strict=True)]
    at = graph.nodes.index(node)
    graph.nodes[at : at + 1] = [*body.nodes, *views]


def _dropped_input(node: Node, index: int) -> str:
    """Takes an input away that no body needs any more, and returns why; an empty string where one does."""
    given = node.input(index)
    inner = [body.inputs[index - 1] for body in node.bodies]
    twin = next((k for k in range(1, index) if node.inputs[k] is given), None)
    read = any(v in body.consumers() or v in body.outputs for v, body in zip(inner, node.bodies, strict=True))
    if given.is_constant:
        reason = "a constant goes into the bodies"
    elif twin is not None:
        reason = "two inputs are one"
    elif not read:
        reason = "no body reads an input"
    else:
        return ""
    for value, body in zip(inner, node.bodies, strict=True):
        body.replace_uses(value, given if twin is None else body.inputs[twin - 1])
        del body.inputs[index - 1]
    del node.inputs[index]
    return reason


def _drop_outputs(graph: Graph, node: Node, log: PassLog) -> bool:
    """Takes away the outputs that nobody reads, if there are some."""
    readers = graph.consumers()
    kept = [k for k, v in enumerate(node.outputs) if v in readers or graph.is_kept(v)]
    if len(kept) == len(node.outputs):
        return False
    node.outputs = [node.outputs[k] for k in kept]
    node.op = If(tuple(v.type for v in node.outputs))
    for body in node.bodies:
        body.outputs = [body.outputs[k] for k in kept]
    log.rewrote(node, "nobody reads an output")
    return True
