"""ADD_N of int8 equals TFLite-Micro, whose sum begins with a stored 0: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import parity, tflm
from tests.ops.sums import samples_for


def sum_of(rng: np.random.Generator, count: int) -> tflm.Operator:
    shape = tuple(int(n) for n in rng.integers(1, 9, int(rng.integers(1, 5))))
    scale, zero, out_zero = float(np.float32(rng.uniform(0.01, 0.1))), *(int(z) for z in rng.integers(-128, 128, 2))
    out = float(np.float32(scale * count * rng.uniform(0.3, 1.5)))
    inputs = [tflm.Tensor("int8", shape, scale, zero) for _ in range(count)]
    return tflm.Operator("ADD_N", inputs, [tflm.Tensor("int8", shape, out, out_zero)], ("AddNOptions", {}))


def test_equals_tflite_micro(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    operators = [sum_of(rng, count) for count in (2, 2, 3, 3, 4, 5, 9, 14)]
    samples = samples_for(rng, operators)
    path = tmp_path / "sums.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_what_tflite_micro_refuses_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    good = sum_of(rng, 2)
    other = tflm.Tensor("int8", good.outputs[0].shape, 0.5, 3)
    path = tmp_path / "sum.tflite"
    path.write_bytes(tflm.models([tflm.Operator("ADD_N", [good.inputs[0], other], good.outputs, good.options)]))
    with pytest.raises(UnsupportedError, match="differ in shape, scale or zero point"):
        import_file(path)
