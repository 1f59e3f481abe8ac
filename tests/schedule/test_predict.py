"""What an inference is predicted to take: near what emulated boards measure; deadlines and max-tile go by it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards, cli
from ariel_build.config.options import ModelOptions
from ariel_build.cores.predict import Clock
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import BudgetError
from tools.predictions.judge import misses
from tools.predictions.measure import of_model
from tools.recorded.models import dev_models

pytestmark = pytest.mark.models

KWS = "mlperf_kws_int8"
#: Models of several kinds: what `nox -s predictions` finds of all of them, found of a few. Each is built once.
CASES = {
    "qemu-cortex-m7": (KWS, "mlperf_ad_f32", "tflm_mnist_lstm_int8", "own_tcn_qdq", "seanet_conv10"),
    "qemu-cortex-m4": ("own_tf_post_d16_onnx", "tflm_micro_speech_int8_tf2onnx_qdq"),
    "qemu-cortex-m33": ("mlperf_ic_int8",),
    "qemu-cortex-m55": ("own_gru12_unrolled_f32", "mlperf_vww_int8", "mlperf_ic_int8"),
    "qemu-riscv32": ("mltk_image_example1", "own_tf_post_d16_int8", "mlperf_ad_qop_s8"),
}


def at(models: Path, name: str) -> Path:
    """Returns the path of a model."""
    return next((models / "dev" / name).glob("model.*"))


def compiled(path: Path, board: str, **options: object) -> Compiled:
    """Returns the model, compiled for a board."""
    given = replace(ModelOptions(path), **options)  # type: ignore[arg-type]
    return compile_model(path, given, boards.load(board), "model")


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(
            board,
            marks=[
                pytest.mark.emulator(boards.load(board).run.emulator),  # type: ignore[union-attr]
                pytest.mark.target(boards.load(board).target),
            ],
        )
        for board in CASES
    ],
)
def test_predicted_is_near_measured(models: Path, board: str) -> None:
    """RAM, flash, stack, instructions and those of each layer, as near as docs/predictions.md says."""
    assert models.is_dir()
    rows = [of_model(dev_models()[name], boards.load(board), quick=True) for name in CASES[board]]
    assert {row.model: misses(row) for row in rows if misses(row)} == {}


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(
            board, marks=[pytest.mark.emulator("qemu-system-" + system), pytest.mark.target(boards.load(board).target)]
        )
        for board, system in (("qemu-riscv32", "riscv32"), ("qemu-cortex-m33x2", "arm"))
    ],
)
def test_all_cores_are_told_as_they_are_run(models: Path, tmp_path: Path, board: str) -> None:
    """Without `cores`, `inspect` and `run` take all: RAM with the room of the pool, and instructions of each core."""
    path, stats = at(models, KWS), tmp_path / "stats.json"
    np.savez(tmp_path / "in.npz", **dev_models()[KWS].given(1))  # type: ignore[arg-type]
    words = ["--inputs", str(tmp_path / "in.npz"), "--outputs", str(tmp_path / "out.npz"), "--stats", str(stats)]
    assert cli.main(["run", str(path), "--on", board, *words]) == 0
    measured, told = json.loads(stats.read_text()), compiled(path, board)
    assert measured["cores"] == len(boards.load(board).cores)
    assert told.ram_bytes == measured["ram_bytes"]
    assert told.predicted.instructions == pytest.approx(measured["instructions_per_inference"], rel=0.1)


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
