"""Layers that sum products: convolutions, dense layers, products of matrices."""

from __future__ import annotations

import math

import numpy as np

from ariel_build.ir import Array, Node, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.conv_transpose import ConvTranspose
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fixed_point import UNBOUNDED
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.quantize.writers.elements import activation
from ariel_build.quantize.writers.writer import Writer, writes

__all__: list[str] = []


def _bias(writer: Writer, node: Node) -> list[str]:
    bias, filter_ = node.inputs[2] if len(node.inputs) > 2 else None, node.input(1)
    hint = (bias is not None and bias.name) or f"{node.output.name}_bias"
    if writer.has_integers and filter_.data is not None and filter_.stored is None:
        count = node.output.shape[-1]
        return [_dequantized(writer, np.zeros(count, np.float32) if bias is None else bias.data, hint)]
    return [] if bias is None else [writer.weights(bias, hint)]


def _dequantized(writer: Writer, bias: Array | None, hint: str) -> str:
    """Returns the name of a bias of float32 that DequantizeLinear makes, of 32 bits by a power of two.

    A layer of float32 that stands between DequantizeLinear and QuantizeLinear has its weights rounded to int8 by
    onnxruntime, with one scale for all, unless its bias is computed (`WeightBiasQuantization`; seen in 1.32). Elements
    below 2^-7 of the greatest one err by 2^-32 of it at most, all others by nothing.
    """
    if bias is None:
        raise UnsupportedReason("its bias is computed at run time")
    exponent = math.frexp(float(np.abs(bias).max(initial=0.0)))[1] - 31
    scale = 2.0 ** max(exponent, -126)
    # int32 that float32 holds: what is read is what is multiplied.
    stored = np.clip(np.rint(bias.astype(np.float64) / scale), -(2**31), 2**31 - 128).astype(np.int32)
    inputs = [writer.constant(stored, f"{hint}_stored"), writer.constant(np.array(scale, np.float32), f"{hint}_scale")]
    return writer.node("DequantizeLinear", inputs, hint)


def _finish(writer: Writer, node: Node, made: str, *, first: bool) -> None:
    """Binds what a layer makes, its activation behind it."""
    clip: tuple[float, float] = getattr(node.op, "clip", UNBOUNDED)
    hint = writer.hint_first(node.output) if first else writer.hint(node.output)
    writer.bind(node.output, activation(writer, made, clip, hint), first=first)


def _raw(writer: Writer, node: Node, *, first: bool) -> str:
    """Returns what the layer itself is called: the value's name, unless its activation has that."""
    if getattr(node.op, "clip", UNBOUNDED) == UNBOUNDED:
        return writer.hint_first(node.output) if first else writer.hint(node.output)
    return f"{node.output.name or node.op.name}_sums"


def _plain(node: Node) -> None:
    if len(node.inputs) > 3:
        raise UnsupportedReason("its activations are quantised at run time")


@writes(Conv2d, DepthwiseConv2d)
def _convolution(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Conv2d | DepthwiseConv2d)  # noqa: S101 - registered for them
    _plain(node)
    window, filter_ = node.op.window, node.input(1)
    depthwise = isinstance(node.op, DepthwiseConv2d)
    # [Cout, kh, kw, Cin / groups], or [1, kh, kw, Cout] -> [Cout, Cin / groups, kh, kw]
    perm = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    weights = writer.weights(filter_, filter_.name or f"{node.output.name}_weights", perm)
    made = writer.node(
        "Conv",
        [writer.read_first(node.input(0)), weights, *_bias(writer, node)],
        _raw(writer, node, first=True),
        kernel_shape=window.size,
        strides=window.strides,
        dilations=None if window.dilations == (1, 1) else window.dilations,
        pads=window.padding,
        group=node.input(0).shape[3] if isinstance(node.op, DepthwiseConv2d) else node.op.groups,
    )
    _finish(writer, node, made, first=True)


@writes(ConvTranspose)
def _transposed(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, ConvTranspose)  # noqa: S101 - registered for it
    _plain(node)
    op, filter_, x = node.op, node.input(1), node.input(0)
    if filter_.data is None:
        raise UnsupportedReason("its weights are computed at run time")
    count, kh, kw, depth = filter_.shape
    per_group = count // op.groups
    # [G * Cout / G, kh, kw, Cin / G] -> [G * Cin / G, Cout / G, kh, kw]
    grouped = filter_.data.reshape(op.groups, per_group, kh, kw, depth).transpose(0, 4, 1, 2, 3)
    weights = writer.constant(grouped.reshape(op.groups * depth, per_group, kh, kw), filter_.name or "weights")
    window = op.window
    full = [(x.shape[1 + k] - 1) * window.strides[k] + window.extent(k) for k in (0, 1)]
    before = window.padding[:2]
    after = [full[k] - before[k] - op.size[k] for k in (0, 1)]
    made = writer.node(
        "ConvTranspose",
        [writer.read_first(x), weights, *_bias(writer, node)],
        _raw(writer, node, first=True),
        kernel_shape=window.size,
        strides=window.strides,
        dilations=None if window.dilations == (1, 1) else window.dilations,
        pads=[*before, *(max(a, 0) for a in after)],
        output_padding=[max(-a, 0) for a in after],
        group=op.groups,
    )
    _finish(writer, node, made, first=True)


@writes(FullyConnected)
def _dense(writer: Writer, node: Node) -> None:
    _plain(node)
    x, filter_, output = node.input(0), node.input(1), node.output
    count, depth = filter_.shape
    rows = x.type.elements // depth
    name = writer.read(x)
    if x.shape != (rows, depth):
        name = writer.node("Reshape", [name, _shape(writer, (rows, depth))], f"{x.name or 'value'}_rows")
    weights = writer.weights(filter_, filter_.name or f"{output.name}_weights")
    plain = output.shape == (rows, count)
    hint = _raw(writer, node, first=False) if plain else f"{output.name or 'dense'}_rows"
    made = writer.node("Gemm", [name, weights, *_bias(writer, node)], hint, transB=1)
    if plain:
        _finish(writer, node, made, first=False)
        return
    made = activation(writer, made, getattr(node.op, "clip", UNBOUNDED), f"{output.name or 'dense'}_active")
    writer.write(output, "Reshape", [made, _shape(writer, output.shape)])


def _shape(writer: Writer, shape: tuple[int, ...]) -> str:
    return writer.constant(np.array(shape, np.int64), "shape")


@writes(BatchMatMul)
def _product(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, BatchMatMul)  # noqa: S101 - registered for it

    def side(value: Value, *, turned: bool) -> str:
        name, rank = writer.read(value), len(value.shape)
        if not turned:
            return name
        perm = [*range(rank - 2), rank - 1, rank - 2]
        return writer.node("Transpose", [name], f"{value.name or 'value'}_turned", perm=perm)

    sides = [side(node.input(0), turned=node.op.adj_x), side(node.input(1), turned=node.op.adj_y)]
    writer.write(node.output, "MatMul", sides)
