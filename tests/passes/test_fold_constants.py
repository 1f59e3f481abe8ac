"""Constant folding."""

import numpy as np

from ariel_build.ir import Quant
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.transpose import Transpose
from ariel_build.passes.base import PassLog
from ariel_build.passes.fold_constants import fold_constants
from tests.passes.graphs import Net, names, refusals, run


def test_a_chain_of_constants_becomes_one_constant() -> None:
    net = Net()
    x = net.input(2, 3)
    c = net.add(Map2("Add"), net.weights(3, 2), net.weights(3, 2))
    y = net.add(Map2("Add"), x, net.add(Transpose((1, 0)), c))
    graph = net.graph(y)
    run(graph, fold_constants)
    assert names(graph) == ["Add"]
    assert graph.nodes[0].input(1).shape == (2, 3)


def test_an_output_may_become_a_constant() -> None:
    net = Net()
    net.input(1)
    graph = net.graph(net.add(Map2("Add"), net.weights(4), net.weights(4)))
    run(graph, fold_constants)
    assert names(graph) == []
    assert graph.outputs[0].is_constant


def test_the_twin_of_a_moved_constant_moves_along() -> None:
    net = Net()
    per_channel = Quant((0.5, 0.25), (0, 0), 0)
    weights = net.dequantized(np.arange(12, dtype=np.int8).reshape(2, 6), per_channel)
    moved = net.add(Transpose((1, 0)), weights)
    shaped = net.add(Reshape((2, 3, 2)), moved)
    graph = net.graph(net.add(Map2("Add"), net.input(2, 3, 2), shaped))
    run(graph, fold_constants)
    stored = graph.nodes[0].input(1).stored
    assert stored is not None
    assert stored.data is not None
    assert stored.type.quant == Quant((0.5, 0.25), (0, 0), 2)
    np.testing.assert_array_equal(stored.data, np.arange(12).reshape(2, 6).T.reshape(2, 3, 2))


def test_a_twin_whose_channels_are_torn_apart_is_dropped() -> None:
    net = Net()
    weights = net.dequantized(np.arange(12, dtype=np.int8).reshape(2, 6), Quant((0.5, 0.25), (0, 0), 0))
    graph = net.graph(net.add(Map2("Add"), net.input(12), net.add(Reshape((12,)), weights)))
    run(graph, fold_constants)
    assert graph.nodes[0].input(1).stored is None


def test_refuses_what_would_fill_the_flash() -> None:
    net = Net()
    y = net.add(Map2("Add"), net.input(100, 100), net.add(Tile((100, 1)), net.weights(1, 100)))
    log = run(net.graph(y), fold_constants)
    assert refusals(log) == ["the result has 40,000 bytes, its operands 400"]


def test_refuses_what_the_reference_does_not_compute() -> None:
    net = Net()
    graph = net.graph(net.add(Map1("Exp"), net.constant(np.ones(1, np.int8))))
    log = PassLog()
    assert not fold_constants(graph, log)
    assert refusals(log) == ["Exp of i8 without quantisation"]
