"""Graph -> ONNX: onnxruntime computes of the file what our reference computes of the graph, operator by operator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.errors import UnsupportedError
from ariel_build.ir import DType, Graph, Node, TensorType, Value
from ariel_build.kernels.declared.index import Combined
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.best import Best, Top
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.cast import Cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.compare import Compare, Logic, Not
from ariel_build.ops.concat import Concat
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.conv_transpose import ConvTranspose
from ariel_build.ops.copy import Copy
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fold import Fold
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.gather import Gather, GatherConstant, GatherElements, GatherNd
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map1_rows import MAP1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.map2_rows import MAP2
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.recurrent import GATES, Activation, Recurrent
from ariel_build.ops.resample import Resample, banded
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.resize import ResizedAxis, band, cubic, linear
from ariel_build.ops.row_norm import RowNorm
from ariel_build.ops.running import Running
from ariel_build.ops.scatter import AtIndices, Combine, Elements, Scatter
from ariel_build.ops.select import Select
from ariel_build.ops.slice import Slice
from ariel_build.ops.softmax import LogSoftmax, Softmax
from ariel_build.ops.transpose import Transpose
from ariel_build.ops.window import Window
from ariel_build.quantize.writers import WRITERS, write_model
from tests.passes.graphs import Net
from tests.quantize.runtime import answers, needs_runtime

RELU, RELU6 = (0.0, math.inf), (0.0, 6.0)
SAME, SLIDING = Window((3, 3), padding=(1, 1, 1, 1)), Window((3, 2), (2, 1), (1, 2), (1, 0, 0, 1))


def network(build: Callable[[Net], Value]) -> Graph:
    net = Net()
    return net.graph(build(net))


def agrees(graph: Graph, *, tolerance: float = 1e-5) -> onnx.ModelProto:
    model = write_model(graph)
    onnx.checker.check_model(model, full_check=True)
    rng = np.random.default_rng(5)
    for _ in range(3):
        inputs = [(3 * rng.standard_normal(v.shape)).astype(v.type.dtype.numpy) for v in graph.inputs]
        want: list[Numbers] = list(Interpreter(graph).outputs(inputs))
        for mine, theirs in zip(want, answers(model.SerializeToString(), inputs), strict=True):
            assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
            np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)
    return model


LAYERS: dict[str, Callable[[Net], Value]] = {
    "conv": lambda n: n.add(Conv2d(SAME), n.input(1, 5, 6, 3), n.weights(4, 3, 3, 3), n.weights(4)),
    "conv of groups": lambda n: n.add(Conv2d(SLIDING, 2, RELU), n.input(2, 7, 6, 4), n.weights(6, 3, 2, 2)),
    "conv with relu6": lambda n: n.add(Conv2d(SAME, clip=RELU6), n.input(1, 5, 6, 1), n.weights(4, 3, 3, 1)),
    "depthwise": lambda n: n.add(DepthwiseConv2d(SAME), n.input(1, 5, 6, 3), n.weights(1, 3, 3, 3), n.weights(3)),
    "depthwise of two filters": lambda n: n.add(
        DepthwiseConv2d(SLIDING, RELU), n.input(1, 7, 6, 3), n.weights(1, 3, 2, 6)
    ),
    "transposed": lambda n: n.add(
        ConvTranspose(Window((3, 2), (2, 3), padding=(1, 0, 0, 0)), (9, 11)), n.input(1, 5, 4, 3), n.weights(4, 3, 2, 3)
    ),
    "dense": lambda n: n.add(FullyConnected(), n.input(3, 7), n.weights(4, 7), n.weights(4)),
    "dense of an image": lambda n: n.add(FullyConnected(RELU), n.input(1, 2, 3, 5), n.weights(4, 30)),
    "dense of rows": lambda n: n.add(
        FullyConnected(RELU6, keep_dims=True), n.input(2, 3, 5), n.weights(4, 5), n.weights(4)
    ),
    "product": lambda n: n.add(BatchMatMul(), n.input(2, 3, 4), n.input(2, 4, 5)),
    "product of turned sides": lambda n: n.add(BatchMatMul(adj_x=True, adj_y=True), n.input(2, 4, 3), n.weights(5, 4)),
    "max pool": lambda n: n.add(Pool2d(PoolKind.MAX, SLIDING), n.input(1, 7, 6, 3)),
    "average pool": lambda n: n.add(Pool2d(PoolKind.AVERAGE, SAME, clip=RELU), n.input(1, 7, 6, 3)),
    "average of the padding": lambda n: n.add(
        Pool2d(PoolKind.AVERAGE, SAME, counted=(1, 1, 1, 1)), n.input(1, 7, 6, 3)
    ),
}
MOVES: dict[str, Callable[[Net], Value]] = {
    "reshape": lambda n: n.add(Reshape((3, 8)), n.input(2, 3, 4)),
    "transpose": lambda n: n.add(Transpose((2, 0, 1)), n.input(2, 3, 4)),
    "to channels first": lambda n: n.add(Transpose((0, 3, 1, 2)), n.input(1, 3, 4, 2)),
    "to channels last": lambda n: n.add(Transpose((0, 2, 3, 1)), n.input(1, 3, 4, 2)),
    "copy": lambda n: n.add(Copy(), n.input(2, 3)),
    "slice": lambda n: n.add(Slice((0, 4, 1), (2, 3, 1), (1, -2, 1)), n.input(2, 5, 4)),
    "concat": lambda n: n.add(Concat(1), n.input(2, 1, 3), n.input(2, 4, 3), n.weights(2, 2, 3)),
    "pad": lambda n: n.add(Pad(((1, 0), (2, -1)), 0.5), n.input(2, 3)),
    "gather": lambda n: n.add(GatherConstant(1, (3, 0, 0)), n.input(2, 4, 3)),
    "tile": lambda n: n.add(Tile((1, 3, 2)), n.input(2, 1, 3)),
}


def indices(net: Net, numbers: object) -> Value:
    return net.constant(np.array(numbers, np.int32))


def sorted_by(net: Net, top: Top, *shape: int) -> list[Value]:
    """Returns the first elements along an axis in their order, and their places."""
    x = net.input(*shape)
    outputs = [Value(t, f"sorted_{k}") for k, t in enumerate(top.infer([x.type])) if t is not None]
    net.nodes.append(Node(top, [x], outputs, "sorted"))
    return outputs


OTHERS: dict[str, Callable[[Net], Value]] = {
    "mean": lambda n: n.add(Fold("Mean", (1, 2)), n.input(1, 3, 4, 5)),
    "mean that keeps": lambda n: n.add(Fold("Mean", (2,), keep_dims=True), n.input(2, 3, 4)),
    "sum": lambda n: n.add(Fold("Sum", (0,)), n.input(2, 3, 4)),
    "maximum": lambda n: n.add(Fold("Max", (1,)), n.input(2, 3, 4)),
    "minimum": lambda n: n.add(Fold("Min", (1,)), n.input(2, 3, 4)),
    "product of elements": lambda n: n.add(Fold("Prod", (1,)), n.input(2, 3)),
    "softmax": lambda n: n.add(Softmax(1), n.input(2, 3, 4)),
    "softmax with beta": lambda n: n.add(Softmax(beta=0.5), n.input(2, 5)),
    "softmax of several axes": lambda n: n.add(Softmax(1, flat=True), n.input(2, 3, 4)),
    "log softmax": lambda n: n.add(LogSoftmax(), n.input(2, 5)),
    "layer normalisation": lambda n: n.add(RowNorm(2, 1e-3), n.input(2, 3, 4), n.weights(4), n.weights(4)),
    "layer normalisation of two axes": lambda n: n.add(
        RowNorm(1, 1e-5), n.input(2, 3, 4), n.weights(3, 4), n.weights(3, 4)
    ),
    "root mean square normalisation": lambda n: n.add(
        RowNorm(1, 1e-3, centred=False), n.input(3, 5), n.weights(5), n.weights(5)
    ),
    "clip": lambda n: n.add(Clip((-1.0, math.inf)), n.input(2, 5)),
    "clip of nothing": lambda n: n.add(Clip(), n.input(2, 5)),
    "select": lambda n: n.add(
        Select(), n.add(Compare("Less"), n.input(2, 5), n.weights(5)), n.weights(2, 1), n.input(1)
    ),
    "not equal": lambda n: n.add(Compare("NotEqual"), n.input(2, 5), n.weights(5)),
    "logic": lambda n: n.add(
        Logic("Xor"),
        n.add(Not(), n.add(Compare("Greater"), n.input(2, 5), n.weights(5))),
        n.add(Compare("GreaterEqual"), n.input(2, 5), n.weights(5)),
    ),
    "place of the greatest": lambda n: n.add(Best(1), n.input(2, 5, 3)),
    "last place of the least": lambda n: n.add(Best(0, least=True, last=True), n.input(4, 3)),
    "look-up": lambda n: n.add(Gather(wraps=True, axis=0), n.weights(5, 3), n.constant(np.array([[4, 0]], np.int32))),
    "greatest": lambda n: n.add(Map1("Tanh"), sorted_by(n, Top(1, 2), 2, 5, 3)[0]),
    "places of the least": lambda n: n.add(
        GatherElements(wraps=True, axis=1), n.input(2, 5), sorted_by(n, Top(1, 5, least=True), 2, 5)[1]
    ),
    "elements": lambda n: n.add(GatherElements(wraps=True, axis=0), n.input(3, 2), indices(n, [[2, 0], [1, -1]])),
    "slices": lambda n: n.add(GatherNd(wraps=True), n.input(3, 2, 4), indices(n, [[2, 0], [1, -1]])),
    "slices of each batch": lambda n: n.add(GatherNd(wraps=True, batch=1), n.input(2, 3, 4), indices(n, [[2], [-1]])),
    "slices that are written": lambda n: n.add(
        Scatter(AtIndices(wraps=True)), n.input(3, 4), indices(n, [[2], [0]]), n.weights(2, 4)
    ),
    "elements that are added": lambda n: n.add(
        Combine(Elements(wraps=True, axis=1), Combined.ADD),
        n.input(2, 4),
        indices(n, [[2, 2], [0, -1]]),
        n.weights(2, 2),
    ),
    "running sum": lambda n: n.add(Running(1, exclusive=True, reverse=True), n.input(2, 4)),
    "cast": lambda n: n.add(Cast(DType.F32), n.add(Compare("Less"), n.input(2, 5), n.weights(5))),
}


def recurrent(net: Net, kind: str, directions: int, op: Recurrent) -> Value:
    """Returns what h is after each step of a layer over 2 sequences of 5 steps of 3 numbers, plus the last h."""
    rows, units = GATES[kind] * 4, 4
    states = [net.weights(directions, 2, units)] * (2 if kind == "lstm" else 1)
    weights = [net.weights(directions, rows, n) for n in (3, units)] + [net.weights(directions, rows) for _ in range(2)]
    peephole = [net.weights(directions, 3 * units)] if kind == "lstm" else []
    inputs = [net.input(2, 5, 3), *states, *weights, *peephole]
    outputs = [Value(t, f"part_{k}") for k, t in enumerate(op.infer([v.type for v in inputs])) if t is not None]
    net.nodes.append(Node(op, list(inputs), outputs, "recurrent"))
    last = net.add(Reshape((directions, 2, 1, units)), outputs[1 if op.every else 0])
    return net.add(Map2("Add"), outputs[0], last) if op.every else last


SIGMOID, TANH = Activation("Sigmoid"), Activation("Tanh")
SEQUENCES: dict[str, Callable[[Net], Value]] = {
    "lstm": lambda n: recurrent(n, "lstm", 2, Recurrent("lstm", (SIGMOID, TANH, TANH) * 2, clip=2.0)),
    "gru": lambda n: recurrent(n, "gru", 1, Recurrent("gru", (SIGMOID, TANH), reset_after=True, backwards=True)),
    "gru that resets before": lambda n: recurrent(n, "gru", 1, Recurrent("gru", (SIGMOID, TANH), every=False)),
    "rnn": lambda n: recurrent(n, "rnn", 1, Recurrent("rnn", (Activation("LeakyRelu", 0.25),), lengths=(5, 3))),
}


def resized(net: Net, extent: int, count: int, transformation: str, **how: Any) -> Value:  # noqa: ANN401 - of `band`
    """Returns what an axis becomes when it is resized as ONNX's Resize does."""
    axis = ResizedAxis(extent, count, count / extent)
    reach, weight = (2, lambda d: cubic(d, -0.5)) if how.pop("is_cubic", False) else (1, linear)
    starts, table = banded(extent, *band(axis, axis.places(transformation), reach, weight, **how))
    return net.add(Resample(1, starts, table), net.input(2, extent, 3))


