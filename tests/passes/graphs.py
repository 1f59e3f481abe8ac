"""Small graphs made by hand, and a pass applied to them: the answers must stay what they were."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ariel_build.answers.reference import Interpreter
from ariel_build.ir import Array, DType, Graph, Node, Quant, TensorType, Value, verify
from ariel_build.ops import Operator
from ariel_build.passes.base import Pass, PassLog

__all__ = ["Net", "names", "quant", "refusals", "run"]

SAMPLES = 3


def quant(scale: float, zero_point: int = 0) -> Quant:
    """Returns a quantisation per tensor; the scale is rounded to float32 as files hold it."""
    return Quant((float(np.float32(scale)),), (zero_point,))


@dataclass
class Net:
    """A graph under construction; weights are random, but the same in every run."""

    inputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def input(self, *shape: int, dtype: DType = DType.F32, quant: Quant | None = None) -> Value:
        """Adds an input."""
        self.inputs.append(Value(TensorType(dtype, shape, quant), f"input_{len(self.inputs)}"))
        return self.inputs[-1]

    def constant(self, data: npt.ArrayLike, quant: Quant | None = None, stored: Value | None = None) -> Value:
        """Makes a constant; Python's floats become float32."""
        array = np.asarray(data)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        return Value(TensorType(DType.of(array.dtype), array.shape, quant), "constant", array, stored=stored)

    def weights(self, *shape: int) -> Value:
        """Makes a random float32 constant."""
        return self.constant(self.rng.standard_normal(shape).astype(np.float32))

    def dequantized(self, data: npt.ArrayLike, quant: Quant) -> Value:
        """Makes the float constant of stored integers, with its twin."""
        stored = self.constant(data, quant)
        assert stored.data is not None
        axis = [1] * len(stored.shape)
        if quant.axis is not None:
            axis[quant.axis] = len(quant.scales)
        scales = np.array(quant.scales, np.float32).reshape(axis)
        zeros = np.array(quant.zero_points, np.int64).reshape(axis)
        real = (stored.data.astype(np.int64) - zeros).astype(np.float32) * scales
        return self.constant(real.astype(np.float32), None, stored)

    def add(self, op: Operator, *inputs: Value | None, quant: Quant | None = None, dtype: DType | None = None) -> Value:
        """Adds a node of one output and returns that; `dtype` where the operator does not decide it."""
        (type_,) = op.infer([None if v is None else v.type for v in inputs])
        assert type_ is not None
        name = f"value_{len(self.nodes)}"
        output = Value(TensorType(dtype or type_.dtype, type_.shape, quant), name)
        self.nodes.append(Node(op, list(inputs), [output], f"node {len(self.nodes)}"))
        return output

    def graph(self, *outputs: Value) -> Graph:
        """Returns the graph."""
        return Graph("net", list(self.inputs), list(outputs), list(self.nodes))


def samples(graph: Graph) -> list[list[Array]]:
    """Returns random inputs."""
    rng = np.random.default_rng(3)
    result: list[list[Array]] = []
    for _ in range(SAMPLES):
        row: list[Array] = []
        for value in graph.inputs:
            if value.type.dtype is DType.F32:
                row.append(rng.standard_normal(value.shape).astype(np.float32))
            else:
                low, high = value.type.dtype.range
                row.append(
                    rng.integers(max(low, -1000), min(high, 1000) + 1, value.shape).astype(value.type.dtype.numpy)
                )
        result.append(row)
    return result


def run(graph: Graph, *passes: Pass, rounds: int = 1, rtol: float = 0.0, atol: float = 0.0) -> PassLog:
    """Applies passes in place and returns their log; asserts that names, types and results of the outputs stay."""
    before = copy.deepcopy(graph)
    log = PassLog()
    for _ in range(rounds):
        for rewrite in passes:
            log.current = rewrite.__name__
            changed = rewrite(graph, log)
            verify(graph, after=rewrite.__name__)
            assert changed or rounds > 1 or not log.rewrites
    assert [(v.name, v.type) for v in graph.outputs] == [(v.name, v.type) for v in before.outputs]
    for sample in samples(graph):
        want, got = Interpreter(before).outputs(sample), Interpreter(graph).outputs(sample)
        for a, b in zip(want, got, strict=True):
            np.testing.assert_allclose(b.astype(np.float64), a.astype(np.float64), rtol=rtol, atol=atol)
    return log


def names(graph: Graph) -> list[str]:
    """Returns the operators in order."""
    return [node.op.name for node in graph.nodes]


def refusals(log: PassLog) -> Sequence[str]:
    """Returns the reasons."""
    return [reason for _, _, reason in log.refusals]
