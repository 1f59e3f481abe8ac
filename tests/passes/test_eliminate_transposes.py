"""Transpose elimination: what cancels, what is merged into weights, and what stays."""

from __future__ import annotations

import numpy as np
import pytest

from ariel_build.ir import DType, Value
from ariel_build.ops import Operator
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.clip import Clip
from ariel_build.ops.concat import Concat
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.fold import Fold
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.gather import GatherConstant
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.pad import Pad
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.softmax import Softmax
from ariel_build.ops.transpose import NCHW_TO_NHWC, NHWC_TO_NCHW, Transpose
from ariel_build.ops.window import Window
from ariel_build.passes.eliminate_transposes import eliminate_transposes
from ariel_build.passes.merge_movement import merge_movement
from ariel_build.passes.permute_weights import permute_weights
from ariel_build.passes.remove_dead_code import remove_dead_code
from ariel_build.passes.remove_identities import remove_identities
from tests.passes.graphs import Net, names, quant, refusals, run

ALL = (eliminate_transposes, merge_movement, remove_identities, remove_dead_code)


def conv(net: Net, x: Value, count: int) -> Value:
    """A pointwise convolution between transposes, as the importer of ONNX emits it."""
    y = net.add(Transpose(NCHW_TO_NHWC), x)
    z = net.add(Conv2d(Window((1, 1))), y, net.weights(count, 1, 1, y.shape[3]), net.weights(count))
    return net.add(Transpose(NHWC_TO_NCHW), z)


BETWEEN: dict[str, tuple[Operator, ...]] = {
    "elementwise": (Clip((0.0, 6.0)), Map1("Tanh")),
    "pad": (Pad(((0, 0), (1, 0), (2, 1), (0, 3))), Clip((0.0, 6.0))),
    "slice": (Slice((0, 1, 0, 3), (1, 3, 6, 2), (1, 1, 1, -1)),),
    "tile": (Tile((1, 2, 1, 3)),),
    "gather": (GatherConstant(1, (2, 0, 0)),),
    "mean": (Fold("Mean", (2,), keep_dims=True),),
    "softmax": (Softmax(1),),
    "squeezed": (Reshape((4, 6, 5)), Map1("Tanh"), Reshape((1, 4, 6, 5))),
    "merged": (Reshape((1, 4, 30)), Map1("Tanh"), Reshape((1, 4, 5, 6))),
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN.keys())
def test_a_region_between_convolutions_is_permuted(between: tuple[Operator, ...]) -> None:
    net = Net()
    x = conv(net, net.input(1, 3, 6, 5), 4)
    for op in between:
        x = net.add(op, x)
    graph = net.graph(conv(net, x, 2))
    run(graph, *ALL, rounds=3, rtol=1e-5, atol=1e-5)
    assert names(graph).count("Transpose") == 2
    assert [n for n in names(graph) if n not in ("Transpose", "Reshape")] == [
        "Conv2d",
        *(op.name for op in between if op.name != "Reshape"),
        "Conv2d",
    ]


def test_branches_and_constants_are_permuted_alike() -> None:
    net = Net()
    x = conv(net, net.input(1, 3, 6, 5), 4)
    a = net.add(Map2("Mul"), x, net.weights(4, 1, 1))
    b = net.add(Map2("Add"), net.add(Map1("Tanh"), x), net.weights(1))
    c = net.add(Concat(1), a, b, net.weights(1, 2, 6, 5))
    graph = net.graph(conv(net, c, 2))
    run(graph, *ALL, rounds=3, rtol=1e-5, atol=1e-5)
    assert names(graph) == ["Transpose", "Conv2d", "Mul", "Tanh", "Add", "Concat", "Conv2d", "Transpose"]
    assert graph.nodes[2].input(1).shape == (1, 1, 1, 4)


def test_a_reduction_that_drops_axes_ends_the_region() -> None:
    net = Net()
    x = conv(net, net.input(1, 3, 6, 5), 4)
    y = net.add(Fold("Mean", (2, 3)), x)
    graph = net.graph(net.add(FullyConnected(), y, net.weights(2, 4), None))
    run(graph, *ALL, rounds=3, rtol=1e-5, atol=1e-5)
    assert names(graph) == ["Transpose", "Conv2d", "ReduceMean", "FullyConnected"]
    assert graph.nodes[2].op == Fold("Mean", (1, 2))


def test_transposes_move_stored_integers_rather_than_floats() -> None:
    net = Net()
    x = net.add(Transpose((1, 0)), net.input(5, 6))
    y = net.add(Quantize(DType.I8), x, quant=quant(0.1))
    z = net.add(Dequantize(), net.input(5, 6, dtype=DType.I8, quant=quant(0.1)))
    graph = net.graph(y, net.add(Transpose((1, 0)), z))
    run(graph, *ALL, rounds=2)
    assert names(graph) == ["Quantize", "Transpose", "Transpose", "Dequantize"]