RESIZED: dict[str, Callable[[Net], Value]] = {
    "linear": lambda n: resized(n, 5, 10, "half_pixel"),
    "linear from corner to corner": lambda n: resized(n, 4, 7, "align_corners"),
    "linear, places from 0": lambda n: resized(n, 4, 6, "asymmetric"),
    "linear, fewer by all that is between": lambda n: resized(n, 9, 4, "half_pixel", antialias=True),
    "cubic": lambda n: resized(n, 5, 8, "half_pixel", is_cubic=True),
    "cubic without what is outside": lambda n: resized(n, 5, 8, "half_pixel", is_cubic=True, exclude_outside=True),
}
WEIGHTED: dict[str, Callable[[Net], Value]] = {
    "weights that no Resize has": lambda n: n.add(Resample(1, (2, 0), ((0.25, 0.5), (2.0, -1.0))), n.input(2, 4, 3)),
}
CASES = {**SEQUENCES, **LAYERS, **MOVES, **OTHERS, **RESIZED, **WEIGHTED}


@needs_runtime
@pytest.mark.parametrize("case", CASES)
def test_an_operator_is_written_as_it_is(case: str) -> None:
    agrees(network(CASES[case]))


@needs_runtime
@pytest.mark.parametrize("case", CASES)
def test_images_stand_with_channels_first_between_layers(case: str) -> None:
    """What a convolution makes, or takes, may be read and made in either order of axes."""
    net = Net()
    x = net.input(1, 4, 3, 2)
    image = net.add(Conv2d(SAME), x, net.weights(2, 3, 3, 2))
    made = CASES[case](net)
    if len(made.shape) == 4 and made.type.dtype is DType.F32:
        made = net.add(Conv2d(Window((1, 1))), made, net.weights(2, 1, 1, made.shape[3]))
    other = net.add(Map2("Add"), image, net.weights(1, 1, 1, 2))
    agrees(net.graph(made, other))


