"""onnxruntime as the judge of files that we write."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ariel_build.ir import Array
from ariel_build.ops.accumulate import Numbers
from tests.ops.parity import saturates

__all__ = ["answers", "needs_runtime"]

needs_runtime = pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="no onnxruntime")


def answers(model: bytes, inputs: Sequence[Array], *, optimized: bool = True) -> list[Numbers]:
    """Returns the outputs of one sample."""
    import onnxruntime  # noqa: PLC0415 - tests that need it are skipped where it is absent

    options: Any = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if not optimized or saturates():
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return [np.asarray(made) for made in session.run(None, dict(zip(names, inputs, strict=True)))]
