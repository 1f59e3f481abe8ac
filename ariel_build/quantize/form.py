"""A quantised form of a graph: who computes in int8, with which scales and which constants; as numbers, and as a graph.

`Form.run` gives the numbers that the written file has, for many samples at once; `rewrite` makes the graph with
Quantize and Dequantize in it, of which the file is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Graph, Node, Quant, State, TensorType, Value
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding, stored_bounds
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.traits import clamps
from ariel_build.passes.editor import operator
from ariel_build.quantize import batched
from ariel_build.quantize.choice import Choice, is_layer
from ariel_build.quantize.constants import least_scales, scales_of, stored_bias, stored_operand, stored_weights
from ariel_build.quantize.ranges import rounded

__all__ = ["Form", "form_of", "rewrite"]

_EVEN = Rounding.NEAREST_EVEN
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Form:
    """A choice, the quantisation of every value in it, and the stored constants in the place of each node's own."""

    graph: Graph
    choice: Choice
    quants: Mapping[Value, Quant]
    inputs: Mapping[Node, list[Value | None]] = field(default_factory=dict)

    def as_float(self) -> Graph:
        """Returns the graph with the stored constants in it, as float32."""
        nodes = [
            Node(node.op, self.inputs.get(node, node.inputs), node.outputs, node.origin, node.bodies)
            for node in self.graph.nodes
        ]
        return Graph(self.graph.name, self.graph.inputs, self.graph.outputs, nodes, self.graph.states)

    def change(self, value: Value, array: Array) -> Array:
        """Rounds what is quantised."""
        quant = self.quants.get(value)
        return array if quant is None else rounded(array, quant)

    def run(self, given: Mapping[Value, Array], seen: batched.Seen | None = None) -> dict[Value, Array]:
        """Returns the outputs for many samples, as `batched.run` does."""
        return batched.run(self.as_float(), given, self.change, seen)


def form_of(
    graph: Graph,
    choice: Choice,
    quants: Mapping[Value, Quant],
    biases: Mapping[Node, F64] | None = None,
    made: dict[Value, Value] | None = None,
) -> Form:
    """Returns the form with these scales; `biases` are added to those of layers.

    `made` has the stored weights of forms before, and gets those of this one.
    """
    inputs: dict[Node, list[Value | None]] = {}
    made = {} if made is None else made
    for node in choice.nodes:
        if is_layer(node):
            inputs[node] = _layer(node, quants[node.input(0)], biases or {}, made)
        elif any(v is not None and v.is_constant for v in node.inputs):
            inputs[node] = [v if v is None or not v.is_constant else stored_operand(v) for v in node.inputs]
    return Form(graph, choice, quants, inputs)


def _layer(node: Node, x: Quant, biases: Mapping[Node, F64], made: dict[Value, Value]) -> list[Value | None]:
    filter_, axis = node.input(1), operator(node).traits.channels
    given = node.inputs[2] if len(node.inputs) > 2 else None
    channels = node.output.shape[-1]
    bias = np.zeros(channels) if given is None or given.data is None else given.data.astype(np.float64)
    extra = biases.get(node)
    bias = bias if extra is None else bias + extra
    data = np.asarray(filter_.data, np.float64)
    assert axis is not None  # noqa: S101 - it is a layer
    # Layers that share weights go on sharing them, unless a bias asks for a scale of its own.
    if filter_ not in made:
        made[filter_] = stored_weights(filter_, data, axis)
    weights = made[filter_]
    least = least_scales(bias, x)
    if np.any(least > scales_of(weights)):
        weights = stored_weights(filter_, data, axis, least)
    if given is None and extra is None:
        return [node.inputs[0], weights]
    like = given or Value(TensorType(DType.F32, (channels,)), f"{node.output.name}_bias", origin=node.origin)
    return [node.inputs[0], weights, stored_bias(bias, x, weights, like)]


def rewrite(form: Form) -> Graph:
    """Returns a graph in which every quantised value goes through Quantize and Dequantize; the old one stays."""
    graph = form.graph
    nodes: list[Node] = []
    real: dict[Value, Value] = {}

    def store(raw: Value, value: Value, origin: str) -> None:
        """Adds what makes `value` of the integers that `raw` is stored as."""
        stored = Value(TensorType(DType.I8, raw.shape, form.quants[raw if raw in form.quants else value]), raw.name)
        nodes.append(Node(Quantize(DType.I8, _EVEN), [raw], [stored], origin))
        nodes.append(Node(Dequantize(), [stored], [value], origin))

    for value in [*graph.inputs, *(state.current for state in graph.states)]:
        if value in form.quants:
            real[value] = Value(value.type, value.name, origin=value.origin)
            store(value, real[value], value.origin)
    for node in graph.nodes:
        inputs = [v if v is None else real.get(v, v) for v in form.inputs.get(node, node.inputs)]
        outputs = [Value(v.type, v.name, origin=v.origin) if v in form.quants else v for v in node.outputs]
        op = node.op
        quant = form.quants.get(node.output)
        if quant is not None and clamps(op) and stored_bounds(op.clip, quant, DType.I8, _EVEN) == DType.I8.range:
            # What is stored cannot be beyond the bounds: Quantize does what the activation would.
            op = replace(op, clip=UNBOUNDED)
        nodes.append(Node(op, inputs, outputs, node.origin, node.bodies))
        for raw, value in zip(outputs, node.outputs, strict=True):
            if raw is not value:
                store(raw, value, node.origin)
    return Graph(
        graph.name,
        list(graph.inputs),
        [real.get(v, v) if v in graph.inputs else v for v in graph.outputs],
        nodes,
        [State(s.current, s.next, s.initial) for s in graph.states],
        graph.source,
        graph.format,
    )
