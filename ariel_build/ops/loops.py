"""Loops: (v, k) -> v' = body(v, k), again and again, as often as is known when the model is compiled.

What a loop carries from one iteration to the next are the first inputs of the node and of its body; the others are what
it reads from around it. How often a WHILE of TFLite or a Loop of ONNX runs is found out by running what its condition
depends on, where that begins with constants.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from ariel_build.errors import InternalError
from ariel_build.frontends.source import SourceModel
from ariel_build.ir import Array, Graph, Node, TensorType, Value
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.control import add_output, subgraph
from ariel_build.ops.evaluate import evaluate
from ariel_build.ops.importer import Importer
from ariel_build.ops.importing import import_nodes
from ariel_build.ops.map2 import Map2
from ariel_build.ops.traits import OPAQUE, keeps_axes, never

__all__ = ["Loop", "needed_inputs"]

#: Iterations that are looked at: a loop of more is one whose end does not come.
MOST_TIMES = 10_000
#: Elements that each operator may make on which the end of a loop depends: it is found by running them.
MOST_NUMBERS = 16


@dataclass(frozen=True)
class Loop(Operator):
    """Computes its body `times` times, at least once; what it carries has `types`."""

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    times: int
    types: tuple[TensorType, ...]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T.., U.. -> T..: what is carried keeps its types."""
        given = [None if t is None else (t.dtype, t.shape) for t in inputs[: len(self.types)]]
        if self.times < 1 or given != [(t.dtype, t.shape) for t in self.types]:
            raise ValueError(f"a loop of {self.times} iterations begins with {inputs}, it carries {self.types}")
        return list(self.types)

    def ties(self, node: Node) -> list[tuple[Value, Value]]:
        """Inputs and outputs of the body, and what it gives and takes the next time."""
        if len(node.bodies) != 1:
            raise ValueError(f"it has {len(node.bodies)} bodies, not 1")
        (body,) = node.bodies
        if len(body.inputs) != len(node.inputs) or len(body.outputs) != len(node.outputs):
            raise ValueError("its body has other inputs or outputs")
        given = [node.input(index) for index in range(len(node.inputs))]
        pairs = [*zip(given, body.inputs, strict=True), *zip(node.outputs, body.outputs, strict=True)]
        return pairs + list(zip(body.inputs, body.outputs, strict=False))

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Runs the body."""
        (body,) = node.bodies
        values = [v for v in inputs if v is not None]
        carried, kept = values[: len(body.outputs)], values[len(body.outputs) :]
        for _ in range(self.times):
            found = evaluate(body, dict(zip(body.inputs, [*carried, *kept], strict=True)))
            carried = [found[v] for v in body.outputs]
        return carried

    def lower(self, node: Node) -> NoReturn:
        """No kernel does: lowering walks the body."""
        raise InternalError("control flow is no kernel call", {"node": node})


def needed_inputs(body: Graph, outputs: Iterable[int]) -> tuple[set[int], list[Node]]:
    """Returns which carried inputs of a body some outputs depend on, over all iterations, and the nodes in between."""
    wanted, producers = set(outputs), body.producers()
    nodes: dict[Node, None] = {}
    while True:
        pending, inputs = [body.outputs[k] for k in wanted], set[int]()
        while pending:
            value = pending.pop()
            node = producers.get(value)
            if node is not None and node not in nodes:
                nodes[node] = None
            if node is not None:
                pending += [v for v in node.inputs if v is not None]
            inputs |= {k for k, v in enumerate(body.inputs[: len(body.outputs)]) if v is value}
        if inputs <= wanted:
            return wanted, [node for node in body.nodes if node in nodes]
        wanted |= inputs


def times(body: Graph, begins: Sequence[Value], goes_on: Graph, limit: int | None = None) -> int:
    """Returns how often a loop runs that asks `goes_on` before each iteration, and runs `limit` times at most.

    `goes_on` has the carried values as inputs and one bool as output. Raises UnsupportedReason where constants alone do
    not tell.
    """
    asked = [k for k, v in enumerate(goes_on.inputs) if v in goes_on.consumers() or v in goes_on.outputs]
    needed, nodes = needed_inputs(body, asked)
    unknown = [k for k in needed if begins[k].data is None]
    kept = set(body.inputs[len(body.outputs) :])
    if unknown or any(v in kept for node in nodes for v in node.inputs):
        raise UnsupportedReason("how often it runs is decided at run time; only loops of a known count are supported")
    if any(node.bodies or sum(v.type.elements for v in node.outputs) > MOST_NUMBERS for node in nodes):
        raise UnsupportedReason("how often it runs depends on more than some numbers that it counts with")
    part = Graph(body.name, body.inputs, [body.outputs[k] for k in needed], nodes)
    values = {k: begins[k].data for k in needed}
    for count in range(MOST_TIMES + 1):
        if count == limit:
            return count
        known = {k: v for k, v in values.items() if v is not None}
        answer = evaluate(goes_on, {goes_on.inputs[k]: v for k, v in known.items() if k in asked})[goes_on.outputs[0]]
        if not bool(np.asarray(answer).reshape(-1)[0]):
            return count
        found = evaluate(part, {body.inputs[k]: v for k, v in known.items()})
        values = {k: found[v] for k, v in zip(needed, part.outputs, strict=True)}
    raise UnsupportedReason(f"it does not end within {MOST_TIMES:,} iterations")


def begin_body(importer: Importer, model: SourceModel, begins: Sequence[Value]) -> tuple[Importer, list[Value]]:
    """Returns the importer of a body that takes these values, and its inputs."""
    if len(model.inputs) != len(begins):
        raise UnsupportedReason(f"its subgraph takes {len(model.inputs)} inputs, it is given {len(begins)}")
    inner = importer.inner(model, apart=True)
    inputs = [Value(v.type, v.name, origin=v.origin) for v in begins]
    for key, value in zip(model.inputs, inputs, strict=True):
        tensor = model.tensors[key]
        if tensor.dtype is not None and tensor.dtype is not value.type.dtype:
            raise UnsupportedReason(f"its subgraph takes {tensor.dtype.value}, it is given {value.type.dtype.value}")
        inner.values[key] = inner.view(value, tensor.quant) if model.format == "tflite" else value
    return inner, inputs


def finish_body(inner: Importer, inputs: Sequence[Value], outputs: Sequence[Value]) -> Graph:
    """Returns the graph of a body, whose first inputs are `inputs`, and the others what it reads from around it."""
    model = inner.model
    body = Graph(
        model.name, [*inputs, *inner.captured.values()], [], inner.nodes, source=model.path, format=model.format
    )
    for index, value in enumerate(outputs):
        add_output(body, inner.view(value, inputs[index].type.quant) if index < len(inputs) else value)
    return body


def loop(importer: Importer, inner: Importer, body: Graph, begins: Sequence[Value], count: int) -> list[Value]:
    """Adds a loop of a known count; what it carries at first where it does not run at all."""
    for begin, output in zip(begins, body.outputs, strict=True):
        if begin.shape != output.shape or begin.type.dtype is not output.type.dtype:
            raise UnsupportedReason(f"it carries {begin.type}, and then {output.type}: that decides only at run time")
    if count == 0:
        return list(begins)
    types = tuple(v.type for v in begins)
    return importer.emit(Loop(count, types), [*begins, *inner.captured], types=types, bodies=[body])


@imports("tflite", "WHILE", harmless=dict.fromkeys(("cond_subgraph_index", "body_subgraph_index"), "subgraphs"))
def _while(importer: Importer) -> None:
    begins = importer.inputs()
    both = [begin_body(importer, subgraph(importer, name), begins) for name in ("cond_subgraph", "body_subgraph")]
    import_nodes(*(inner for inner, _ in both))
    (asks, asked), (inner, inputs) = both
    test = finish_body(asks, asked, [])
    add_output(test, asks.value(asks.model.outputs[0]))
    body = finish_body(inner, inputs, [inner.value(key) for key in inner.model.outputs])
    if len(body.outputs) != len(begins):
        raise UnsupportedReason(f"it carries {len(begins)} values, its body gives {len(body.outputs)}")
    importer.bind(*loop(importer, inner, body, begins, times(body, begins, test)))


@imports("onnx", "Loop", stored=True)
def _loop(importer: Importer) -> None:
    model = subgraph(importer, "body")
    most, condition = importer.optional_input(0), importer.optional_input(1)
    carried = [importer.input(k) for k in range(2, len(importer.node.inputs))]
    if len(model.outputs) != len(carried) + 1:
        raise UnsupportedReason("it stacks what its iterations give (scan outputs): only what it carries is supported")
    first = importer.constant(np.zeros((), np.int64))
    begins = [first, importer.constant(np.array(True)) if condition is None else condition, *carried]
    inner, inputs = begin_body(importer, model, begins)
    import_nodes(inner)
    (following,) = inner.emit(Map2("Add"), [inputs[0], inner.constant(np.ones((), np.int64))])
    body = finish_body(inner, inputs, [following, *(inner.value(key) for key in model.outputs)])
    # It goes on while the number is below the limit and the condition holds.
    if most is not None and most.data is None:
        raise UnsupportedReason("how often it runs is decided at run time; only loops of a known count are supported")
    limit = None if most is None or most.data is None else max(int(most.data.reshape(-1)[0]), 0)
    asked = [Value(v.type, v.name) for v in inputs]
    count = times(body, begins, Graph("condition", asked, [asked[1]], []), limit)
    importer.bind(*loop(importer, inner, body, begins, count)[2:])
