"""Pools of random windows (maximum, average, root of the mean square) equal TFLite-Micro: in numpy, and on the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.sums import ACTIVATIONS, output_size, samples_for


def random_pool(rng: np.random.Generator, dtype: str) -> tflm.Operator:
    window, stride = (tuple(int(v) for v in rng.integers(1, 5, 2)) for _ in range(2))
    same = bool(rng.random() < 0.6)
    height, width = (int(k + rng.integers(0, 8)) for k in window)
    channels = int(rng.integers(1, 11))
    rows, columns = (output_size(n, k, s, same=same) for n, k, s in zip((height, width), window, stride, strict=True))
    options = {
        "padding": 0 if same else 1,
        "strideH": stride[0],
        "strideW": stride[1],
        "filterHeight": window[0],
        "filterWidth": window[1],
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    scale, zero = float(np.float32(rng.uniform(0.01, 0.1))), int(rng.integers(-128, 128))
    zero += 128 if dtype == "uint8" else 0
    real = dtype == "float32"
    quantised = (None, 0) if real else (scale / (256 if dtype == "int16" else 1), zero)
    x = tflm.Tensor(dtype, (1, height, width, channels), *quantised)
    y = tflm.Tensor(dtype, (1, rows, columns, channels), *quantised)
    kinds = ["MAX_POOL_2D", "AVERAGE_POOL_2D", *(["L2_POOL_2D"] if real else [])]
    return tflm.Operator(str(rng.choice(kinds)), [x], [y], ("Pool2DOptions", options))


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_equals_tflite_micro(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(4)
    operators = [random_pool(rng, dtype) for _ in range(40)]
    samples = samples_for(rng, operators)
    path = tmp_path / "pools.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_old_files_of_uint8_equal_litert(tmp_path: Path) -> None:
    """An average rounds halves of the stored integers up, where int8 of the same numbers rounds some down."""
    rng = np.random.default_rng(5)
    operators = [random_pool(rng, "uint8") for _ in range(40)]
    samples = [
        [rng.integers(0, 256, t.shape).astype(np.uint8) for op in operators for t in op.inputs if t is not None]
        for _ in range(3)
    ]
    path = tmp_path / "pools.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, samples)
    parity.agree(parity.reference(path, samples, optimized=True), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
