"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN over random axes equal TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.sums import samples_for


def random_reduction(rng: np.random.Generator, *, real: bool) -> tflm.Operator:
    shape = tuple(int(d) for d in rng.integers(1, 7, int(rng.integers(1, 5))))
    axes = rng.permutation(len(shape))[: int(rng.integers(1, len(shape) + 1))]
    keep = bool(rng.random() < 0.5)
    out = tuple(1 if k in axes else d for k, d in enumerate(shape) if keep or k not in axes)
    op = str(rng.choice(["MEAN", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]))
    scale, zero = float(np.float32(rng.uniform(0.01, 0.1))), int(rng.integers(-128, 128))
    quantised = (scale, zero)
    if op in ("MEAN", "SUM") and rng.random() < 0.7:
        quantised = (float(np.float32(rng.uniform(0.005, 0.2))), int(rng.integers(-128, 128)))
    # Some axes counted from the back.
    given = np.where(rng.random(len(axes)) < 0.5, axes, axes - len(shape)).astype(np.int32)
    inputs = [
        tflm.Tensor("float32", shape) if real else tflm.Tensor("int8", shape, scale, zero),
        tflm.Tensor("int32", (len(axes),), data=given),
    ]
    output = tflm.Tensor("float32", out) if real else tflm.Tensor("int8", out, *quantised)
    return tflm.Operator(op, inputs, [output], ("ReducerOptions", {"keepDims": keep}))


@pytest.mark.parametrize("real", [False, True], ids=["int8", "float32"])
def test_equals_tflite_micro(tmp_path: Path, real: bool) -> None:
    rng = np.random.default_rng(5)
    operators = [random_reduction(rng, real=real) for _ in range(60)]
    samples = samples_for(rng, operators)
    path = tmp_path / "reductions.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
