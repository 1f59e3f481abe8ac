"""Padding that becomes the window's own."""

from __future__ import annotations

import numpy as np
import pytest

from ariel_build.ir import DType, Quant, Value
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.window import Window
from ariel_build.passes.fuse_padding import fuse_padding, refusal
from tests.passes.graphs import Net, names, quant, refusals, run

PADS = ((0, 0), (1, 0), (2, 1), (0, 0))
Q = quant(0.1, 5)


def conv(net: Net, x: Value) -> Value:
    return net.add(Conv2d(Window((2, 2), padding=(0, 1, 1, 0))), x, net.weights(3, 2, 2, x.shape[3]), None)


def test_a_convolution_takes_over_its_padding() -> None:
    net = Net()
    graph = net.graph(conv(net, net.add(Pad(PADS), net.input(1, 4, 5, 2))))
    run(graph, fuse_padding)
    assert names(graph) == ["Conv2d"]
    assert graph.nodes[0].op.window.padding == (1, 3, 1, 1)  # type: ignore[attr-defined]


def test_a_depthwise_convolution_of_integers_pads_with_its_zero_point() -> None:
    net = Net()
    x = net.add(Pad(PADS, 5.0), net.input(1, 4, 5, 2, dtype=DType.I8, quant=Q), quant=Q)
    weights = net.constant(net.rng.integers(-9, 9, (1, 2, 2, 2)).astype(np.int8), quant(0.5))
    graph = net.graph(net.add(DepthwiseConv2d(Window((2, 2))), x, weights, None, quant=quant(0.4)))
    run(graph, fuse_padding)
    assert names(graph) == ["DepthwiseConv2d"]


def test_a_reshape_that_adds_an_axis_of_one_goes_in_front() -> None:
    net = Net()
    x = net.add(Pad(((0, 0), (2, 0), (0, 0))), net.input(1, 6, 3))
    y = net.add(Reshape((1, 1, 8, 3)), x)
    graph = net.graph(net.add(Conv2d(Window((1, 3))), y, net.weights(4, 1, 3, 3), None))
    run(graph, fuse_padding)
    assert names(graph) == ["Reshape", "Conv2d"]
    assert graph.nodes[1].op.window.padding == (0, 2, 0, 0)  # type: ignore[attr-defined]


def test_padding_that_others_read_is_made_for_them() -> None:
    net = Net()
    x = net.add(Pad(PADS), net.input(1, 4, 5, 2))
    graph = net.graph(conv(net, x), x)
    run(graph, fuse_padding)
    assert names(graph) == ["Pad", "Conv2d"]
    assert graph.nodes[1].inputs[0] is graph.inputs[0]


@pytest.mark.parametrize(
    "pad, reason",
    [
        (Pad(PADS, 1.0), "the border holds 1, which does not mean 0"),
        (Pad(((0, 0), (1, 1), (0, 0), (0, 2))), "Pad adds images or channels"),
        (Pad(((0, 0), (-1, 1), (0, 0), (0, 0))), "Pad crops"),
    ],
    ids=["value", "channels", "crop"],
)
def test_refuses_other_padding(pad: Pad, reason: str) -> None:
    net = Net()
    graph = net.graph(conv(net, net.add(pad, net.input(1, 4, 5, 2))))
    assert refusals(run(graph, fuse_padding)) == [reason]


def test_refuses_a_pool() -> None:
    net = Net()
    x = net.add(Pad(PADS), net.input(1, 4, 5, 2))
    graph = net.graph(net.add(Pool2d(PoolKind.AVERAGE, Window((2, 2))), x))
    log = run(graph, fuse_padding)
    assert refusals(log) == ["the cells around its image do not count as 0, those of Pad do"]


def test_refuses_a_reshape_that_merges_axes() -> None:
    net = Net()
    x = net.add(Pad(((0, 0), (1, 1), (0, 0))), net.input(1, 4, 6))
    graph = net.graph(conv(net, net.add(Reshape((1, 6, 3, 2)), x)))
    assert refusals(run(graph, fuse_padding)) == ["the reshape behind Pad merges or splits its axes"]


def test_refuses_a_change_of_scale() -> None:
    net = Net()
    x = net.add(Pad(PADS, 5.0), net.input(1, 4, 5, 2, dtype=DType.I8, quant=Q), quant=quant(0.2, 5))
    weights = net.constant(np.ones((1, 2, 2, 2), np.int8), quant(0.5))
    graph = net.graph(net.add(DepthwiseConv2d(Window((2, 2))), x, weights, None, quant=quant(0.4)))
    assert refusals(run(graph, fuse_padding)) == ["the quantisation changes on the way"]


def test_refuses_what_is_quantised_at_run_time() -> None:
    net = Net()
    x = net.add(Pad(PADS), net.input(1, 4, 5, 2, dtype=DType.I8))
    weights = net.constant(np.ones((3, 2, 2, 2), np.int8), Quant((0.5,) * 3, (0,) * 3, 0))
    parameters = net.input(1, 2)
    net.add(Conv2d(Window((2, 2))), x, weights, None, parameters)
    pad, node = net.nodes
    reason = "what is quantised at run time cannot be padded by a constant"
    assert refusal(node, pad, None, PADS) == reason
