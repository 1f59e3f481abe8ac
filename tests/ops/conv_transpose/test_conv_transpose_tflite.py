"""TRANSPOSE_CONV of random shapes equals TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.sums import ACTIVATIONS, Sum, samples_for


def random_transposed(rng: np.random.Generator, *, kind: str) -> tflm.Operator:
    window, stride = (tuple(int(v) for v in rng.integers(1, most, 2)) for most in (6, 4))
    size = tuple(int(v) for v in rng.integers(1, 7, 2))
    depth, count = int(rng.integers(1, 10)), int(rng.choice([1, 3, 4, 6, 16, 21]))
    same = bool(rng.random() < 0.5)
    rows, columns = (n * s if same else (n - 1) * s + k for n, s, k in zip(size, stride, window, strict=True))
    options = {
        "padding": 0 if same else 1,
        "strideH": stride[0],
        "strideW": stride[1],
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    image, filter_, out = (1, *size, depth), (count, *window, depth), (1, rows, columns, count)
    shape = tflm.Tensor("int32", (4,), data=np.array(out, np.int32))
    if kind == "float32":
        weights = rng.normal(0, 0.5, filter_).astype(np.float32)
        bias = rng.normal(0, 1, count).astype(np.float32)
        x: tflm.Tensor | None = tflm.Tensor("float32", image)
        rest: list[tflm.Tensor | None] = [
            tflm.Tensor("float32", filter_, data=weights),
            x,
            tflm.Tensor("float32", (count,), data=bias),
        ]
        return tflm.Operator(
            "TRANSPOSE_CONV", [shape, *rest], [tflm.Tensor("float32", out)], ("TransposeConvOptions", options), 3
        )
    quantisation = Sum.random(rng, depth * window[0] * window[1], count, per_channel=True, dtype=kind)
    # TFLite-Micro takes an int32 bias of int16 for one of 64 bits.
    x, weights_, bias_ = quantisation.tensors(rng, image, filter_, 0, bias=bool(rng.random() < 0.8), narrow=False)
    inputs = [shape, weights_, x, *([bias_] if bias_ else [])]
    return tflm.Operator("TRANSPOSE_CONV", inputs, [quantisation.output(out)], ("TransposeConvOptions", options), 3)


@pytest.mark.parametrize("kind", ["int8", "int16", "float32"])
def test_equals_tflite_micro(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(1)
    operators = [random_transposed(rng, kind=kind) for _ in range(24)]
    samples = samples_for(rng, operators)
    path = tmp_path / "convolutions.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
