"""Two cores that differ take as long together as their own speeds allow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.run.execute import execute

pytestmark = [
    pytest.mark.models,
    pytest.mark.emulator("qemu-system-arm"),
    pytest.mark.target("thumbv8m.main-none-eabi"),
    pytest.mark.target("thumbv8m.main-none-eabihf"),
]

#: Part of what the speeds of both cores allow.
ENOUGH = 0.90


def makespan(path: Path, board: str, cores: int, folder: Path) -> tuple[int, bytes]:
    """Returns the instruction time of an inference, and its answer."""
    model = compile_model(path, replace(ModelOptions(path), cores=cores), boards.load(board), "model")
    folder.mkdir()
    (folder / "ariel_models.rs").write_text(model.module_text)
    (folder / "model.weights").write_bytes(model.weights)
    sample = np.random.default_rng(3).integers(0, 256, model.graph.inputs[0].type.bytes, np.uint8).tobytes()
    done = execute(folder, "model", boards.load(board), [sample], cores=cores)
    assert done.stats is not None
    taken = done.stats["makespan_instructions"]
    assert isinstance(taken, int)
    return taken, done.outputs[0]


@pytest.mark.parametrize("name", ["mlperf_kws_int8", "mlperf_ad_int8"])
def test_unequal_cores_reach_what_their_speeds_allow(models: Path, name: str, tmp_path: Path) -> None:
    """Core 0 by itself, a core like core 1 by itself (the same kernels on mps2-an505), and both."""
    path = models / "dev" / name / "model.tflite"
    slow, answer = makespan(path, "qemu-cortex-m33x2", 1, tmp_path / "slow")
    fast, same = makespan(path, "qemu-cortex-m33", 1, tmp_path / "fast")
    both, shared = makespan(path, "qemu-cortex-m33x2", 2, tmp_path / "both")
    assert answer == same == shared
    ideal = 1 / (1 / slow + 1 / fast)
    assert ideal / both >= ENOUGH, (slow, fast, both)
