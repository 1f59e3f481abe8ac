"""A quantised form of a graph: who computes in int8, with which scales and which constants; as numbers, and as a graph.

`Form.run` gives the numbers that the written file has, for many samples at once; `rewrite` makes the graph with
Quantize and Dequantize in it, of which the file is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Graph, Node, Quant, State, TensorType, Value
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding, stored_bounds
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.traits import clamps
from ariel_build.passes.editor import operator
from ariel_build.passes.fuse_wide_qdq import STEPS
from ariel_build.quantize import batched
from ariel_build.quantize.choice import Choice, is_layer, widens
from ariel_build.quantize.constants import (
    int4_weights,
    least_scales,
    scales_of,
    stored_bias,
    stored_operand,
    stored_weights,
    whole_multipliers,
)
from ariel_build.quantize.ranges import rounded
from ariel_build.records import dataclass

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
    #: Values of int16; what they are to those who read int8 only; and of values of int8 that int16 computes, that.
    wide: Collection[Value] = ()
    narrowed: Mapping[Value, Value] = field(default_factory=dict)
    finer: Mapping[Value, Value] = field(default_factory=dict)

    def reads(self, node: Node) -> list[Value | None]:
        """Returns the inputs of a node in this form."""
        inputs = self.inputs.get(node, node.inputs)
        if node not in self.choice.nodes or widens(node):
            return list(inputs)
        return [v if v is None else self.narrowed.get(v, v) for v in inputs]

    def computes_wide(self, node: Node) -> bool:
        """Whether a node computes in int16."""
        return node in self.choice.nodes and (node.output in self.wide or node.output in self.finer)

    def packs(self, node: Node) -> bool:
        """Whether a layer has weights of 4 bits."""
        stored = self.inputs[node][1] if node in self.inputs and is_layer(node) else None
        twin = None if stored is None else stored.stored
        return twin is not None and twin.type.quant is not None and twin.type.quant.bits == 4

    def explicit(self) -> tuple[Graph, Collection[Node]]:
        """Returns the graph with the stored constants in it, as float32, and its nodes that only round again."""
        nodes: list[Node] = []
        rounds: dict[Node, None] = {}

        def again(value: Value, coarse: Value) -> None:
            nodes.append(Node(Reshape(value.shape), [value], [coarse], value.origin))
            rounds[nodes[-1]] = None

        def narrow(values: Sequence[Value]) -> None:
            for value in values:
                if value in self.narrowed:
                    again(value, self.narrowed[value])

        narrow([*self.graph.inputs, *(state.current for state in self.graph.states)])
        for node in self.graph.nodes:
            outputs = [self.finer.get(v, v) for v in node.outputs]
            nodes.append(Node(node.op, self.reads(node), outputs, node.origin, node.bodies))
            for fine, value in zip(outputs, node.outputs, strict=True):
                if fine is not value:
                    again(fine, value)
            narrow(node.outputs)
        return Graph(self.graph.name, self.graph.inputs, self.graph.outputs, nodes, self.graph.states), rounds

    def dtype(self, value: Value) -> DType:
        """Returns the type of the integers of a quantised value."""
        return DType.I16 if value in self.wide else DType.I8

    def change(self, value: Value, array: Array) -> Array:
        """Rounds what is quantised, as often as the file does."""
        quant = self.quants.get(value)
        return array if quant is None else rounded(array, quant, self.dtype(value))

    def run(self, given: Mapping[Value, Array], seen: batched.Seen | None = None) -> dict[Value, Array]:
        """Returns the outputs for many samples, as `batched.run` does."""
        return batched.run(self.explicit()[0], given, self.change, seen)


def form_of(
    graph: Graph,
    choice: Choice,
    quants: Mapping[Value, Quant],
    biases: Mapping[Node, F64] | None = None,
    made: dict[tuple[Value, bool], Value] | None = None,
    wide: Mapping[Value, Quant] | None = None,
    narrow: Mapping[Node, F64 | None] | None = None,
) -> Form:
    """Returns the form with these scales; `biases` are added to those of layers.

    `made` has the stored weights of forms before, and gets those of this one. `wide` values are int16 of these scales;
    where somebody reads int8 only, that has the scale in `quants`. `narrow` layers have weights of 4 bits, unless they
    compute int16, and each the energy of its input (see `int4_weights`).
    """
    inputs: dict[Node, list[Value | None]] = {}
    made = {} if made is None else made
    wide, narrow = wide or {}, narrow or {}
    narrowed, finer = _between(choice, wide)
    coarse = {twin: quants[v] for v, twin in narrowed.items()}
    fine = {twin: Quant((quants[v].scale / STEPS,), (0,)) for v, twin in finer.items()}
    quants = {**quants, **coarse, **fine, **wide}
    for node in choice.nodes:
        if is_layer(node):
            y = finer.get(node.output, node.output)
            widens_it = y in fine or y in wide
            weights = _narrow(node, narrow[node], made) if node in narrow and not widens_it else None
            inputs[node] = _layer(
                node, (quants[node.input(0)], quants[y]), biases or {}, made, wide=widens_it, narrow=weights
            )
        elif any(v is not None and v.is_constant for v in node.inputs):
            inputs[node] = [v if v is None or not v.is_constant else stored_operand(v) for v in node.inputs]
    return Form(graph, choice, quants, inputs, {**wide, **fine}, narrowed, finer)


def _between(choice: Choice, wide: Collection[Value]) -> tuple[dict[Value, Value], dict[Value, Value]]:
    """Returns the int8 of int16 for who has no kernel of int16, and the int16 from which int8 is rounded.

    What reads int16 computes int16: an int8 that it is to give is rounded from that once more.
    """
    narrowed: dict[Value, Value] = {}
    finer: dict[Value, Value] = {}
    for node in choice.nodes:
        reads = [v for v in node.inputs if v is not None and v in wide]
        if not widens(node):
            narrowed.update((v, Value(v.type, f"{v.name}_int8", origin=v.origin)) for v in reads if v not in narrowed)
        elif reads and node.output not in wide:
            finer[node.output] = Value(node.output.type, f"{node.output.name}_int16", origin=node.output.origin)
    return narrowed, finer


def _layer(
    node: Node,
    quants: tuple[Quant, Quant],
    biases: Mapping[Node, F64],
    made: dict[tuple[Value, bool], Value],
    *,
    wide: bool,
    narrow: Value | None = None,
) -> list[Value | None]:
    """Returns the inputs of a layer with stored constants, between two quantisations."""
    x, y = quants
    filter_, axis = node.input(1), operator(node).traits.channels
    given = node.inputs[2] if len(node.inputs) > 2 else None
    channels = node.output.shape[-1]
    bias = np.zeros(channels) if given is None or given.data is None else given.data.astype(np.float64)
    extra = biases.get(node)
    bias = bias if extra is None else bias + extra
    data = np.asarray(filter_.data, np.float64)
    assert axis is not None  # noqa: S101 - it is a layer
    # Layers that share weights go on sharing them, unless a bias or int16 asks for scales of its own.
    if (filter_, False) not in made:
        made[filter_, False] = stored_weights(filter_, data, axis)
    weights = made[filter_, False] if narrow is None else narrow
    least = least_scales(bias, x)
    if wide:
        weights = stored_weights(filter_, data, axis, least, partial(whole_multipliers, x=x, y=y))
    elif np.any(least > scales_of(weights)):
        weights = stored_weights(filter_, data, axis, least)
    if given is None and extra is None:
        return [node.inputs[0], weights]
    like = given or Value(TensorType(DType.F32, (channels,)), f"{node.output.name}_bias", origin=node.origin)
    return [node.inputs[0], weights, stored_bias(bias, x, weights, like)]


def _narrow(node: Node, energy: F64 | None, made: dict[tuple[Value, bool], Value]) -> Value:
    """Returns the weights of a layer in 4 bits."""
    filter_, axis = node.input(1), operator(node).traits.channels
    assert axis is not None  # noqa: S101 - it is a layer
    if (filter_, True) not in made:
        made[filter_, True] = int4_weights(filter_, axis, energy)
    return made[filter_, True]


def rewrite(form: Form) -> Graph:
    """Returns a graph in which every quantised value goes through Quantize and Dequantize; the old one stays."""
    (graph, rounds), source = form.explicit(), form.graph
    nodes: list[Node] = []
    real: dict[Value, Value] = {}

    def store(raw: Value, value: Value, own: Value, origin: str) -> None:
        """Adds what makes `value` of the integers that `raw` is stored as: those of the form's `own`."""
        dtype = form.dtype(own)
        stored = Value(TensorType(dtype, raw.shape, form.quants[own]), raw.name)
        nodes.append(Node(Quantize(dtype, _EVEN), [raw], [stored], origin))
        nodes.append(Node(Dequantize(), [stored], [value], origin))

    for value in [*graph.inputs, *(state.current for state in graph.states)]:
        if value in form.quants:
            real[value] = Value(value.type, value.name, origin=value.origin)
            store(value, real[value], value, value.origin)
    for node in graph.nodes:
        inputs = [v if v is None else real.get(v, v) for v in node.inputs]
        if node in rounds:
            store(real.get(node.input(0), node.input(0)), node.output, node.output, node.origin)
            continue
        outputs = [Value(v.type, v.name, origin=v.origin) if v in form.quants else v for v in node.outputs]
        op = node.op
        quant = form.quants.get(node.output)
        if quant is not None and clamps(op) and _stores_all(op.clip, quant, form.dtype(node.output)):
            # What is stored cannot be beyond the bounds: Quantize does what the activation would.
            op = replace(op, clip=UNBOUNDED)
        nodes.append(Node(op, inputs, outputs, node.origin, node.bodies))
        for raw, value in zip(outputs, node.outputs, strict=True):
            if raw is not value:
                store(raw, value, value, node.origin)
    return Graph(
        graph.name,
        list(graph.inputs),
        [real.get(v, v) if v in graph.inputs else v for v in graph.outputs],
        nodes,
        [State(s.current, s.next, s.initial) for s in graph.states],
        source.source,
        source.format,
    )


def _stores_all(clip: tuple[float, float], quant: Quant, dtype: DType) -> bool:
    """Whether what a tensor stores lies within bounds, whatever it is."""
    return stored_bounds(clip, quant, dtype, _EVEN) == dtype.range
