"""RESIZE_NEAREST_NEIGHBOR against the recorded answers of TFLite-Micro."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity


@pytest.mark.models
def test_recorded_answers(models: Path) -> None:
    folder = models / "tflite-ops"
    given, want = (np.load(folder / f"resize_nn.{end}.npy") for end in ("in0", "out0"))
    got = parity.reference(folder / "resize_nn.tflite", [[x] for x in given])
    parity.agree(got, [[y] for y in want], "resize_nn")
