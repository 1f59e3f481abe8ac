"""Dequantize goes down, Quantize up, through what only moves elements."""

from __future__ import annotations

import math

import pytest

from ariel_build.ir import DType, Quant, Value
from ariel_build.ops import Operator
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.compare import Compare
from ariel_build.ops.concat import Concat
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.gather import Gather, GatherConstant
from ariel_build.ops.map1 import Map1
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.select import Select
from ariel_build.ops.slice import Slice
from ariel_build.ops.transpose import Transpose
from ariel_build.ops.window import Window
from ariel_build.passes.move_quantize import move_quantize
from tests.passes.graphs import Net, names, quant, refusals, run

Q = quant(0.1, -3)
RNE = Quantize(DType.I8, Rounding.NEAREST_EVEN)

MOVEMENT: dict[str, Operator] = {
    "Reshape": Reshape((2, 12)),
    "Transpose": Transpose((0, 2, 1, 3)),
    "Slice": Slice((0, 1, 2, 3), (1, 1, 3, 2), (1, 1, -1, -2)),
    "Tile": Tile((1, 2, 1, 1)),
    "Gather": GatherConstant(2, (2, 0)),
    "Pad": Pad(((0, 0), (1, 0), (0, 2), (0, 0))),
    "Concat": Concat(1),
    "MaxPool2d": Pool2d(PoolKind.MAX, Window((2, 2), padding=(1, 0, 0, 1))),
    "ReduceMin": Fold("Min", (2,)),
}


def dequantized(net: Net, q: Quant = Q) -> Value:
    return net.add(Dequantize(), net.input(1, 2, 3, 4, dtype=DType.I8, quant=q))


@pytest.mark.parametrize("op", MOVEMENT.values(), ids=MOVEMENT.keys())
def test_dequantize_goes_down(op: Operator) -> None:
    net = Net()
    x = dequantized(net)
    graph = net.graph(net.add(op, x, x) if isinstance(op, Concat) else net.add(op, x))
    run(graph, move_quantize)
    assert names(graph) == [op.name, "Dequantize"]


@pytest.mark.parametrize("op", MOVEMENT.values(), ids=MOVEMENT.keys())
def test_quantize_goes_up(op: Operator) -> None:
    net = Net()
    x = net.input(1, 2, 3, 4)
    y = net.add(op, x, net.input(1, 2, 3, 4)) if isinstance(op, Concat) else net.add(op, x)
    graph = net.graph(net.add(RNE, y, quant=Q))
    run(graph, move_quantize)
    assert names(graph)[-1] == op.name
    assert set(names(graph)[:-1]) == {"Quantize"}


def test_indices_and_conditions_stay_what_they_are() -> None:
    """They tell what is moved, and are not moved themselves."""
    net = Net()
    indices = net.input(2, dtype=DType.I32)
    below = net.add(Gather(wraps=True, axis=2), dequantized(net), indices)
    condition = net.add(Compare("Less"), net.input(4), net.input(4))
    chosen = net.add(Select(), condition, net.input(4), net.input(4))
    graph = net.graph(below, net.add(RNE, chosen, quant=Q))
    run(graph, move_quantize)
    assert sorted(names(graph)) == ["Dequantize", "Gather", "Less", "Quantize", "Quantize", "Select"]
    gather = next(node for node in graph.nodes if isinstance(node.op, Gather))
    assert (gather.input(0).type.dtype, gather.input(1)) == (DType.I8, indices)


def test_a_border_is_stored_as_what_it_means() -> None:
    net = Net()
    graph = net.graph(net.add(RNE, net.add(Pad(((0, 1),), 0.52), net.input(4)), quant=Q))
    run(graph, move_quantize)
    assert graph.nodes[-1].op == Pad(((0, 1),), 2.0)


@pytest.mark.parametrize("value", [0.52, -math.inf])
def test_refuses_a_border_that_cannot_be_stored(value: float) -> None:
    net = Net()
    x = net.add(Dequantize(), net.input(4, dtype=DType.I8, quant=Q))
    graph = net.graph(net.add(Pad(((0, 1),), value), x))
    reason = f"the border {value:g} is no number that i8[4] * 0.1 @ -3 holds"
    assert refusals(run(graph, move_quantize)) == [reason]


def test_refuses_operands_of_different_scales() -> None:
    net = Net()
    graph = net.graph(net.add(Concat(1), dequantized(net), dequantized(net, quant(0.2))))
    assert refusals(run(graph, move_quantize)) == ["its operands are not quantised alike"]


def test_refuses_what_is_read_as_float_too() -> None:
    net = Net()
    x = net.add(Transpose((1, 0)), net.input(3, 4))
    graph = net.graph(net.add(RNE, x, quant=Q), net.add(Map1("Tanh"), x))
    reason = "the result of Transpose is read as float32, too"
    assert refusals(run(graph, move_quantize)) == [reason]


def test_an_average_does_not_commute() -> None:
    net = Net()
    graph = net.graph(net.add(Pool2d(PoolKind.AVERAGE, Window((2, 2))), dequantized(net)))
    run(graph, move_quantize)
    assert names(graph) == ["Dequantize", "AveragePool2d"]
