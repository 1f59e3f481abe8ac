"""What finds places, or looks them up."""

from __future__ import annotations

from ariel_build.ir import DType, Node
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.best import Best
from ariel_build.ops.gather import Gather
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
