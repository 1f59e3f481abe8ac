"""`compile`: the files it writes, all or none; and what happens when nobody reads our output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.commands.conftest import Command
from tests.zoo import FLOAT, node, onnx_file


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def weighty(tmp_path: Path) -> Path:
    """Returns a model that has weights."""
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    w = np.arange(12, dtype=np.float32).reshape(3, 4)
    path = tmp_path / "weighty.onnx"
    return onnx_file(path, nodes, {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, [2, 4])}, {"w": w})


def test_writes_module_and_weights(weighty: Path, command: Command, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    answer = command("compile", weighty, "-o", out)
    assert answer.code == 0, answer
    assert files(out) == ["weighty.rs", "weighty.weights"]
    assert "24 MACs" in answer.out
    assert "pub mod weighty {" in (out / "weighty.rs").read_text()


def test_the_module_is_named_after_the_file(flip: Path, command: Command, tmp_path: Path) -> None:
    model = flip.rename(tmp_path / "2 type-r.onnx")
    assert command("compile", model, "-o", tmp_path / "out").code == 0
    assert files(tmp_path / "out") == ["m_2_type_r.rs"]


def test_a_refused_model_leaves_the_old_files(weighty: Path, exotic: Path, command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("compile", weighty, "-o", out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    exotic.rename(weighty)
    command("compile", weighty, "-o", out).refuses("Warp")
    assert {path: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("blocked", ["weighty.rs", "weighty.weights"])
def test_a_failed_write_leaves_nothing_half_written(
    blocked: str, weighty: Path, command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / blocked).mkdir(parents=True)
    command("compile", weighty, "-o", out).refuses("cannot write", "out")
    assert files(out) == [blocked]


def test_a_file_is_no_folder(flip: Path, command: Command) -> None:
    command("compile", flip, "-o", flip).refuses("is a file, not a folder", "-o")
    command("compile", flip, "-o", flip / "deeper").refuses("flip.onnx")


def test_weights_of_an_earlier_model_go(flip: Path, weighty: Path, command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("compile", weighty, "-o", out)
    flip.rename(weighty)
    assert command("compile", weighty, "-o", out).code == 0
    assert files(out) == ["weighty.rs"]


@pytest.mark.parametrize("words", [("boards",), ("inspect", "MODEL"), ("inspect", "MODEL", "--json")])
def test_a_reader_that_goes_away_is_no_error(words: tuple[str, ...], flip: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        given = [str(flip) if word == "MODEL" else word for word in words]
        ended = subprocess.run(
            [sys.executable, "-m", "ariel_build", *given], stdout=write, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(write)
    assert ended.stderr == ""
    assert ended.returncode == 0
