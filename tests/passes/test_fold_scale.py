"""Numbers in front of a softmax become its beta."""

from __future__ import annotations

import numpy as np
import pytest

from ariel_build.ops.map2 import Map2
from ariel_build.ops.softmax import Softmax
from ariel_build.passes.fold_scale import fold_scale
from tests.passes.graphs import Net, names, run


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("kind", ["Mul", "Div"])
@pytest.mark.parametrize("number", [0.35, 3.0, 0.0, -2.0, np.inf, 1e-39, 1e30])
def test_positive_numbers(kind: str, number: float, swapped: bool) -> None:
    net = Net()
    x, factor = net.input(2, 3, 4), net.constant(np.array([number], np.float32))
    scaled = net.add(Map2(kind), *((factor, x) if swapped else (x, factor)))
    graph = net.graph(net.add(Softmax(beta=0.5), scaled))
    with np.errstate(all="ignore"):
        run(graph, fold_scale, rtol=1e-5, atol=1e-7)
    folds = 1e-10 < number < 1e10 and not (swapped and kind == "Div")
    assert names(graph) == (["Softmax"] if folds else [kind, "Softmax"])


@pytest.mark.parametrize("why", ["a tensor", "an activation"])
def test_what_is_no_number_stays(why: str) -> None:
    net = Net()
    factor = net.weights(4) if why == "a tensor" else net.constant(0.5)
    clip = (0.0, np.inf) if why == "an activation" else (-np.inf, np.inf)
    scaled = net.add(Map2("Mul", clip=clip), net.input(3, 4), factor)
    graph = net.graph(net.add(Softmax(), scaled))
    run(graph, fold_scale)
    assert names(graph) == ["Mul", "Softmax"]
