"""g(f(x)) -> table[x], where x is a tensor of bytes and g gives bytes: functions of one element, in integers or floats.

So what stands between Dequantize and Quantize costs one look-up, be it a single function (`1 / sqrt(x)`), several, or a
tensor combined with a function of itself (`x * sigmoid(x)`).
"""

from __future__ import annotations

from dataclasses import field

import numpy as np

from ariel_build.ir import Array, Graph, Node, Value
from ariel_build.ops import UnsupportedReason
from ariel_build.ops.elementwise import BYTES, all_bytes
from ariel_build.ops.table import Table
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor, operator
from ariel_build.records import dataclass

__all__ = ["fuse_table"]

#: Nodes of a chain that become one table at most.
MOST_DEPTH = 64


@dataclass
class Function:
    """Nodes that compute a value from the bytes of `source`, element by element, in the order of computation."""

    source: Value
    nodes: list[Node] = field(default_factory=list)


def fuse_table(graph: Graph, log: PassLog) -> bool:
    """Replaces several nodes that are together a function of one byte."""
    editor = Editor(graph, log)
    # From the end, so that the whole of a chain is found at once.
    for node in reversed(list(editor.nodes())):
        if not _is_pointwise(node) or node.output.type.dtype not in BYTES or editor.producer(node.output) is not node:
            continue
        function = _Tracer(editor).through(node)
        if isinstance(function, str):
            log.refused(node, function)
            continue
        # What is read elsewhere, too, is computed anyway: nothing is saved there.
        saved = [n for n in function.nodes if n is not node and _is_inner(editor, n, function.nodes)]
        if not saved:
            continue
        try:
            table = evaluate(function)
        except UnsupportedReason as reason:
            log.refused(node, str(reason))
            continue
        log.rewrote(node, f"one table for {', '.join(n.op.name for n in function.nodes)}")
        op = Table(np.ascontiguousarray(table).tobytes(), node.output.type.dtype)
        editor.substitute(node, op, [function.source])
    return editor.finish()


def _is_inner(editor: Editor, node: Node, nodes: list[Node]) -> bool:
    """Whether nobody but `nodes` reads what a node makes."""
    return not editor.graph.is_kept(node.output) and all(reader in nodes for reader in editor.readers(node.output))


class _Tracer:
    """Finds of which tensor of bytes a value is a function; remembers what it has found."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.known: dict[Value, Function | str] = {}

    def trace(self, value: Value, depth: int) -> Function | str:
        """Returns the value as a function of one tensor of bytes, itself if nothing else; or why it is none."""
        if value not in self.known:
            node, is_bytes = self.editor.producer(value), value.type.dtype in BYTES
            found: Function | str = "it is not a function of stored bytes alone"
            shared = len(self.editor.readers(value)) > 1 or self.editor.graph.is_kept(value)
            if node is not None and _is_pointwise(node) and depth < MOST_DEPTH and not (is_bytes and shared):
                found = self.through(node, depth + 1)
            self.known[value] = Function(value) if is_bytes and isinstance(found, str) else found
        return self.known[value]

    def through(self, node: Node, depth: int = 0) -> Function | str:
        """Returns the result of a node as a function of one tensor of bytes, or why it is none."""
        function: Function | None = None
        for v in node.inputs:
            if v is None or (v.is_constant and v.type.elements == 1):
                continue
            if v.shape != node.output.shape:
                return "its operands are broadcast"
            part = "a constant is no single number" if v.is_constant else self.trace(v, depth)
            if isinstance(part, str):
                return part
            if function is not None and part.source is not function.source:
                return "it combines several tensors"
            nodes = [*(function.nodes if function else ()), *part.nodes]
            function = Function(part.source, list(dict.fromkeys(nodes)))
        if function is None:
            return "it has no operand"
        return Function(function.source, [*function.nodes, node])


def _is_pointwise(node: Node) -> bool:
    return operator(node).traits.pointwise and len(node.outputs) == 1


def evaluate(function: Function) -> Array:
    """Returns the results for all 256 bytes, in the order of their bits."""
    values: dict[Value, Array] = {function.source: all_bytes(function.source.type.dtype)}
    for node in function.nodes:
        inputs = [None if v is None else values[v] if v.data is None else v.data.reshape(1) for v in node.inputs]
        with np.errstate(all="ignore"):
            values[node.output] = operator(node).reference(inputs, node)[0]
    return values[function.nodes[-1].output]
