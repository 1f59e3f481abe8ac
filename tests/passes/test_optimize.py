"""All passes together: they come to rest, change nothing that users see, and leave the answers alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariel_build.errors import InternalError
from ariel_build.ir import DType, Graph, Value
from ariel_build.ops.clip import Clip
from ariel_build.ops.concat import Concat
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.copy import Copy
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.softmax import Softmax
from ariel_build.ops.transpose import NCHW_TO_NHWC, NHWC_TO_NCHW, Transpose
from ariel_build.ops.window import Window
from ariel_build.passes import PassLog, optimize
from tests.passes.graphs import Net, names, quant, run

MANY = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def everything(graph: Graph, log: PassLog) -> bool:
    """All passes as one, for `run`."""
    done = optimize(graph)
    log.rewrites += done.rewrites
    log.refusals += done.refusals
    return bool(done.rewrites)


class Sketch:
    """Draws a graph of images and what is made of them, as exporters of NCHW models would."""

    def __init__(self, draw: st.DrawFn, *, stored: bool) -> None:
        self.draw = draw
        self.stored = stored
        self.net = Net()
        self.values = [self.source()]

    def source(self) -> Value:
        """An input, dequantised where `stored`."""
        if not self.stored:
            return self.net.input(1, 2, 4, 3)
        return self.net.add(Dequantize(), self.net.input(1, 2, 4, 3, dtype=DType.I8, quant=quant(0.05, 2)))

    def choose(self) -> Value:
        """A value made so far, rather a late one."""
        return self.values[max(self.draw(st.integers(0, len(self.values) - 1)) for _ in range(2))]

    def step(self) -> None:
        """Adds one operator, where it fits."""
        x = self.choose()
        steps: list[Callable[[Value], Value | None]] = [self.move, self.resize, self.combine, self.compute, self.layer]
        y = self.draw(st.sampled_from(steps))(x)
        if y is not None and y.type.elements <= 2000:
            self.values.append(y)

    def move(self, x: Value) -> Value:
        """A transpose or a reshape."""
        if self.draw(st.booleans()):
            return self.net.add(Transpose(tuple(self.draw(st.permutations(range(len(x.shape)))))), x)
        shape = list(x.shape)
        k = self.draw(st.integers(0, len(shape)))
        if k < len(shape) - 1 and self.draw(st.booleans()):
            shape[k : k + 2] = [shape[k] * shape[k + 1]]
        elif len(shape) < 5:
            shape.insert(k, 1)
        return self.net.add(Reshape(tuple(shape)), x)

    def resize(self, x: Value) -> Value:
        """Padding, a slice, or a copy."""
        axis = self.draw(st.integers(0, len(x.shape) - 1))
        kind = self.draw(st.integers(0, 2))
        if kind == 0:
            pads = tuple((self.draw(st.integers(0, 1)), 0) if k == axis else (0, 0) for k in range(len(x.shape)))
            return self.net.add(Pad(pads), x)
        if kind == 1 and x.shape[axis] > 1:
            begin = tuple(int(k == axis) for k in range(len(x.shape)))
            shape = tuple(n - b for n, b in zip(x.shape, begin, strict=True))
            return self.net.add(Slice(begin, shape, (1,) * len(shape)), x)
        return self.net.add(Copy(), x)

    def combine(self, x: Value) -> Value:
        """Two values of one shape, or one and a constant per channel."""
        others = [v for v in self.values if v.shape == x.shape]
        y = self.draw(st.sampled_from(others))
        axis = self.draw(st.integers(0, len(x.shape) - 1))
        match self.draw(st.integers(0, 3)):
            case 0:
                return self.net.add(Concat(axis), x, y)
            case 1:
                return self.net.add(Map2("Add", rounding=Rounding.NEAREST_EVEN), x, y)
            case 2:
                shape = [n if k == axis else 1 for k, n in enumerate(x.shape)][self.draw(st.integers(0, axis)) :]
                return self.net.add(Map2("Mul", rounding=Rounding.NEAREST_EVEN), x, self.net.weights(*shape))
        return self.net.add(Map2("Add", rounding=Rounding.NEAREST_EVEN), x, self.net.weights(1))

    def compute(self, x: Value) -> Value:
        """A function of each element, a softmax or a reduction."""
        axis = self.draw(st.integers(0, len(x.shape) - 1))
        match self.draw(st.integers(0, 3)):
            case 0:
                return self.net.add(Clip((0.0, math.inf), Rounding.NEAREST_EVEN), x)
            case 1:
                return self.net.add(Map1("Tanh", (), Rounding.NEAREST_EVEN), x)
            case 2:
                return self.net.add(Softmax(axis, rounding=Rounding.NEAREST_EVEN), x)
        keep = self.draw(st.booleans()) or len(x.shape) == 1
        return self.net.add(Fold("Mean", (axis,), keep, Rounding.NEAREST_EVEN), x)

    def layer(self, x: Value) -> Value | None:
        """A convolution or a pool of an NCHW image, or a dense layer of what is flattened."""
        if len(x.shape) == 4 and x.shape[0] == 1 and self.draw(st.booleans()):
            image = self.net.add(Transpose(NCHW_TO_NHWC), x)
            if self.draw(st.booleans()):
                window = Window((1, 1))
                weights = self.net.weights(2, 1, 1, image.shape[3])
                y = self.net.add(Conv2d(window, rounding=Rounding.NEAREST_EVEN), image, weights, None)
            else:
                window = Window((2, 1), padding=(0, 0, 1, 0))
                y = self.net.add(Pool2d(PoolKind.MAX, window, rounding=Rounding.NEAREST_EVEN), image)
            return self.net.add(Transpose(NHWC_TO_NCHW), y)
        if x.shape[0] == 1 and x.type.elements <= 60:
            flat = self.net.add(Reshape((1, x.type.elements)), x)
            return self.net.add(FullyConnected(), flat, self.net.weights(3, x.type.elements), None)
        return None


@st.composite
def graphs(draw: st.DrawFn, *, stored: bool = False) -> Graph:
    """A graph of up to a dozen operators; everything that nobody reads is an output."""
    sketch = Sketch(draw, stored=stored)
    for _ in range(draw(st.integers(1, 12))):
        sketch.step()
    net = sketch.net
    read = {v for node in net.nodes for v in node.inputs}
    outputs = [v for v in sketch.values if v not in read] or sketch.values[-1:]
    if stored:
        outputs = [net.add(Quantize(DType.I8, Rounding.NEAREST_EVEN), v, quant=quant(0.03, -3)) for v in outputs]
    return net.graph(*outputs)


@MANY
@given(graphs())
def test_float_graphs_keep_their_answers(graph: Graph) -> None:
    run(graph, everything, rtol=1e-4, atol=1e-4)


@MANY
@given(graphs(stored=True))
def test_graphs_between_integers_keep_their_answers(graph: Graph) -> None:
    # Sums of floats round otherwise than sums of integers where a result lies halfway.
    run(graph, everything, atol=1)


def test_images_of_an_nchw_model_are_nhwc_throughout() -> None:
    net = Net()
    x: Value = net.input(1, 3, 8, 8)
    skip: Value | None = None
    for count in (4, 4, 4):
        image = net.add(Pad(((0, 0), (1, 1), (1, 1), (0, 0))), net.add(Transpose(NCHW_TO_NHWC), x))
        y = net.add(Conv2d(Window((3, 3))), image, net.weights(count, 3, 3, x.shape[1]), None)
        z = net.add(Map2("Mul"), net.add(Transpose(NHWC_TO_NCHW), y), net.weights(count, 1, 1))
        z = net.add(Clip((0.0, math.inf)), net.add(Map2("Add"), z, net.weights(count, 1, 1)))
        x = z if skip is None else net.add(Map2("Add"), z, skip)
        skip = x
    flat = net.add(Reshape((1, 256)), x)
    graph = net.graph(net.add(FullyConnected(), flat, net.weights(5, 256), None))
    run(graph, everything, rtol=1e-4, atol=1e-4)
    assert names(graph) == ["Transpose", "Conv2d", "Conv2d", "Add", "Conv2d", "Add", "Reshape", "FullyConnected"]


def test_a_pass_that_never_rests_is_a_defect() -> None:
    def restless(graph: Graph, log: PassLog) -> bool:
        log.rewrote(graph.nodes[0], "again")
        return True

    net = Net()
    graph = net.graph(net.add(Copy(), net.input(1)))
    with pytest.raises(InternalError, match="do not come to rest"):
        optimize(graph, (restless,))


def test_a_pass_that_changes_what_users_see_is_a_defect() -> None:
    def renames(graph: Graph, log: PassLog) -> bool:
        del log
        graph.outputs[0].name = "another"
        return True

    net = Net()
    graph = net.graph(net.add(Copy(), net.input(1)))
    with pytest.raises(InternalError, match="changes what users see"):
        optimize(graph, (renames,))


def test_an_output_that_is_an_input_or_a_constant_stays() -> None:
    net = Net()
    x = net.input(2)
    graph = net.graph(x, net.constant(np.ones(2)), net.add(Copy(), x))
    run(graph, everything)
    assert graph.outputs[0] is x
