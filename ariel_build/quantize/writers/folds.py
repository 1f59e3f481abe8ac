"""What reduces axes, or normalises along one."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Node
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.fold import Fold
from ariel_build.ops.row_norm import RowNorm
from ariel_build.ops.softmax import LogSoftmax, Softmax
from ariel_build.quantize.writers.writer import Writer, writes

__all__: list[str] = []


@writes(Fold)
def _fold(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Fold)  # noqa: S101 - registered for it
    op, x = node.op, node.input(0)
    if not op.axes:
        raise UnsupportedReason("it reduces no axis")
    axes, name = list(op.axes), ""
    if len(x.shape) == 4 and writer.has(x, first=True) and not writer.has(x, first=False):
        moved = sorted({0: 0, 1: 2, 2: 3, 3: 1}[axis] for axis in axes)
        kept = [axis for axis in (0, 2, 3, 1) if axis not in moved]
        # Without the reduced axes the others must lie as they do in our order.
        if not op.keep_dims and kept == sorted(kept):
            axes, name = moved, writer.read_first(x)
    name = name or writer.read(x)
    indices = writer.constant(np.array(axes, np.int64), "axes")
    writer.write(
        node.output,
        op.row.onnx if isinstance(op.row.onnx, str) else op.name,
        [name, indices],
        keepdims=int(op.keep_dims),
    )


@writes(Softmax, LogSoftmax)
def _softmax(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Softmax | LogSoftmax)  # noqa: S101 - registered for them
    op, x = node.op, node.input(0)
    name = writer.read(x)
    if isinstance(op, Softmax) and op.beta != 1.0:
        name = writer.node("Mul", [name, writer.constant(np.array(op.beta, np.float32), "beta")], f"{x.name}_scaled")
    if writer.has_integers and x.shape:
        # onnxruntime's softmax of bytes (QLinearSoftmax, 1.32) is several steps off. Behind a product, even one that
        # changes nothing, it computes that of float32; a product by a single 1 would be taken out.
        name = writer.node("Mul", [name, writer.constant(np.ones(x.shape[-1:], np.float32), "ones")], f"{x.name}_real")
    rank = len(x.shape)
    axis = op.axis % max(rank, 1)
    if not op.flat or axis == rank - 1:
        writer.write(node.output, op.name, [name], axis=axis)
        return
    before, lines, _ = op.split(x.shape)
    flat = writer.node("Reshape", [name, writer.constant(np.array([before, lines], np.int64), "shape")], "flat")
    made = writer.node(op.name, [flat], "lines", axis=1)
    writer.write(node.output, "Reshape", [made, writer.constant(np.array(x.shape, np.int64), "shape")])


@writes(RowNorm)
def _row_norm(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, RowNorm)  # noqa: S101 - registered for it
    op, rank = node.op, len(node.input(0).shape)
    x, scale, bias = (writer.read(node.input(k)) for k in range(3))
    if op.centred:
        writer.write(node.output, "LayerNormalization", [x, scale, bias], axis=op.axis, epsilon=op.epsilon)
        return
    # RMSNormalization is younger than the operator set that is written.
    axes = writer.constant(np.arange(op.axis, rank), "axes")
    epsilon, one = (writer.constant(np.array(n, np.float32), hint) for n, hint in ((op.epsilon, "epsilon"), (1, "one")))
    mean = writer.node("ReduceMean", [writer.node("Mul", [x, x], "square"), axes], "mean", keepdims=1)
    root = writer.node("Sqrt", [writer.node("Add", [mean, epsilon], "power")], "root")
    rows = writer.node("Mul", [x, writer.node("Div", [one, root], "factor")], "rows")
    writer.write(node.output, "Add", [writer.node("Mul", [rows, scale], "scaled"), bias])
