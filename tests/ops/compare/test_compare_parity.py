"""Comparisons and logic equal TFLite-Micro, in numpy and on the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ariel_build.ir import Array
from tests.ops import parity, tflm

RELATIONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")


def test_tflite(tmp_path: Path) -> None:
    rng = np.random.default_rng(70)
    operators: list[tflm.Operator] = []
    sample: list[Array] = []
    for op in RELATIONS:
        for index in range(3):
            left, right = ((4, 5, 6), (5, 1)) if index else ((4, 5, 6), (4, 5, 6))
            scales = 10 ** rng.uniform(-2, 0, 2) if index != 1 else [0.1, 0.1]
            zeros = [int(z) for z in rng.integers(-20, 20, 2)] if index != 1 else [3, 3]
            tensors = [
                tflm.Tensor("int8", s, float(np.float32(q)), z)
                for s, q, z in zip((left, right), scales, zeros, strict=True)
            ]
            operators.append(tflm.Operator(op, tensors, [tflm.Tensor("bool", left)]))
            sample += [rng.integers(-30, 30, s).astype(np.int8) for s in (left, right)]
        for dtype in ("float32", "int32"):
            tensors = [tflm.Tensor(dtype, (3, 4, 5)), tflm.Tensor(dtype, (4, 5))]
            operators.append(tflm.Operator(op, tensors, [tflm.Tensor("bool", (3, 4, 5))], version=1))
            sample += [rng.integers(-3, 3, t.shape).astype(dtype) for t in tensors]
    for op in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT"):
        tensors = [tflm.Tensor("bool", (5, 8))] * (1 if op == "LOGICAL_NOT" else 2)
        operators.append(tflm.Operator(op, tensors, [tflm.Tensor("bool", (5, 8))], version=1))
        sample += [rng.integers(0, 2, (5, 8)).astype(np.bool_) for _ in tensors]
    path = tmp_path / "compare.tflite"
    want = parity.tflite(path, operators, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "host")
