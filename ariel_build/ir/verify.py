"""The verifier: what must hold of every graph, checked after import and after each pass."""

from __future__ import annotations

from ariel_build.errors import InternalError
from ariel_build.ir.graph import Graph, Value
from ariel_build.ir.types import TensorType

__all__ = ["verify"]


def verify(graph: Graph, after: str = "") -> None:
    """Checks single assignment, order, constants and types, in the bodies of nodes as well.

    Raises InternalError naming the node and `after`, the pass that broke the graph.
    """
    ready: set[Value] = set(graph.inputs) | {s.current for s in graph.states}

    def fail(reason: str, origin: str = "") -> None:
        raise InternalError(f"graph `{graph.name}` is broken: {reason}", {"after": after, "origin": origin})

    for value in ready:
        if value.is_constant:
            fail(f"input {value!r} is a constant")
    for node in graph.nodes:
        for operand in node.inputs:
            if operand is not None and operand not in ready and operand.data is None:
                fail(f"{operand!r} is read before it is made", node.origin)
        for value in node.outputs:
            if value in ready:
                fail(f"{value!r} is made twice", node.origin)
            if value.data is not None:
                fail(f"{value!r} is computed and constant", node.origin)
            ready.add(value)
        try:
            inferred = node.op.infer(node.input_types())
        except ValueError as reason:
            fail(f"{node.op.name}: {reason}", node.origin)
            return
        if len(inferred) != len(node.outputs):
            fail(f"{node.op.name} makes {len(inferred)} values, not {len(node.outputs)}", node.origin)
        for value, type_ in zip(node.outputs, inferred, strict=True):
            if type_ is not None and not _alike(value.type, type_):
                fail(f"{node.op.name} makes {type_}, its output is declared {value.type}", node.origin)
        for body in node.bodies:
            if body.states:
                fail(f"a body of {node.op.name} has states", node.origin)
            verify(body, after)
        try:
            ties = node.op.ties(node)
        except ValueError as reason:
            fail(f"the bodies of {node.op.name} do not fit it: {reason}", node.origin)
            return
        for a, b in ties:
            if not _alike(a.type, b.type):
                fail(f"{a!r} is {b!r} in a body of {node.op.name}", node.origin)
    for value in graph.values():
        if value.data is not None and (value.data.shape != value.shape or value.data.dtype != value.type.dtype.numpy):
            fail(f"constant {value!r} holds {value.data.dtype}{list(value.data.shape)}")
        q = value.type.quant
        if q is not None:
            if len(q.scales) != len(q.zero_points):
                fail(f"{value!r} has {len(q.scales)} scales and {len(q.zero_points)} zero points")
            if q.axis is not None and not q.per_tensor and value.shape[q.axis] != len(q.scales):
                fail(f"{value!r} has {len(q.scales)} scales over axis {q.axis}")
    for value in [*graph.outputs, *(s.next for s in graph.states)]:
        if value not in ready and value.data is None:
            fail(f"output {value!r} is never made")


def _alike(a: TensorType, b: TensorType) -> bool:
    """Whether two tensors have one shape and one type of elements."""
    return a.shape == b.shape and a.dtype is b.dtype
