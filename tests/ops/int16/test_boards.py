"""int16 operators give on boards what the numpy references give, which other tests hold against TFLite-Micro."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from tests.ops import parity, tflm
from tests.ops.int16.operators import every_operator
from tests.ops.sums import samples_for


def on(name: str, emulator: str, cores: int = 1) -> object:
    """Returns the parameters of a test for a board."""
    marks = (pytest.mark.emulator(emulator), pytest.mark.target(boards.load(name).target))
    return pytest.param(name, cores, marks=marks, id=f"{name}-{cores}")


@pytest.mark.parametrize(
    "name, cores",
    [on("qemu-cortex-m7", "qemu-system-arm"), on("qemu-riscv32", "qemu-system-riscv32", 2)],
)
def test_equals_the_references(tmp_path: Path, name: str, cores: int) -> None:
    made = every_operator()
    samples = samples_for(np.random.default_rng(4), made)
    path = tmp_path / "wide.tflite"
    path.write_bytes(tflm.models(made))
    parity.agree(parity.on(name, path, samples, cores), parity.reference(path, samples), name)
