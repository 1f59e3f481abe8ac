"""ONNX operators that only move elements: the node tests of `onnx`, and random borders against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import node_suite, parity
from tests.ops.qdq import Builder


@pytest.mark.parametrize("op, right", [("DepthToSpace", 2), ("SpaceToDepth", 2), ("Pad", 5)])
def test_node_suite(tmp_path: Path, op: str, right: int) -> None:
    cases = (case.with_constants({0}) for case in node_suite.cases(op))
    node_suite.judge(cases, tmp_path, right=right)


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
def test_borders_equal_onnxruntime(tmp_path: Path, mode: str) -> None:
    rng, model = np.random.default_rng(4), Builder()
    for _ in range(12):
        shape = tuple(int(v) for v in rng.integers(2, 6, rng.integers(1, 4)))
        pads = [int(rng.integers(-1 if mode == "edge" else 0, shape[k % len(shape)])) for k in range(2 * len(shape))]
        given = [model.input(shape), model.constant(np.array(pads, np.int64))]
        model.output(model.op("Pad", given, mode=mode))
    parity.onnx_agrees(model.write(tmp_path / "borders.onnx"), model.samples(rng))
