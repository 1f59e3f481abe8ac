"""The models by which we are judged, on emulated boards: the same bits as on the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards, cli
from ariel_build.answers.samples import load, split_outputs
from ariel_build.boards import Board
from ariel_build.commands.run import execute_compiled
from tests.run.support import ON
from tools.recorded import DIGITS
from tools.recorded.batch import compile_recorded
from tools.recorded.models import Recorded, dev_models

pytestmark = pytest.mark.models

MODELS = dev_models()
#: Samples of each model.
SAMPLES = {"mlperf_kws_int8": 2, "mlperf_vww_int8": 1, "mlperf_ic_int8": 1, "mlperf_ad_int8": 2, "tflm_hello_int8": 4}
FIRST = "mlperf_kws_int8"
CALLED = ("qemu-cortex-m7", "qemu-cortex-m4", "qemu-riscv32")


def differences(model: Recorded, board: Board, samples: int, folder: Path) -> list[str]:
    """Runs the first samples on the board and returns what differs."""
    npz = folder / "in.npz"
    np.savez(npz, **model.given(samples))  # type: ignore[arg-type]
    compiled = compile_recorded(model, npz)
    given = load(npz, compiled.graph.inputs)
    raw = execute_compiled(compiled, board, given.raw(), stats=False).outputs
    return model.wrong(list(split_outputs(compiled.graph.outputs, raw, given.lead).values()), samples)


#: A Cortex-M4 runs what an M7 runs, but for what is tuned: one model tells, and `nox -s fuzz` runs them all.
CALLS = [
    pytest.param(
        name,
        *ON[board].values,
        id=f"{name}-{board}",
        marks=[*ON[board].marks, *([pytest.mark.at_length] if board == "qemu-cortex-m4" and name != FIRST else [])],
    )
    for name in SAMPLES
    for board in CALLED
]


@pytest.mark.parametrize("name, board", CALLS)
def test_exact_on_the_board(name: str, board: Board, tmp_path: Path) -> None:
    assert differences(MODELS[name], board, SAMPLES[name], tmp_path) == []


@pytest.mark.parametrize("board", [ON["qemu-cortex-m0"]])
def test_small_models_run_in_16_kb(board: Board, tmp_path: Path) -> None:
    assert differences(MODELS["tflm_hello_int8"], board, 4, tmp_path) == []


@pytest.mark.parametrize("board", [ON["qemu-cortex-m0"]])
def test_the_example_runs_in_16_kb(board: Board, tmp_path: Path) -> None:
    """Its answers are those of the host."""
    compiled = compile_recorded(Recorded("digits", DIGITS, [], []), tmp_path / "none.npz")
    samples = [bytes((7 * k + j) % 128 for j in range(compiled.graph.inputs[0].type.bytes)) for k in range(3)]
    here = execute_compiled(compiled, boards.load("host"), samples, stats=False)
    assert execute_compiled(compiled, board, samples, stats=False).outputs == here.outputs


def test_larger_ones_are_refused_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = MODELS["mlperf_vww_int8"]
    np.savez(tmp_path / "in.npz", **model.given(1))  # type: ignore[arg-type]
    words = ["--inputs", str(tmp_path / "in.npz"), "--outputs", str(tmp_path / "out.npz"), "--on", "qemu-cortex-m0"]
    assert cli.main(["run", str(model.path), *words]) == 2
    error = capsys.readouterr().err
    assert "does not fit qemu-cortex-m0" in error
    assert "bytes of RAM, the board has 16,384" in error
    assert not (tmp_path / "out.npz").exists()
