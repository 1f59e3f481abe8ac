"""The command line in process, and the models that it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ariel_build import cli
from tests.zoo import FLOAT, node, onnx_file

__all__ = ["Answer", "Command"]


@dataclass(frozen=True)
class Answer:
    """What a command said, and the code that it left with."""

    code: int
    out: str
    err: str

    def refuses(self, *words: str) -> None:
        """Checks that the user's input is at fault, and that the message says so in these words."""
        assert self.code == 2, self
        assert any(line.startswith("error: ") for line in self.err.splitlines()), self
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err, f"{word!r} is not in: {self.err}"


Command = Callable[..., Answer]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Returns a function that runs `ariel-build` with the words that it is given."""

    def run(*words: str | Path) -> Answer:
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as end:  # argparse's way
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def flip(tmp_path: Path) -> Path:
    """Returns a model that transposes [2, 3]."""
    nodes = [node("Transpose", ["x"], ["y"], perm=[1, 0])]
    return onnx_file(tmp_path / "flip.onnx", nodes, {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, [3, 2])})


@pytest.fixture
def exotic(tmp_path: Path) -> Path:
    """Returns a model with two operators that nobody has heard of, and one that everybody has."""
    nodes = [
        node("Warp", ["x"], ["a"], name="first"),
        node("Transpose", ["a"], ["b"], perm=[1, 0]),
        node("Weft", ["b"], ["y"], name="second", domain="ai.looms"),
    ]
    return onnx_file(tmp_path / "exotic.onnx", nodes, {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, [3, 2])})
