"""Identities: what does nothing goes, what does something stays."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ariel_build.ir import DType
from ariel_build.ops import Operator
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.cast import Cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.concat import Concat
from ariel_build.ops.copy import Copy
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.gather import GatherConstant
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.transpose import Transpose
from ariel_build.ops.window import Window
from ariel_build.passes.remove_identities import remove_identities
from tests.passes.graphs import Net, names, quant, refusals, run

NOTHING: dict[str, Operator] = {
    "Copy": Copy(),
    "Reshape": Reshape((1, 2, 3, 4)),
    "Transpose": Transpose((0, 1, 2, 3)),
    "Pad": Pad(((0, 0),) * 4),
    "Slice": Slice((0,) * 4, (1, 2, 3, 4), (1,) * 4),
    "Tile": Tile((1,) * 4),
    "Concat": Concat(1),
    "Gather": GatherConstant(2, (0, 1, 2)),
    "Cast": Cast(DType.F32),
    "Clip": Clip((-math.inf, math.inf)),
    "Pool": Pool2d(PoolKind.AVERAGE, Window((1, 1))),
    "Mean": Fold("Mean", (0,), keep_dims=True),
}


@pytest.mark.parametrize("op", NOTHING.values(), ids=NOTHING.keys())
def test_what_does_nothing_goes(op: Operator) -> None:
    net = Net()
    x = net.add(op, net.add(Map1("Tanh"), net.input(1, 2, 3, 4)))
    graph = net.graph(net.add(Map1("Abs"), x))
    run(graph, remove_identities)
    assert names(graph) == ["Tanh", "Abs"]


SOMETHING: dict[str, Operator] = {
    "Reshape": Reshape((2, 3, 4)),
    "Transpose": Transpose((0, 1, 3, 2)),
    "Pad": Pad(((0, 0), (0, 1), (0, 0), (0, 0))),
    "Slice": Slice((0, 1, 0, 0), (1, 2, 3, 4), (1, -1, 1, 1)),
    "Tile": Tile((1, 2, 1, 1)),
    "Gather": GatherConstant(2, (0, 2, 1)),
    "Clip": Clip((0.0, math.inf)),
    "Pool": Pool2d(PoolKind.AVERAGE, Window((1, 1), (2, 1))),
    "Mean": Fold("Mean", (1,), keep_dims=True),
}


@pytest.mark.parametrize("op", SOMETHING.values(), ids=SOMETHING.keys())
def test_what_does_something_stays(op: Operator) -> None:
    net = Net()
    graph = net.graph(net.add(op, net.input(1, 2, 3, 4)))
    run(graph, remove_identities)
    assert len(graph.nodes) == 1


@pytest.mark.parametrize(
    "op, neutral",
    [(Map2("Add"), 0.0), (Map2("Sub"), 0.0), (Map2("Mul"), 1.0), (Map2("Div"), 1.0), (Map2("Pow"), 1.0)],
    ids=lambda v: str(v)[:3],
)
def test_a_neutral_operand_goes(op: Operator, neutral: float) -> None:
    net = Net()
    x = net.input(3, 4)
    y = net.add(op, net.add(Map1("Tanh"), x), net.constant(np.full((1, 4), neutral)))
    graph = net.graph(net.add(Map1("Abs"), y))
    run(graph, remove_identities)
    assert names(graph) == ["Tanh", "Abs"]


@pytest.mark.parametrize(
    "op, neutral", [(Map2("Sub"), 0.0), (Map2("Div"), 1.0), (Map2("Pow"), 1.0)], ids=lambda v: str(v)[:3]
)
def test_a_neutral_operand_on_the_wrong_side_stays(op: Operator, neutral: float) -> None:
    net = Net()
    graph = net.graph(net.add(op, net.constant(np.full((3, 4), neutral)), net.input(3, 4)))
    run(graph, remove_identities)
    assert len(graph.nodes) == 1


def test_a_neutral_operand_stays_where_it_enlarges_the_tensor_or_brings_an_activation() -> None:
    net = Net()
    x = net.add(Map2("Add"), net.input(1, 4), net.constant(np.zeros((3, 4))))
    graph = net.graph(net.add(Map2("Mul", clip=(0.0, 6.0)), x, net.constant(np.ones(4))))
    run(graph, remove_identities)
    assert names(graph) == ["Add", "Mul"]


def test_a_reduction_over_axes_of_one_that_drops_them_becomes_a_reshape() -> None:
    net = Net()
    x = net.add(Map1("Tanh"), net.input(3, 1, 4))
    graph = net.graph(net.add(Fold("Max", (1,)), x))
    run(graph, remove_identities)
    assert names(graph) == ["Tanh", "Reshape"]


def test_bounds_outside_the_stored_range_do_nothing() -> None:
    net = Net()
    q = quant(0.1, -128)
    x = net.add(Clip((0.0, 25.0), Rounding.NEAREST_EVEN), net.input(4, dtype=DType.I8, quant=q), quant=q)
    y = net.add(Clip((0.0, math.inf)), x, quant=q)
    graph = net.graph(net.add(Reshape((2, 2)), y, quant=q))
    run(graph, remove_identities)
    assert names(graph) == ["Clip", "Reshape"]


def test_an_output_keeps_its_name() -> None:
    net = Net()
    x = net.add(Map1("Tanh"), net.input(4))
    graph = net.graph(net.add(Copy(), x), net.add(Map1("Abs"), x))
    run(graph, remove_identities)
    assert names(graph) == ["Tanh", "Abs"]
    assert graph.outputs[0].name == "value_1"


def test_refuses_where_the_outside_sees_both_ends() -> None:
    net = Net()
    x = net.input(4)
    y = net.add(Map1("Tanh"), x)
    graph = net.graph(net.add(Copy(), x), y, net.add(Copy(), y))
    reason = "its result is an output of the model, its input another one or an input"
    assert refusals(run(graph, remove_identities)) == [reason, reason]
    assert names(graph) == ["Tanh", "Copy", "Copy"]


def test_refuses_where_the_meaning_changes() -> None:
    net = Net()
    x = net.input(4, dtype=DType.I8, quant=quant(0.5))
    graph = net.graph(net.add(Reshape((4,)), x, quant=quant(0.25)))
    log = run(graph, remove_identities)
    assert refusals(log) == [
        "it does nothing, but input and output have different types: i8[4] * 0.5 @ 0, i8[4] * 0.25 @ 0"
    ]
