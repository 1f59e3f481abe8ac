"""L2_NORMALIZATION of random rows equals TFLite-Micro: in numpy, and on the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import parity, tflm
from tests.ops.sums import samples_for

OPTIONS = ("L2NormOptions", {"fusedActivationFunction": 0})


def random_rows(rng: np.random.Generator, dtype: str) -> tflm.Operator:
    rank = int(rng.integers(2, 5))
    shape = (*rng.integers(1, 7, rank - 1).tolist(), int(rng.integers(1, 40)))
    if dtype == "float32":
        x, y = tflm.Tensor(dtype, shape), tflm.Tensor(dtype, shape)
    else:
        zero = int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))
        x, y = tflm.Tensor(dtype, shape, float(np.float32(rng.uniform(0.001, 2))), zero), unit(shape)
    return tflm.Operator("L2_NORMALIZATION", [x], [y], OPTIONS)


def unit(shape: tuple[int, ...], scale: float = 1 / 128) -> tflm.Tensor:
    return tflm.Tensor("int8", shape, scale, 0)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_equals_tflite_micro(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(6)
    operators = [random_rows(rng, dtype) for _ in range(25)]
    samples = samples_for(rng, operators)
    # Rows of zeros, and those with the greatest sums.
    samples.append([np.zeros_like(a) if dtype == "float32" else np.full_like(a, -128) for a in samples[0]])
    path = tmp_path / "rows.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_another_scale_of_the_output_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.tflite"
    x = tflm.Tensor("int8", (2, 5), 0.5, 3)
    path.write_bytes(tflm.models([tflm.Operator("L2_NORMALIZATION", [x], [unit((2, 5), 1 / 64)], OPTIONS)]))
    with pytest.raises(UnsupportedError, match="its scale has to be 1/128"):
        import_file(path)
