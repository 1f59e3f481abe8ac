"""What the user gets wrong is answered with code 2 and a message: what, where, what to do; never with a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ariel_build.commands import compile as compile_command
from tests.commands.conftest import Command
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS, ROOT

COMPILING = ("compile", "inspect", "run", "verify")


def words(name: str, model: Path, folder: Path) -> list[str | Path]:
    """Returns a command line of the command for the model; the npz has what `flip` takes."""
    inputs = folder / "in.npz"
    if not inputs.exists():
        np.savez(inputs, x=np.zeros((1, 2, 3), np.float32))
    tail: dict[str, list[str | Path]] = {
        "compile": ["-o", folder / "out"],
        "run": ["--inputs", inputs, "--outputs", folder / "out.npz"],
    }
    return [name, model, *tail.get(name, [])]


@pytest.mark.parametrize("name", COMPILING)
def test_a_missing_file(name: str, command: Command, tmp_path: Path) -> None:
    command(*words(name, tmp_path / "kws.tflite", tmp_path)).refuses("does not exist", "kws.tflite")


@pytest.mark.parametrize("name", COMPILING)
def test_a_folder(name: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "kws.onnx").mkdir()
    command(*words(name, tmp_path / "kws.onnx", tmp_path)).refuses("is not a file", "kws.onnx")


@pytest.mark.parametrize("name", COMPILING)
def test_an_unknown_suffix(name: str, command: Command, tmp_path: Path) -> None:
    model = tmp_path / "kws.pt"
    model.write_bytes(b"torch")
    command(*words(name, model, tmp_path)).refuses("kws.pt", ".onnx", ".tflite")


@pytest.mark.parametrize("name", COMPILING)
@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
@pytest.mark.parametrize("content", [b"", b"\0", b"TFL3", bytes(range(256)) * 4], ids=["empty", "one", "magic", "any"])
def test_a_corrupt_file(name: str, suffix: str, content: bytes, command: Command, tmp_path: Path) -> None:
    model = tmp_path / f"kws{suffix}"
    model.write_bytes(content)
    command(*words(name, model, tmp_path)).refuses(f"kws{suffix}", "help: ")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file(share: float, command: Command, tmp_path: Path) -> None:
    data = DIGITS.read_bytes()
    model = tmp_path / "digits.tflite"
    model.write_bytes(data[: int(len(data) * share)])
    command(*words("compile", model, tmp_path)).refuses("digits.tflite", "help: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", COMPILING)
def test_all_that_is_unsupported_is_in_one_list(name: str, exotic: Path, command: Command, tmp_path: Path) -> None:
    answer = command(*words(name, exotic, tmp_path))
    answer.refuses("Warp", "Weft", "first", "second", "exotic.onnx", "help: ")
    assert answer.err.count("error: ") == 2


def test_what_occurs_often_is_told_once(command: Command, tmp_path: Path) -> None:
    nodes = [node("com.microsoft.nchwc:ReorderInput", [f"x{k}"], [f"x{k + 1}"]) for k in range(4)]
    model = onnx_file(tmp_path / "own.onnx", nodes, {"x0": (FLOAT, [1, 8, 2, 2])}, {"x4": (FLOAT, [1, 8, 2, 2])})
    answer = command("compile", model, "-o", tmp_path / "out")
    answer.refuses("ReorderInput is not supported", "node 0", ", and 3 more", "ORT_ENABLE_EXTENDED")
    assert answer.err.count("error: ") == 1
    answer = command("inspect", model)
    assert answer.out.count("unsupported") == 1


def test_a_similar_operator_is_no_help(command: Command, tmp_path: Path) -> None:
    nodes = [node("Transposed", ["x"], ["y"])]
    model = onnx_file(tmp_path / "typo.onnx", nodes, {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, [3, 2])})
    command("compile", model, "-o", tmp_path / "out").refuses("Transposed is not supported", "supported-ops.md")


@pytest.mark.parametrize("name", COMPILING)
def test_an_unknown_board_is_answered_with_the_closest(name: str, flip: Path, command: Command, tmp_path: Path) -> None:
    option = "--on" if name in ("run", "verify") else "--board"
    answer = command(*words(name, flip, tmp_path), option, "qemu-cortex-m77")
    answer.refuses("qemu-cortex-m77", "did you mean `qemu-cortex-m7`?", "ariel-build boards")


@pytest.mark.parametrize("name", COMPILING)
def test_more_cores_than_the_board_has(name: str, flip: Path, command: Command, tmp_path: Path) -> None:
    # The host has a thread for every core.
    board = ("--on" if name in ("run", "verify") else "--board", "qemu-cortex-m7")
    command(*words(name, flip, tmp_path), *board, "--cores", "3").refuses("--cores", "core")


@pytest.mark.parametrize("cores", ["33", "600", "99999999", "0"])
def test_more_cores_than_a_pool_takes(cores: str, flip: Path, command: Command, tmp_path: Path) -> None:
    for name in COMPILING:
        board = ("--on" if name in ("run", "verify") else "--board", "host")
        command(*words(name, flip, tmp_path), *board, "--cores", cores).refuses("--cores", "from 1 to 32")


def test_more_weights_than_the_board_has_flash(command: Command, tmp_path: Path) -> None:
    nodes = [node("Add", ["x", "w"], ["y"])]
    big = np.zeros((300, 256), np.float32)
    model = onnx_file(tmp_path / "big.onnx", nodes, {"x": (FLOAT, [1])}, {"y": (FLOAT, [300, 256])}, {"w": big})
    answer = command(*words("compile", model, tmp_path), "--board", "qemu-cortex-m0")
    answer.refuses("does not fit qemu-cortex-m0", "bytes of flash, the board has 262,144", "big.onnx", "help: ")


def test_boards_that_cannot_be_emulated(flip: Path, command: Command, tmp_path: Path) -> None:
    command(*words("run", flip, tmp_path), "--on", "generic").refuses("generic", "qemu-cortex-m7")


def test_run_takes_one_board(flip: Path, command: Command, tmp_path: Path) -> None:
    both = ["--on", "qemu-cortex-m7", "--board", "qemu-cortex-m4"]
    command(*words("run", flip, tmp_path), *both).refuses("differ")


def test_verify_wants_a_sample(flip: Path, command: Command, tmp_path: Path) -> None:
    command("verify", flip, "--samples", "0").refuses("at least one sample")


@pytest.mark.parametrize(
    "words", [(), ("inspekt",), ("inspect", "x", "y"), ("compile", "x.tflite"), ("run", "x.tflite"), ("boards", "x")]
)
def test_a_wrong_command_line_shows_the_usage(words: tuple[str, ...], command: Command) -> None:
    answer = command(*words)
    assert answer.code == 2
    assert answer.err.startswith("usage: ")


def test_a_budget_that_is_exceeded_is_an_answer_not_an_error(flip: Path, command: Command, tmp_path: Path) -> None:
    answer = command("compile", flip, "-o", tmp_path / "out", "--budget", "ram=16", "--budget", "flash=1")
    assert answer.code == 1
    assert "its budget is 16" in answer.err
    assert "bytes of flash, its budget is 1" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_defect_of_ours_is_code_70(
    flip: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(compile_command, "compiled", fails)
    answer = command("compile", flip, "-o", tmp_path / "out")
    assert answer.code == 70
    assert "a defect of ariel_build" in answer.err
    assert "ZeroDivisionError: ours" in answer.err
    assert "Traceback" not in answer.err


def test_what_the_system_refuses_is_no_defect(
    flip: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command("new", "a" * 300, "--model", flip, "--board", "rp2350").refuses("File name too long")
    command("report", flip, "-o", "a" * 300).refuses("File name too long")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    command("init").refuses("the folder that this was called in is gone")


@pytest.mark.parametrize(
    "words, option",
    [
        (["run", "m.tflite", "--inputs", "in.npz", "--outputs", "m.tflite"], "--outputs"),
        (["run", "m.tflite", "--inputs", "in.npz", "--outputs", "./in.npz"], "--outputs"),
        (["run", "m.tflite", "--inputs", "in.npz", "--outputs", "out.npz", "--stats", "out.npz"], "--stats"),
        (["report", "m.tflite", "-o", "m.tflite"], "-o"),
        (["report", "m.tflite", "-o", "r.html", "--json", "r.html"], "--json"),
        (["quantize", "m.onnx", "--calibration", "in.npz", "-o", "m.onnx"], "-o"),
        (["sweep", "s.toml", "--picture", "s.toml"], "--picture"),
    ],
)
def test_what_is_read_is_not_written_over(
    words: list[str], option: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(ROOT / "examples/digits-mps2-an500/models/digits.tflite", "m.tflite")
    shutil.copyfile(ROOT / "examples/keywords-mps2-an500/models/keywords.onnx", "m.onnx")
    Path("in.npz").write_bytes(b"samples")
    Path("s.toml").write_text('models = ["m.tflite"]\nboards = ["stm32h7"]\n')
    before = {path: path.read_bytes() for path in Path().iterdir()}
    command(*words).refuses(option)
    assert {path: path.read_bytes() for path in Path().iterdir()} == before
