"""`state`: an output that the model keeps as an input of its next call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.cli import main
from tests.zoo import FLOAT, node, onnx_file

W = np.random.default_rng(2).normal(0, 0.5, (4, 4)).astype(np.float32)


def cell(path: Path) -> Path:
    """`h' = tanh(x w + h)`, `y = 2 h'`."""
    nodes = [
        node("MatMul", ["x", "w"], ["p"]),
        node("Add", ["p", "h_in"], ["s"]),
        node("Tanh", ["s"], ["h_out"]),
        node("Add", ["h_out", "h_out"], ["y"]),
    ]
    ends = {"x": (FLOAT, [1, 4]), "h_in": (FLOAT, [1, 4]), "wide": (FLOAT, [1, 5])}
    made = {"h_out": (FLOAT, [1, 4]), "y": (FLOAT, [1, 4])}
    return onnx_file(path, nodes, ends, made, {"w": W})


def run(folder: Path, *options: str) -> int:
    given = ["--inputs", str(folder / "in.npz"), "--outputs", str(folder / "out.npz")]
    return main(["run", str(cell(folder / "cell.onnx")), *given, *options])


def test_samples_are_consecutive_steps(tmp_path: Path) -> None:
    x = np.random.default_rng(3).normal(size=(5, 1, 4)).astype(np.float32)
    np.savez(tmp_path / "in.npz", x=x, wide=np.zeros((5, 1, 5), np.float32))
    assert run(tmp_path, "--state", "h_in=h_out") == 0
    h, want = np.zeros((1, 4), np.float32), []
    for step in x:
        h = np.tanh(step @ W + h)
        want.append(2 * h)
    with np.load(tmp_path / "out.npz") as out:
        assert out.files == ["y"]
        assert np.allclose(out["y"], want, rtol=1e-5, atol=1e-6)


def test_verify_asks_the_oracle_step_by_step(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = cell(tmp_path / "cell.onnx")
    assert main(["verify", str(path), "--state", "h_in=h_out", "--samples", "6"]) == 0
    assert "onnxruntime" in capfd.readouterr().out


@pytest.mark.parametrize(
    "states, says",
    [
        (["h=h_out"], "`h` is no input of the model; it has `x`, `h_in`, `wide`"),
        (["h_in=h"], "`h` is no output of the model; it has `h_out`, `y`"),
        (["wide=y"], "`wide` is f32[1, 5], `y` is f32[1, 4]: what is kept has one type"),
        (["h_in=h_out", "x=h_out"], "each input and each output is kept once"),
        (["h_in=h_out", "x=y"], "all outputs are kept as states"),
        (["h_in"], "`h_in` is not NAME=VALUE"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    states: list[str], says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = cell(tmp_path / "cell.onnx")
    options = [word for state in states for word in ("--state", state)]
    assert main(["compile", str(path), "-o", str(tmp_path / "out"), *options]) == 2
    said = " ".join(capfd.readouterr().err.split())
    assert says in said and "Traceback" not in said
    assert not (tmp_path / "out").exists()
