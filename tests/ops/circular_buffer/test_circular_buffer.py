"""CIRCULAR_BUFFER keeps what TFLite-Micro keeps, from its zero point on, and is read in every run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import parity, tflm
from tests.ops.sums import samples_for


def buffer(slots: int, row: tuple[int, int], zero_point: int = 0, cycles: int | None = 1) -> tflm.Operator:
    inputs = [tflm.Tensor("int8", (1, 1, *row), 0.5, zero_point)]
    outputs = [tflm.Tensor("int8", (1, slots, *row), 0.5, zero_point, variable=True)]
    options = None if cycles is None else ("", {"cycles_max": cycles})
    return tflm.Operator("CUSTOM:CIRCULAR_BUFFER", inputs, outputs, options, 1)


def test_equals_tflite_micro(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    operators = [buffer(1, (1, 4)), buffer(5, (1, 3), -7, cycles=None), buffer(13, (2, 3), 4, cycles=0)]
    operators += [buffer(int(rng.integers(2, 9)), (1, 5), 100) for _ in range(4)]
    samples = samples_for(rng, operators, 9)
    path = tmp_path / "buffers.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


@pytest.mark.parametrize("operator", [buffer(5, (1, 3), cycles=2), buffer(6, (1, 3), cycles=None)])
def test_runs_that_end_half_way_are_refused(operator: tflm.Operator, tmp_path: Path) -> None:
    path = tmp_path / "buffer.tflite"
    path.write_bytes(tflm.models([operator]))
    with pytest.raises(UnsupportedError, match="with `cycles_max` 2 inferences end here half-way"):
        import_file(path)