ON_IMAGES: dict[str, Callable[[Net, Value], Value]] = {
    "pointwise": lambda n, x: n.add(Map2("Mul", RELU), n.add(Map1("Tanh"), x), n.weights(2)),
    "two images": lambda n, x: n.add(Map2("Add"), x, n.add(Map1("Sigmoid"), x)),
    "another image": lambda n, x: n.add(Map2("Add"), x, n.input(1, 4, 3, 2)),
    "concat": lambda n, x: n.add(Concat(3), x, n.add(Map1("Neg"), x)),
    "concat of rows": lambda n, x: n.add(Concat(1), x, x),
    "slice": lambda n, x: n.add(Slice((0, 3, 0, 1), (1, 2, 3, 1), (1, -2, 1, 1)), x),
    "pad": lambda n, x: n.add(Pad(((0, 0), (1, 0), (0, 2), (0, 1)), 2.0), x),
    "gather": lambda n, x: n.add(GatherConstant(3, (1, 0, 1)), x),
    "tile": lambda n, x: n.add(Tile((1, 2, 1, 3)), x),
    "mean over the image": lambda n, x: n.add(Fold("Mean", (1, 2)), x),
    "mean over rows": lambda n, x: n.add(Fold("Mean", (1,)), x),
    "mean over channels": lambda n, x: n.add(Fold("Mean", (3,), keep_dims=True), x),
    "flatten": lambda n, x: n.add(Reshape((1, 24)), x),
    "back to channels first": lambda n, x: n.add(Transpose((0, 3, 1, 2)), x),
    "pool": lambda n, x: n.add(Pool2d(PoolKind.MAX, Window((2, 2), (2, 2))), x),
}


