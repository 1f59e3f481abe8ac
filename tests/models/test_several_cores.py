"""Models on several cores answer as recorded: threads of the host take their tiles through the pool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers.samples import Samples, split_outputs
from ariel_build.commands.run import execute_compiled
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model


@pytest.mark.models
@pytest.mark.parametrize("name,cores", [("mlperf_kws_int8", 2), ("mlperf_ic_int8", 4)])
def test_every_answer_is_the_recorded_one(models: Path, name: str, cores: int) -> None:
    """All recorded samples, bit for bit."""
    folder = models / "dev" / name
    path = folder / "model.tflite"
    board = boards.load("host")
    model = compile_model(path, replace(ModelOptions(path), cores=cores), board, "model")
    given, want = np.load(folder / "in_0.npy"), np.load(folder / "expected_0.npy")
    samples = Samples([given.reshape(-1, *model.graph.inputs[0].shape)], (len(given),))
    execution = execute_compiled(model, board, samples.raw(), cores=cores, stats=False)
    (got,) = split_outputs(model.graph.outputs, execution.outputs, samples.lead).values()
    assert np.array_equal(got.reshape(want.shape), want)
