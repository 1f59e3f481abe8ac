"""Pairs that give back their input."""

from __future__ import annotations

from ariel_build.ir import DType
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.map1 import Map1
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.reshape import Reshape
from ariel_build.passes.cancel_quantize import cancel_quantize
from tests.passes.graphs import Net, names, quant, refusals, run

Q = quant(0.1, -3)
RNE = Quantize(DType.I8, Rounding.NEAREST_EVEN)


def test_what_is_stored_again_goes() -> None:
    net = Net()
    x = net.add(Map1("Tanh"), net.input(300, dtype=DType.I8, quant=quant(0.02)), quant=Q)
    y = net.add(RNE, net.add(Dequantize(), x), quant=Q)
    graph = net.graph(net.add(Map1("Abs"), y, quant=Q))
    run(graph, cancel_quantize)
    assert names(graph) == ["Tanh", "Abs"]


def test_flips_cancel() -> None:
    net = Net()
    x = net.add(Quantize(DType.U8), net.input(300, dtype=DType.I8, quant=Q), quant=quant(0.1, 125))
    graph = net.graph(net.add(Reshape((3, 100)), net.add(Quantize(DType.I8), x, quant=Q), quant=Q))
    run(graph, cancel_quantize)
    assert names(graph) == ["Reshape"]


def test_scales_that_differ_by_a_rounding_error_make_a_view() -> None:
    net = Net()
    x = net.input(300, dtype=DType.I8, quant=Q)
    graph = net.graph(net.add(RNE, x, quant=quant(0.1000001, -3)))
    run(graph, cancel_quantize)
    assert names(graph) == ["Reshape"]


def test_dequantize_of_quantize_rounds_and_stays() -> None:
    net = Net()
    graph = net.graph(net.add(Dequantize(), net.add(RNE, net.input(300), quant=Q)))
    run(graph, cancel_quantize)
    assert names(graph) == ["Quantize", "Dequantize"]


def test_refuses_another_scale() -> None:
    net = Net()
    x = net.add(Dequantize(), net.input(300, dtype=DType.I8, quant=Q))
    graph = net.graph(net.add(RNE, x, quant=quant(0.2, -3)))
    assert refusals(run(graph, cancel_quantize)) == ["i8[300] * 0.1 @ -3 is stored again as i8[300] * 0.2 @ -3"]


def test_refuses_integers_of_32_bits() -> None:
    net = Net()
    x = net.add(Dequantize(), net.input(300, dtype=DType.I32, quant=quant(0.1)))
    graph = net.graph(net.add(Quantize(DType.I32), x, quant=quant(0.1)))
    assert refusals(run(graph, cancel_quantize)) == ["float32 does not hold all integers of 32 bits"]


def test_refuses_where_the_outside_sees_both_ends() -> None:
    net = Net()
    x = net.add(Dequantize(), net.input(300, dtype=DType.I8, quant=Q))
    graph = net.graph(net.add(RNE, x, quant=Q))
    reason = "its result is an output of the model, its input another one or an input"
    assert refusals(run(graph, cancel_quantize)) == [reason]
