"""Runs a float graph on many samples at once: each value is `[samples, *shape]`.

Operators know one sample. Those that most models spend their time in take the axis of samples as one of their own; all
others run sample by sample. The numbers are those of the operators' own references.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, Graph, Node, TensorType, Value
from ariel_build.ops.base import Operator
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.concat import Concat
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fold import Fold
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.pool2d import Pool2d
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.softmax import LogSoftmax, Softmax
from ariel_build.ops.transpose import Transpose
from ariel_build.passes.editor import operator

__all__ = ["Change", "Seen", "run", "run_node"]

#: May replace what a node has made, `[samples, *shape]`, before others read it.
Change = Callable[[Value, Array], Array]
#: Is shown what a value is.
Seen = Callable[[Value, Array], None]


@np.errstate(all="ignore")
def run(
    graph: Graph, given: Mapping[Value, Array], change: Change | None = None, seen: Seen | None = None
) -> dict[Value, Array]:
    """Returns the outputs and the next contents of states for inputs and states, `[samples, *shape]` each.

    `change` is asked about inputs, states and results; `seen` is shown what became of them. What nobody reads any more
    is dropped on the way.
    """
    count = len(next(iter(given.values()))) if given else 1
    last: dict[Value, int] = {}
    for index, node in enumerate(graph.nodes):
        last.update((v, index) for v in node.inputs if v is not None)
    kept = {*graph.outputs, *(state.next for state in graph.states)}
    values: dict[Value, Array] = {}

    def take(value: Value, array: Array) -> None:
        array = array if change is None else change(value, array)
        if seen is not None:
            seen(value, array)
        values[value] = array

    for value, array in given.items():
        take(value, array)
    for index, node in enumerate(graph.nodes):
        for value, array in zip(node.outputs, run_node(node, values, count), strict=True):
            take(value, array)
        for read in node.inputs:
            if read is not None and last[read] == index and read not in kept:
                values.pop(read, None)
    return {value: _spread(value, count) if value.data is not None else values[value] for value in kept}


def _spread(value: Value, count: int) -> Array:
    return np.broadcast_to(np.asarray(value.data), (count, *value.shape))


def run_node(node: Node, values: Mapping[Value, Array], count: int) -> list[Array]:
    """Returns what one node makes of `count` samples."""
    together = next((_TOGETHER[kind] for kind in type(node.op).__mro__ if kind in _TOGETHER), None)
    if together is None and operator(node).traits.pointwise and not node.bodies:
        together = _pointwise
    made = None if together is None else together(node, values, count)
    if made is not None:
        return [np.ascontiguousarray(made).reshape(count, *node.output.shape)]
    rows = []
    for k in range(count):
        arguments = [None if v is None else v.data if v.data is not None else values[v][k] for v in node.inputs]
        rows.append(operator(node).reference(arguments, node))
    return [
        np.stack([np.asarray(row[index], value.type.dtype.numpy).reshape(value.shape) for row in rows])
        for index, value in enumerate(node.outputs)
    ]


Together = Callable[[Node, Mapping[Value, Array], int], Array | None]


def _operands(node: Node, values: Mapping[Value, Array]) -> list[Array | None]:
    return [None if v is None else v.data if v.data is not None else values[v] for v in node.inputs]


def _pointwise(node: Node, values: Mapping[Value, Array], count: int) -> Array | None:
    """Gives every operand the rank of the output behind the axis of samples."""
    rank = max(len(v.shape) for v in node.inputs if v is not None)
    operands: list[Array | None] = []
    for value, array in zip(node.inputs, _operands(node, values), strict=True):
        if value is None or array is None:
            return None
        lead = () if value.data is not None else (count,)
        operands.append(array.reshape(*lead, *(1,) * (rank - len(value.shape)), *value.shape))
    made = np.asarray(operator(node).reference(operands, node)[0])
    return np.broadcast_to(made, (count, *(1,) * (rank - len(node.output.shape)), *node.output.shape))


def _image(node: Node, values: Mapping[Value, Array], _: int) -> Array | None:
    """Samples are images of a batch."""
    x = node.input(0)
    operands = _operands(node, values)
    if x.data is not None or len(operands) > 3 or operands[0] is None:
        return None
    operands[0] = operands[0].reshape(-1, *x.shape[1:])
    return np.asarray(operator(node).reference(operands, node)[0])


def _rows(node: Node, values: Mapping[Value, Array], _: int) -> Array | None:
    """Samples are rows of one matrix."""
    operands = _operands(node, values)
    if node.input(0).data is not None or len(operands) > 3 or operands[0] is None:
        return None
    filters, depth = node.input(1).shape
    operands[0] = operands[0].reshape(-1, depth)
    wide = Value(TensorType(node.output.type.dtype, (len(operands[0]), filters)))
    return np.asarray(operator(node).reference(operands, Node(node.op, node.inputs, [wide]))[0])


def _same(node: Node, values: Mapping[Value, Array], _: int) -> Array | None:
    return None if node.input(0).data is not None else values[node.input(0)]


def _behind(change: Callable[[Operator, int], Operator]) -> Together:
    """Returns what runs an operator of which `change` makes one whose axes are one further back."""

    def together(node: Node, values: Mapping[Value, Array], count: int) -> Array | None:
        operands: list[Array | None] = []
        for value, array in zip(node.inputs, _operands(node, values), strict=True):
            if value is None or array is None:
                return None
            operands.append(array if value.data is None else np.broadcast_to(array, (count, *value.shape)))
        output = Value(TensorType(node.output.type.dtype, (count, *node.output.shape)))
        op = change(operator(node), len(node.input(0).shape))
        return np.asarray(op.reference(operands, Node(op, node.inputs, [output]))[0])

    return together


def _fold(op: Operator, _: int) -> Operator:
    assert isinstance(op, Fold)  # noqa: S101 - registered for it
    return replace(op, axes=tuple(axis + 1 for axis in op.axes))


def _transpose(op: Operator, _: int) -> Operator:
    assert isinstance(op, Transpose)  # noqa: S101 - registered for it
    return Transpose((0, *(axis + 1 for axis in op.perm)))


def _concat(op: Operator, _: int) -> Operator:
    assert isinstance(op, Concat)  # noqa: S101 - registered for it
    return Concat(op.axis + 1)


def _lines(op: Operator, rank: int) -> Operator:
    assert isinstance(op, Softmax | LogSoftmax)  # noqa: S101 - registered for them
    return replace(op, axis=op.axis % max(rank, 1) + 1)


def _product(node: Node, values: Mapping[Value, Array], count: int) -> Array | None:
    """Samples are an axis in front of both batches."""
    sides = []
    rank = len(node.output.shape)
    for value, array in zip(node.inputs, _operands(node, values), strict=True):
        if value is None or array is None:
            return None
        lead = () if value.data is not None else (count,)
        sides.append(array.reshape(*lead, *(1,) * (rank - len(value.shape)), *value.shape))
    made = np.asarray(operator(node).reference(sides, node)[0])
    return np.broadcast_to(made, (count, *node.output.shape))


def _slice(node: Node, values: Mapping[Value, Array], _: int) -> Array | None:
    assert isinstance(node.op, Slice)  # noqa: S101 - registered for it
    op, x = node.op, node.input(0)
    if x.data is not None:
        return None
    places = [
        np.arange(begin, begin + count * step, step) if step else np.full(count, begin)
        for begin, count, step in zip(op.begin, op.shape, op.steps, strict=True)
    ]
    array = values[x]
    for axis, place in enumerate(places):
        if len(place) != array.shape[axis + 1] or op.steps[axis] != 1:
            array = np.take(array, place[: op.shape[axis]], axis + 1)
    return array


_TOGETHER: Mapping[type[Operator], Together] = {
    Conv2d: _image,
    DepthwiseConv2d: _image,
    Pool2d: _image,
    FullyConnected: _rows,
    Reshape: _same,
    Fold: _behind(_fold),
    Transpose: _behind(_transpose),
    Concat: _behind(_concat),
    Softmax: _behind(_lines),
    LogSoftmax: _behind(_lines),
    BatchMatMul: _product,
    Slice: _slice,
}
