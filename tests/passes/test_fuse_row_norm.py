"""Normalisations of rows that are written as eight operators become one."""

from __future__ import annotations

import numpy as np
import pytest

from ariel_build.ir import Value
from ariel_build.ops.fold import Fold
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import Reshape
from ariel_build.passes.fuse_row_norm import fuse_row_norm
from ariel_build.passes.remove_dead_code import remove_dead_code
from tests.passes.graphs import Net, names, run


def mean(net: Net, x: Value, *axes: int) -> Value:
    return net.add(Fold("Mean", axes, keep_dims=True), x)


def square(net: Net, form: str, x: Value, middle: Value) -> Value:
    if form == "SquaredDifference":
        return net.add(Map2(form), x, middle)
    rest = net.add(Map2("Sub"), x, middle)
    if form == "Mul":
        return net.add(Map2("Mul"), rest, rest)
    return net.add(Map2("Pow"), rest, net.constant(2.0)) if form == "Pow" else net.add(Map1("Square"), rest)


def inverse(net: Net, form: str, variance: Value) -> Value:
    raised = net.add(Map2("Add"), variance, net.constant(1e-3))
    if form == "Rsqrt":
        return net.add(Map1("Rsqrt"), raised)
    root = net.add(Map1("Sqrt"), raised)
    return net.add(Map2("Div"), net.constant(1.0), root) if form == "Div" else net.add(Map1("Reciprocal"), root)


SQUARES, INVERSES = ("SquaredDifference", "Mul", "Pow", "Square"), ("Rsqrt", "Reciprocal", "Div")


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("kind", INVERSES)
@pytest.mark.parametrize("form", SQUARES)
def test_as_keras_writes_it(form: str, kind: str, swapped: bool) -> None:
    net = Net()
    x = net.input(2, 3, 5)
    middle = mean(net, x, 2)
    factor = net.add(Map2("Mul"), inverse(net, kind, mean(net, square(net, form, x, middle), 2)), net.weights(1, 1, 5))
    if swapped:
        shift = net.add(Map2("Sub"), net.weights(5), net.add(Map2("Mul"), factor, middle))
        y = net.add(Map2("Add"), shift, net.add(Map2("Mul"), factor, x))
    else:
        shift = net.add(Map2("Add"), net.add(Map2("Mul"), net.add(Map1("Neg"), middle), factor), net.weights(1, 1, 5))
        y = net.add(Map2("Add"), net.add(Map2("Mul"), x, factor), shift)
    graph = net.graph(y)
    run(graph, fuse_row_norm, rtol=1e-4, atol=1e-5)
    assert names(graph) == ["RowNorm"]


@pytest.mark.parametrize("scaled", ["behind", "inside", "not at all"])
@pytest.mark.parametrize("kind", [*INVERSES, "quotient"])
@pytest.mark.parametrize("form", SQUARES)
def test_as_papers_write_it(form: str, kind: str, scaled: str) -> None:
    net = Net()
    x = net.input(4, 3, 5)
    middle = mean(net, x, 1, 2)
    rest, variance = net.add(Map2("Sub"), x, middle), mean(net, square(net, form, x, middle), 1, 2)
    if kind == "quotient":
        y = net.add(Map2("Div"), rest, net.add(Map1("Sqrt"), net.add(Map2("Add"), variance, net.constant(0.1))))
    else:
        factor = inverse(net, kind, variance)
        factor = net.add(Map2("Mul"), net.weights(3, 5), factor) if scaled == "inside" else factor
        y = net.add(Map2("Mul"), rest, factor)
    y = net.add(Map2("Mul"), y, net.weights(3, 1)) if scaled == "behind" else y
    graph = net.graph(net.add(Map2("Add"), y, net.weights(3, 5)))
    run(graph, fuse_row_norm, rtol=1e-4, atol=1e-5)
    assert names(graph) == ["RowNorm"]


def test_reshapes_in_between() -> None:
    net = Net()
    x = net.input(2, 3, 4)
    flat = net.add(Reshape((1, 6, 4)), x)
    middle = net.add(Reshape((2, 3, 1)), mean(net, flat, 2))
    squares = net.add(Reshape((1, 6, 4)), square(net, "Mul", x, middle))
    factor = net.add(Map1("Rsqrt"), net.add(Map2("Add"), mean(net, squares, 2), net.constant(0.5)))
    rest = net.add(Map2("Sub"), x, middle)
    graph = net.graph(
        net.add(Map2("Add"), net.add(Map2("Mul"), rest, net.add(Reshape((2, 3, 1)), factor)), net.weights(4))
    )
    run(graph, fuse_row_norm, remove_dead_code, rounds=2, rtol=1e-4, atol=1e-5)
    assert names(graph) == ["RowNorm"]


@pytest.mark.parametrize(
    "wrong", ["mean", "axis", "square", "sign", "activation", "shape of the factor", "shape of the mean", "bias"]
)
def test_what_is_none_stays(wrong: str) -> None:
    net = Net()
    x, other = net.input(4, 4), net.input(4, 4)
    middle = mean(net, other if wrong == "mean" else x, 0 if wrong == "axis" else 1)
    spread = net.add(Reshape((1, 4)), middle) if wrong == "shape of the mean" else middle
    variance = mean(net, square(net, "Mul", x, spread) if wrong != "square" else net.add(Map1("Square"), x), 1)
    factor = inverse(net, "Rsqrt", variance)
    factor = net.add(Reshape((1, 4)), factor) if wrong == "shape of the factor" else factor
    rest = net.add(Map2("Sub"), middle, x) if wrong == "sign" else net.add(Map2("Sub"), x, middle)
    y = net.add(Map2("Mul", clip=(0.0, np.inf)) if wrong == "activation" else Map2("Mul"), rest, factor)
    bias = net.weights(4, 1) if wrong == "bias" else net.weights(4)
    graph = net.graph(net.add(Map2("Add"), y, bias))
    before = names(graph)
    run(graph, fuse_row_norm)
    assert names(graph) == before
