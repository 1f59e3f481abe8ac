"""make_as_read: what calls read in another shape alone is made in that shape.

A view has all bytes of its base, and its rows are others: what is read through one would be there in whole.
"""

from __future__ import annotations

from ariel_build.ir import Graph, Value
from ariel_build.kernels import Access, KernelCall, Operand
from ariel_build.lower.lowering import Lowered

__all__ = ["make_as_read"]


def make_as_read(lowered: Lowered, graph: Graph) -> Value:
    """Has what works element by element write what is read of it, and returns as what the graph's one input is read."""
    kept = {*graph.outputs, *(state.next for state in graph.states)}
    seen = _read_as(lowered, graph.inputs[0], kept)
    for call in lowered.calls:
        if not isinstance(call, KernelCall) or call.kernel.ACCESS is not Access.ELEMENTS or len(call.outputs) != 1:
            continue
        (value,) = call.outputs
        if dict(iter(call.kernel)).get("output") == Operand(value):
            call.outputs = [_read_as(lowered, value, kept)]
            call.kernel = call.kernel.replace(output=Operand(call.outputs[0]))
    return seen


def _read_as(lowered: Lowered, value: Value, kept: set[Value]) -> Value:
    """Returns the view that takes the place of a value, and is no view from now on; the value where there is none."""
    views = [view for view, (base, _) in lowered.aliases.items() if base is value]
    is_read = any(value in call.inputs for call in lowered.calls)
    if is_read or value in kept or value in lowered.aliases or len(views) != 1:
        return value
    (view,) = views
    if view.type.bytes != value.type.bytes:
        return value
    del lowered.aliases[view]
    return _read_as(lowered, view, kept)
