"""What a command imports before it has something to do with it: numpy alone takes longer than the whole of `--help`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ariel_build.commands import COMMANDS
from tools.recorded import DIGITS

HEAVY = ("numpy", "onnx", "tflite", "google", "ml_dtypes", "onnxruntime", "rich", "tomlkit")


def loaded(*words: str | Path) -> set[str]:
    """Returns the names of all modules that a command line has loaded when it ends."""
    program = (
        "import sys\nfrom ariel_build.cli import main\n"
        "try:\n    main(sys.argv[1:])\nfinally:\n    print('|', *sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert "|" in answer.stdout, answer.stderr
    return set(answer.stdout.rpartition("|")[2].split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["warp"], []])
def test_help_waits_for_nothing(words: list[str]) -> None:
    modules = loaded(*words)
    assert not modules & set(HEAVY)
    assert not {name for name in modules if name.startswith("ariel_build.")} - {
        "ariel_build.cli",
        "ariel_build.commands",
        "ariel_build.errors",
        "ariel_build.machine",
        "ariel_build.machine.garbage",
        "ariel_build.records",
    }


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("run", "verify")])
def test_the_help_of_a_command_waits_for_no_model(name: str) -> None:
    assert not loaded(name, "--help") & {"onnx", "tflite", "google", "onnxruntime"}


def test_boards_are_listed_without_numpy() -> None:
    assert not loaded("boards") & {"numpy", "onnx", "tflite", "google"}


def test_a_tflite_model_waits_for_neither_onnx_nor_tables(tmp_path: Path) -> None:
    others = {"onnx", "google", "ml_dtypes", "onnxruntime", "rich", "hashlib"}
    assert not loaded("compile", DIGITS, "-o", tmp_path) & others
