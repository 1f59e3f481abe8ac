"""Control flow: y = then(x) if condition else otherwise(x), decided at run time; called subgraphs, put in their place.

The branches are bodies of the node. Their inputs are those of the node behind the condition, whether a branch reads
them or not: what ONNX lets a branch take from around it, and what TFLite hands to it. A branch whose condition is known
and a subgraph that is called become nodes of the graph that has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from ariel_build.errors import InternalError
from ariel_build.frontends.source import SourceModel
from ariel_build.ir import Array, DType, Graph, Node, TensorType, Value
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.evaluate import evaluate
from ariel_build.ops.importer import Importer
from ariel_build.ops.importing import import_nodes
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["If", "add_output", "subgraph"]

_SUBGRAPHS = "the node carries the subgraphs themselves"


@dataclass(frozen=True)
class If(Operator):
    """Computes one of two bodies, whose outputs have `types`."""

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    types: tuple[TensorType, ...]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """bool[1], T.. -> types."""
        condition = inputs[0] if inputs else None
        if condition is None or condition.dtype is not DType.BOOL or condition.elements != 1:
            raise ValueError(f"the condition is {condition}, not one bool")
        return list(self.types)

    def ties(self, node: Node) -> list[tuple[Value, Value]]:
        """Inputs and outputs of both bodies, in the order of the node's."""
        if len(node.bodies) != 2:
            raise ValueError(f"it has {len(node.bodies)} bodies, not 2")
        given = [node.input(index) for index in range(1, len(node.inputs))]
        pairs = []
        for body in node.bodies:
            if len(body.inputs) != len(given) or len(body.outputs) != len(node.outputs):
                raise ValueError("a body has other inputs or outputs than its node")
            pairs += [*zip(given, body.inputs, strict=True), *zip(node.outputs, body.outputs, strict=True)]
        return pairs

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Returns what the body that the condition chooses gives."""
        assert inputs[0] is not None  # noqa: S101 - infer has seen it
        body = node.bodies[0 if bool(inputs[0].reshape(-1)[0]) else 1]
        arguments = dict(zip(body.inputs, (i for i in inputs[1:] if i is not None), strict=True))
        values = evaluate(body, arguments)
        return [values[v] for v in body.outputs]

    def lower(self, node: Node) -> NoReturn:
        """No kernel does: lowering walks the bodies."""
        raise InternalError("control flow is no kernel call", {"node": node})


def inline(importer: Importer, model: SourceModel, inputs: Sequence[Value]) -> list[Value]:
    """Puts the nodes of a subgraph into the graph that is being imported, and returns its outputs."""
    inner = importer.inner(model, apart=False)
    _bind_inputs(inner, model, inputs)
    import_nodes(inner)
    return [inner.value(key) for key in model.outputs]


def _bind_inputs(inner: Importer, model: SourceModel, values: Sequence[Value]) -> None:
    """Makes outer values the inputs of a subgraph; a TFLite file declares with which scale it reads them."""
    if len(model.inputs) != len(values):
        raise UnsupportedReason(f"its subgraph takes {len(model.inputs)} inputs, it is given {len(values)}")
    for key, given in zip(model.inputs, values, strict=True):
        tensor, value = model.tensors[key], inner.capture(given)
        if tensor.dtype is not None and tensor.dtype is not value.type.dtype:
            raise UnsupportedReason(f"its subgraph takes {tensor.dtype.value}, it is given {value.type.dtype.value}")
        inner.values[key] = inner.view(value, tensor.quant) if model.format == "tflite" else value


def branch(importer: Importer, condition: Value, models: Sequence[SourceModel], inputs: Sequence[Value]) -> list[Value]:
    """Adds a node that computes one of two subgraphs, or the nodes of the one that a known condition chooses."""
    if condition.type.dtype is not DType.BOOL or condition.type.elements != 1:
        raise UnsupportedReason(f"its condition is {condition.type}, not one bool")
    if condition.data is not None:
        return inline(importer, models[0 if bool(condition.data.reshape(-1)[0]) else 1], inputs)
    inner = [importer.inner(model, apart=True) for model in models]
    for one, model in zip(inner, models, strict=True):
        _bind_inputs(one, model, inputs)
    import_nodes(*inner)
    results = [[one.value(key) for key in model.outputs] for one, model in zip(inner, models, strict=True)]
    if len(results[0]) != len(results[1]):
        raise UnsupportedReason(f"one branch has {len(results[0])} outputs, the other {len(results[1])}")
    types = []
    for index, (a, b) in enumerate(zip(*results, strict=True)):
        if a.shape != b.shape or a.type.dtype is not b.type.dtype:
            raise UnsupportedReason(f"output {index} is {a.type} or {b.type}: that decides only at run time")
        quant = a.type.quant if a.type.quant == b.type.quant else None
        types.append(TensorType(a.type.dtype, a.shape, quant))
    taken = list(dict.fromkeys(v for one in inner for v in one.captured))
    bodies = []
    for one, model, values in zip(inner, models, results, strict=True):
        given = [one.captured.get(v) or Value(v.type, v.name, origin=v.origin) for v in taken]
        body = Graph(model.name, given, [], one.nodes, source=importer.model.path, format=model.format)
        for value, type_ in zip(values, types, strict=True):
            add_output(body, one.view(value, type_.quant))
        bodies.append(body)
    return importer.emit(If(tuple(types)), [condition, *taken], types=types, bodies=bodies)


def add_output(body: Graph, value: Value) -> None:
    """Adds an output to a body: a value of its own, no input and no other output."""
    if value.data is None and (value in body.inputs or value in body.outputs):
        alias = Value(value.type, value.name, origin=value.origin)
        body.nodes.append(Node(Reshape(value.shape), [value], [alias], value.origin))
        value = alias
    body.outputs.append(value)


def subgraph(importer: Importer, name: str) -> SourceModel:
    """Returns a subgraph of the node; UnsupportedReason where the file has none."""
    model = importer.node.subgraphs.get(name)
    if model is None:
        raise UnsupportedReason(f"its subgraph `{name}` is missing")
    return model


@imports("tflite", "CALL", harmless={"subgraph": _SUBGRAPHS})
def _call(importer: Importer) -> None:
    importer.bind(*inline(importer, subgraph(importer, "subgraph"), importer.inputs()))


@imports("tflite", "IF", harmless={"then_subgraph_index": _SUBGRAPHS, "else_subgraph_index": _SUBGRAPHS})
def _if_tflite(importer: Importer) -> None:
    models = [subgraph(importer, name) for name in ("then_subgraph", "else_subgraph")]
    condition, *inputs = importer.inputs()
    importer.bind(*branch(importer, condition, models, inputs))


@imports("onnx", "If", stored=True)
def _if_onnx(importer: Importer) -> None:
    models = [subgraph(importer, name) for name in ("then_branch", "else_branch")]
    importer.bind(*branch(importer, importer.input(0), models, []))
