"""Bias correction: what rounding adds to the mean of a channel, before its activation, is taken off its bias.

Layer by layer in the order of computation, so that each sees its input as the corrected layers before it make it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, Node, Value
from ariel_build.ops.fixed_point import UNBOUNDED
from ariel_build.ops.traits import clamps
from ariel_build.quantize import batched
from ariel_build.quantize.choice import is_layer
from ariel_build.quantize.form import Form
from ariel_build.quantize.judge import Data

__all__ = ["corrections"]

F64 = npt.NDArray[np.float64]


@np.errstate(all="ignore")
def corrections(data: Data, form: Form) -> dict[Node, F64]:
    """Returns what is to be added to the bias of each layer that computes in int8; `data` is run at once."""
    graph = data.graph
    given = dict(zip(graph.inputs, data.arrays, strict=True))
    given |= {s.current: np.broadcast_to(s.initial, (data.count, *s.initial.shape)) for s in graph.states}
    real: dict[Value, Array] = dict(given)
    stored: dict[Value, Array] = {}

    def store(value: Value, array: Array) -> None:
        if value in form.finer:
            array = form.change(form.finer[value], array)
        stored[value] = form.change(value, array)
        if value in form.narrowed:
            twin = form.narrowed[value]
            stored[twin] = form.change(twin, stored[value])

    for start, array in given.items():
        store(start, array)
    found: dict[Node, F64] = {}
    last: dict[Value, int] = {}
    for index, node in enumerate(graph.nodes):
        last.update((v, index) for v in node.inputs if v is not None)
    for index, node in enumerate(graph.nodes):
        twin = Node(node.op, form.reads(node), node.outputs, node.origin, node.bodies)
        if node in form.choice.nodes and is_layer(node) and clamps(node.op):
            bare = replace(node.op, clip=UNBOUNDED)
            want, got = (
                batched.run_node(Node(bare, each.inputs, each.outputs), values, data.count)[0].astype(np.float64)
                for each, values in ((node, real), (twin, stored))
            )
            found[node] = np.mean(want - got, axis=tuple(range(want.ndim - 1)))
            made: list[list[Array]] = [
                [np.clip(side, *node.op.clip).astype(np.float32)] for side in (want, got + found[node])
            ]
        else:
            made = [batched.run_node(each, values, data.count) for each, values in ((node, real), (twin, stored))]
        for value, plain, other in zip(node.outputs, *made, strict=True):
            real[value] = plain
            store(value, other)
        for value in node.inputs:
            if value is not None and last[value] == index:
                real.pop(value, None)
                stored.pop(value, None)
    return found
