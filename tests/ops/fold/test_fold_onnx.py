"""ONNX reductions: the node tests of `onnx`, and random axes, float32 and QDQ, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import node_suite, parity
from tests.ops.qdq import Builder

KINDS = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd")


def test_node_suite(tmp_path: Path) -> None:
    cases = (c.with_constants({0}) for c in node_suite.cases(*KINDS) if all(x.size for x in c.inputs[:1]))
    node_suite.judge(cases, tmp_path, right=44)


NORMS = ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")


def test_node_suite_of_norms(tmp_path: Path) -> None:
    """float64 and empty tensors are left out."""
    chosen = (c for c in node_suite.cases(*NORMS) if c.inputs[0].size and c.inputs[0].dtype == np.float32)
    node_suite.judge((c.with_constants({0}) for c in chosen), tmp_path, right=28)


def random_norm(model: Builder, rng: np.random.Generator) -> None:
    shape = tuple(int(d) for d in rng.integers(1, 7, int(rng.integers(1, 5))))
    axes = [int(a) for a in rng.permutation(len(shape))[: int(rng.integers(1, len(shape) + 1))]]
    kind = str(rng.choice(NORMS))
    x = model.input(shape)
    x = model.op("Exp", [x]) if kind == "ReduceLogSum" else x
    # Exponentials overflow, unless the greatest goes first.
    x = model.op("Mul", [x, model.constant(np.float32(120))]) if kind == "ReduceLogSumExp" else x
    inputs = [x, model.constant(np.array(axes, np.int64))]
    model.output(model.op(kind, inputs, keepdims=int(rng.random() < 0.5)))


def test_norms_equal_onnxruntime(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(16), Builder()
    for _ in range(24):
        random_norm(model, rng)
    path, samples = model.write(tmp_path / "norms.onnx", opset=18), model.samples(rng)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples, optimized=True), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


def test_sums_of_exponentials_of_infinities(tmp_path: Path) -> None:
    model = Builder()
    axes = model.constant(np.array([1], np.int64))
    model.output(model.op("ReduceLogSumExp", [model.input((4, 3)), axes], keepdims=0))
    path = model.write(tmp_path / "infinite.onnx", opset=18)
    inf = np.inf
    rows = np.array([[-inf, -inf, -inf], [inf, 1, 2], [-inf, 1, 1], [-inf, inf, 0]], np.float32)
    want = np.array([-inf, inf, 1 + np.log(2), inf], np.float32)
    parity.agree(parity.reference(path, [[rows]]), [[want]], "reference")
    parity.agree(parity.host(path, [[rows]]), [[want]], "kernels")


def random_reduction(model: Builder, rng: np.random.Generator, *, quantised: bool) -> None:
    shape = tuple(int(d) for d in rng.integers(1, 7, int(rng.integers(1, 6))))
    axes = [int(a) for a in rng.permutation(len(shape))[: int(rng.integers(1, len(shape) + 1))]]
    keep = int(rng.random() < 0.5)
    kind = str(rng.choice(KINDS[:2] if quantised else KINDS))
    inputs = [model.input(shape)] if not quantised else []
    scale, zero = float(np.float32(rng.uniform(0.01, 0.1))), int(rng.integers(-128, 128))
    inputs = inputs or [model.input(shape, (scale, zero))]
    inputs.append(model.constant(np.array(axes, np.int64)))
    result = model.op(kind, inputs, keepdims=keep)
    out = (float(np.float32(rng.uniform(0.02, 0.1))), int(rng.integers(-128, 128)))
    model.output(result, out if quantised else None)


@pytest.mark.parametrize("quantised", [False, True], ids=["float32", "int8"])
def test_equals_onnxruntime(tmp_path: Path, quantised: bool) -> None:
    rng, model = np.random.default_rng(14), Builder()
    for _ in range(48):
        random_reduction(model, rng, quantised=quantised)
    parity.onnx_agrees(model.write(tmp_path / "reductions.onnx", opset=18), model.samples(rng))
