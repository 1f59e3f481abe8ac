"""int8 TFLite -> the same network as ONNX, in float32 or in integers (QOperator), for the peers that read only ONNX.

    float32     weights and biases are dequantised; what a fused activation clips becomes Relu or Clip
    QOperator   QLinearConv, QGemm, QLinearAdd, ..: the file's own integers and scales

Images stand as NCHW inside; the input keeps TFLite's layout, with a transpose behind it, as converters make it. On
constants and values the two networks are one: their answers differ by roundings only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ariel_build.driver import import_file
from ariel_build.errors import ArielError
from ariel_build.ir import Array, Graph, Node, Quant, Value
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.map2 import Map2
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.softmax import Softmax

__all__ = ["Unconverted", "convert"]

_MS = "com.microsoft"
_TO_NCHW, _TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


class Unconverted(Exception):
    """The network has something that this converter does not know."""


def convert(path: Path, *, quantised: bool) -> bytes:
    """Returns the TFLite model at `path` as a serialised ONNX model; raises Unconverted."""
    try:
        graph, _ = import_file(path)
    except ArielError as error:
        raise Unconverted(str(error)) from None
    return _Twin(graph, quantised=quantised).bytes()


class _Twin:
    """One conversion: ONNX nodes and constants as they come."""

    def __init__(self, graph: Graph, *, quantised: bool) -> None:
        self.graph = graph
        self.quantised = quantised
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.names: dict[Value, str] = {}
        self.kind = TensorProto.INT8 if quantised else TensorProto.FLOAT

    def bytes(self) -> bytes:
        """Returns the serialised model."""
        for index, value in enumerate(self.graph.inputs):
            self.names[value] = f"input_{index}"
            self.put_image(value)
        for node in self.graph.nodes:
            write = _WRITERS.get(type(node.op))
            if write is None:
                raise Unconverted(f"{node.op.name} is not converted")
            write(self, node)
        shapes = [self.declared(node.output) for node in self.graph.nodes]
        for index, value in enumerate(self.graph.outputs):
            if len(value.shape) == 4:
                raise Unconverted("an output that is an image")
            self.emit("Identity", [self.names[value]], f"output_{index}")
        given, made = self.ends()
        graph = helper.make_graph(self.nodes, "twin", given, made, initializer=self.constants, value_info=shapes)
        opsets = [helper.make_opsetid("", 15), helper.make_opsetid(_MS, 1)]
        data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
        return data

    def ends(self) -> list[list[onnx.ValueInfoProto]]:
        """Returns the declarations of inputs and outputs."""
        sides = (("input", self.graph.inputs), ("output", self.graph.outputs))
        return [
            [helper.make_tensor_value_info(f"{name}_{k}", self.kind, value.shape) for k, value in enumerate(values)]
            for name, values in sides
        ]

    def declared(self, value: Value) -> onnx.ValueInfoProto:
        """Returns type and shape of a value inside: shape inference does not know Microsoft's operators."""
        batch, *rest = value.shape
        shape = [batch, rest[-1], *rest[:-1]] if len(rest) == 3 else value.shape
        return helper.make_tensor_value_info(self.names[value], self.kind, shape)

    def put_image(self, value: Value) -> None:
        """Turns a value that stands as TFLite has it into NCHW, if it is an image."""
        if len(value.shape) == 4:
            self.names[value] = self.emit("Transpose", [self.names[value]], perm=_TO_NCHW)

    def flat(self, value: Value) -> str:
        """Returns the name of a value with its elements in TFLite's order, as rows."""
        name = self.names[value]
        if len(value.shape) == 4 and value.shape[1:3] != (1, 1):
            name = self.emit("Transpose", [name], perm=_TO_NHWC)
        return name

    def constant(self, data: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> str:
        """Returns the name of a new constant."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(data, dtype, order="C"), name))
        return name

    def emit(self, op: str, inputs: Sequence[str], output: str = "", domain: str = "", **attributes: Any) -> str:  # noqa: ANN401 - helper.make_node's own type
        """Adds a node and returns the name of its output."""
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], domain=domain, **attributes))
        return name

    def quant(self, value: Value) -> list[str]:
        """Returns the names of a value's scale and zero point."""
        quant = _quant(value)
        return [self.constant(quant.scale, np.float32), self.constant(quant.zero_point, np.int8)]

    def clipped(self, name: str, clip: tuple[float, float]) -> str:
        """Returns a float value behind its activation."""
        low, high = clip
        if (low, high) == (0.0, np.inf):
            return self.emit("Relu", [name])
        if (low, high) == (-np.inf, np.inf):
            return name
        return self.emit("Clip", [name, self.constant(low, np.float32), self.constant(high, np.float32)])

    def expect_saturation(self, value: Value, clip: tuple[float, float]) -> None:
        """Raises Unconverted unless int8 clips exactly where the activation does."""
        quant = _quant(value)
        low, high = (quant.scale * (bound - quant.zero_point) for bound in (-128, 127))
        if clip[0] > low + quant.scale / 2 or clip[1] < high - quant.scale / 2:
            raise Unconverted("an activation that is narrower than its int8 output")

    def weights(self, value: Value, arrange: Callable[[Array], Array]) -> list[str]:
        """Returns the names of a filter, and in integers of its scales and zero points."""
        if value.data is None:
            raise Unconverted("weights that are not constant")
        if not self.quantised:
            return [self.constant(arrange(_real(value)), np.float32)]
        quant = _quant(value)
        scales: npt.ArrayLike = quant.scale if quant.per_tensor else quant.scales
        zeros = np.zeros(np.shape(scales), np.int8)
        return [self.constant(arrange(value.data)), self.constant(scales, np.float32), self.constant(zeros)]

    def bias(self, node: Node) -> list[str]:
        """Returns the name of the bias, where there is one."""
        value = node.inputs[2]
        if value is None or value.data is None:
            return []
        return [self.constant(value.data if self.quantised else _real(value, node))]

    def summed(self, node: Node, op: str, filter_: list[str], x: str, **attributes: Any) -> str:  # noqa: ANN401 - as `emit`
        """Adds a convolution or a dense layer."""
        clip: tuple[float, float] = node.op.clip  # type: ignore[attr-defined]
        bias, y = self.bias(node), node.output
        if not self.quantised:
            return self.clipped(self.emit(op, [x, *filter_, *bias], **attributes), clip)
        self.expect_saturation(y, clip)
        of_x, of_y = self.quant(node.input(0)), self.quant(y)
        if op == "Gemm":
            return self.emit("QGemm", [x, *of_x, *filter_, *(bias or [""]), *of_y], domain=_MS, **attributes)
        return self.emit("QLinearConv", [x, *of_x, *filter_, *of_y, *bias], **attributes)


def _quant(value: Value) -> Quant:
    if value.type.quant is None:
        raise Unconverted(f"{value.name} is not quantised")
    return value.type.quant


def _real(value: Value, node: Node | None = None) -> npt.NDArray[np.float32]:
    """Returns a constant's real numbers; a bias has the scales of input and filter."""
    quant = value.type.quant
    stored = np.asarray(value.data, np.float64)
    if node is not None:
        scales = np.multiply(_quant(node.input(0)).scale, _quant(node.input(1)).scales)
        return np.asarray(stored * scales, np.float32)
    if quant is None:
        return np.asarray(stored, np.float32)
    along = [1] * stored.ndim
    along[quant.axis or 0] = -1
    scales = np.reshape(quant.scales, () if quant.per_tensor else along)
    return np.asarray((stored - np.reshape(quant.zero_points, scales.shape)) * scales, np.float32)


def _convolution(twin: _Twin, node: Node) -> None:
    depthwise, window = isinstance(node.op, DepthwiseConv2d), node.op.window  # type: ignore[attr-defined]
    # [Cout, kh, kw, Cin], or [1, kh, kw, Cout], to [Cout, Cin, kh, kw].
    order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    twin.names[node.output] = twin.summed(
        node,
        "Conv",
        twin.weights(node.input(1), lambda data: np.transpose(data, order)),
        twin.names[node.input(0)],
        group=node.input(0).shape[3] if depthwise else node.op.groups,  # type: ignore[attr-defined]
        kernel_shape=window.size,
        strides=window.strides,
        dilations=window.dilations,
        pads=window.padding,
    )


def _dense(twin: _Twin, node: Node) -> None:
    filter_ = node.input(1)
    rows = (node.input(0).type.elements // filter_.shape[1], filter_.shape[1])
    x = twin.emit("Reshape", [twin.flat(node.input(0)), twin.constant(rows, np.int64)])
    # [n, k] to [k, n].
    twin.names[node.output] = twin.summed(node, "Gemm", twin.weights(filter_, np.transpose), x)


def _pool(twin: _Twin, node: Node) -> None:
    op, x = node.op, node.input(0)
    assert isinstance(op, Pool2d)
    window: dict[str, Any] = {"kernel_shape": op.window.size, "strides": op.window.strides, "pads": op.window.padding}
    name = "MaxPool" if op.kind is PoolKind.MAX else "AveragePool"
    if not twin.quantised:
        twin.names[node.output] = twin.clipped(twin.emit(name, [twin.names[x]], **window), op.clip)
        return
    twin.expect_saturation(node.output, op.clip)
    if op.kind is PoolKind.MAX:
        twin.names[node.output] = twin.emit(name, [twin.names[x]], **window)
    else:
        ends = [twin.names[x], *twin.quant(x), *twin.quant(node.output)]
        twin.names[node.output] = twin.emit("QLinearAveragePool", ends, domain=_MS, **window)


def _add(twin: _Twin, node: Node) -> None:
    left, right, y = node.input(0), node.input(1), node.output
    assert isinstance(node.op, Map2)
    if node.op.kind != "Add":
        raise Unconverted(f"{node.op.name}, of two operands")
    if left.is_constant or right.is_constant or left.shape != right.shape:
        raise Unconverted("a sum with a constant or a broadcast")
    if not twin.quantised:
        twin.names[y] = twin.clipped(twin.emit("Add", [twin.names[left], twin.names[right]]), node.op.clip)
        return
    twin.expect_saturation(y, node.op.clip)
    ends = [twin.names[left], *twin.quant(left), twin.names[right], *twin.quant(right), *twin.quant(y)]
    twin.names[y] = twin.emit("QLinearAdd", ends, domain=_MS)


def _reshape(twin: _Twin, node: Node) -> None:
    x, y = node.input(0), node.output
    twin.names[y] = twin.emit("Reshape", [twin.flat(x), twin.constant(y.shape, np.int64)])
    twin.put_image(y)


def _softmax(twin: _Twin, node: Node) -> None:
    x, y, op = node.input(0), node.output, node.op
    assert isinstance(op, Softmax)
    if len(x.shape) == 4 or op.beta != 1.0 or op.axis not in (-1, len(x.shape) - 1):
        raise Unconverted("a softmax of an image, or with another beta")
    if twin.quantised:
        ends = [twin.names[x], *twin.quant(x), *twin.quant(y)]
        twin.names[y] = twin.emit("QLinearSoftmax", ends, domain=_MS, axis=-1, opset=15)
    else:
        twin.names[y] = twin.emit("Softmax", [twin.names[x]], axis=-1)


_WRITERS: dict[type, Callable[[_Twin, Node], None]] = {
    Conv2d: _convolution,
    DepthwiseConv2d: _convolution,
    FullyConnected: _dense,
    Map2: _add,
    Pool2d: _pool,
    Reshape: _reshape,
    Softmax: _softmax,
}
