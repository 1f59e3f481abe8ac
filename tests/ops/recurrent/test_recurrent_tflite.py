"""LSTM and SVDF of random shapes equal TFLite-Micro, inference after inference: in numpy, and compiled for the host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ariel_build.answers import oracle
from ariel_build.answers.reference import Interpreter
from ariel_build.answers.samples import Samples
from ariel_build.driver import import_file
from tests.ops import parity, tflm
from tests.ops.recurrent.operators import lstm, samples_for, svdf

Make = Callable[[np.random.Generator], tflm.Operator]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda rng: lstm(rng, "int8"), id="lstm_int8"),
        pytest.param(lambda rng: lstm(rng, "int16"), id="lstm_int16"),
        pytest.param(lambda rng: lstm(rng, "float32"), id="lstm_float32"),
        pytest.param(lambda rng: svdf(rng, "int8"), id="svdf_int8"),
        pytest.param(lambda rng: svdf(rng, "int16"), id="svdf_int8_int16"),
        pytest.param(lambda rng: svdf(rng, "float32"), id="svdf_float32"),
    ],
)
def test_equals_tflite_micro(tmp_path: Path, make: Make) -> None:
    """States are kept from sample to sample, in both."""
    rng = np.random.default_rng(4)
    operators = [make(rng) for _ in range(24)]
    samples = samples_for(rng, operators)
    path = tmp_path / "layers.tflite"
    path.write_bytes(tflm.models(operators))
    graph, _ = import_file(path)
    given = Samples([np.stack(column) for column in zip(*samples, strict=True)], (len(samples),))
    answer = oracle.ask(path, graph, given)
    assert not isinstance(answer, str), answer
    want = [[column[k] for column in answer.outputs] for k in range(len(samples))]
    interpreter = Interpreter(graph)
    parity.agree([interpreter.outputs(sample) for sample in samples], want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
