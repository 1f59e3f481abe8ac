"""QDQ fusion: operators between Dequantize and Quantize compute in integers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ariel_build.ir import DType, Quant, Value
from ariel_build.ops import Operator
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.clip import Clip
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.softmax import Softmax
from ariel_build.ops.window import Window
from ariel_build.passes.fuse_qdq import fuse_qdq
from tests.passes.graphs import Net, names, quant, refusals, run

RNE = Rounding.NEAREST_EVEN
X, Y = quant(0.05, 3), quant(0.1, -7)


def real(net: Net, *shape: int, q: Quant = X) -> Value:
    """A dequantised input."""
    return net.add(Dequantize(), net.input(*shape, dtype=DType.I8, quant=q))


def stored(net: Net, x: Value, q: Quant = Y) -> Value:
    """A value quantised as ONNX does."""
    return net.add(Quantize(DType.I8, RNE), x, quant=q)


def weights(net: Net, *shape: int, axis: int = 0) -> Value:
    """A filter that is stored per channel."""
    scales = tuple(float(np.float32(0.01 + 0.002 * k)) for k in range(shape[axis]))
    data = net.rng.integers(-127, 128, shape).astype(np.int8)
    return net.dequantized(data, Quant(scales, (0,) * len(scales), axis))


def bias(net: Net, filter_: Value) -> Value:
    """A bias that is stored in units of the accumulator."""
    assert filter_.stored is not None
    assert filter_.stored.type.quant is not None
    scales = tuple(float(np.float32(X.scale) * np.float32(s)) for s in filter_.stored.type.quant.scales)
    data = net.rng.integers(-900, 900, len(scales)).astype(np.int32)
    return net.dequantized(data, Quant(scales, (0,) * len(scales), 0))


def layer(net: Net, kind: str, clip: tuple[float, float] = (0.0, math.inf)) -> Value:
    """A layer on dequantised integers."""
    if kind == "Conv2d":
        w = weights(net, 4, 2, 2, 3)
        return net.add(Conv2d(Window((2, 2)), 1, clip, RNE), real(net, 1, 5, 6, 3), w, bias(net, w))
    if kind == "DepthwiseConv2d":
        w = weights(net, 1, 2, 2, 4, axis=3)
        return net.add(DepthwiseConv2d(Window((2, 2)), clip, RNE), real(net, 1, 5, 6, 2), w, bias(net, w))
    w = weights(net, 4, 6)
    return net.add(FullyConnected(clip, RNE), real(net, 5, 6), w, bias(net, w))


@pytest.mark.parametrize("kind", ["Conv2d", "DepthwiseConv2d", "FullyConnected"])
def test_a_layer_computes_integers(kind: str) -> None:
    net = Net()
    graph = net.graph(stored(net, layer(net, kind)))
    # The sums of floats, which the model describes, round otherwise where a result lies halfway.
    run(graph, fuse_qdq, atol=1)
    assert names(graph) == [kind]
    node = graph.nodes[0]
    assert [v.type.dtype for v in node.inputs if v] == [DType.I8, DType.I8, DType.I32]
    assert node.op.clip == (0.0, math.inf)  # type: ignore[attr-defined]


def test_one_dequantize_serves_several_layers() -> None:
    net = Net()
    x = real(net, 5, 6)
    ends = [stored(net, net.add(FullyConnected(rounding=RNE), x, weights(net, 4, 6), None)) for _ in range(2)]
    graph = net.graph(*ends)
    run(graph, fuse_qdq, atol=1)
    assert names(graph) == ["FullyConnected", "FullyConnected"]


OPERATORS: dict[str, tuple[Operator, int]] = {
    "Add": (Map2("Add", rounding=RNE), 2),
    "Sub": (Map2("Sub", clip=(0.0, 6.0), rounding=RNE), 2),
    "Mul": (Map2("Mul", rounding=RNE), 2),
    "Div": (Map2("Div", rounding=RNE), 2),
    "BatchMatMul": (BatchMatMul(adj_y=True, rounding=RNE), 2),
    "Sigmoid": (Map1("Sigmoid", (), RNE), 1),
    "Clip": (Clip((-1.0, 2.0), RNE), 1),
    "Softmax": (Softmax(rounding=RNE), 1),
    "AveragePool2d": (Pool2d(PoolKind.AVERAGE, Window((2, 2)), rounding=RNE), 1),
    "ReduceMean": (Fold("Mean", (1, 2), rounding=RNE), 1),
    "ReduceSum": (Fold("Sum", (3,), rounding=RNE), 1),
}


@pytest.mark.parametrize("op, count", OPERATORS.values(), ids=OPERATORS.keys())
def test_other_operators_compute_integers(op: Operator, count: int) -> None:
    net = Net()
    operands = [real(net, 1, 4, 4, 4, q=q) for q in (X, quant(0.02, -9))[:count]]
    graph = net.graph(stored(net, net.add(op, *operands)))
    run(graph, fuse_qdq, atol=1)
    assert names(graph) == [op.name]


def test_a_change_of_scale_is_one_quantize() -> None:
    net = Net()
    graph = net.graph(stored(net, real(net, 300)))
    run(graph, fuse_qdq)
    assert names(graph) == ["Quantize"]


@pytest.mark.parametrize(
    "op",
    [Pool2d(PoolKind.MAX, Window((2, 2)), clip=(0.0, 1.0), rounding=RNE), Fold("Min", (1, 2), rounding=RNE)],
    ids=lambda op: op.name,
)
def test_what_chooses_among_integers_compares_those_of_one_scale(op: Operator) -> None:
    net = Net()
    graph = net.graph(stored(net, net.add(op, real(net, 1, 4, 4, 4))))
    run(graph, fuse_qdq)
    assert names(graph) == ["Quantize", op.name]


@pytest.mark.parametrize("number", [0.3, -2.5, 0.0])
def test_a_constant_number_is_stored_exactly(number: float) -> None:
    net = Net()
    graph = net.graph(
        stored(net, net.add(Map2("Mul", rounding=RNE), real(net, 300), net.constant(np.full((1,), number))))
    )
    run(graph, fuse_qdq)
    assert names(graph) == ["Mul"]


def test_a_stored_constant_is_an_operand() -> None:
    net = Net()
    constant = net.dequantized(np.arange(-4, 4, dtype=np.int8), quant(0.25, 1))
    graph = net.graph(stored(net, net.add(Map2("Add", rounding=RNE), real(net, 3, 8), constant)))
    run(graph, fuse_qdq)
    assert names(graph) == ["Add"]
    assert graph.nodes[0].input(1) is constant.stored


def refused(net: Net, *outputs: Value) -> str:
    """Returns why nothing is fused."""
    graph = net.graph(*outputs)
    before = list(graph.nodes)
    log = run(graph, fuse_qdq)
    assert graph.nodes == before
    (reason,) = refusals(log)
    return reason


def test_refuses_a_result_that_is_used_as_float() -> None:
    net = Net()
    assert refused(net, layer(net, "Conv2d")) == "its result is used as float32"


def test_refuses_a_result_that_is_read_twice() -> None:
    net = Net()
    x = layer(net, "FullyConnected")
    assert refused(net, stored(net, x), net.add(Map1("Abs"), x)) == "its result is used as float32"


def test_refuses_the_rounding_of_tflite() -> None:
    net = Net()
    x = net.add(Map2("Add", rounding=RNE), real(net, 4), real(net, 4))
    assert refused(net, net.add(Quantize(DType.I8), x, quant=Y)) == "TFLite rounds otherwise"
    net = Net()
    assert refused(net, stored(net, net.add(Map2("Add"), real(net, 4), real(net, 4)))) == "TFLite rounds otherwise"


def test_refuses_results_of_other_types() -> None:
    net = Net()
    x = net.add(Map1("Abs", (), RNE), real(net, 4))
    assert refused(net, net.add(Quantize(DType.I16, RNE), x, quant=Y)) == "its result is stored as i16"


def test_refuses_operands_of_other_types() -> None:
    net = Net()
    x = net.add(Dequantize(), net.input(4, dtype=DType.I16, quant=X))
    assert refused(net, stored(net, net.add(Map1("Abs", (), RNE), x))) == "operand 0 is stored as i16"


def test_refuses_operands_that_are_floats() -> None:
    net = Net()
    x = net.add(Map2("Add", rounding=RNE), real(net, 4), net.input(4))
    assert refused(net, stored(net, x)) == "operand 1 is computed as float32"


def test_refuses_weights_that_are_floats() -> None:
    net = Net()
    x = net.add(FullyConnected(rounding=RNE), real(net, 5, 6), net.weights(4, 6), None)
    assert refused(net, stored(net, x)) == "the weights are not stored quantised"


def test_refuses_weights_that_are_quantised_along_their_inputs() -> None:
    net = Net()
    x = net.add(FullyConnected(rounding=RNE), real(net, 5, 6), weights(net, 4, 6, axis=1), None)
    reason = "the weights are quantised along an axis that is not that of the output channels"
    assert refused(net, stored(net, x)) == reason


def test_refuses_weights_with_several_zero_points() -> None:
    net = Net()
    w = net.dequantized(np.ones((2, 6), np.int8), Quant((0.5, 0.25), (0, 1), 0))
    x = net.add(FullyConnected(rounding=RNE), real(net, 5, 6), w, None)
    assert refused(net, stored(net, x)) == "the zero points of the weights differ between channels"


def test_refuses_weights_of_other_types() -> None:
    net = Net()
    w = net.dequantized(np.ones((2, 6), np.int16), quant(0.5))
    x = net.add(FullyConnected(rounding=RNE), real(net, 5, 6), w, None)
    assert refused(net, stored(net, x)) == "the weights are stored as i16"


def test_a_float_bias_is_rounded_to_units_of_the_accumulator() -> None:
    net = Net()
    x = net.add(FullyConnected(rounding=RNE), real(net, 5, 6), weights(net, 4, 6), net.weights(4))
    graph = net.graph(stored(net, x))
    run(graph, fuse_qdq, atol=1)
    assert names(graph) == ["FullyConnected"]
    assert graph.nodes[0].input(2).type.dtype is DType.I32


def test_refuses_a_bias_that_would_lose_too_much() -> None:
    net = Net()
    w = net.dequantized(np.ones((2, 6), np.int8), quant(0.5))
    x = net.add(FullyConnected(rounding=RNE), real(net, 5, 6), w, net.constant(np.array([0.0125, 0.0])))
    reason = "the bias, rounded to units of the accumulator, would be off by 0.12 steps of the output"
    assert refused(net, stored(net, x)) == reason


def test_refuses_a_bias_that_does_not_fit() -> None:
    net = Net()
    w = net.dequantized(np.ones((2, 6), np.int8), quant(1e-9))
    x = net.add(FullyConnected(rounding=RNE), real(net, 5, 6), w, net.weights(2))
    assert refused(net, stored(net, x)) == "the bias does not fit 31 bits in units of the accumulator"


def test_refuses_a_vector_that_is_not_stored() -> None:
    net = Net()
    x = net.add(Map2("Add", rounding=RNE), real(net, 3, 8), net.weights(8))
    assert refused(net, stored(net, x)) == "a constant operand is not stored quantised per tensor"
