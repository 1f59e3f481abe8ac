"""Folding of scales, shifts and biases into layers."""

from __future__ import annotations

import numpy as np
import pytest

from ariel_build.ir import DType, Quant, Value
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.window import Window
from ariel_build.passes.fold_batch_norm import fold_batch_norm
from tests.passes.graphs import Net, names, quant, refusals, run


def layer(net: Net, kind: str, *, biased: bool = True) -> Value:
    """A layer with 4 output channels."""
    bias = net.weights(4) if biased else None
    if kind == "conv":
        return net.add(Conv2d(Window((2, 2))), net.input(1, 5, 6, 3), net.weights(4, 2, 2, 3), bias)
    if kind == "depthwise":
        return net.add(DepthwiseConv2d(Window((2, 2))), net.input(1, 5, 6, 2), net.weights(1, 2, 2, 4), bias)
    return net.add(FullyConnected(), net.input(3, 5), net.weights(4, 5), bias)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("kind", ["conv", "depthwise", "dense"])
def test_a_batch_norm_is_folded(kind: str, biased: bool) -> None:
    net = Net()
    x = net.add(Map2("Mul"), layer(net, kind, biased=biased), net.weights(4))
    graph = net.graph(net.add(Map2("Add", clip=(0.0, 6.0)), x, net.weights(1, 4)))
    run(graph, fold_batch_norm, rounds=2, rtol=1e-5, atol=1e-5)
    assert len(graph.nodes) == 1
    assert graph.nodes[0].op.clip == (0.0, 6.0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("op", [Map2("Add"), Map2("Mul"), Map2("Sub"), Map2("Div")], ids=lambda op: op.name)
def test_operators_that_are_affine_per_channel(op: Map2, swapped: bool) -> None:
    net = Net()
    x, c = layer(net, "conv"), net.constant(np.array([1.5, -2.0, 0.5, 3.0]))
    graph = net.graph(net.add(op, c, x) if swapped else net.add(op, x, c))
    log = run(graph, fold_batch_norm, rtol=1e-5, atol=1e-5)
    if op.name == "Div" and swapped:
        assert refusals(log) == ["the constant is divided by the tensor, or is 0"]
    else:
        assert names(graph) == ["Conv2d"]


def test_a_number_scales_all_channels() -> None:
    net = Net()
    graph = net.graph(net.add(Map2("Mul"), layer(net, "dense"), net.constant(0.5)))
    run(graph, fold_batch_norm, rtol=1e-5, atol=1e-5)
    assert names(graph) == ["FullyConnected"]


def test_a_reshape_that_keeps_the_channels_is_passed() -> None:
    net = Net()
    x = net.add(Reshape((20, 4)), layer(net, "conv"))
    graph = net.graph(net.add(Map2("Add"), x, net.weights(4)))
    run(graph, fold_batch_norm, rtol=1e-5, atol=1e-5)
    assert names(graph) == ["Conv2d", "Reshape"]


def test_channels_that_are_two_axes_behind_a_reshape() -> None:
    net = Net()
    x = net.add(Reshape((3, 2, 2, 1)), net.add(FullyConnected(), net.input(3, 5), net.weights(4, 5), None))
    graph = net.graph(net.add(Map2("Add"), x, net.weights(2, 2, 1)))
    run(graph, fold_batch_norm, rtol=1e-5, atol=1e-5)
    assert names(graph) == ["FullyConnected", "Reshape"]


def test_refuses_after_a_reshape_that_moves_the_channels() -> None:
    net = Net()
    x = net.add(Reshape((4, 20)), layer(net, "conv"))
    graph = net.graph(net.add(Map2("Add"), x, net.weights(20)))
    run(graph, fold_batch_norm)
    assert names(graph) == ["Conv2d", "Reshape", "Add"]


def test_refuses_a_constant_along_other_axes() -> None:
    net = Net()
    graph = net.graph(net.add(Map2("Mul"), layer(net, "conv"), net.weights(4, 5, 1)))
    reason = "the constant [4, 5, 1] is not one number per channel of [1, 4, 5, 4]"
    assert refusals(run(graph, fold_batch_norm)) == [reason]


def test_refuses_a_constant_that_enlarges_the_tensor() -> None:
    net = Net()
    x = net.add(FullyConnected(), net.input(1, 5), net.weights(4, 5), None)
    graph = net.graph(net.add(Map2("Add"), x, net.weights(3, 4)))
    assert refusals(run(graph, fold_batch_norm)) == ["the constant enlarges the tensor"]


def test_refuses_where_an_activation_stands_in_between() -> None:
    net = Net()
    x = net.add(FullyConnected(clip=(0.0, 6.0)), net.input(3, 5), net.weights(4, 5), None)
    graph = net.graph(net.add(Map2("Mul"), x, net.weights(4)))
    assert refusals(run(graph, fold_batch_norm)) == ["the layer has an activation"]


def test_a_layer_that_is_read_elsewhere_stays() -> None:
    net = Net()
    x = layer(net, "conv")
    graph = net.graph(net.add(Map2("Mul"), x, net.weights(4)), net.add(Map1("Abs"), x))
    run(graph, fold_batch_norm)
    assert names(graph) == ["Conv2d", "Mul", "Abs"]


def test_refuses_quantised_weights_but_takes_a_bias_behind_them() -> None:
    net = Net()
    weights = net.dequantized(net.rng.integers(-9, 9, (4, 5)).astype(np.int8), Quant((0.5,) * 4, (0,) * 4, 0))
    x = net.add(FullyConnected(), net.input(3, 5), weights, None)
    graph = net.graph(net.add(Map2("Mul"), net.add(Map2("Add"), x, net.weights(4)), net.weights(4)))
    log = run(graph, fold_batch_norm, rounds=2, rtol=1e-5, atol=1e-5)
    assert names(graph) == ["FullyConnected", "Mul"]
    assert refusals(log)[-1] == "the layer's weights are quantised"
    assert graph.nodes[0].input(1).stored is not None


def test_refuses_weights_that_layers_share() -> None:
    net = Net()
    weights = net.weights(4, 5)
    x = net.add(FullyConnected(), net.input(3, 5), weights, None)
    y = net.add(FullyConnected(), net.input(3, 5), weights, None)
    graph = net.graph(net.add(Map2("Mul"), x, net.weights(4)), y)
    assert refusals(run(graph, fold_batch_norm)) == ["other layers share the weights"]


def test_refuses_two_outputs() -> None:
    net = Net()
    x = layer(net, "dense")
    graph = net.graph(x, net.add(Map2("Add"), x, net.weights(4)))
    run(graph, fold_batch_norm)
    assert names(graph) == ["FullyConnected", "Add"]


def test_integers_are_left_alone() -> None:
    net = Net()
    q = quant(0.5)
    x = net.add(
        FullyConnected(),
        net.input(3, 5, dtype=DType.I8, quant=q),
        net.constant(np.ones((4, 5), np.int8), q),
        None,
        quant=q,
    )
    graph = net.graph(net.add(Map2("Mul"), x, net.constant(np.ones(4, np.int8), q), quant=q))
    run(graph, fold_batch_norm)
    assert names(graph) == ["FullyConnected", "Mul"]
