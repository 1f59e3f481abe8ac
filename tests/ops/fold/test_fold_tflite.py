"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN over random axes equal TFLite-Micro: in numpy, and compiled for the host.

TFLite-Micro has no maxima and minima of int16: they are held against LiteRT.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.sums import samples_for

ALL = ("MEAN", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")


def random_reduction(rng: np.random.Generator, dtype: str, kinds: tuple[str, ...] = ALL) -> tflm.Operator:
    shape = tuple(int(d) for d in rng.integers(1, 7, int(rng.integers(1, 5))))
    axes = rng.permutation(len(shape))[: int(rng.integers(1, len(shape) + 1))]
    keep = bool(rng.random() < 0.5)
    out = tuple(1 if k in axes else d for k, d in enumerate(shape) if keep or k not in axes)
    op = str(rng.choice(kinds))
    scale, zero = float(np.float32(rng.uniform(0.01, 0.1))), int(rng.integers(-128, 128))
    if dtype == "int16" and op.startswith("REDUCE"):
        zero = 0
    quantised = (scale, zero)
    if op in ("MEAN", "SUM") and rng.random() < 0.7:
        quantised = (float(np.float32(rng.uniform(0.005, 0.2))), int(rng.integers(-128, 128)))
    # Some axes counted from the back.
    given = np.where(rng.random(len(axes)) < 0.5, axes, axes - len(shape)).astype(np.int32)
    inputs = [
        tflm.Tensor("float32", shape) if dtype == "float32" else tflm.Tensor(dtype, shape, scale, zero),
        tflm.Tensor("int32", (len(axes),), data=given),
    ]
    output = tflm.Tensor("float32", out) if dtype == "float32" else tflm.Tensor(dtype, out, *quantised)
    return tflm.Operator(op, inputs, [output], ("ReducerOptions", {"keepDims": keep}))


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_equals_tflite_micro(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(5)
    kinds = ALL[:3] if dtype == "int16" else ALL
    operators = [random_reduction(rng, dtype, kinds) for _ in range(60)]
    samples = samples_for(rng, operators)
    path = tmp_path / "reductions.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_choices_of_int16_equal_litert(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    operators = [random_reduction(rng, "int16", ALL[3:]) for _ in range(20)]
    samples = samples_for(rng, operators)
    path = tmp_path / "choices.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
