"""The same layers in int16 and in int8, on cores without SIMD: what the wider activations cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ariel_build.driver import import_file
from ariel_build.ir import DType, Graph, Node, TensorType, Value
from tools.bench.models import Model
from tools.costs.boards import board_of
from tools.costs.measure import measure

__all__ = ["KINDS", "Wide", "of_models"]

#: The kinds of cores, as `tools.costs` has them, by what the table calls them.
KINDS = {"rv32": "RISC-V", "armv6-m": "Armv6-M"}
#: An int16 has so many int8's; scales and biases are made to fit.
_BYTE = 256


@dataclass(frozen=True)
class Wide:
    """A layer, its multiply-accumulates, and by kind of core the instructions in int16 and in int8."""

    layer: str
    macs: int
    taken: Mapping[str, tuple[int, int]]


def of_models(models: Iterable[Model], say: Callable[[str], None]) -> list[Wide]:
    """Returns the layers among the models that have activations of int16."""
    graphs: list[Graph] = []
    for model in models:
        if model.element == "int16":
            graph, _ = import_file(model.recorded.path)
            graphs += [replace(graph, name=model.name), _in_int8(graph)]
    taken: dict[str, list[int]] = {}
    macs: list[int] = []
    for kind in KINDS:
        found = measure(graphs, board_of(kind), say=say)
        taken[kind] = [one.instructions for one in found]
        macs = [sum(step.call.macs for step in one.steps) for one in found]
    return [
        Wide(graphs[k].name, macs[k], {kind: (taken[kind][k], taken[kind][k + 1]) for kind in KINDS})
        for k in range(0, len(graphs), 2)
    ]


def _in_int8(graph: Graph) -> Graph:
    """Returns a graph of the same shapes with int8 for int16, whose numbers mean nothing."""
    known: dict[Value, Value] = {}

    def twin(value: Value) -> Value:
        if value not in known:
            type_, data = value.type, value.data
            if type_.dtype is DType.I64 and data is not None:
                data = np.clip(np.asarray(data) // _BYTE, -(1 << 30), 1 << 30).astype(np.int32)
            dtype = {DType.I16: DType.I8, DType.I64: DType.I32}.get(type_.dtype, type_.dtype)
            quant = type_.quant
            if quant is not None and dtype is not type_.dtype:
                quant = replace(quant, scales=tuple(scale * _BYTE for scale in quant.scales))
            known[value] = Value(TensorType(dtype, type_.shape, quant), value.name, data)
        return known[value]

    nodes = [
        Node(node.op, [twin(v) if v is not None else None for v in node.inputs], list(map(twin, node.outputs)), "int8")
        for node in graph.nodes
    ]
    return Graph(f"{graph.name} in int8", list(map(twin, graph.inputs)), list(map(twin, graph.outputs)), nodes)
