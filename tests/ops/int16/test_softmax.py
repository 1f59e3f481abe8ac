"""SOFTMAX of int16, and of int8 into int16, equals TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
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


def test_int8_into_int16_as_litert_stores_it(tmp_path: Path) -> None:
    """LiteRT's reference kernel does not look at the output's quantisation; the user is told."""
    x, y = tflm.Tensor("int8", (4, 10), 0.1, 4), tflm.Tensor("int16", (4, 10), 2.0**-15)
    operators = [tflm.Operator("SOFTMAX", [x], [y], ("SoftmaxOptions", {"beta": 1.0}), 2)]
    samples = samples_for(np.random.default_rng(3), operators)
    path = tmp_path / "softmax.tflite"
    path.write_bytes(tflm.models(operators))
    parity.agree(parity.reference(path, samples), parity.litert(path, samples), "reference")
    assert any("1/65536 and zero point -32768" in note for note in import_file(path)[1].notes)
