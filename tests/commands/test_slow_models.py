"""Files of a few hundred bytes whose tensors are large: every command ends soon, with an answer, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ariel_build.machine import resources
from tests.zoo import FLOAT, node, onnx_file

ROOT = resources.path("ariel-ml-rs").parent
#: Those once took minutes, or gigabytes.
SHARED = ROOT.parent / "shared" / "cases-slow"
#: Address space: numpy and its threads have much that they do not use.
_BYTES = 6 << 30
_SECONDS = 240
#: The command line under a limit that it cannot lift.
_LIMITED = f"""\
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({_BYTES}, {_BYTES}))
resource.setrlimit(resource.RLIMIT_CPU, ({_SECONDS}, {_SECONDS}))
from ariel_build.cli import main
sys.exit(main(sys.argv[1:]))
"""


def made(folder: Path) -> dict[str, Path]:
    """Writes models as those of SHARED."""
    x, long = {"x": (FLOAT, [32767, 3])}, [32768, 4, 100]
    parts = [
        node("ReduceMax", ["x"], ["most"], axes=[-1], keepdims=1),
        node("Sub", ["x", "most"], ["less"]),
        node("Exp", ["less"], ["powers"]),
        node("ReduceSum", ["powers"], ["sum"], axes=[-1], keepdims=1),
        node("Div", ["powers", "sum"], ["y"]),
    ]
    ends = {"a": (FLOAT, [65536, 5]), "b": (FLOAT, [5, 4]), "c": (FLOAT, [1, 4])}
    gemm = [node("Gemm", ["a", "b", "c"], ["y"], alpha=0.5)]
    log = [node("LogSoftmax", ["x"], ["y"])]
    return {
        "gemm": onnx_file(folder / "gemm.onnx", gemm, ends, {"y": (FLOAT, [65536, 4])}),
        "logsoftmax": onnx_file(folder / "log.onnx", log, {"x": (FLOAT, long)}, {"y": (FLOAT, long)}),
        "softmax": onnx_file(folder / "softmax.onnx", parts, x, {"y": (FLOAT, [32767, 3])}, opset=11),
    }


def ariel(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _LIMITED, *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=1200)


@pytest.mark.parametrize("name", ["gemm", "logsoftmax", "softmax"])
def test_large_tensors_of_small_files(name: str, tmp_path: Path) -> None:
    model = made(tmp_path)[name]
    for words in (["compile", "-o", "out"], ["inspect"], ["inspect", "--board", "qemu-cortex-m7"]):
        ended = ariel(tmp_path, words[0], model, *words[1:])
        assert ended.returncode in (0, 1), ended.stderr
        assert "Warning" not in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["gemm", "softmax"])
def test_verify_of_large_tensors(name: str, tmp_path: Path) -> None:
    """The log of softmax, 50 MB a sample, takes a minute here, and is left to whoever runs the command."""
    ended = ariel(tmp_path, "verify", made(tmp_path)[name], "--samples", "1")
    assert ended.returncode == 0, ended.stderr
    assert "agrees with" in ended.stdout
    assert "Warning" not in ended.stderr


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/cases-slow is not part of the repository")
def test_files_that_were_slow(tmp_path: Path) -> None:
    models = sorted(SHARED.glob("*.onnx"))
    assert models
    for model in models:
        for ended in (ariel(tmp_path, "compile", model, "-o", "out"), ariel(tmp_path, "inspect", model)):
            assert ended.returncode == 0, ended.stderr
