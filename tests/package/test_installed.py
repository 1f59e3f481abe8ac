"""Every command of an installed package, in a folder of the user's, on the host and on an emulated board."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ariel_build import commands
from tests.package.conftest import Installed
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS

SAMPLES = 20
#: How a user may call the program.
SPELLINGS = (["python", "-m", "ariel_build"], ["ariel-build"], ["cargo", "ariel"])
#: Each command but `cargo`, which build scripts call (test_crates.py), and its words after the model.
WORDS: dict[str, list[str]] = {
    "boards": [],
    "compile": ["-o", "generated"],
    "fit": ["--board", "stm32f4"],
    "init": ["--yes"],
    "inspect": ["--json"],
    "new": ["--board", "nrf52840", "--executor", "embassy", "--model", "digits.tflite"],
    "quantize": ["--calibration", "dense.npz", "-o", "int8.onnx"],
    "profile": ["--board", "stm32f4"],
    "report": ["--json", "report.json"],
    "run": ["--inputs", "in.npz", "--outputs", "out.npz", "--stats", "stats.json"],
    "sweep": ["-o", "sweep.csv"],
    "test": ["--samples", "2"],
    "verify": ["--samples", "2"],
}
#: What stands for the model, where that is not the digits' network alone.
MODEL: dict[str, list[str]] = {
    "boards": [],
    "new": ["made"],
    "profile": ["device.log", "digits.tflite"],
    "quantize": ["dense.onnx"],
    "sweep": ["sweep.toml"],
    "test": [],
}
LOG = "ariel-profile digits: 1 inferences, 1000 Hz\nariel-profile digits: step 0, 1 tiles, 5 ticks, 5 at most\n"
#: What they write.
MADE = (
    "generated",
    "out.npz",
    "stats.json",
    "int8.onnx",
    "report.html",
    "report.json",
    "sweep.csv",
    "made",
    "src",
    "tests",
)
emulated = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]
BOARDS = ["host", pytest.param("qemu-cortex-m7", marks=emulated)]


@pytest.fixture(scope="session")
def here(installed: Installed) -> Installed:
    """Returns the installation, with the model and its inputs in the folder."""
    shutil.copy(DIGITS, installed.folder / "digits.tflite")
    np.savez(installed.folder / "in.npz", input_0=images(installed))
    (installed.folder / "device.log").write_text(LOG)
    (installed.folder / "sweep.toml").write_text('models = ["*.tflite"]\nboards = ["stm32f4"]\n')
    dense(installed.folder)
    np.savez(installed.folder / "dense.npz", x=np.random.default_rng(1).normal(size=(64, 1, 4)).astype(np.float32))
    return installed


def dense(folder: Path) -> npt.NDArray[np.float32]:
    """Writes a float network, by another reader, on the dependency that changes most; returns its weights."""
    weights: npt.NDArray[np.float32] = (np.arange(12).reshape(4, 3) / 8 - 0.5).astype(np.float32)
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    onnx_file(folder / "dense.onnx", nodes, {"x": (FLOAT, [1, 4])}, {"y": (FLOAT, [1, 3])}, {"w": weights})
    return weights


def crate(folder: Path) -> None:
    """Writes a crate into the folder."""
    (folder / "Cargo.toml").write_text('[package]\nname = "sensor"\nversion = "0.1.0"\nedition = "2024"\n')
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text("fn main() {}\n")


def images(installed: Installed) -> npt.NDArray[np.int8]:
    """Returns images that the network was not trained on, as `inspect` says that it takes them."""
    (takes,) = json.loads(installed.ariel("inspect", "digits.tflite", "--json"))["inputs"]
    raw = np.frombuffer(DIGITS.with_name("digits-test.bin").read_bytes(), np.uint8).reshape(-1, 65)
    scaled = np.round(raw[:SAMPLES, :64] / 16.0 / takes["scale"]) + takes["zero_point"]
    quantised: npt.NDArray[np.int8] = np.clip(scaled, -128, 127).astype(np.int8)
    return quantised.reshape(SAMPLES, *takes["shape"])


def test_no_command_is_left_out() -> None:
    names = set(commands.COMMANDS)
    assert names == {*WORDS, "cargo"}


@pytest.mark.parametrize("command", WORDS)
def test_every_command(here: Installed, command: str) -> None:
    check(here, SPELLINGS[0], command)


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=[pytest.mark.at_length] if name != "inspect" else []) for name in WORDS]
)
# The names are the same in both installations: once is enough.
@pytest.mark.parametrize("installed", ["newest"], indirect=True)
def test_every_name(here: Installed, command: str) -> None:
    for words in SPELLINGS[1:]:
        check(here, words, command)


def check(here: Installed, words: Sequence[str], command: str) -> None:
    """Runs a command, called by these words, and checks what it made."""
    model = MODEL.get(command, ["digits.tflite"])
    made = [here.folder / name for name in MADE]
    for old in made:
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    if command in ("init", "test"):
        crate(here.folder)
    if command == "test":
        with (here.folder / "Cargo.toml").open("a") as file:
            file.write('[package.metadata.ariel]\nmodel = "digits.tflite"\n')
    text = here.run(*words, command, *model, *WORDS[command])
    if command == "boards":
        assert "qemu-cortex-m7" in text
    elif command == "compile":
        assert (here.folder / "generated" / "digits.rs").stat().st_size > 1000
        assert (here.folder / "generated" / "digits.weights").stat().st_size > 1000
    elif command == "fit":
        assert "stm32f4" in text
    elif command == "init":
        assert "ariel-ml-rs" in (here.folder / "Cargo.toml").read_text()
        for name in ("Cargo.toml", "build.rs"):
            (here.folder / name).unlink()
    elif command == "test":
        assert (here.folder / "tests" / "ariel_digits.bin").stat().st_size == 2 * (64 + 10)
        (here.folder / "Cargo.toml").unlink()
    elif command == "new":
        assert (here.folder / "made" / "memory.x").stat().st_size > 100
    elif command == "profile":
        assert "conv" in text.lower()
    elif command == "quantize":
        assert (here.folder / "int8.onnx").stat().st_size > 100
    elif command == "report":
        assert "<svg" not in (page := (here.folder / "report.html").read_text(encoding="utf-8"))
        assert "Content-Security-Policy" in page and "digits.tflite" in page
        assert json.loads((here.folder / "report.json").read_text())["fits"]
    elif command == "sweep":
        assert "digits.tflite,stm32f4,," in (here.folder / "sweep.csv").read_text()
    elif command == "inspect":
        assert json.loads(text)["unsupported"] == []
    elif command == "run":
        assert json.loads((here.folder / "stats.json").read_text())["samples"] == SAMPLES
        assert np.load(here.folder / "out.npz").files
    else:
        assert "agree" in text


@pytest.mark.parametrize("board", BOARDS)
def test_answers_are_those_of_the_reference(here: Installed, board: str) -> None:
    here.ariel("run", "digits.tflite", *WORDS["run"], "--on", board)
    (scores,) = np.load(here.folder / "out.npz").values()
    recorded = json.loads(DIGITS.with_suffix(".json").read_text())["int8_answers"]
    assert "".join(map(str, scores.reshape(SAMPLES, -1).argmax(axis=1))) == recorded[:SAMPLES]
    stats = json.loads((here.folder / "stats.json").read_text())
    assert stats["board"] == board
    if board != "host":
        assert stats["instructions_per_inference"] > stats["macs"] / 2
    here.ariel("verify", "digits.tflite", "--samples", "2", "--per-layer", "--on", board)


def test_onnx_models_too(here: Installed) -> None:
    weights = dense(here.folder)
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 1, 4)
    np.savez(here.folder / "x.npz", x=x)
    here.ariel("run", "dense.onnx", "--inputs", "x.npz", "--outputs", "y.npz")
    np.testing.assert_allclose(np.load(here.folder / "y.npz")["y"], np.maximum(x @ weights, 0), rtol=1e-6)


def test_a_new_project_builds_with_what_is_installed(here: Installed) -> None:
    """The crates are those of the package, found by the path that the project's Cargo.toml has."""
    shutil.rmtree(here.folder / "reader", ignore_errors=True)
    here.ariel("new", "reader", "--board", "host", "--model", "digits.tflite")
    manifest = here.folder / "reader" / "Cargo.toml"
    assert f'path = "{here.packages}/ariel_build/_data/ariel-ml-rs"' in manifest.read_text()
    printed = here.run("cargo", "run", "--release", "--manifest-path", manifest)
    assert printed.startswith("digits answers [")


def test_nothing_installed_names_the_checkout(installed: Installed, root: Path) -> None:
    ours = [*installed.packages.glob("ariel_build*"), *installed.venv.glob("bin/*ariel*")]
    files = [path for place in ours for path in (place.rglob("*") if place.is_dir() else [place]) if path.is_file()]
    assert len(files) > 300
    assert [path for path in files if str(root).encode() in path.read_bytes()] == []
