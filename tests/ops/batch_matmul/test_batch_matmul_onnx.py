"""ONNX MatMul and Gemm: the node tests of `onnx`, and random shapes, float32 and QDQ, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import node_suite, parity
from tests.ops.qdq import Builder


@pytest.mark.parametrize("constant", [False, True], ids=["computed", "constant"])
def test_node_suite(tmp_path: Path, constant: bool) -> None:
    """Each case with a right side (and a C) of either kind."""
    cases = (
        case.with_constants({0} if constant else range(len(case.inputs))) for case in node_suite.cases("MatMul", "Gemm")
    )
    node_suite.judge(cases, tmp_path, right=18)


def random_matmul(model: Builder, rng: np.random.Generator, *, quantised: bool) -> None:
    rows, depth, columns = (int(d) for d in rng.integers(1, 12, 3))
    batches = tuple(int(d) for d in rng.integers(1, 4, int(rng.integers(0, 3))))
    left, right = (tuple(1 if rng.random() < 0.3 else d for d in batches) for _ in range(2))
    if rng.random() < 0.5:
        right = ()
    constant = rng.random() < 0.5
    x, y = (*left, rows, depth), (*right, depth, columns)
    if not quantised:
        factor = model.constant(rng.normal(0, 0.5, y).astype(np.float32)) if constant else model.input(y)
        model.output(model.op("MatMul", [model.input(x), factor]))
        return
    scales = [float(np.float32(s)) for s in rng.uniform(0.01, 0.1, 2)]
    zeros = [int(z) for z in rng.integers(-128, 128, 3)]
    spread = scales[0] * scales[1] * 74 * 74 * np.sqrt(depth)
    if constant and not right and rng.random() < 0.5:
        factor = model.weights(parity.stored(rng, y), [scales[1] * s for s in rng.uniform(0.5, 1, columns)], 1)
    elif constant:
        factor = model.weights(parity.stored(rng, y), [scales[1]], 0, zeros[1])
    else:
        factor = model.input(y, (scales[1], zeros[1]))
    result = model.op("MatMul", [model.input(x, (scales[0], zeros[0])), factor])
    model.output(result, (float(np.float32(spread / rng.uniform(20, 90))), zeros[2]))


def random_gemm(model: Builder, rng: np.random.Generator, *, quantised: bool) -> None:
    rows, depth, columns = (int(d) for d in rng.integers(1, 20, 3))
    trans_a, trans_b = int(rng.random() < 0.3), int(rng.random() < 0.6)
    a, b = (depth, rows) if trans_a else (rows, depth), (columns, depth) if trans_b else (depth, columns)
    c = [(columns,), (1,), (rows, columns), (1, columns), (rows, 1), ()][int(rng.integers(6))]
    attributes: dict[str, object] = {"transA": trans_a, "transB": trans_b}
    if not quantised:
        attributes |= {"alpha": float(rng.choice([1.0, 0.5])), "beta": float(rng.choice([1.0, 0.25, 0.0]))}
        factors = [model.input(a), model.constant(rng.normal(0, 0.5, b).astype(np.float32))]
        if rng.random() < 0.8:
            factors.append(model.constant(rng.normal(0, 1, c).astype(np.float32)))
        model.output(model.op("Gemm", factors, **attributes))
        return
    scales = [float(np.float32(s)) for s in rng.uniform(0.01, 0.1, 2)]
    zeros = [int(z) for z in rng.integers(-128, 128, 2)]
    per_channel = rng.random() < 0.5
    filter_scales = [float(np.float32(scales[1] * s)) for s in rng.uniform(0.5, 1, columns if per_channel else 1)]
    factors = [
        model.input(a, (scales[0], zeros[0])),
        model.weights(parity.stored(rng, b), filter_scales, 0 if trans_b else 1),
    ]
    if rng.random() < 0.8:
        products = [float(np.float32(scales[0]) * np.float32(s)) for s in filter_scales]
        factors.append(model.weights(rng.integers(-9000, 9000, columns).astype(np.int32), products))
    spread = scales[0] * scales[1] * 74 * 74 * np.sqrt(depth)
    result = model.op("Gemm", factors, **attributes)
    model.output(result, (float(np.float32(spread / rng.uniform(20, 90))), zeros[1]))


@pytest.mark.parametrize("quantised", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("draw", [random_matmul, random_gemm], ids=["MatMul", "Gemm"])
def test_equals_onnxruntime(tmp_path: Path, draw: object, quantised: bool) -> None:
    rng, model = np.random.default_rng(12), Builder()
    for _ in range(30):
        (random_matmul if draw is random_matmul else random_gemm)(model, rng, quantised=quantised)
    parity.onnx_agrees(model.write(tmp_path / "products.onnx"), model.samples(rng))
