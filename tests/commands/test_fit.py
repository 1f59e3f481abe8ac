"""`fit`: which boards a model fits, what limits it, what would help, and energy from currents that a board cites."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.report import fitting
from tests.commands.conftest import Command
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS

BOARD = """\
target = "thumbv7em-none-eabihf"

[[cores]]
name = "cortex-m4"
isa = "armv7e-m"
dsp = true
fpu = "single"
count = {cores}
clock-hz = 100_000_000

[[memories]]
name = "flash"
kind = "flash"
origin = 0x0800_0000
length = "{flash}"

[[memories]]
name = "ram"
kind = "ram"
origin = 0x2000_0000
length = "{ram}"

[power]
volts = 3.0
active-ua-per-mhz = 100
"""


def board(folder: Path, name: str = "mine", *, ram: str = "64K", flash: str = "256K", cores: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(BOARD.format(ram=ram, flash=flash, cores=cores))
    return path


def fits(command: Command, model: Path, *words: str | Path, code: int = 0) -> dict[str, dict[str, Any]]:
    answer = command("fit", model, "--json", *words)
    assert answer.code == code, answer
    return {fit["board"]: fit for fit in json.loads(answer.out)}


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Returns a float model with 64 KB of weights."""
    weights = np.random.default_rng(1).standard_normal((128, 128)).astype(np.float32)
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    return onnx_file(tmp_path / "wide.onnx", nodes, {"x": (FLOAT, [1, 128])}, {"y": (FLOAT, [1, 128])}, {"w": weights})


def test_every_board_with_memories_has_a_row_that_inspect_agrees_with(command: Command) -> None:
    found = fits(command, DIGITS)
    assert set(found) == {n for n in boards.known() if boards.load(n).banks("ram") and boards.load(n).banks("flash")}
    for name in ("stm32h7", "rp2040", "qemu-riscv32"):
        answer = command("inspect", DIGITS, "--board", name, "--json")
        facts = json.loads(answer.out)
        fit = found[name]
        assert fit["fits"]
        assert (fit["ram_bytes"], fit["flash_bytes"]) == (facts["ram_bytes"], facts["flash_bytes"])
        assert fit["latency_ms"] == facts["predicted"]["latency_ms"]
        assert fit["energy_uj"] == facts["predicted"]["energy_uj"]


@pytest.mark.parametrize("more", [{}, {"max_tile": 1e-4}], ids=["", "timed"])
def test_boards_that_share_code_have_the_rows_that_they_have_alone(
    more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def counted(*given: Any, **named: Any) -> Compiled:  # noqa: ANN401 - as it is called
        made.append(given)
        return compile_model(*given, **named)

    monkeypatch.setattr(fitting, "compile_model", counted)
    all_ = [board for board in map(boards.load, boards.known()) if board.banks("ram") and board.banks("flash")]
    options = replace(ModelOptions(DIGITS), **more)
    together = fitting.Fitting(DIGITS, options)
    found = [together.on(board) for board in all_]
    shared = len(made)
    assert found == [fitting.Fitting(DIGITS, options).on(board) for board in all_]
    alone = len(made) - shared
    assert shared < (alone if more else alone * 2 // 3)


def test_people_read_a_table(command: Command) -> None:
    answer = command("fit", DIGITS)
    assert answer.code == 0
    assert "nrf52840" in answer.out
    assert "conv2d_" in answer.out


def test_one_board_that_is_too_small_is_a_no_with_its_reasons(command: Command, wide: Path, tmp_path: Path) -> None:
    small = board(tmp_path / "boards", flash="32K")
    found = fits(command, wide, "--board", small, code=1)["mine"]
    assert not found["fits"]
    assert "bytes of flash, the board has 32,768" in found["reason"]
    assert "`ariel-build quantize " in found["help"]
    assert found["largest"].endswith("(100%)")
    told = command("fit", wide, "--board", small)
    assert told.code == 1
    assert "  help: int8, a quarter of the bytes" in told.out


def test_code_and_stack_count(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "boards"
    at_ease = fits(command, DIGITS, "--board", board(folder))["mine"]
    ram, flash = at_ease["ram_bytes"] + at_ease["stack_bytes_max"], at_ease["flash_bytes_max"]
    enough = board(folder, ram=f"{-(-ram // 1024)}K", flash=f"{-(-flash // 1024)}K")
    assert fits(command, DIGITS, "--board", enough)["mine"]["fits"]
    assert not fits(command, DIGITS, "--board", board(folder, ram=f"{ram // 1024}K"), code=1)["mine"]["fits"]
    assert not fits(command, DIGITS, "--board", board(folder, flash=f"{flash // 1024}K"), code=1)["mine"]["fits"]


def test_what_would_help_has_been_tried(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "boards"
    one = fits(command, DIGITS, "--board", board(folder, cores=2), "--cores", "1")["mine"]
    two = fits(command, DIGITS, "--board", board(folder, cores=2))["mine"]
    between = (one["ram_bytes"] + one["stack_bytes_max"] + two["ram_bytes"] + two["stack_bytes_max"]) // 2
    path = board(folder, cores=2, ram="64K")
    path.write_text(path.read_text().replace('"64K"', str(between)))
    refused = fits(command, DIGITS, "--board", path, code=1)["mine"]
    assert refused["help"].startswith("it fits with `cores = 1`")
    assert fits(command, DIGITS, "--board", path, "--cores", "1")["mine"]["fits"]


def test_a_folder_of_boards_is_looked_at_too(command: Command, tmp_path: Path) -> None:
    board(tmp_path / "boards", "ours")
    assert fits(command, DIGITS, "--boards", tmp_path / "boards")["ours"]["fits"]


def test_budgets_count(command: Command) -> None:
    found = fits(command, DIGITS, "--board", "stm32h7", "--budget", "ram=1K", code=1)["stm32h7"]
    assert "its budget is 1,024" in found["reason"]


def test_energy_is_charge_times_voltage(command: Command, tmp_path: Path) -> None:
    path = board(tmp_path / "boards")
    energy = fits(command, DIGITS, "--board", path)["mine"]["energy_uj"]
    predicted = json.loads(command("inspect", DIGITS, "--json", "--board", path).out)["predicted"]
    # 100 uA at 1 MHz are 100 pC a cycle.
    assert energy == pytest.approx(3.0 * 100e-12 * predicted["instructions"] * 1e6, abs=1e-3)
    assert predicted["energy_uj"] == energy


def test_bad_input_is_refused(command: Command, exotic: Path, tmp_path: Path) -> None:
    command("fit", exotic).refuses("is not supported")
    command("fit", DIGITS, "--boards", tmp_path / "none").refuses("the folder of board files is not there")
    command("fit", DIGITS, "--boards", tmp_path).refuses("the folder has no board file")
    command("fit", DIGITS, "--board", "stm32h9").refuses("there is no board `stm32h9`")
    path = board(tmp_path / "boards")
    path.write_text(path.read_text().replace("volts = 3.0", "volts = 0"))
    command("fit", DIGITS, "--board", path).refuses("`power.volts` is 0: a number from 0.1 to 100 is expected")
    fits(command, DIGITS, "--board", "stm32h7", "--cores", "2", code=1)
