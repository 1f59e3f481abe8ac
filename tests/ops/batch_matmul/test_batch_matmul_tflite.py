"""BATCH_MATMUL of random shapes equals TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.parity import stored
from tests.ops.sums import samples_for


def random_product(rng: np.random.Generator, *, real: bool) -> tflm.Operator:
    rows, depth, columns = (int(d) for d in rng.integers(1, 12, 3))
    batches = tuple(int(d) for d in rng.integers(1, 4, int(rng.integers(0, 3))))
    left, right = (tuple(1 if rng.random() < 0.3 else d for d in batches) for _ in range(2))
    batches = tuple(max(a, b) for a, b in zip(left, right, strict=True))
    if rng.random() < 0.2:
        # A whole matrix for all batches.
        left, right = (left, ()) if rng.random() < 0.5 and left == batches else (left, right)
    adj_x, adj_y = bool(rng.random() < 0.4), bool(rng.random() < 0.4)
    x = (*left, depth, rows) if adj_x else (*left, rows, depth)
    y = (*right, columns, depth) if adj_y else (*right, depth, columns)
    table = ("BatchMatMulOptions", {"adjX": adj_x, "adjY": adj_y})
    constant = rng.random() < 0.3
    if real:
        data = rng.normal(0, 0.5, y).astype(np.float32) if constant else None
        inputs = [tflm.Tensor("float32", x), tflm.Tensor("float32", y, data=data)]
        return tflm.Operator("BATCH_MATMUL", inputs, [tflm.Tensor("float32", (*batches, rows, columns))], table)
    scales = [float(np.float32(s)) for s in rng.uniform(0.01, 0.1, 2)]
    zeros = [int(z) for z in rng.integers(-128, 128, 3)]
    out = float(np.float32(scales[0] * scales[1] * 74 * 74 * np.sqrt(depth) / rng.uniform(20, 90)))
    inputs = [
        tflm.Tensor("int8", x, scales[0], zeros[0]),
        tflm.Tensor("int8", y, scales[1], zeros[1], stored(rng, y) if constant else None),
    ]
    output = tflm.Tensor("int8", (*batches, rows, columns), out, zeros[2])
    return tflm.Operator("BATCH_MATMUL", inputs, [output], table)


@pytest.mark.parametrize("real", [False, True], ids=["int8", "float32"])
def test_equals_tflite_micro(tmp_path: Path, real: bool) -> None:
    rng = np.random.default_rng(6)
    operators = [random_product(rng, real=real) for _ in range(40)]
    samples = samples_for(rng, operators)
    path = tmp_path / "products.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
