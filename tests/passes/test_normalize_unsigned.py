"""uint8 inside a graph becomes int8; what users see stays."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Graph, Quant
from ariel_build.ops.cast import Cast
from ariel_build.ops.concat import Concat
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.transpose import Transpose
from ariel_build.ops.window import Window
from ariel_build.passes.cancel_quantize import cancel_quantize
from ariel_build.passes.normalize_unsigned import normalize_unsigned
from tests.passes.graphs import Net, names, quant, refusals, run

Q = quant(0.1, 120)
PASSES = (normalize_unsigned, cancel_quantize)


def inner_types(graph: Graph) -> set[DType]:
    """Types of what neither users nor flips at the border see."""
    return {v.type.dtype for v in graph.values() if v not in graph.inputs and v not in graph.outputs}


def test_a_quantised_operator_computes_int8_between_flips() -> None:
    net = Net()
    x = net.input(1, 4, 5, 2, dtype=DType.U8, quant=Q)
    filter_quant = Quant((0.5, 0.25, 0.125), (100, 100, 100), 0)
    weights = net.constant(net.rng.integers(0, 256, (3, 2, 2, 2)).astype(np.uint8), filter_quant)
    conv = Conv2d(Window((2, 2)), rounding=Rounding.NEAREST_EVEN)
    y = net.add(conv, net.add(Pad(((0, 0), (1, 0), (0, 1), (0, 0)), 120.0), x, quant=Q), weights, None, quant=Q)
    graph = net.graph(
        net.add(conv.__class__(Window((1, 1)), rounding=conv.rounding), y, weights_1x1(net), None, quant=Q)
    )
    run(graph, *PASSES, rounds=3)
    assert names(graph) == ["Quantize", "Pad", "Conv2d", "Conv2d", "Quantize"]
    assert inner_types(graph) == {DType.I8}
    assert graph.nodes[1].op == Pad(((0, 0), (1, 0), (0, 1), (0, 0)), -8.0)


def weights_1x1(net: Net):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return net.constant(net.rng.integers(0, 256, (2, 1, 1, 3)).astype(np.uint8), quant(0.01, 100))


def test_float_ends_need_no_flip() -> None:
    net = Net()
    x = net.add(Quantize(DType.U8, Rounding.NEAREST_EVEN), net.input(4), quant=Q)
    graph = net.graph(net.add(Dequantize(), net.add(Concat(0), x, x, quant=Q)))
    run(graph, *PASSES, rounds=3)
    assert names(graph) == ["Quantize", "Concat", "Dequantize"]
    assert graph.nodes[0].op == Quantize(DType.I8, Rounding.NEAREST_EVEN)


def test_stored_twins_become_int8() -> None:
    net = Net()
    weights = net.dequantized(np.arange(250, 256, dtype=np.uint8), quant(0.5, 128))
    graph = net.graph(net.add(Concat(0), net.input(2), weights))
    assert normalize_unsigned(graph, run(graph))
    assert weights.stored is not None
    assert weights.stored.type.quant == quant(0.5, 0)
    assert np.asarray(weights.stored.data).tolist() == [122, 123, 124, 125, 126, 127]


def test_what_is_moved_on_its_way_out_stays() -> None:
    net = Net()
    x = net.input(2, 3, dtype=DType.U8, quant=Q)
    graph = net.graph(net.add(Reshape((6,)), net.add(Transpose((1, 0)), x, quant=Q), quant=Q))
    run(graph, *PASSES, rounds=3)
    assert names(graph) == ["Transpose", "Reshape"]


def test_uint8_that_is_no_quantised_number_stays() -> None:
    net = Net()
    graph = net.graph(net.add(Cast(DType.F32), net.add(Reshape((6,)), net.input(2, 3, dtype=DType.U8))))
    run(graph, normalize_unsigned)
    assert names(graph) == ["Reshape", "Cast"]


def test_refuses_operators_that_see_the_integers() -> None:
    net = Net()
    graph = net.graph(net.add(Cast(DType.F32), net.input(6, dtype=DType.U8, quant=Q)))
    assert refusals(run(graph, normalize_unsigned)) == ["Cast sees the stored integers themselves"]


def test_refuses_the_average_of_tflite() -> None:
    net = Net()
    x = net.input(1, 2, 2, 1, dtype=DType.U8, quant=Q)
    graph = net.graph(net.add(Pool2d(PoolKind.AVERAGE, Window((2, 2))), x, quant=Q))
    assert refusals(run(graph, normalize_unsigned)) == ["TFLite's average rounds stored integers away from 0"]


def test_refuses_operands_without_a_scale() -> None:
    net = Net()
    graph = net.graph(net.add(Cast(DType.F32), net.add(Reshape((6,)), net.input(2, 3, dtype=DType.U8, quant=Q))))
    assert refusals(run(graph, normalize_unsigned)) == ["an operand is uint8 without a scale"]
