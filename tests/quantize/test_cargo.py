"""`quantize` in Cargo.toml: the build script makes int8 of a float model, once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ariel_build import cargo, quantize
from ariel_build.driver import import_file
from tests.zoo import FLOAT, Ends, node, onnx_file

TARGET = "x86_64-unknown-linux-gnu"


@dataclass
class Firmware:
    """A package with a float model in it."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def build(self, quantize_: str) -> tuple[int, list[str]]:
        """Returns the exit code and the lines that cargo reads."""
        (self.root / "Cargo.toml").write_text(
            '[package]\nname = "firmware"\nversion = "0.1.0"\n[package.metadata.ariel.models.net]\n'
            f'path = "network.onnx"\nquantize = {quantize_}\n'
        )
        (self.root / "out").mkdir(exist_ok=True)
        names = {"CARGO_MANIFEST_DIR": str(self.root), "OUT_DIR": str(self.root / "out")}
        code = cargo.main({**names, "TARGET": TARGET, "HOST": TARGET})
        return code, self.capsys.readouterr().out.splitlines()


@pytest.fixture
def firmware(network: Path, calibration: Path, capsys: pytest.CaptureFixture[str]) -> Firmware:
    """Returns the package; `calibration.npz` lies beside the model."""
    assert calibration.parent == network.parent
    return Firmware(network.parent, capsys)


def test_the_build_script_quantises(firmware: Firmware) -> None:
    code, lines = firmware.build('{ calibration = "calibration.npz", max-drop = "5%" }')
    assert code == 0, lines
    (made,) = (firmware.root / "out" / "quantized").glob("*/network.onnx")
    graph, _ = import_file(made)
    assert any(value.type.quant is not None for value in graph.values())
    text = (firmware.root / "out" / "net.rs").read_text()
    assert "Conv2d" in text and "pub mod net" in text
    watched = [line.partition("rerun-if-changed=")[2] for line in lines if "rerun-if-changed" in line]
    assert {"network.onnx", "calibration.npz"} <= set(watched)
    # What is made while building is watched by nobody: cargo would build again.
    assert not [path for path in watched if "out" in Path(path).parts]


def test_nothing_is_quantised_twice(firmware: Firmware, monkeypatch: pytest.MonkeyPatch) -> None:
    assert firmware.build('{ calibration = "calibration.npz" }')[0] == 0
    before = (firmware.root / "out" / "net.weights").read_bytes()
    with monkeypatch.context() as patched:

        def never(*_: object, **__: object) -> None:
            raise AssertionError

        patched.setattr(quantize.model, "quantize", never)
        assert firmware.build('{ calibration = "calibration.npz" }')[0] == 0
    assert (firmware.root / "out" / "net.weights").read_bytes() == before
    # Other samples are another model.
    np.savez(firmware.root / "calibration.npz", x=np.ones((20, 1, 2, 6, 6), np.float32))
    assert firmware.build('{ calibration = "calibration.npz" }')[0] == 0
    assert len(list((firmware.root / "out" / "quantized").iterdir())) == 2


def test_free_dimensions_are_those_of_the_samples(firmware: Firmware) -> None:
    given: Ends = {"x": (FLOAT, ["time", 4])}
    made: Ends = {"y": (FLOAT, ["time", 3])}
    weights = {"w": np.random.default_rng(2).standard_normal((4, 3)).astype(np.float32)}
    onnx_file(firmware.root / "network.onnx", [node("MatMul", ["x", "w"], ["y"])], given, made, weights)
    np.savez(firmware.root / "calibration.npz", x=np.random.default_rng(3).standard_normal((20, 5, 4), np.float32))
    assert firmware.build('{ calibration = "calibration.npz" }')[0] == 0
    assert "[f32; 20]" in (firmware.root / "out" / "net.rs").read_text()


def test_a_calibration_file_that_is_missing_is_told_with_its_line(firmware: Firmware) -> None:
    code, lines = firmware.build('{ calibration = "samples.npz" }')
    assert code == 2
    assert "cargo::error=samples.npz does not exist" in lines
    assert any("Cargo.toml:6" in line for line in lines)


def test_what_is_wrong_with_the_samples_is_told(firmware: Firmware) -> None:
    np.savez(firmware.root / "calibration.npz", y=np.ones(3, np.float32))
    code, lines = firmware.build('{ calibration = "calibration.npz" }')
    assert code == 2
    assert any(line.startswith("cargo::error=no array for the model's input `x`") for line in lines)
