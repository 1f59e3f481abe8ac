"""Graph -> kernel calls: every node becomes a call of a kernel, or an alias where its bytes are its input's.

Data, no Rust. All nodes that no kernel can compute are reported in one error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ariel_build.errors import Diagnostic, InternalError, UnsupportedError
from ariel_build.ir import DType, Graph, Node, Value
from ariel_build.kernels import KernelCall, LayerCall, operands
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.copy import Copy
from ariel_build.ops.importer import INCONSISTENT

__all__ = ["Lowered", "lower"]


@dataclass
class Lowered:
    """The kernel calls in the graph's order, and the values that are views of others: alias -> (base, byte offset)."""

    calls: list[KernelCall | LayerCall] = field(default_factory=list)
    aliases: dict[Value, tuple[Value, int]] = field(default_factory=dict)


def lower(graph: Graph) -> Lowered:
    """Returns the calls that compute `graph`; UnsupportedError lists every node that no kernel computes."""
    separate_outputs(graph)
    lowered = Lowered()
    problems: list[Diagnostic] = []
    counts: dict[str, int] = {}
    for node in graph.nodes:
        op = node.op
        if not isinstance(op, Operator):
            raise InternalError("a node holds no operator of ours", {"op": op})
        try:
            views = op.aliases(node)
            if views is not None:
                lowered.aliases.update(views)
                continue
            call = op.lower(node)
            check_types(call)
        except UnsupportedReason as reason:
            problems.append(Diagnostic(f"{op.name}: {reason}", f"{graph.source}: {node.origin}", HELP))
            continue
        except INCONSISTENT as error:
            why = f"its operands do not fit together ({type(error).__name__}: {str(error)[:80]})"
            problems.append(Diagnostic(f"{op.name}: {why}", f"{graph.source}: {node.origin}", HELP))
            continue
        stem = snake_case(op.name)
        call.label = f"{stem}_{counts.get(stem, 0)}"
        counts[stem] = counts.get(stem, 0) + 1
        call.origin = node.origin
        call.summary = summary(node)
        call.macs = op.macs(node)
        lowered.calls.append(call)
    if problems:
        raise UnsupportedError(problems)
    return lowered


#: What kernels call the types of elements. They read `u8` as bytes of any meaning: booleans, both integers of a byte,
#: and whatever is moved.
_ELEMENTS = {dtype.value: dtype for dtype in DType if dtype.bytes > 1 or dtype is DType.I8}


def check_types(call: KernelCall | LayerCall) -> None:
    """Refuses operands of another type than the kernel reads and writes: never a silent wrong result."""
    if isinstance(call, LayerCall):
        return
    for value, element in operands(call.kernel):
        wanted = _ELEMENTS.get(element)
        if wanted is not None and value.type.dtype is not wanted:
            raise UnsupportedReason(f"elements of type {value.type.dtype.value} are not supported, only {wanted.value}")


HELP = "docs/supported-ops.md lists what is supported"


def separate_outputs(graph: Graph) -> None:
    """Gives every graph output, and every next state, bytes of its own.

    An output that is a constant, an input, a state, or a view of one of these or of another output is copied.
    """
    aliases: dict[Value, Value] = {}
    for node in graph.nodes:
        if isinstance(node.op, Operator):
            for alias, (base, _) in (node.op.aliases(node) or {}).items():
                aliases[alias] = base

    def root(value: Value) -> Value:
        while value in aliases:
            value = aliases[value]
        return value

    taken = {root(v) for v in graph.inputs} | {s.current for s in graph.states}
    for index, value in enumerate(graph.outputs):
        if value.is_constant or root(value) in taken or root(value).is_constant:
            graph.outputs[index] = copy_of(graph, value)
        taken.add(root(graph.outputs[index]))
    for state in graph.states:
        if state.next.is_constant or root(state.next) in taken or root(state.next).is_constant:
            state.next = copy_of(graph, state.next)
        taken.add(root(state.next))


def copy_of(graph: Graph, value: Value) -> Value:
    """Appends a node that copies `value`, and returns the copy."""
    copy = Value(value.type, value.name, origin=value.origin)
    graph.nodes.append(Node(Copy(), [value], [copy], value.origin))
    return copy


def snake_case(name: str) -> str:
    """`Conv2d` -> `conv2d`, `FullyConnected` -> `fully_connected`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def summary(node: Node) -> str:
    """`i8[1, 49, 10, 1] -> i8[1, 25, 5, 64]`, constants left out."""
    inputs = [v.type for v in node.inputs if v is not None and not v.is_constant]
    return f"{', '.join(map(str, inputs))} -> {', '.join(str(v.type) for v in node.outputs)}"