@needs_runtime
@pytest.mark.parametrize("case", ON_IMAGES)
@pytest.mark.parametrize("ends", ["output", "conv"])
def test_what_reads_an_image_takes_it_in_either_order(case: str, ends: str) -> None:
    net = Net()
    image = net.add(Conv2d(SAME), net.input(1, 4, 3, 2), net.weights(2, 3, 3, 2))
    made = ON_IMAGES[case](net, image)
    if ends == "conv":
        if len(made.shape) != 4:
            made = net.add(Reshape((1, 1, 1, made.type.elements)), made)
        made = net.add(Conv2d(Window((1, 1))), made, net.weights(2, 1, 1, made.shape[3]))
    agrees(net.graph(made, image))


@pytest.mark.parametrize("case", CASES)
def test_what_a_resize_says_is_written_as_one(case: str) -> None:
    kinds = [node.op_type for node in write_model(network(CASES[case])).graph.node]
    assert kinds.count("Resize") == (case in RESIZED)


def test_layers_in_a_row_have_no_transposes_between_them() -> None:
    net = Net()
    x = net.add(Conv2d(SAME, clip=RELU), net.input(1, 4, 3, 2), net.weights(2, 3, 3, 2))
    x = net.add(Map2("Add"), x, net.add(DepthwiseConv2d(SAME), x, net.weights(1, 3, 3, 2)))
    x = net.add(Pool2d(PoolKind.MAX, Window((2, 2), (2, 2))), x)
    model = write_model(net.graph(net.add(Fold("Mean", (1, 2)), x)))
    assert [node.op_type for node in model.graph.node].count("Transpose") == 1


