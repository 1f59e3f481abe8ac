"""Computes the values of a graph in numpy, node by node: what the interpreter of models and control flow stand on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ariel_build.errors import InternalError
from ariel_build.ir import Array, Graph, Value
from ariel_build.ops.base import Operator

__all__ = ["evaluate"]


def evaluate(graph: Graph, given: Mapping[Value, Array]) -> dict[Value, Array]:
    """Returns every value of the graph, constant outputs included; InternalError where an operator is not ours.

    `given` are its inputs and states. The values inside of bodies are the bodies' own.
    """
    values = dict(given)
    for node in graph.nodes:
        if not isinstance(node.op, Operator):
            raise InternalError("a node holds no operator of ours", {"op": node.op})
        arguments = [None if v is None else values[v] if v.data is None else v.data for v in node.inputs]
        for value, result in zip(node.outputs, node.op.reference(arguments, node), strict=True):
            values[value] = np.asarray(result, value.type.dtype.numpy).reshape(value.shape)
    for value in graph.outputs:
        if value.data is not None:
            values[value] = value.data
    return values
