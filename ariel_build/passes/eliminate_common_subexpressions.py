"""y = f(x), z = f(x) -> y = z = f(x)."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Graph, Node, Value
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor

__all__ = ["eliminate_common_subexpressions"]


def eliminate_common_subexpressions(graph: Graph, log: PassLog) -> bool:
    """Lets one node serve the readers of all nodes of the same operator, inputs and output types."""
    editor = Editor(graph, log)
    seen: dict[tuple[object, ...], list[Node]] = {}
    for node in editor.nodes():
        if node.bodies:
            continue
        runtime = tuple(None if v is None or v.is_constant else v for v in node.inputs)
        key = (node.op, runtime, tuple(v.type for v in node.outputs))
        twins = [n for n in seen.get(key, []) if all(map(same, n.inputs, node.inputs))]
        if not twins:
            seen.setdefault(key, []).append(node)
            continue
        first = twins[0]
        if any(graph.is_kept(old) and graph.is_kept(new) for old, new in zip(node.outputs, first.outputs, strict=True)):
            log.refused(node, "both results are outputs of the model, which have places of their own")
            continue
        for old, new in zip(list(node.outputs), list(first.outputs), strict=True):
            editor.replace(old, new)
        log.rewrote(node, f"took the result of the same {node.op.name} at {first.origin}")
        editor.remove(node)
    return editor.finish()


def same(a: Value | None, b: Value | None) -> bool:
    """Whether two operands are one value, or constants of the same type and elements."""
    if a is b:
        return True
    if a is None or b is None or a.data is None or b.data is None or a.type != b.type:
        return False
    twins = (a.stored is None and b.stored is None) or (a.stored is not None and same(a.stored, b.stored))
    return twins and bool(np.array_equal(a.data, b.data))