#: Numbers that are in the domain of each function.
DOMAINS = {"Acosh": (1, 4), "Asin": (-1, 1), "Acos": (-1, 1), "Atanh": (-0.9, 0.9), "Tan": (-1, 1)}
POSITIVE = ("Log", "Log1p", "Sqrt", "Rsqrt", "Reciprocal")
PARAMETERS = {"Clip": (-1.0, 1.0), "Shrink": (0.25, 0.5), "HardSigmoid": (0.2, 0.5), "Selu": (1.67, 1.05)}


@needs_runtime
@pytest.mark.parametrize("kind", sorted(set(MAP1) - {"Clip"}))
def test_every_function_of_one_number_is_written(kind: str) -> None:
    net = Net()
    x = net.input(64)
    parameters = PARAMETERS.get(kind, tuple(0.5 for _ in MAP1[kind].parameters))
    graph = net.graph(net.add(Map1(kind, parameters), x))
    low, high = DOMAINS.get(kind, (0.1, 4) if kind in POSITIVE else (-3, 3))
    data = np.linspace(low, high, 64, dtype=np.float32)
    want: Numbers = Interpreter(graph).outputs([data])[0]
    (got,) = answers(write_model(graph).SerializeToString(), [data])
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


@needs_runtime
@pytest.mark.parametrize("kind", sorted({*(k for k, row in MAP2.items() if row.onnx), "SquaredDifference"} - {"Mod"}))
def test_every_function_of_two_numbers_is_written(kind: str) -> None:
    net = Net()
    shape = (8, 8)
    if MAP2[kind].of_bits:
        graph = net.graph(net.add(Map2(kind), net.input(*shape, dtype=DType.U8), net.input(8, dtype=DType.U8)))
        data: list[Numbers] = [np.arange(64, dtype=np.uint8).reshape(shape), np.arange(8, dtype=np.uint8)]
    else:
        graph = net.graph(net.add(Map2(kind), net.input(*shape), net.input(8)))
        data = [np.linspace(0.5, 3, 64, dtype=np.float32).reshape(shape), np.linspace(1, 2, 8, dtype=np.float32)]
    model = write_model(graph)
    want: Numbers = Interpreter(graph).outputs(data)[0]
    (got,) = answers(model.SerializeToString(), data)
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


def test_every_writer_has_a_case() -> None:
    tried = {type(node.op) for build in CASES.values() for node in network(build).nodes}
    stored = {kind for kind in WRITERS if kind.__name__ in ("Quantize", "Dequantize")}  # in test_command.py
    assert set(WRITERS) - tried - stored - {Map1, Map2} == set()


def test_a_remainder_of_floats_that_onnxruntime_does_not_compute_is_refused() -> None:
    net = Net()
    graph = net.graph(net.add(Map2("Mod"), net.input(3), net.input(3)))
    with pytest.raises(UnsupportedError, match="for integers only"):
        write_model(graph)


def test_what_onnx_has_no_word_for_is_refused_by_its_name() -> None:
    net = Net()
    graph = net.graph(net.add(Cast(DType.I32), net.input(2)))
    with pytest.raises(UnsupportedError) as caught:
        write_model(graph)
    assert [d.origin for d in caught.value.diagnostics] == ["node 0"]
    assert "runtimes differ" in str(caught.value)


@needs_runtime
def test_names_of_inputs_and_outputs_are_those_of_the_graph() -> None:
    """An input that is an output, one value twice, a constant: each output has a name of its own."""
    net = Net()
    x = net.input(2)
    y = net.add(Map1("Tanh"), x)
    twin = Value(TensorType(DType.F32, (2,)), "value_0")
    net.nodes.append(Node(Map1("Neg"), [x], [twin]))
    graph = net.graph(y, x, y, twin, net.weights(2))
    model = agrees(graph)
    assert [v.name for v in model.graph.input] == ["input_0"]
    assert len({v.name for v in model.graph.output}) == 5
