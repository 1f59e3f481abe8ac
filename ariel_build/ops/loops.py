"""Loops: (v, k) -> v' = body(v, k), again and again, as often as is known while compiling, or as a test says.

What a loop carries from one iteration to the next are the first inputs of the node and of its body; the others are what
it reads from around it. How often a WHILE of TFLite or a Loop of ONNX runs is found out by running what its condition
depends on, where that begins with constants. Otherwise the condition is a second body, asked before each iteration.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import NoReturn

import numpy as np

from ariel_build.errors import InternalError
from ariel_build.frontends.source import SourceModel
from ariel_build.ir import Array, DType, Graph, Node, TensorType, Value
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.compare import Compare, Logic
from ariel_build.ops.control import add_output, subgraph
from ariel_build.ops.evaluate import evaluate
from ariel_build.ops.importer import Importer
from ariel_build.ops.importing import import_nodes
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import Reshape, reshape
from ariel_build.ops.scatter import AtIndices, Scatter
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["Loop", "counted", "needed_inputs", "row_number", "stack"]

#: Iterations that are looked at: a loop of more is one whose end does not come.
MOST_TIMES = 10_000
#: Elements that each operator may make on which the end of a loop depends: it is found by running them.
MOST_NUMBERS = 16


@dataclass(frozen=True)
class Loop(Operator):
    """Computes its body `times` times, at least once; what it carries has `types`.

    Without `times`, as long as its second body, the test, gives true; `most` is then a bound, where the model has one.
    """

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    times: int | None
    types: tuple[TensorType, ...]
    most: int | None = None

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T.., U.. -> T..: what is carried keeps its types."""
        given = [None if t is None else (t.dtype, t.shape) for t in inputs[: len(self.types)]]
        if (self.times is not None and self.times < 1) or given != [(t.dtype, t.shape) for t in self.types]:
            raise ValueError(f"a loop of {self.times} iterations begins with {inputs}, it carries {self.types}")
        return list(self.types)

    def ties(self, node: Node) -> list[tuple[Value, Value]]:
        """Inputs and outputs of the body, and what it gives and takes the next time; inputs of the test."""
        wanted = 1 if self.times is not None else 2
        if len(node.bodies) != wanted:
            raise ValueError(f"it has {len(node.bodies)} bodies, not {wanted}")
        body, *tests = node.bodies
        if len(body.inputs) != len(node.inputs) or len(body.outputs) != len(node.outputs):
            raise ValueError("its body has other inputs or outputs")
        given = [node.input(index) for index in range(len(node.inputs))]
        pairs = [*zip(given, body.inputs, strict=True), *zip(node.outputs, body.outputs, strict=True)]
        for test in tests:
            if len(test.inputs) != len(node.inputs) or len(test.outputs) != 1 or not is_condition(test.outputs[0].type):
                raise ValueError("its test does not make one bool of what the loop has")
            pairs += zip(given, test.inputs, strict=True)
        return pairs + list(zip(body.inputs, body.outputs, strict=False))

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Runs the body."""
        body, *tests = node.bodies
        values = [v for v in inputs if v is not None]
        carried, kept = values[: len(body.outputs)], values[len(body.outputs) :]
        for _ in count() if self.times is None else range(self.times):
            if not all(_holds(test, [*carried, *kept]) for test in tests):
                break
            found = evaluate(body, dict(zip(body.inputs, [*carried, *kept], strict=True)))
            carried = [found[v] for v in body.outputs]
        return carried

    def lower(self, node: Node) -> NoReturn:
        """No kernel does: lowering walks the body."""
        raise InternalError("control flow is no kernel call", {"node": node})


def is_condition(type_: TensorType) -> bool:
    """Whether a type is that of one bool."""
    return type_.dtype is DType.BOOL and type_.elements == 1


def _holds(test: Graph, values: Sequence[Array]) -> bool:
    found = evaluate(test, dict(zip(test.inputs, values, strict=True)))
    return bool(found[test.outputs[0]].reshape(-1)[0])


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


def times(body: Graph, begins: Sequence[Value], goes_on: Graph, limit: int | None = None) -> int | None:
    """Returns how often a loop runs that asks `goes_on` before each iteration, and runs `limit` times at most.

    `goes_on` has the inputs of the body, and one bool as output. None where constants alone do not tell, or are too
    much to compute here; UnsupportedReason where the loop seems to have no end.
    """
    asked = [k for k, v in enumerate(goes_on.inputs) if v in goes_on.consumers() or v in goes_on.outputs]
    carried = len(body.outputs)
    needed, nodes = needed_inputs(body, [k for k in asked if k < carried])
    unknown = any(begins[k].data is None for k in needed) or any(k >= carried for k in asked)
    kept = set(body.inputs[carried:])
    if unknown or any(v in kept for node in nodes for v in node.inputs):
        return None
    if any(node.bodies or sum(v.type.elements for v in node.outputs) > MOST_NUMBERS for node in nodes):
        return None
    part = Graph(body.name, body.inputs, [body.outputs[k] for k in needed], nodes)
    values = {k: begins[k].data for k in needed}
    for number in range(MOST_TIMES + 1):
        if number == limit:
            return number
        known = {k: v for k, v in values.items() if v is not None}
        answer = evaluate(goes_on, {goes_on.inputs[k]: v for k, v in known.items() if k in asked})[goes_on.outputs[0]]
        if not bool(np.asarray(answer).reshape(-1)[0]):
            return number
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


def loop(
    importer: Importer,
    inner: Importer,
    body: Graph,
    begins: Sequence[Value],
    number: int | None,
    test: Graph,
    limit: int | None = None,
) -> list[Value]:
    """Adds a loop of `number` iterations, or of as many as its test says, `limit` at most.

    Returns what it carries at first where it does not run at all.
    """
    for begin, output in zip(begins, body.outputs, strict=True):
        if begin.shape != output.shape or begin.type.dtype is not output.type.dtype:
            raise UnsupportedReason(f"it carries {begin.type}, and then {output.type}: that decides only at run time")
    if number == 0:
        return list(begins)
    types, inputs = tuple(v.type for v in begins), [*begins, *inner.captured]
    if number is not None:
        return importer.emit(Loop(number, types), inputs, types=types, bodies=[body])
    if not is_condition(test.outputs[0].type):
        raise UnsupportedReason(f"its condition is {test.outputs[0].type}, not one bool")
    return importer.emit(Loop(None, types, limit), inputs, types=types, bodies=[body, test])


_SUBGRAPHS = ("cond_subgraph_index", "body_subgraph_index")


@imports("tflite", "WHILE", "STABLEHLO_WHILE", harmless=dict.fromkeys(_SUBGRAPHS, "the node carries the subgraphs"))
def _while(importer: Importer) -> None:
    begins = importer.inputs()
    both = [begin_body(importer, subgraph(importer, name), begins) for name in ("cond_subgraph", "body_subgraph")]
    import_nodes(*(inner for inner, _ in both))
    (asks, asked), (inner, inputs) = both
    if len(asks.model.outputs) != 1:
        raise UnsupportedReason(f"its condition has {len(asks.model.outputs)} outputs, not 1")
    test = finish_body(asks, asked, [])
    add_output(test, asks.value(asks.model.outputs[0]))
    body = finish_body(inner, inputs, [inner.value(key) for key in inner.model.outputs])
    if len(body.outputs) != len(begins):
        raise UnsupportedReason(f"it carries {len(begins)} values, its body gives {len(body.outputs)}")
    importer.bind(*loop(importer, inner, body, begins, times(body, begins, test), test))


@imports("onnx", "Loop", stored=True)
def _loop(importer: Importer) -> None:
    model = subgraph(importer, "body")
    most, condition = importer.optional_input(0), importer.optional_input(1)
    carried = [importer.input(k) for k in range(2, len(importer.node.inputs))]
    if len(model.outputs) <= len(carried):
        raise UnsupportedReason(
            f"it carries {len(carried)} values, its body gives {len(model.outputs)} and a condition"
        )
    first = importer.constant(np.zeros((), np.int64))
    begins = [first, importer.constant(np.array(True)) if condition is None else condition, *carried]
    inner, inputs = begin_body(importer, model, begins)
    import_nodes(inner)
    (following,) = inner.emit(Map2("Add"), [inputs[0], inner.constant(np.ones((), np.int64))])
    given = [inner.value(key) for key in model.outputs]
    kept, stacked = given[: len(carried) + 1], given[len(carried) + 1 :]
    # The limit is one of what the loop reads from around it, where it is not known.
    bound = None if most is None else inner.capture(most)
    limit = None if most is None or most.data is None else max(int(most.data.reshape(-1)[0]), 0)
    known = _apart(inner, inputs, [following, *kept])
    number = times(known, begins, _goes_on(inner, known, bound), limit)
    rows, outputs = _stack(inner, stacked, number) if stacked else ([], [])
    body = finish_body(inner, [*inputs, *rows], [following, *kept, *outputs])
    zeros = [importer.constant(np.zeros(v.shape, v.type.dtype.numpy)) for v in rows]
    results = loop(importer, inner, body, [*begins, *zeros], number, _goes_on(inner, body, bound), limit)[2:]
    importer.bind(*results[: len(carried)], *results[len(carried) + (1 if stacked else 0) :])


def _goes_on(inner: Importer, body: Graph, bound: Value | None) -> Graph:
    """Returns the test of an ONNX loop: it goes on while the number is below the limit and the condition holds."""
    asks = inner.inner(inner.model, apart=True)
    asked = {v: Value(v.type, v.name, origin=v.origin) for v in body.inputs}
    number, condition = (asked[v] for v in body.inputs[:2])
    if bound is not None:
        limit = asks.view(asked.get(bound, bound), None)
        (limit,) = asks.emit(Reshape(number.shape), [limit])
        (below,) = asks.emit(Compare("Less"), [number, limit])
        (below,) = asks.emit(Reshape(condition.shape), [below])
        (condition,) = asks.emit(Logic("And"), [below, condition])
    test = Graph("condition", list(asked.values()), [], asks.nodes, source=body.source, format=body.format)
    add_output(test, condition)
    return test


def _apart(inner: Importer, inputs: Sequence[Value], outputs: Sequence[Value]) -> Graph:
    """Returns a body that is finished, while `inner` may still get more nodes."""
    nodes = inner.nodes
    inner.nodes = list(nodes)
    body = finish_body(inner, inputs, outputs)
    inner.nodes = nodes
    return body


def _stack(inner: Importer, values: Sequence[Value], number: int | None) -> tuple[list[Value], list[Value]]:
    """Lets a body write what each iteration gives into a row: returns what it carries for that, and gives."""
    if number is None:
        raise UnsupportedReason("it stacks what its iterations give, and how often it runs is decided at run time")
    if number == 0:
        raise UnsupportedReason("it does not run at all, and stacks what its iterations give")
    index, following = row_number(inner)
    rows, written = stack(inner, index, values, number)
    return [index, *rows], [following, *written]


def row_number(inner: Importer) -> tuple[Value, Value]:
    """Returns what counts the iterations in a body, and what follows it: kernels count in 32 bits."""
    index = Value(TensorType(DType.I32, ()), "row", origin=inner.node.origin)
    (following,) = inner.emit(Map2("Add"), [index, inner.constant(np.ones((), np.int32))])
    return index, following


def stack(inner: Importer, index: Value, values: Sequence[Value], number: int) -> tuple[list[Value], list[Value]]:
    """Lets a body write values into the row that `index` counts: returns what it carries for that, and gives."""
    inputs, outputs = [], []
    for value in values:
        rows = Value(TensorType(value.type.dtype, (number, *value.shape)), value.name, origin=inner.node.origin)
        row = reshape(inner, inner.view(value, None), (1, *value.shape))
        way = AtIndices(wraps=False)
        outputs += inner.emit(Scatter(way), [rows, reshape(inner, index, (1, 1)), row])
        inputs.append(rows)
    return inputs, outputs


def counted(
    importer: Importer, inner: Importer, carried: Sequence[tuple[Value, Value, Value]], number: int
) -> list[Value]:
    """Adds a loop of so many iterations. `carried` are what it begins with, and what its body takes, and gives."""
    begins, inputs, outputs = zip(*carried, strict=True)
    body = finish_body(inner, inputs, outputs)
    return loop(importer, inner, body, begins, number, body)