def test_a_transpose_sinks_where_that_costs_nothing() -> None:
    net = Net()
    x = conv(net, net.input(1, 3, 6, 5), 4)
    graph = net.graph(net.add(Clip((0.0, 6.0)), x))
    run(graph, *ALL, rounds=2, rtol=1e-5, atol=1e-5)
    assert names(graph) == ["Transpose", "Conv2d", "Relu6", "Transpose"]


def test_a_transpose_stays_where_its_region_needs_two() -> None:
    net = Net()
    x = net.add(Transpose((1, 0)), net.input(5, 6))
    y = net.add(Map2("Add"), x, net.input(6, 5))
    graph = net.graph(y)
    log = run(graph, eliminate_transposes)
    assert names(graph) == ["Transpose", "Add"]
    assert refusals(log) == ["2 transposes of 240 bytes would remain of 1 of 120"]


def test_a_node_that_fits_no_permutation_stays_between_transposes() -> None:
    net = Net()
    x = conv(net, net.input(1, 3, 6, 5), 4)
    y = net.add(Reshape((1, 2, 60)), x)
    graph = net.graph(conv(net, net.add(Reshape((1, 4, 6, 5)), y), 2))
    run(graph, eliminate_transposes)
    assert names(graph).count("Transpose") == 4


def test_an_output_in_the_middle_keeps_its_axes() -> None:
    net = Net()
    x = conv(net, net.input(1, 3, 6, 5), 4)
    y = net.add(Map1("Tanh"), x)
    graph = net.graph(y, conv(net, net.add(Map1("Abs"), y), 2))
    run(graph, *ALL, rounds=3, rtol=1e-5, atol=1e-5)
    assert names(graph).count("Transpose") == 3


@pytest.mark.parametrize("batch", [1, 3])
def test_weights_behind_a_flattened_image_are_permuted(batch: int) -> None:
    net = Net()
    x = net.input(batch, 6, 5, 4)
    y = net.add(Reshape((batch, 120)), net.add(Transpose(NHWC_TO_NCHW), x))
    weights = net.dequantized(net.rng.integers(-128, 128, (7, 120)).astype(np.int8), quant(0.01))
    graph = net.graph(net.add(FullyConnected(), y, weights, net.weights(7)))
    run(graph, permute_weights, rtol=1e-5, atol=1e-5)
    assert names(graph) == ["Reshape", "FullyConnected"]
    filter_ = graph.nodes[1].input(1)
    assert filter_.stored is not None
    np.testing.assert_array_equal(np.asarray(filter_.stored.data, np.float32) * np.float32(0.01), filter_.data)


def test_weights_stay_where_rows_change_places() -> None:
    net = Net()
    y = net.add(Transpose((1, 0, 2)), net.input(3, 2, 4))
    graph = net.graph(net.add(FullyConnected(), y, net.weights(7, 4), None))
    assert refusals(run(graph, permute_weights)) == ["the transpose changes the order of rows"]


def test_weights_stay_where_a_row_is_part_of_an_axis() -> None:
    net = Net()
    y = net.add(Transpose((1, 0)), net.input(4, 6))
    graph = net.graph(net.add(FullyConnected(), net.add(Reshape((12, 2)), y), net.weights(7, 2), None))
    assert refusals(run(graph, permute_weights)) == [
        "a row of the layer is no whole number of axes of the transposed tensor"
    ]


def test_movement_is_merged() -> None:
    net = Net()
    x = net.add(Transpose((2, 1, 0)), net.add(Transpose((1, 2, 0)), net.input(2, 3, 4)))
    y = net.add(Reshape((4, 6)), net.add(Reshape((24,)), net.add(Map1("Tanh"), x)))
    z = net.add(Transpose((1, 0, 2)), net.add(Reshape((1, 4, 6)), net.add(Map1("Tanh"), y)))
    graph = net.graph(z)
    run(graph, merge_movement, rounds=3)
    assert names(graph) == ["Transpose", "Tanh", "Reshape", "Tanh", "Reshape"]
    assert graph.nodes[0].op == Transpose((0, 2, 1))


def test_movement_is_merged_whatever_scale_it_has_in_between() -> None:
    net = Net()
    x = net.add(Reshape((6,)), net.input(2, 3, dtype=DType.I8, quant=quant(0.5)), quant=quant(0.25))
    graph = net.graph(net.add(Reshape((3, 2)), x, quant=quant(0.125)))
    run(graph, merge_movement)
    assert names(graph) == ["Reshape"]
    assert graph.outputs[0].type.quant == quant(0.125)
