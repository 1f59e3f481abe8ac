"""The parts of the search: each does what it says, and no more."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.ir import Graph, Quant, Value, verify
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.concat import Concat
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fold import Fold
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.gather import GatherConstant
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.softmax import Softmax
from ariel_build.ops.transpose import Transpose
from ariel_build.ops.window import Window
from ariel_build.quantize import batched
from ariel_build.quantize.choice import choose, suggested
from ariel_build.quantize.correct import corrections
from ariel_build.quantize.equalize import equalize, pairs
from ariel_build.quantize.form import Form, form_of, rewrite
from ariel_build.quantize.judge import Data, is_classifier, noise, score
from ariel_build.quantize.ranges import METHODS, Method, Seen, merged, quant_of_range, range_of, rounded
from tests.passes.graphs import Net

RELU = (0.0, math.inf)
SAME = Window((3, 3), padding=(1, 1, 1, 1))


def samples(graph: Graph, count: int = 40) -> Data:
    rng = np.random.default_rng(3)
    return Data(graph, [rng.standard_normal((count, *v.shape)).astype(np.float32) for v in graph.inputs])


def seen_of(data: Data) -> dict[Value, Seen]:
    found: dict[Value, Seen] = {}
    data.outputs(None, lambda value, array: found.setdefault(value, Seen()).see(array))
    return found


def form(data: Data, method: Method = "min-max") -> Form:
    choice, seen = choose(data.graph, suggested(data.graph)), seen_of(data)
    groups = {group: range_of(merged([seen[v] for v in group]), method) for group in map(tuple, choice.groups)}
    return form_of(data.graph, choice, {value: quant for group, quant in groups.items() for value in group})


# Ranges.


def test_a_range_covers_what_was_seen_and_zero() -> None:
    assert quant_of_range(-1.0, 1.55) == Quant((float(np.float32(0.01)),), (-28,))
    assert quant_of_range(2.0, 5.1) == Quant((float(np.float32(0.02)),), (-128,))  # from 0 on
    assert quant_of_range(0.0, 0.0) == Quant((1.0,), (0,))
    quant = quant_of_range(-0.3, 0.9)
    ends = np.array([-0.3, 0.0, 0.9], np.float32)
    assert np.all(np.abs(rounded(ends, quant) - ends) <= quant.scale * 0.51)
    assert rounded(np.zeros(1), quant)[0] == 0.0


@pytest.mark.parametrize("channels", [2, 3, 6, 7, 12])
def test_every_channel_is_seen_however_many_there_are(channels: int) -> None:
    """One channel is a hundred times as large as the others: a part of the elements that misses it is of no use."""
    for channel in range(channels):
        array = np.random.default_rng(0).uniform(-1, 1, (30, 40, 40, channels))
        array[..., channel] *= 100
        seen = Seen()
        seen.see(array)
        for method in METHODS:
            assert range_of(seen, method).scale > 50 / 255, method


def test_outliers_do_not_spoil_the_range() -> None:
    array = np.random.default_rng(0).standard_normal(200_000)
    array[:2] = 1000.0
    seen = Seen()
    for part in np.split(array, 40):
        seen.see(part)
    assert range_of(seen, "min-max").scale > 1000 / 255
    assert range_of(seen, "percentile").scale < 12 / 255


def test_the_least_error_is_no_more_than_that_of_other_ranges() -> None:
    array = np.random.default_rng(0).standard_t(3, 8000).astype(np.float32)
    seen = Seen()
    seen.see(array)

    def error(method: Method) -> float:
        return float(np.mean(np.square(rounded(array, range_of(seen, method)) - array)))

    assert error("least-error") <= error("min-max")


# Many samples at once.

BATCHES: dict[str, Callable[[Net], Value]] = {
    "conv": lambda n: n.add(Conv2d(SAME, clip=RELU), n.input(1, 5, 6, 3), n.weights(4, 3, 3, 3), n.weights(4)),
    "images": lambda n: n.add(Conv2d(SAME), n.input(2, 5, 6, 3), n.weights(4, 3, 3, 3)),
    "depthwise": lambda n: n.add(DepthwiseConv2d(SAME), n.input(1, 5, 6, 3), n.weights(1, 3, 3, 3)),
    "pool": lambda n: n.add(Pool2d(PoolKind.MAX, Window((2, 2))), n.input(1, 5, 6, 3)),
    "dense": lambda n: n.add(FullyConnected(), n.input(1, 2, 3), n.weights(4, 6), n.weights(4)),
    "dense rows": lambda n: n.add(FullyConnected(keep_dims=True), n.input(2, 5, 3), n.weights(4, 3)),
    "reshape": lambda n: n.add(Reshape((3, 4)), n.input(2, 6)),
    "transpose": lambda n: n.add(Transpose((1, 0)), n.input(2, 6)),
    "concat": lambda n: n.add(Concat(1), n.input(2, 6), n.weights(2, 3)),
    "slice": lambda n: n.add(Slice((0, 4), (2, 2), (1, -3)), n.input(2, 6)),
    "fold": lambda n: n.add(Fold("Mean", (1,)), n.input(2, 6)),
    "softmax": lambda n: n.add(Softmax(0), n.input(2, 6)),
    "product": lambda n: n.add(BatchMatMul(adj_y=True), n.input(2, 3, 4), n.input(5, 4)),
    "product with a constant": lambda n: n.add(BatchMatMul(), n.weights(2, 3, 4), n.input(4, 5)),
    "broadcast": lambda n: n.add(Map2("Sub"), n.input(3), n.input(2, 3)),
    "broadcast constant": lambda n: n.add(Map2("Mul"), n.input(2, 1), n.weights(4, 1, 3)),
    "function": lambda n: n.add(Map1("Tanh"), n.input(2, 3)),
    "what runs one by one": lambda n: n.add(GatherConstant(1, (2, 0)), n.input(2, 3)),
}


@pytest.mark.parametrize("case", BATCHES)
def test_many_samples_at_once_are_as_one_by_one(case: str) -> None:
    net = Net()
    graph = net.graph(BATCHES[case](net))
    data = samples(graph, 5)
    made: Numbers = data.outputs(None)[0]
    want: Numbers = np.stack([Interpreter(graph).outputs([a[k] for a in data.arrays])[0] for k in range(5)])
    np.testing.assert_allclose(made, want, rtol=1e-5, atol=1e-6)


def test_what_nobody_reads_any_more_is_dropped() -> None:
    net = Net()
    x = net.input(2)
    graph = net.graph(net.add(Map1("Tanh"), net.add(Map1("Neg"), x)))
    assert list(batched.run(graph, {x: np.zeros((3, 2), np.float32)})) == graph.outputs


# Who computes in int8.


def test_a_normalisation_computes_in_float32_inside() -> None:
    net = Net()
    x = net.add(FullyConnected(), net.input(2, 6), net.weights(6, 6))
    centred = net.add(Map2("Sub"), x, net.add(Fold("Mean", (1,), keep_dims=True), x))
    square = net.add(Map1("Square"), centred)
    variance = net.add(Fold("Mean", (1,), keep_dims=True), square)
    factor = net.add(Map1("Rsqrt"), net.add(Map2("Add"), variance, net.constant([1e-3])))
    y = net.add(FullyConnected(), net.add(Map2("Mul"), centred, factor), net.weights(4, 6))
    graph = net.graph(y)
    names = [node.op.name for node in suggested(graph)]
    assert names == ["FullyConnected", "ReduceMean", "Sub", "Mul", "FullyConnected"]
    quants = form(samples(graph)).quants
    assert square not in quants and variance not in quants and centred in quants and factor in quants


def test_what_moves_has_one_scale_on_both_sides() -> None:
    net = Net()
    x = net.add(FullyConnected(), net.input(2, 6), net.weights(6, 6))
    y = net.add(Transpose((1, 0)), x)
    z = net.add(Concat(1), y, net.add(Map1("Tanh"), y))
    graph = net.graph(net.add(FullyConnected(), z, net.weights(3, 4)))
    quants = form(samples(graph)).quants
    assert quants[x] == quants[y] == quants[z]


def test_moves_between_floats_stay_floats() -> None:
    net = Net()
    x = net.add(Map1("Exp"), net.input(2, 3))
    graph = net.graph(net.add(Map1("Exp"), net.add(Transpose((1, 0)), x)))
    assert suggested(graph) == [] and not choose(graph, []).groups


# The graph with QDQ is the form.


def test_the_rewritten_graph_gives_the_numbers_of_the_form() -> None:
    net = Net()
    x = net.add(Conv2d(SAME, clip=RELU), net.input(1, 4, 4, 2), net.weights(3, 3, 3, 2), net.weights(3))
    x = net.add(Map2("Add"), x, net.weights(3))
    graph = net.graph(net.add(FullyConnected(), x, net.weights(5, 48)), x)
    data = samples(graph, 6)
    found = form(data)
    written = rewrite(found)
    verify(written)
    mine = data.outputs(found)
    for k in range(data.count):
        theirs: list[Numbers] = list(Interpreter(written).outputs([data.arrays[0][k]]))
        for got, want in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(got[k], want, rtol=1e-6, atol=1e-6)


def test_weights_that_layers_share_are_stored_once() -> None:
    net = Net()
    weights = net.weights(6, 6)
    x = net.add(FullyConnected(), net.input(2, 6), weights, net.weights(6))
    graph = net.graph(net.add(FullyConnected(), x, weights, net.weights(6)))
    first, second = form(samples(graph)).inputs.values()
    assert first[1] is second[1]


def test_a_bias_that_fits_no_31_bits_makes_its_weights_coarser() -> None:
    net = Net()
    bias = net.constant(np.array([1.0, 1e9], np.float32))
    graph = net.graph(net.add(FullyConnected(), net.input(1, 2), net.constant(np.full((2, 2), 1e-3, np.float32)), bias))
    found = form(samples(graph))
    ((_, weights, stored),) = found.inputs.values()
    assert weights is not None and stored is not None and stored.data is not None and weights.stored is not None
    assert stored.stored is not None and stored.stored.data is not None
    real, integers = stored.data.astype(np.float64), stored.stored.data.astype(np.int64)
    np.testing.assert_allclose(real, np.array([1.0, 1e9]), rtol=1e-3)
    assert np.all(np.abs(integers) < 1 << 30)


# Equalisation and bias correction.


def two_layers(net: Net) -> Graph:
    """Two layers with channels of very different size in between."""
    first = net.constant(net.rng.standard_normal((6, 8)).astype(np.float32) * 10.0 ** np.arange(-2, 1, 0.5)[:, None])
    x = net.add(FullyConnected(RELU), net.input(1, 8), first, net.weights(6))
    second = net.constant(net.rng.standard_normal((4, 6)).astype(np.float32) / 10.0 ** np.arange(-2, 1, 0.5))
    return net.graph(net.add(FullyConnected(), x, second, net.weights(4)))


def test_equalised_layers_answer_the_same_and_lose_less_in_int8() -> None:
    net = Net()
    data = samples(two_layers(net), 100)
    assert len(pairs(data.graph)) == 1
    want = data.outputs(None)
    before = noise(want, data.outputs(form(data)))
    middle = data.graph.nodes[0].output
    found: list[Numbers] = []
    data.outputs(None, lambda value, array: found.append(array) if value is middle else None)
    old = [list(node.inputs) for node in data.graph.nodes]
    undo = equalize(data.graph, {middle: np.abs(np.concatenate(found)).reshape(-1, 6).max(axis=0).astype(np.float64)})
    np.testing.assert_allclose(data.outputs(None)[0], want[0], rtol=1e-3, atol=1e-4)
    assert noise(want, data.outputs(form(data))) < 0.75 * before
    undo()
    assert [node.inputs for node in data.graph.nodes] == old


def test_layers_with_another_reader_or_a_bound_are_no_pair() -> None:
    net = Net()
    graph = two_layers(net)
    graph.outputs.append(graph.nodes[0].output)
    assert pairs(graph) == []
    net = Net()
    x = net.add(FullyConnected((0.0, 6.0)), net.input(1, 8), net.weights(6, 8))
    assert pairs(net.graph(net.add(FullyConnected(), x, net.weights(4, 6)))) == []


def test_factors_go_through_pools_and_flattening() -> None:
    net = Net()
    x = net.add(Conv2d(SAME, clip=RELU), net.input(1, 4, 4, 2), net.weights(3, 3, 3, 2))
    x = net.add(Pool2d(PoolKind.MAX, Window((2, 2), (2, 2))), x)
    graph = net.graph(net.add(FullyConnected(), net.add(Reshape((1, 12)), x), net.weights(5, 12)))
    data = samples(graph, 8)
    want: Numbers = data.outputs(None)[0]
    equalize(graph, {graph.nodes[0].output: np.array([0.1, 1.0, 10.0])})
    np.testing.assert_allclose(data.outputs(None)[0], want, rtol=1e-4, atol=1e-4)


def test_corrected_biases_take_off_the_mean_of_the_error() -> None:
    net = Net()
    graph = net.graph(net.add(FullyConnected(), net.input(1, 64), net.weights(4, 64), net.weights(4)))
    data = Data(graph, [np.random.default_rng(1).uniform(0.5, 1, (100, 1, 64)).astype(np.float32)])
    plain = form(data)
    # A coarse scale of the input: all is rounded, with an error that has a mean.
    coarse = form_of(graph, plain.choice, {**plain.quants, graph.inputs[0]: Quant((0.4,), (0,))})
    better = form_of(graph, coarse.choice, coarse.quants, corrections(data, coarse))
    want: Numbers = data.outputs(None)[0]
    off: list[Numbers] = [np.abs(np.mean(data.outputs(f)[0] - want, axis=0)) for f in (coarse, better)]
    assert off[1].max() < off[0].max() / 3


# What is measured.


def test_what_is_lost_is_accuracy_then_agreement_then_noise() -> None:
    net = Net()
    graph = net.graph(net.add(Softmax(), net.input(1, 3)))
    assert is_classifier(graph)
    want = [np.array([[[0.6, 0.4, 0.0]], [[0.1, 0.2, 0.7]]], np.float32)]
    got = [np.array([[[0.4, 0.6, 0.0]], [[0.1, 0.2, 0.7]]], np.float32)]
    data = Data(graph, [np.zeros((2, 1, 3), np.float32)], np.array([0, 2]))
    known = score(data, want, got)
    assert (known.accuracy_float, known.accuracy, known.drop(classes=True)) == (1.0, 0.5, 0.5)
    unknown = score(Data(graph, data.arrays), want, got)
    assert unknown.drop(classes=True) == 0.5
    assert unknown.drop(classes=False) == pytest.approx(0.08 / 1.06)
