"""A small file must not take long, or much memory, whatever it says of its sizes: each runs under limits of its own.

The limits are several times what these take, so that no noise reaches them; what looked at every byte, or planned what
could not fit, was beyond them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ariel_build.memory import limits
from tests.commands.conftest import Command
from tests.zoo import FLOAT, node, onnx_file

CPU_SECONDS, BYTES = 30, 2 << 30


def rows(path: Path) -> Path:
    """A product of 65,536 rows: 1,000,000 pieces of each were made to see whether they save RAM."""
    ends = {"a": (FLOAT, [65536, 5]), "b": (FLOAT, [5, 4]), "c": (FLOAT, [1, 4])}
    return onnx_file(path, [node("Gemm", list(ends), ["y"], alpha=0.5)], ends, {"y": (FLOAT, [65536, 4])})


def lines(path: Path) -> Path:
    """52 MB in and out: the proof of the plan kept some arrays of eight times that."""
    ends = {"x": (FLOAT, [32768, 4, 100])}
    return onnx_file(path, [node("LogSoftmax", ["x"], ["y"])], ends, {"y": (FLOAT, [32768, 4, 100])})


def softmax(path: Path) -> Path:
    """A softmax written out, of 32,767 lines of three."""
    nodes = [
        node("ReduceMax", ["x"], ["m"], axes=[-1]),
        node("Sub", ["x", "m"], ["d"]),
        node("Exp", ["d"], ["e"]),
        node("ReduceSum", ["e", "axes"], ["s"]),
        node("Div", ["e", "s"], ["y"]),
    ]
    shape = [32767, 3]
    constants = {"axes": np.array([-1])}
    return onnx_file(path, nodes, {"x": (FLOAT, shape)}, {"y": (FLOAT, shape)}, constants, opset=13)


def convolutions(path: Path) -> Path:
    """A chain of images of 4 MB."""
    filters = {"w": np.ones((4, 4, 3, 3), np.float32)}
    nodes = [node("Conv", [f"v{k}", "w"], [f"v{k + 1}"], pads=[1, 1, 1, 1]) for k in range(6)]
    shape = [1, 4, 256, 256]
    return onnx_file(path, nodes, {"v0": (FLOAT, shape)}, {"v6": (FLOAT, shape)}, filters)


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


BOARDS = (
    "qemu-cortex-m7 --optimize size",
    "qemu-cortex-m7 --optimize ram",
    "generic --optimize ram",
    "qemu-riscv32",
)
#: `inspect` does what `compile` does, and shows it: on one board, and on the others in `nox -s fuzz`.
ASKED = [
    pytest.param(command, board, marks=[pytest.mark.at_length] if command == "inspect" and number else [])
    for command in ("inspect", "compile")
    for number, board in enumerate(BOARDS)
]


@pytest.mark.parametrize("make", [rows, lines, softmax, convolutions])
@pytest.mark.parametrize("command, board", ASKED)
def test_a_small_file_is_answered_soon(command: str, board: str, make: Callable[[Path], Path], tmp_path: Path) -> None:
    model = make(tmp_path / "small.onnx")
    assert model.stat().st_size < 2000
    words = [command, str(model), "--board", *board.split()]
    words += ["-o", str(tmp_path / "out")] if command == "compile" else []
    answer = subprocess.run(
        [sys.executable, "-m", "ariel_build", *words],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
        cwd=tmp_path,
    )
    assert answer.returncode == 0 or "does not fit" in answer.stderr, (answer.returncode, answer.stderr)
    assert answer.returncode in (0, 1, 2)
    # What does not fit is still shown.
    assert command == "compile" or "arena, bytes" in answer.stdout


def test_what_cannot_fit_is_refused_before_it_is_planned(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ariel_build.compilation.planning.plan_calls", lambda *_, **__: pytest.fail("it was planned"))
    model = lines(tmp_path / "lines.onnx")
    words = ["compile", model, "-o", tmp_path / "out", "--board", "qemu-cortex-m7"]
    command(*words).refuses("it needs at least 52,428,800 bytes of RAM, the board has 4,194,304", "lines.onnx")
    big = np.arange(300 * 256, dtype=np.float32).reshape(300, 256)
    ends = {"x": (FLOAT, [1, 300])}, {"y": (FLOAT, [1, 256])}
    model = onnx_file(tmp_path / "flash.onnx", [node("MatMul", ["x", "w"], ["y"])], *ends, {"w": big})
    words = ["compile", model, "-o", tmp_path / "out", "--board", "qemu-cortex-m0"]
    command(*words).refuses("it needs at least 308,224 bytes of flash", "flash.onnx")


def test_a_model_of_very_many_layers_is_refused(command: Command, tmp_path: Path) -> None:
    count = limits.MAX_NODES + 1
    nodes = [node("Tanh" if k % 2 else "Sigmoid", [f"v{k}"], [f"v{k + 1}"]) for k in range(count)]
    model = onnx_file(tmp_path / "deep.onnx", nodes, {"v0": (FLOAT, [1, 4])}, {f"v{count}": (FLOAT, [1, 4])})
    command("compile", model, "-o", tmp_path / "out").refuses("comes to 4,001 operations, more than 4,000", "deep.onnx")
