"""Equalisation between layers: y = f(W x), z = V y  ->  y' = f(W x / s), z = (V s) y', with factors s of channels.

It holds for activations that scale along (none, Relu), and over pools and flattening. A channel with small numbers next
to one with large ones has few of the 256 steps of their common scale; afterwards all have as many as they can, and
the weights of the next layer, whose channels of input share a scale as well, are taken into account.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Graph, Node, TensorType, Value
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fixed_point import UNBOUNDED
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.pool2d import Pool2d
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.traits import clamps
from ariel_build.passes.editor import operator
from ariel_build.quantize.choice import can, is_layer
from ariel_build.records import dataclass

__all__ = ["Pair", "equalize", "pairs"]

F64 = npt.NDArray[np.float64]
#: No channel is scaled by more: one that was small on all samples may be large on others.
_MOST = 4.0


@dataclass(frozen=True)
class Pair:
    """A layer, and the one that alone reads what it makes."""

    first: Node
    second: Node


def pairs(graph: Graph) -> list[Pair]:
    """Returns the pairs of layers between which factors may move, in order."""
    readers = graph.consumers()
    found = []
    for node in graph.nodes:
        if not (can(node) and is_layer(node) and _scales_along(node)) or len(readers[node.input(1)]) > 1:
            continue
        value = node.output
        while not graph.is_kept(value) and len(readers.get(value, [])) == 1:
            (reader,) = readers[value]
            if can(reader) and is_layer(reader):
                if reader.input(0) is value and _fits(node, reader) and len(readers[reader.input(1)]) == 1:
                    found.append(Pair(node, reader))
                break
            flattens = isinstance(reader.op, Reshape) and value.shape[-1] == node.output.shape[-1]
            if not flattens and not (isinstance(reader.op, Pool2d) and _scales_along(reader)):
                break
            value = reader.output
    return found


def _scales_along(node: Node) -> bool:
    return clamps(node.op) and node.op.clip in (UNBOUNDED, (0.0, math.inf))


def _fits(first: Node, second: Node) -> bool:
    """Whether the elements that the second layer sums are the channels of the first, over and over."""
    channels = first.output.shape[-1]
    if isinstance(second.op, FullyConnected):
        return second.input(1).shape[1] % channels == 0
    same = second.input(0).shape[-1] == channels
    if isinstance(second.op, DepthwiseConv2d):
        return same and second.input(1).shape[3] == channels
    return same and isinstance(second.op, Conv2d) and second.op.groups == 1


def equalize(graph: Graph, most: Mapping[Value, F64]) -> Callable[[], None]:
    """Moves factors between all pairs, in place; returns what undoes it.

    `most` is the greatest magnitude of each channel of what layers make.
    """
    before: dict[Node, list[Value | None]] = {}
    for pair in pairs(graph):
        factors = _factors(pair, most[pair.first.output])
        for node in (pair.first, pair.second):
            before.setdefault(node, node.inputs)
        _scale(pair, factors)

    def undo() -> None:
        for node, inputs in before.items():
            node.inputs = inputs

    return undo


def _factors(pair: Pair, activations: F64) -> F64:
    weights = np.abs(np.asarray(pair.second.input(1).data, np.float64))
    if isinstance(pair.second.op, DepthwiseConv2d):
        # Each channel has filters and a scale of its own: nothing is lost there.
        factors = activations.copy()
        known = activations > 0
    else:
        # [.., k] -> what each channel is multiplied with, at most.
        columns = weights.reshape(-1, weights.shape[-1]).max(axis=0).reshape(-1, len(activations)).max(axis=0)
        known = (activations > 0) & (columns > 0)
        factors = np.sqrt(np.divide(activations, columns, out=np.ones_like(activations), where=known))
    factors[~known] = 1.0
    if known.any():
        factors[known] /= np.exp(np.mean(np.log(factors[known])))
    return np.clip(factors, 1.0 / _MOST, _MOST)


def _scale(pair: Pair, factors: F64) -> None:
    first, second = pair.first, pair.second
    axis = operator(first).traits.channels
    assert axis is not None  # noqa: S101 - it is a layer
    filter_ = first.input(1)
    along = [-1 if k == axis % len(filter_.shape) else 1 for k in range(len(filter_.shape))]
    bias = first.inputs[2] if len(first.inputs) > 2 else None
    first.inputs = [
        first.inputs[0],
        _constant(np.asarray(filter_.data, np.float64) / factors.reshape(along), filter_),
        *([] if bias is None else [_constant(np.asarray(bias.data, np.float64) / factors, bias)]),
    ]
    weights = second.input(1)
    repeated = np.tile(factors, weights.shape[-1] // len(factors))
    scaled = _constant(np.asarray(weights.data, np.float64) * repeated, weights)
    second.inputs = [second.inputs[0], scaled, *second.inputs[2:]]


def _constant(data: Array, like: Value) -> Value:
    return Value(TensorType(DType.F32, data.shape), like.name, data.astype(np.float32), like.origin)
