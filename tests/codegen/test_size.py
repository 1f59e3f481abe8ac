"""`optimize = "size"`: less code for at most a quarter more instructions, and the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.answers.samples import random_samples
from ariel_build.config.option_values import Optimize
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.run import Facts, execute
from ariel_build.run.execute import Execution
from tools.recorded import DIGITS

BOARD = boards.load("qemu-cortex-m7")
#: Bytes of code that the keyword spotter may take.
KWS_CODE = 6 * 1024

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target(BOARD.target)]


def firmware(path: Path, goal: Optimize, folder: Path) -> tuple[Compiled, Execution]:
    """Returns the compiled model and what its firmware did."""
    compiled = compile_model(path, ModelOptions(path, cores=1, optimize=goal), BOARD, "model")
    folder.mkdir()
    (folder / "ariel_models.rs").write_text(compiled.module_text)
    (folder / "model.weights").write_bytes(compiled.weights)
    facts = Facts(len(compiled.weights), compiled.plan.arena_bytes, compiled.macs)
    return compiled, execute(folder, "model", BOARD, random_samples(compiled.graph.inputs, 2).raw(), facts=facts)


@pytest.mark.parametrize("name", ["digits", "mlperf_kws_int8", "mlperf_vww_int8", "tflm_micro_speech_int8"])
def test_less_code_for_a_quarter_more_instructions(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = DIGITS if name == "digits" else next((request.getfixturevalue("models") / "dev" / name).glob("model.*"))
    made = {goal: firmware(path, goal, tmp_path / goal) for goal in ("speed", "size")}
    code, instructions = {}, {}
    for goal, (compiled, done) in made.items():
        assert done.stats is not None
        flash, count = done.stats["flash_bytes"], done.stats["instructions_per_inference"]
        assert isinstance(flash, int)
        assert isinstance(count, float | int)
        code[goal], instructions[goal] = flash - len(compiled.weights), count
    assert made["size"][1].outputs == made["speed"][1].outputs
    assert instructions["size"] <= 1.25 * instructions["speed"]
    assert code["size"] <= code["speed"]
    if name == "mlperf_kws_int8":
        assert code["size"] <= min(KWS_CODE, 0.7 * code["speed"])


def test_says_where_it_changes_nothing() -> None:
    for board, told in (("qemu-riscv32", True), ("qemu-cortex-m7", False)):
        compiled = compile_model(DIGITS, ModelOptions(DIGITS, cores=1, optimize="size"), boards.load(board), "model")
        assert any("changes nothing" in note for note in compiled.notes) == told
