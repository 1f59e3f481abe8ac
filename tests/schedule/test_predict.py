"""What an inference is predicted to take: near what emulated boards count; deadlines and max-tile go by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.cores.predict import Clock
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import BudgetError
from ariel_build.run.execute import execute

pytestmark = pytest.mark.models

#: How far predicted instructions may be from counted ones.
TOLERANCE = 0.15
KWS = "mlperf_kws_int8"


def at(models: Path, name: str) -> Path:
    """Returns the path of a model."""
    return models / "dev" / name / "model.tflite"


def compiled(path: Path, board: str, **options: object) -> Compiled:
    """Returns the model, compiled for a board."""
    given = replace(ModelOptions(path), **options)  # type: ignore[arg-type]
    return compile_model(path, given, boards.load(board), "model")


@pytest.mark.parametrize(
    "board, name",
    [
        pytest.param(board, name, marks=[pytest.mark.emulator(emulator), pytest.mark.target(boards.load(board).target)])
        for board, name, emulator in (
            ("qemu-cortex-m7", "mlperf_ic_int8", "qemu-system-arm"),
            ("qemu-cortex-m4", KWS, "qemu-system-arm"),
            ("qemu-cortex-m4", "mlperf_ad_f32", "qemu-system-arm"),
            ("qemu-cortex-m3", "tflm_micro_speech_int8", "qemu-system-arm"),
            ("qemu-cortex-m0", "emlearn_mnist_int8", "qemu-system-arm"),
            ("qemu-riscv32", KWS, "qemu-system-riscv32"),
            ("qemu-riscv32", "mlperf_ad_int8", "qemu-system-riscv32"),
        )
    ],
)
def test_predicted_is_near_counted(models: Path, tmp_path: Path, board: str, name: str) -> None:
    model = compiled(at(models, name), board, cores=1)
    (tmp_path / "ariel_models.rs").write_text(model.module_text)
    (tmp_path / "model.weights").write_bytes(model.weights)
    rng = np.random.default_rng(1)
    sample = b"".join(
        rng.standard_normal(v.type.elements).astype(v.type.dtype.numpy).tobytes() for v in model.graph.inputs
    )
    stats = execute(tmp_path, "model", boards.load(board), [sample]).stats
    assert stats is not None
    counted = stats["instructions_per_inference"]
    assert isinstance(counted, int)
    for told in (model.predicted.cycles, model.predicted.instructions):
        assert abs(told / counted - 1) < TOLERANCE, (told, counted)


def test_tiles_are_no_longer_than_max_tile(models: Path) -> None:
    """On one core and on two that differ: every tile that can be cut stays below, the slowest core counts."""
    for board in ("qemu-cortex-m4", "qemu-cortex-m33x2"):
        free = compiled(at(models, KWS), board)
        bound = compiled(at(models, KWS), board, max_tile=2e-3)
        clock = Clock(boards.load(board).cores)
        limit = clock.limit(2e-3)
        assert limit is not None
        tiles = [(step, tile) for step in bound.schedule.steps for tile in step.tiles]
        if bound.units is not None:
            tiles += [(bound.schedule.steps[u.step], u.tile) for u in bound.units.units if u.step is not None]
        for step, tile in tiles:
            whole = tile.end - tile.start <= step.call.tiling.granularity or len(step.tiles) == 1
            assert whole or max(clock.tile(step.call, tile)) <= limit
        assert bound.predicted.longest_cycles < free.predicted.longest_cycles
        assert f"LONGEST_TILE_CYCLES: u64 = {bound.predicted.longest_cycles:_}" in bound.module_text


def test_what_cannot_be_cut_further_is_told(models: Path) -> None:
    model = compiled(at(models, KWS), "qemu-cortex-m4", max_tile=1e-6)
    assert any("max-tile" in note and "cannot be cut further" in note for note in model.notes)


def test_a_predicted_miss_is_a_warning_or_an_error(models: Path) -> None:
    path = at(models, KWS)
    assert not any("deadline" in note for note in compiled(path, "qemu-cortex-m4", deadline=1.0).notes)
    assert any("its deadline is 20 ms" in note for note in compiled(path, "qemu-cortex-m4", deadline=0.02).notes)
    with pytest.raises(BudgetError, match="its deadline is 20 ms") as caught:
        compiled(path, "qemu-cortex-m4", deadline=0.02, strict_deadline=True, given={"deadline": "Cargo.toml:7"})
    assert "Cargo.toml:7" in caught.value.diagnostics[0].origin
    assert any("no `clock-hz`" in note for note in compiled(path, "generic-thumbv7em", deadline=0.02).notes)


def test_faster_cores_have_more(models: Path) -> None:
    """On unequal cores the homes of tiles go by speed: core 1, with DSP, has the larger part of the work."""
    model = compiled(at(models, KWS), "qemu-cortex-m33x2")
    clock = Clock(boards.load("qemu-cortex-m33x2").cores)
    assert model.units is not None
    work = [0.0, 0.0]
    for unit in model.units.units:
        if unit.step is not None:
            work[unit.worker] += clock.tile(model.schedule.steps[unit.step].call, unit.tile)[unit.worker]
    share = [0.0, 0.0]
    for unit in model.units.units:
        if unit.step is not None:
            call = model.schedule.steps[unit.step].call
            share[unit.worker] += (unit.tile.end - unit.tile.start) / call.tiling.extent * call.macs
    assert share[1] > 1.3 * share[0]
    assert abs(work[0] / work[1] - 1) < 0.15
