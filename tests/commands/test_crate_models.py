"""Inside of a crate, a command without MODEL takes the models of its Cargo.toml, with their options."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ariel_build.commands import COMMANDS
from tests.commands.conftest import Command
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS

PACKAGE = '[package]\nname = "sensor"\nversion = "0.1.0"\n\n'


@pytest.fixture
def crate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a crate with the digits' network; the test is in its folder `src`."""
    folder = tmp_path / "sensor"
    (folder / "src").mkdir(parents=True)
    (folder / "models").mkdir()
    shutil.copy(DIGITS, folder / "models")
    (folder / "Cargo.toml").write_text(
        f'{PACKAGE}[package.metadata.ariel]\nboard = "stm32f4"\n'
        '[package.metadata.ariel.models.reader]\npath = "models/digits.tflite"\noptimize = "size"\n'
        'labels = "labels.txt"\n'
    )
    (folder / "labels.txt").write_text("\n".join(f"d{k}" for k in range(10)))
    monkeypatch.chdir(folder / "src")
    return folder


def test_inspect_and_fit(command: Command, crate: Path) -> None:
    answer = command("inspect", "--json")
    assert answer.code == 0, answer
    assert json.loads(answer.out)["predicted"]["board"] == "stm32f4"
    given = command("inspect", crate / "models/digits.tflite", "--board", "stm32f4", "--optimize", "size", "--json")
    assert json.loads(given.out) == json.loads(answer.out)
    # What the command line says goes first.
    other = json.loads(command("inspect", "--board", "rp2040", "--cores", "1", "--json").out)
    assert other["predicted"]["board"] == "rp2040"
    speed = json.loads(command("inspect", "--optimize", "speed", "--json").out)
    assert speed["predicted"]["instructions"] < json.loads(answer.out)["predicted"]["instructions"]
    # `fit` is about all boards.
    assert len(json.loads(command("fit", "--json").out)) > 10


def test_compile_names_the_module_as_the_crate_does(command: Command, crate: Path, tmp_path: Path) -> None:
    answer = command("compile", "-o", tmp_path / "out")
    assert answer.code == 0, answer
    text = (tmp_path / "out/reader.rs").read_text()
    assert "pub mod reader {" in text
    assert "D7" in text  # the labels were found from the package's folder


def test_run_and_verify(command: Command, crate: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", input_0=np.zeros((1, 1, 8, 8, 1), np.int8))
    answer = command("run", "--inputs", tmp_path / "in.npz", "--outputs", tmp_path / "out.npz")
    assert answer.code == 0, answer
    assert command("verify", "--samples", "1").code == 0


def test_quantize_takes_the_float_model(command: Command, crate: Path, tmp_path: Path) -> None:
    weights = np.random.default_rng(1).normal(size=(64, 48)).astype(np.float32)
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    onnx_file(crate / "models/net.onnx", nodes, {"x": (FLOAT, [1, 64])}, {"y": (FLOAT, [1, 48])}, {"w": weights})
    np.savez(crate / "net.npz", x=np.random.default_rng(1).normal(size=(32, 1, 64)).astype(np.float32))
    (crate / "Cargo.toml").write_text(
        f'{PACKAGE}[package.metadata.ariel.models.net]\npath = "models/net.onnx"\n'
        'quantize = { calibration = "net.npz" }\n'
    )
    answer = command("quantize", "--calibration", crate / "net.npz", "-o", tmp_path / "int8.onnx")
    assert answer.code == 0, answer
    # And the others take what the build makes of it.
    weighed = json.loads(command("inspect", "--json").out)["weights_bytes"]
    assert weighed < json.loads(command("inspect", crate / "models/net.onnx", "--json").out)["weights_bytes"]


@pytest.fixture
def several(crate: Path, flip: Path) -> Path:
    shutil.copy(flip, crate / "models")
    with (crate / "Cargo.toml").open("a") as file:
        file.write('[package.metadata.ariel.models.flip]\npath = "models/flip.onnx"\n')
    return crate


def test_several_models_one_after_the_other(command: Command, several: Path, tmp_path: Path) -> None:
    answer = command("inspect")
    assert answer.code == 0, answer
    assert answer.out.index("reader:\n") < answer.out.index("flip:\n")
    assert command("compile", "-o", tmp_path / "out").code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"reader.rs", "flip.rs"}
    # One of them by its name.
    assert json.loads(command("inspect", "flip", "--json").out)["macs"] == 0
    for words in (["inspect", "--json"], ["fit", "--json"], ["run", "--inputs", "a.npz", "--outputs", "b.npz"]):
        command(*words).refuses("which model? Cargo.toml has reader, flip")
    command("quantize", "--calibration", "a.npz", "-o", "b.onnx").refuses("which model?")


def test_refusals(command: Command, crate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command("inspect", "raeder").refuses("raeder")
    command("inspect", "none.tflite").refuses("none.tflite")
    (crate / "Cargo.toml").write_text(PACKAGE)
    command("inspect").refuses("there is no [package.metadata.ariel]", "../Cargo.toml")
    monkeypatch.chdir("/")
    command("inspect").refuses("no MODEL is given, and there is no Cargo.toml here")


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"boards", "cargo", "new", "sweep"}))
def test_every_command_of_a_model_does_without_it(name: str, command: Command) -> None:
    assert "[MODEL]" in command(name, "--help").out
