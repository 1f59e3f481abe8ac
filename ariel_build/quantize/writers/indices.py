"""What finds places, looks them up, writes there, or sums up to them."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Node, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.best import Best, Top
from ariel_build.ops.gather import Gather, GatherElements, GatherNd
from ariel_build.ops.running import Running
from ariel_build.ops.scatter import AtIndices, Combine, Elements, Scatter
from ariel_build.quantize.writers.writer import Writer, onnx_type, writes

__all__: list[str] = []


@writes(Best)
def _best(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Best)  # noqa: S101 - registered for it
    op = node.op
    found = writer.node(
        "ArgMin" if op.least else "ArgMax",
        [writer.read(node.input(0))],
        f"{node.output.name or 'best'}_wide",
        axis=op.axis,
        keepdims=0,
        select_last_index=int(op.last),
    )
    writer.write(node.output, "Cast", [found], to=onnx_type(DType.I32))


@writes(Gather)
def _gather(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Gather)  # noqa: S101 - registered for it
    if node.op.batch:
        raise UnsupportedReason("it looks up in each batch apart")
    inputs = [writer.read(node.input(0)), writer.read(node.input(1))]
    writer.write(node.output, "Gather", inputs, axis=node.op.axis)


def _wide(writer: Writer, value: Value) -> str:
    """Returns the name of indices as int64, which some operators insist on."""
    if value.data is not None:
        return writer.constant(np.asarray(value.data, np.int64), "indices")
    return writer.node("Cast", [writer.read(value)], f"{value.name or 'indices'}_wide", to=onnx_type(DType.I64))


@writes(Top)
def _top(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Top)  # noqa: S101 - registered for it
    op, (best, places) = node.op, node.outputs
    count = writer.constant(np.array([op.count], np.int64), "count")
    hints = [writer.hint(best), f"{places.name or 'places'}_wide"]
    made, found = writer.nodes_outputs(
        "TopK", [writer.read(node.input(0)), count], hints, axis=op.axis, largest=int(not op.least)
    )
    writer.bind(best, made)
    writer.write(places, "Cast", [found], to=onnx_type(DType.I32))


@writes(GatherElements)
def _gather_elements(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, GatherElements)  # noqa: S101 - registered for it
    inputs = [writer.read(node.input(0)), _wide(writer, node.input(1))]
    writer.write(node.output, "GatherElements", inputs, axis=node.op.axis)


@writes(GatherNd)
def _gather_nd(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, GatherNd)  # noqa: S101 - registered for it
    inputs = [writer.read(node.input(0)), _wide(writer, node.input(1))]
    writer.write(node.output, "GatherND", inputs, batch_dims=node.op.batch)


@writes(Scatter, Combine)
def _scatter(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Scatter | Combine)  # noqa: S101 - registered for them
    way = node.op.way
    inputs = [writer.read(node.input(0)), _wide(writer, node.input(1)), writer.read(node.input(2))]
    how = node.op.combined.name.lower() if isinstance(node.op, Combine) else None
    if isinstance(way, Elements):
        writer.write(node.output, "ScatterElements", inputs, axis=way.axis, reduction=how)
    elif isinstance(way, AtIndices):
        writer.write(node.output, "ScatterND", inputs, reduction=how)
    else:
        raise UnsupportedReason("ONNX does not write at such places")


@writes(Running)
def _running(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Running)  # noqa: S101 - registered for it
    op = node.op
    if op.product:
        raise UnsupportedReason("ONNX has running sums only")
    axis = _wide(writer, node.input(1)) if op.axis is None else writer.constant(np.array(op.axis, np.int64), "axis")
    inputs = [writer.read(node.input(0)), axis]
    writer.write(node.output, "CumSum", inputs, exclusive=int(op.exclusive), reverse=int(op.reverse))
