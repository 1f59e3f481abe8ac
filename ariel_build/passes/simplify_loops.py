"""Loop(v, k): what does not change is not carried, constants go into the body, and what nobody needs goes."""

from __future__ import annotations

from dataclasses import replace

from ariel_build.ir import Graph, Node, Value
from ariel_build.ops.loops import Loop, needed_inputs
from ariel_build.ops.reshape import Reshape
from ariel_build.passes.base import PassLog

__all__ = ["simplify_loops"]


def simplify_loops(graph: Graph, log: PassLog) -> bool:
    """Makes loops carry, and take from around them, as little as they have to."""
    changed = False
    for node in list(graph.nodes):
        if isinstance(node.op, Loop):
            for rewrite in (_drop, _keep, _bind):
                while reason := rewrite(graph, node):
                    log.rewrote(node, reason)
                    changed = True
    return changed


def _drop(graph: Graph, node: Node) -> str:
    """Takes away what is carried and matters to nobody."""
    body, *tests = node.bodies
    readers = graph.consumers()
    read = [k for k, v in enumerate(node.outputs) if v in readers or graph.is_kept(v)]
    if not read:
        return ""
    asked = [k for test in tests for k, v in enumerate(test.inputs[: len(node.outputs)]) if _is_read(test, v)]
    needed, _ = needed_inputs(body, [*read, *asked])
    idle = next((k for k in range(len(node.outputs)) if k not in needed), None)
    if idle is None:
        return ""
    # What made it goes with it: it may be all that still reads the input.
    del node.outputs[idle], node.inputs[idle], body.outputs[idle]
    _remove_dead(body)
    for part in node.bodies:
        del part.inputs[idle]
    _retype(node)
    return "nobody needs what it carries"


def _is_read(body: Graph, value: Value) -> bool:
    return value in body.consumers() or value in body.outputs


def _remove_dead(body: Graph) -> None:
    needed, kept = set(body.outputs), []
    for inner in reversed(body.nodes):
        if not needed.isdisjoint(inner.outputs):
            kept.append(inner)
            needed.update(v for v in inner.inputs if v is not None)
    body.nodes = kept[::-1]


def _keep(graph: Graph, node: Node) -> str:
    """Turns what is handed on as it is into what is read from around the loop."""
    body = node.bodies[0]
    producers = body.producers()

    def origin(value: Value) -> Value:
        maker = producers.get(value)
        while maker is not None and isinstance(maker.op, Reshape) and maker.input(0).type == value.type:
            value = maker.input(0)
            maker = producers.get(value)
        return value

    same = [k for k, (a, b) in enumerate(zip(body.inputs, body.outputs, strict=False)) if origin(b) is a]
    if not same or len(node.outputs) == 1:
        return ""
    index = same[0]
    begin, result = node.input(index), node.outputs[index]
    for part in node.bodies:
        part.inputs.append(part.inputs.pop(index))
    node.inputs.append(node.inputs.pop(index))
    del body.outputs[index], node.outputs[index]
    _retype(node)
    # The outside may see what the loop gave: it keeps its name.
    graph.nodes.insert(graph.nodes.index(node) + 1, Node(Reshape(result.shape), [begin], [result], node.origin))
    return "what it carries does not change"


def _bind(graph: Graph, node: Node) -> str:
    """Puts constants into the bodies, and takes away what they do not read."""
    del graph
    for index in range(len(node.outputs), len(node.inputs)):
        given = node.input(index)
        if given.is_constant or not any(_is_read(part, part.inputs[index]) for part in node.bodies):
            for part in node.bodies:
                part.replace_uses(part.inputs[index], given)
                del part.inputs[index]
            del node.inputs[index]
            return "a constant goes into the body" if given.is_constant else "its body does not read an input"
    return ""


def _retype(node: Node) -> None:
    assert isinstance(node.op, Loop)  # noqa: S101 - the caller has looked
    node.op = replace(node.op, types=tuple(v.type for v in node.outputs))
