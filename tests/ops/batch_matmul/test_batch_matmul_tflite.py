"""BATCH_MATMUL of random shapes equals TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.parity import stored
from tests.ops.sums import samples_for


def random_product(rng: np.random.Generator, dtype: str) -> tflm.Operator:
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
    if dtype == "float32":
        weights = rng.normal(0, 0.5, y).astype(np.float32) if constant else None
        inputs = [tflm.Tensor("float32", x), tflm.Tensor("float32", y, data=weights)]
        return tflm.Operator("BATCH_MATMUL", inputs, [tflm.Tensor("float32", (*batches, rows, columns))], table)
    scales = [float(np.float32(s)) for s in rng.uniform(0.01, 0.1, 2)]
    zeros = [int(z) if dtype == "int8" else 0 for z in rng.integers(-128, 128, 3)]
    out = float(np.float32(scales[0] * scales[1] * 74 * 74 * np.sqrt(depth) / rng.uniform(20, 90)))
    if dtype == "int16":
        out = float(np.float32(scales[0] * scales[1] * 18_900 * 18_900 * np.sqrt(depth) / rng.uniform(5_000, 23_000)))
    data = stored(rng, y, dtype=np.dtype(dtype).type) if constant else None
    inputs = [tflm.Tensor(dtype, x, scales[0], zeros[0]), tflm.Tensor(dtype, y, scales[1], zeros[1], data)]
    output = tflm.Tensor(dtype, (*batches, rows, columns), out, zeros[2])
    return tflm.Operator("BATCH_MATMUL", inputs, [output], table)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_equals_tflite_micro(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(6)
    operators = [random_product(rng, dtype) for _ in range(40)]
    samples = samples_for(rng, operators)
    path = tmp_path / "products.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
