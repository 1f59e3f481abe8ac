"""SOFTMAX of int16, and of int8 into int16, equals TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.sums import samples_for


@pytest.mark.parametrize("kind", ["int8", "int16"])
def test_equals_tflite_micro(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(2)
    operators = []
    for _ in range(16):
        shape = (int(rng.integers(1, 5)), int(rng.choice([1, 2, 3, 10, 40])))
        scale = 10 ** (rng.uniform(-2.5, -0.5) if kind == "int8" else rng.uniform(-4.5, -2.5))
        x = tflm.Tensor(kind, shape, float(np.float32(scale)), int(rng.integers(-128, 128)) if kind == "int8" else 0)
        y = tflm.Tensor("int16", shape, 2.0**-16, -32768) if kind == "int8" else tflm.Tensor("int16", shape, 2.0**-15)
        beta = float(rng.choice([1.0, 0.5, 2.0]))
        operators.append(tflm.Operator("SOFTMAX", [x], [y], ("SoftmaxOptions", {"beta": beta}), 2))
    samples = samples_for(rng, operators)
    path = tmp_path / "softmax.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
