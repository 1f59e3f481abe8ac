"""A call that reads a view of all of a value reads the value itself: rows of what nobody sees otherwise may roll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ariel_build.ir import Graph, Value
from ariel_build.kernels.call import KernelCall
from ariel_build.kernels.flow import Flow, decisions
from ariel_build.kernels.kernel import Operand, Part, Source

__all__ = ["seen_through"]

Views = Mapping[Value, tuple[Value, int]]


def seen_through(
    calls: Sequence[KernelCall], views: Views, graph: Graph, flow: Flow = ()
) -> tuple[Sequence[KernelCall], Views]:
    """Returns the calls, and the views that are left: those that calls and the graph's ends are, or are parts of.

    `views` has for each view the value that it is a part of, and its first byte there. Where the `flow` has branches
    or loops nothing rolls, and views stay: bodies know values by them.
    """
    if any(True for _ in decisions(flow)):
        return calls, views
    seen = [_seen(call, views) for call in calls]
    ends = [*graph.outputs, *(v for state in graph.states for v in (state.current, state.next))]
    left: dict[Value, tuple[Value, int]] = {}
    for value in [*ends, *(v for call in seen for v in (*call.inputs, *call.outputs))]:
        while value in views and value not in left:
            left[value] = views[value]
            value = views[value][0]  # noqa: PLW2901 - to what it is a view of
    return seen, left


def _seen(call: KernelCall, views: Views) -> KernelCall:
    places = {value: root for value in call.inputs if (root := _behind(value, views)) is not value}
    if not places:
        return call
    return replace(call, kernel=_with(call.kernel, places), inputs=[places.get(v, v) for v in call.inputs])


def _behind(value: Value, views: Views) -> Value:
    """Returns the first value with the same elements of which it is a view; itself where there is none."""
    while value in views:
        base, offset = views[value]
        if offset or base.type.dtype is not value.type.dtype or base.type.bytes != value.type.bytes:
            break
        value = base
    return value


def _with(held: Any, places: Mapping[Value, Value]) -> Any:  # noqa: ANN401 - a field becomes one of its kind
    match held:
        case Operand(value=value) | Source(value=value):
            return type(held)(places[value]) if value in places else held
        case Part():
            changed = {name: new for name, old in held if (new := _with(old, places)) is not old}
            return held.replace(**changed) if changed else held
        case tuple():
            return tuple(_with(item, places) for item in held)
    return held
