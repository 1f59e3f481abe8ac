"""Activations that become their operand's own."""

from __future__ import annotations

import math

import pytest

from ariel_build.ir import DType, Value
from ariel_build.ops.clip import Clip
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.transpose import NHWC_TO_NCHW, Transpose
from ariel_build.ops.window import Window
from ariel_build.passes.fuse_activation import combined, fuse_activation
from tests.passes.graphs import Net, names, quant, refusals, run

RELU = (0.0, math.inf)


def operand(net: Net, kind: str) -> Value:
    """The result of an operator that can clamp."""
    x = net.input(1, 4, 4, 2)
    if kind == "Conv2d":
        return net.add(Conv2d(Window((1, 1))), x, net.weights(3, 1, 1, 2), None)
    if kind == "DepthwiseConv2d":
        return net.add(DepthwiseConv2d(Window((2, 2))), x, net.weights(1, 2, 2, 2), None)
    if kind == "FullyConnected":
        return net.add(FullyConnected(keep_dims=True), x, net.weights(3, 2), None)
    if kind == "AveragePool2d":
        return net.add(Pool2d(PoolKind.AVERAGE, Window((2, 2))), x)
    return net.add(Map2("Add"), x, net.weights(2))


@pytest.mark.parametrize("kind", ["Conv2d", "DepthwiseConv2d", "FullyConnected", "AveragePool2d", "Add"])
def test_a_float_activation_is_fused(kind: str) -> None:
    net = Net()
    graph = net.graph(net.add(Clip((-0.25, 0.5)), operand(net, kind)))
    run(graph, fuse_activation)
    assert names(graph) == [kind]
    assert graph.nodes[0].op.clip == (-0.25, 0.5)  # type: ignore[attr-defined]


def test_movement_in_between_is_passed() -> None:
    net = Net()
    x = net.add(Reshape((1, 3, 16)), net.add(Transpose(NHWC_TO_NCHW), operand(net, "Conv2d")))
    graph = net.graph(net.add(Map1("Tanh"), net.add(Clip(RELU), x)))
    run(graph, fuse_activation)
    assert names(graph) == ["Conv2d", "Transpose", "Reshape", "Tanh"]


def test_two_activations_are_one() -> None:
    net = Net()
    graph = net.graph(net.add(Clip((-1.0, 0.5)), net.add(Clip(RELU), net.input(8))))
    run(graph, fuse_activation)
    assert names(graph) == ["Clip"]
    assert graph.nodes[0].op == Clip((0.0, 0.5))


@pytest.mark.parametrize(
    "first, second, both",
    [
        (RELU, (-1.0, 6.0), (0.0, 6.0)),
        ((0.0, 6.0), (7.0, 9.0), (7.0, 7.0)),
        ((5.0, 6.0), (-1.0, 1.0), (1.0, 1.0)),
        ((-math.inf, math.inf), RELU, RELU),
    ],
)
def test_bounds_are_combined(
    first: tuple[float, float], second: tuple[float, float], both: tuple[float, float]
) -> None:
    assert combined(first, second) == both


@pytest.mark.parametrize("rounding", list(Rounding))
def test_an_integer_activation_of_the_same_scale_is_fused(rounding: Rounding) -> None:
    net = Net()
    q = quant(0.1, -20)
    sides = [net.input(50, dtype=DType.I8, quant=quant(0.06, 3)) for _ in range(2)]
    x = net.add(Map2("Add", rounding=rounding), *sides, quant=q)
    graph = net.graph(net.add(Clip((0.0, 6.0), rounding), x, quant=q))
    run(graph, fuse_activation)
    assert names(graph) == ["Add"]


def test_refuses_an_activation_that_changes_the_scale() -> None:
    net = Net()
    sides = [net.input(50, dtype=DType.I8, quant=quant(0.06, 3)) for _ in range(2)]
    x = net.add(Map2("Add"), *sides, quant=quant(0.1, -20))
    graph = net.graph(net.add(Clip(RELU), x, quant=quant(0.05, -128)))
    assert refusals(run(graph, fuse_activation)) == ["it changes the scale or the zero point"]


def test_refuses_where_the_formats_round_bounds_differently() -> None:
    net = Net()
    q = quant(1.0)
    sides = [net.input(50, dtype=DType.I8, quant=quant(0.06, 3)) for _ in range(2)]
    x = net.add(Map2("Add", rounding=Rounding.NEAREST_EVEN), *sides, quant=q)
    graph = net.graph(net.add(Clip((0.5, 6.0), Rounding.DOUBLE), x, quant=q))
    reason = "stored integers would be clamped to (0, 6), not to (1, 6)"
    assert refusals(run(graph, fuse_activation)) == [reason]


def test_refuses_plain_integers() -> None:
    net = Net()
    x = net.add(Map2("Add"), net.input(5, dtype=DType.I32), net.input(5, dtype=DType.I32))
    graph = net.graph(net.add(Clip(RELU), x))
    assert refusals(run(graph, fuse_activation)) == ["bounds of i32 without quantisation are not fused"]


def test_refuses_where_the_operand_is_read_elsewhere() -> None:
    net = Net()
    x = operand(net, "Conv2d")
    graph = net.graph(net.add(Clip(RELU), x), net.add(Map1("Tanh"), x))
    assert refusals(run(graph, fuse_activation)) == ["its operand is read elsewhere, too"]


def test_an_operator_that_cannot_clamp_keeps_its_activation() -> None:
    net = Net()
    graph = net.graph(net.add(Clip(RELU), net.add(Map1("Tanh"), net.input(8))))
    run(graph, fuse_activation)
    assert names(graph) == ["Tanh", "Relu"]
