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
