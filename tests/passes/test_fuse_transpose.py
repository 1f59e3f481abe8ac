"""Products read their operands where they lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ariel_build.ir import DType
from ariel_build.lower.lowering import lower
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.transpose import Transpose
from ariel_build.passes.fuse_transpose import fuse_transpose
from tests.passes.graphs import Net, names, quant, run

SIZES = {"b": 2, "h": 3, "m": 4, "k": 8, "n": 5}


def shape(axes: str) -> tuple[int, ...]:
    return tuple(SIZES[axis] for axis in axes)


@pytest.mark.parametrize("adj", [(False, False), (True, False), (False, True)])
def test_every_permutation(adj: tuple[bool, bool]) -> None:
    """What becomes of a transpose of either side; the answers stay what they were, whichever are read as they lie."""
    kept = 0
    for source in itertools.permutations(range(4)):
        net = Net()
        sides = ("bhkm" if adj[0] else "bhmk", "bhnk" if adj[1] else "bhkn")
        values = []
        for side, axes in enumerate(sides):
            was = tuple(axes[p] for p in (source if side else reversed(source)))
            perm = tuple(was.index(axis) for axis in axes)
            values.append(net.add(Transpose(perm), net.input(*shape("".join(was)))))
        graph = net.graph(net.add(BatchMatMul(*adj), *values))
        run(graph, fuse_transpose, rtol=1e-5, atol=1e-5)
        kept += names(graph).count("Transpose")
        lower(graph)
    # The terms of the left side follow one another in 6 of 24 orders, terms or columns of the right side in 12.
    assert kept == 24 - 6 + 24 - 12


def test_two_transposes_are_one() -> None:
    net = Net()
    x, y = net.input(4, 2, 8), net.input(8, 2, 5)
    turned = net.add(Transpose((1, 0, 2)), x)
    again, other = net.add(Transpose((1, 0, 2)), turned), net.add(Transpose((1, 0, 2)), y)
    graph = net.graph(net.add(BatchMatMul(x_perm=(1, 0, 2)), again, other))
    run(graph, fuse_transpose, rounds=2, rtol=1e-5, atol=1e-5)
    assert names(graph) == ["BatchMatMul"]


def test_stored_integers() -> None:
    net = Net()
    scale = quant(0.1, -3)
    x = net.add(Transpose((1, 0, 2)), net.input(4, 2, 8, dtype=DType.I8, quant=scale), quant=scale)
    y = net.add(Transpose((1, 2, 0)), net.input(5, 2, 8, dtype=DType.I8, quant=scale), quant=scale)
    graph = net.graph(net.add(BatchMatMul(), x, y, quant=quant(0.7, 5)))
    run(graph, fuse_transpose)
    assert names(graph) == ["BatchMatMul"]
    assert np.prod(graph.nodes[0].output.shape) == 40


def test_batches_of_the_other_side_count() -> None:
    """A product of rank 6 has four batch axes; the kernels walk three, which they are with the transpose before it."""
    net = Net()
    x = net.add(Transpose((1, 0, 2, 3, 4)), net.input(3, 2, 4, 5, 8))
    graph = net.graph(net.add(BatchMatMul(), x, net.input(2, 2, 3, 4, 8, 6)))
    run(graph, fuse_transpose, rtol=1e-5, atol=1e-5)
    lower(graph)
