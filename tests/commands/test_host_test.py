"""`test`: a `#[test]` that passes, and that fails where the model answers otherwise than was recorded."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from ariel_build.commands import verify
from ariel_build.machine import process
from ariel_build.machine.process import Completed
from ariel_build.project.host_test import is_firmware
from ariel_build.run import toolchain
from tests.commands.conftest import Command
from tests.examples.support import TARGET
from tests.zoo import FLOAT, INT64, node, onnx_file
from tools.recorded import DIGITS, ROOT

FIRMWARE = "#![no_std]\n#![no_main]\n"


@pytest.fixture
def crate(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a project for this computer, in which the test is."""
    assert command("new", tmp_path / "reader", "--board", "host", "--model", DIGITS).code == 0
    monkeypatch.chdir(tmp_path / "reader")
    return tmp_path / "reader"


def cargo_test(folder: Path, *words: str) -> Completed:
    env = toolchain.find("host").environment() | {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    env["CARGO_TARGET_DIR"] = str(TARGET)
    return process.run(["cargo", "test", "--release", *words], timeout=1800, cwd=folder, env=env)


def test_it_passes_and_notices_another_answer(command: Command, crate: Path) -> None:
    answer = command("test", "--samples", "3")
    assert answer.code == 0, answer
    assert "3 samples, judged by " in answer.out
    assert "run it: cargo test\n" in answer.out
    done = cargo_test(crate, "--test", "ariel_digits")
    assert done.status == 0, done.stdout + done.stderr
    assert "digits_answers_as_recorded ... ok" in done.stdout
    assert "warning" not in done.stderr, done.stderr
    data = crate / "tests/ariel_digits.bin"
    record = bytearray(data.read_bytes())
    assert len(record) == 3 * (64 + 10)
    record[-1] ^= 1
    data.write_bytes(record)
    done = cargo_test(crate, "--test", "ariel_digits")
    assert done.status != 0
    assert re.search(r"sample 2: element 9 is -?\d+, recorded was -?\d+", done.stdout)
    data.write_bytes(record[:-1])
    assert "the record is of another model" in cargo_test(crate, "--test", "ariel_digits").stdout
    # It may be recorded again.
    assert command("test").code == 0
    assert len(data.read_bytes()) == 4 * (64 + 10)


def test_a_firmware_gets_a_crate_of_its_own(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "chip"
    assert command("new", project, "--board", "nrf52840", "--executor", "embassy", "--model", DIGITS).code == 0
    monkeypatch.chdir(project)
    answer = command("test")
    assert answer.code == 0, answer
    assert "cargo test --manifest-path tests/ariel/Cargo.toml --target $(rustc --print host-tuple)" in answer.out
    done = cargo_test(project, "--manifest-path", "tests/ariel/Cargo.toml", "--target", host_tuple())
    assert done.status == 0, done.stdout + done.stderr
    assert "digits_answers_as_recorded ... ok" in done.stdout


def host_tuple() -> str:
    return process.run(["rustc", "--print", "host-tuple"], timeout=60).stdout.strip()


def test_samples_of_the_users_of_every_kind_of_output(command: Command, crate: Path) -> None:
    """Two inputs; outputs of floats, of integers and of truth values."""
    nodes = [
        node("Add", ["a", "b"], ["sum"]),
        node("Less", ["a", "b"], ["less"]),
        node("ArgMax", ["a"], ["where"], axis=1, keepdims=0),
    ]
    ends = {"a": (FLOAT, [1, 4]), "b": (FLOAT, [1, 4])}
    outputs = {"sum": (FLOAT, [1, 4]), "less": (9, [1, 4]), "where": (INT64, [1])}
    onnx_file(crate / "models/pair.onnx", nodes, ends, outputs)
    text = (crate / "Cargo.toml").read_text()
    table = '[package.metadata.ariel.models.pair]\npath = "models/pair.onnx"\n'
    short = re.search(r"model = .*\n", text)
    assert short
    # This model has kernels that the project's own does without.
    text = text.replace(", default-features = false", "").replace(short[0], "")
    (crate / "Cargo.toml").write_text(text.replace("[dependencies]", f"{table}\n[dependencies]"))
    (crate / "src/main.rs").write_text("fn main() {}\n")
    a = np.array([[[1.0, np.nan, -3.0, 4e9]], [[0.0, 1.0, 2.0, 3.0]]], np.float32)
    np.savez(crate / "pairs.npz", a=a, b=a[::-1].copy())
    assert command("test", "--samples", crate / "pairs.npz").code == 0
    done = cargo_test(crate, "--test", "ariel_pair")
    assert done.status == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr, done.stderr
    data = crate / "tests/ariel_pair.bin"
    record = bytearray(data.read_bytes())
    assert len(record) == 2 * (32 + 16 + 4 + 8)
    record[32:36] = np.float32(2.0).tobytes()
    data.write_bytes(record)
    assert "sample 0, sum: element 0 is 1, recorded was 2" in cargo_test(crate, "--test", "ariel_pair").stdout


def test_who_judged_is_written(command: Command, crate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ariel_build.answers.oracle.importlib.util.find_spec", lambda _: None)
    assert command("test").code == 0
    text = (crate / "tests/ariel_digits.rs").read_text()
    assert f"by {verify.OURS} (TFLite-Micro is not installed" in text


def test_a_model_that_disagrees_gets_no_test(command: Command, crate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = verify.judged_outputs

    def wrong(*words: object) -> list[verify.Judged]:
        found = judged(*words)  # type: ignore[arg-type]
        return [verify.Judged(one.want + 1, one.judge) for one in found]

    monkeypatch.setattr(verify, "judged_outputs", wrong)
    answer = command("test")
    assert answer.code == 1
    assert "the generated Rust disagrees with" in answer.err
    assert not (crate / "tests").exists()


def test_refusals(command: Command, crate: Path, flip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command("test", flip).refuses("a test is written for a model of a Cargo.toml")
    command("test", "--samples", "0").refuses("at least one sample")
    command("test", "--samples", "none.npz").refuses("none.npz")
    (crate / "tests").mkdir()
    (crate / "tests/ariel_digits.rs").write_text("// mine\n")
    command("test").refuses("the file is not one that this command wrote")
    assert (crate / "tests/ariel_digits.rs").read_text() == "// mine\n"
    assert not (crate / "tests/ariel_digits.bin").exists()
    monkeypatch.chdir("/")
    command("test").refuses("there is no Cargo.toml here")


@pytest.mark.parametrize(
    "files, firmware",
    [
        ({"src/main.rs": FIRMWARE}, True),
        ({"src/main.rs": "fn main() {}\n// #![no_main]\n"}, False),
        ({"src/lib.rs": "#![no_std]\n"}, False),
        ({"src/lib.rs": "#![no_std]\n", "src/bin/app.rs": FIRMWARE}, True),
        ({"src/main.rs": "#![cfg_attr(not(test), no_std)]\n"}, True),
        ({"app.rs": FIRMWARE}, True),
    ],
)
def test_what_is_a_firmware(files: dict[str, str], firmware: bool, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert is_firmware(tmp_path, {"bin": [{"name": "app", "path": "app.rs"}]}) == firmware
