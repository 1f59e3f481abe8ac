"""Functions of one byte that become tables."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.cast import Cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.passes.fuse_table import MOST_DEPTH, fuse_table
from tests.passes.graphs import Net, names, quant, refusals, run

Q, R = quant(0.05, 3), quant(0.02, -9)
RNE = Quantize(DType.I8, Rounding.NEAREST_EVEN)


def stored(net: Net, *shape: int) -> Value:
    return net.input(*(shape or (300,)), dtype=DType.I8, quant=Q)


def test_a_chain_of_floats_between_integers_is_a_table() -> None:
    net = Net()
    x = net.add(Map1("Sqrt"), net.add(Map1("Square"), net.add(Dequantize(), stored(net))))
    y = net.add(RNE, net.add(Map1("Reciprocal"), net.add(Map2("Add"), x, net.constant(np.array([0.5])))), quant=R)
    graph = net.graph(y)
    run(graph, fuse_table)
    assert names(graph) == ["Table"]


def test_a_chain_of_integers_is_a_table_even_between_types_of_bytes() -> None:
    net = Net()
    x = net.add(Quantize(DType.U8), net.add(Map1("Sigmoid"), stored(net), quant=quant(1 / 256, -128)), quant=Q)
    graph = net.graph(net.add(Cast(DType.I8), net.add(Clip((0.0, 2.0)), x, quant=Q)))
    run(graph, fuse_table)
    assert names(graph) == ["Table"]


def test_a_tensor_times_a_function_of_itself_is_a_table() -> None:
    net = Net()
    x = stored(net)
    y = net.add(Map2("Mul"), x, net.add(Map1("Sigmoid"), x, quant=quant(1 / 256, -128)), quant=R)
    graph = net.graph(y)
    run(graph, fuse_table)
    assert names(graph) == ["Table"]


def test_an_output_of_one_byte_becomes_a_table_of_its_type() -> None:
    net = Net()
    x = net.add(Map1("Tanh"), stored(net), quant=quant(1 / 128))
    graph = net.graph(net.add(Quantize(DType.U8), x, quant=quant(1 / 128, 128)))
    run(graph, fuse_table)
    assert names(graph) == ["Table"]
    assert graph.outputs[0].type.dtype is DType.U8


def test_a_single_function_keeps_its_name() -> None:
    net = Net()
    graph = net.graph(net.add(Map1("Tanh"), stored(net), quant=quant(1 / 128)))
    run(graph, fuse_table)
    assert names(graph) == ["Tanh"]


def test_what_is_read_elsewhere_is_not_computed_twice() -> None:
    net = Net()
    x = net.add(Map1("Tanh"), stored(net), quant=quant(1 / 128))
    y = net.add(Map1("Exp"), net.add(Map1("Abs"), x, quant=quant(1 / 128)), quant=R)
    graph = net.graph(x, y)
    run(graph, fuse_table)
    assert names(graph) == ["Tanh", "Table"]


def test_refuses_two_tensors() -> None:
    net = Net()
    graph = net.graph(net.add(Map2("Mul"), stored(net), stored(net), quant=R))
    assert refusals(run(graph, fuse_table)) == ["it combines several tensors"]


def test_refuses_floats_of_unknown_origin() -> None:
    net = Net()
    graph = net.graph(net.add(RNE, net.add(Map1("Tanh"), net.input(5)), quant=R))
    assert refusals(run(graph, fuse_table)) == ["it is not a function of stored bytes alone"]


def test_refuses_a_constant_per_channel_and_operands_that_are_broadcast() -> None:
    net = Net()
    x = net.add(Map2("Add"), stored(net, 2, 3), net.constant(np.ones((2, 3), np.int8), Q), quant=R)
    y = net.add(Map2("Add"), stored(net, 3), net.constant(np.ones((2, 3), np.int8), Q), quant=R)
    log = run(net.graph(x, y), fuse_table)
    assert refusals(log) == ["its operands are broadcast", "a constant is no single number"]


def test_a_long_chain_is_cut() -> None:
    net = Net()
    x = stored(net)
    for _ in range(3 * MOST_DEPTH):
        x = net.add(Map1("Tanh"), x, quant=Q)
    graph = net.graph(x)
    run(graph, fuse_table)
    assert len(graph.nodes) < 2 * MOST_DEPTH


def test_nested_functions_are_traced_once() -> None:
    net = Net()
    x = net.add(Dequantize(), stored(net))
    for _ in range(40):
        x = net.add(Map2("Mul"), x, net.add(Map1("Sigmoid"), x))
    graph = net.graph(net.add(RNE, x, quant=R))
    run(graph, fuse_table)
    assert names(graph) == ["Table"]
