"""Functions of one number of ONNX: float32 on the host, exact tables between DequantizeLinear and QuantizeLinear."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.ir import Array
from ariel_build.passes import optimize
from tests.ops import parity
from tests.ops.qdq import Builder

EVERY = np.arange(-128, 128, dtype=np.int8)
#: Those that are defined for all numbers, with attributes to try.
FUNCTIONS: dict[str, dict[str, object]] = {
    "Abs": {},
    "Ceil": {},
    "Celu": {"alpha": 0.7},
    "Clip": {},
    "Cos": {},
    "Elu": {"alpha": 0.8},
    "Erf": {},
    "Exp": {},
    "Floor": {},
    "Gelu": {},
    "HardSigmoid": {"alpha": 0.3},
    "HardSwish": {},
    "LeakyRelu": {"alpha": 0.1},
    "Mish": {},
    "Neg": {},
    "Relu": {},
    "Round": {},
    "Selu": {},
    "Sigmoid": {},
    "Sign": {},
    "Sin": {},
    "Softplus": {},
    "Softsign": {},
    "Tanh": {},
    "ThresholdedRelu": {"alpha": 0.4},
}
POSITIVE = ("Log", "Reciprocal", "Sqrt")


def applied(builder: Builder, kind: str, value: str) -> str:
    if kind == "Clip":
        return builder.op(kind, [value, builder.constant(np.float32(-0.6)), builder.constant(np.float32(0.9))])
    return builder.op(kind, [value], **FUNCTIONS.get(kind, {}))


@pytest.mark.parametrize("kind", [*FUNCTIONS, *POSITIVE])
def test_tables_of_qdq_are_exact(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    builder = Builder()
    for index in range(30):
        scale, out = 10 ** rng.uniform(-3, -0.5), 10 ** rng.uniform(-3, -1)
        zero, zero_out = (int(z) for z in rng.integers(-128, 128, 2))
        zero = -128 if kind in POSITIVE else zero
        x = builder.input((1, 256), (scale, zero))
        builder.output(applied(builder, kind, x), (scale if index % 3 == 0 else out, zero_out))
    path = builder.write(tmp_path / "functions.onnx", opset=20)
    sample: list[Array] = [EVERY.reshape(1, 256)] * 30
    (want,) = parity.onnxruntime_answers(path, [sample])
    graph, _ = import_file(path)
    optimize(graph)
    assert not any(n.output.type.dtype.value == "f32" for n in graph.nodes), "not in integers"
    for ours, theirs in zip(Interpreter(graph).outputs(sample), want, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_float32_on_the_host(tmp_path: Path) -> None:
    rng = np.random.default_rng(40)
    builder, sample = Builder(), []
    for kind in (*FUNCTIONS, *POSITIVE):
        builder.output(applied(builder, kind, builder.input((4, 60))))
        data = rng.normal(0, 3, (4, 60))
        sample.append(np.asarray(np.exp(data) if kind in POSITIVE else data, np.float32))
    path = builder.write(tmp_path / "floats.onnx", opset=20)
    samples: list[list[Array]] = [list(sample)]
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "host")


def test_extreme_numbers_on_the_host(tmp_path: Path) -> None:
    """No function loses itself where exponentials overflow."""
    kinds = ("Sigmoid", "Tanh", "Elu", "Softplus", "Mish", "Gelu", "Softsign", "HardSwish", "Relu")
    builder = Builder()
    for kind in kinds:
        builder.output(builder.op(kind, [builder.input((8,))]))
    path = builder.write(tmp_path / "extremes.onnx", opset=20)
    data = np.array([-1e4, -100, -88.8, -20, 20, 88.8, 100, 1e4], np.float32)
    samples: list[list[Array]] = [[data] * len(kinds)]
    parity.agree(parity.host(path, samples), parity.onnxruntime_answers(path, samples), "host")
