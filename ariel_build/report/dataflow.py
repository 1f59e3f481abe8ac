"""Who reads what of whom: inputs, states, steps and outputs as the nodes of a graph, through views and branches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ariel_build.driver import Compiled
from ariel_build.ir import Value
from ariel_build.kernels.flow import Body, Branch, Loop, blocks, decisions
from ariel_build.kernels.flow import Flow as FlowOfCalls
from ariel_build.records import dataclass

__all__ = ["Edge", "Flow", "Point", "flow_of"]


@dataclass(frozen=True)
class Point:
    """A node of the graph: `kind` is `input`, `state`, `step`, `next` (of a state) or `output`; `step` its index."""

    kind: str
    name: str
    value: Value | None = None
    step: int | None = None


@dataclass(frozen=True)
class Edge:
    """A value that one node makes and another reads; one that goes `back` does so in a loop.

    One that `decides` is a condition: it leads to the first steps that run, or do not, as it says.
    """

    start: int
    end: int
    value: Value
    back: bool = False
    decides: bool = False


@dataclass(frozen=True)
class Flow:
    """The nodes in an order in which they can run, and the edges."""

    points: tuple[Point, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class _Written:
    """Bytes of a storage that a node writes."""

    start: int
    end: int
    point: int


def flow_of(compiled: Compiled) -> Flow:
    """Returns the graph of a compiled model; constants are none of its nodes."""
    graph, steps = compiled.graph, compiled.schedule.steps
    points = [Point("input", value.name, value) for value in graph.inputs]
    points += [Point("state", state.current.name, state.current) for state in graph.states]
    written: dict[Value, list[_Written]] = {}

    def writes(value: Value, point: int) -> None:
        root, offset = _place(compiled, value)
        written.setdefault(root, []).append(_Written(offset, offset + value.type.bytes, point))

    for index, point in enumerate(points):
        if point.value is not None:
            writes(point.value, index)
    first = len(points)
    points += [Point("step", step.name, None, step.index) for step in steps]
    for step in steps:
        for value in step.call.outputs:
            writes(value, first + step.index)

    def edges(value: Value, reader: int) -> Iterator[Edge]:
        root, offset = _place(compiled, value)
        end = offset + value.type.bytes
        for made in written.get(root, ()):
            if made.start < end and offset < made.end:
                yield Edge(made.point, reader, value, made.point >= reader)

    found = [edge for step in steps for value in _read(step.call.inputs) for edge in edges(value, first + step.index)]
    for condition, index in _decided(compiled.schedule.flow):
        found += [replace(edge, decides=True) for edge in edges(condition, first + index)]
    last = [("next", state.current.name, state.next) for state in graph.memories]
    last += [("output", value.name, value) for value in graph.outputs]
    for kind, name, value in last:
        found += edges(value, len(points))
        points.append(Point(kind, name, value))
    unique = {(edge.start, edge.end, edge.value, edge.decides): edge for edge in found}
    return Flow(tuple(points), tuple(unique.values()))


def _decided(flow: FlowOfCalls) -> Iterator[tuple[Value, int]]:
    """Yields the conditions of branches and loops, each with the first step of a body that it lets run."""
    for decision in decisions(flow):
        match decision:
            case Branch():
                decided = [(decision.condition, body) for body in decision.bodies]
            case Loop(test=Body() as test):
                decided = [(test.gives[0], decision.body)]
            case _:
                decided = []
        for condition, body in decided:
            steps = next(iter(filter(None, blocks(body.flow))), None)
            if steps is not None:
                yield condition, steps[0]


def _read(inputs: list[Value]) -> Iterator[Value]:
    return (value for value in dict.fromkeys(inputs) if not value.is_constant)


def _place(compiled: Compiled, value: Value) -> tuple[Value, int]:
    """Returns the storage that has the value's bytes, and their offset in it."""
    offset, seen = 0, set[Value]()
    while value in compiled.aliases and value not in seen:
        seen.add(value)
        value, step = compiled.aliases[value]
        offset += step
    return value, offset
