"""Axes, lengths, steps and blocks that are inputs of the model: it does what it does where they are constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity
from tests.zoo import FLOAT, INT64, node, onnx_file

#: What is behind the first input, one number or several; None is left out.
Integers = Sequence[int | Sequence[int] | None]
#: Operator, attributes, shapes of the first input and of the output, and integers of one inference after the other.
CASES: list[tuple[str, Mapping[str, Any], Sequence[int], Sequence[int], Sequence[Integers]]] = [
    ("DFT", {}, (4, 4, 1), (4, 4, 2), [(None, 0), (None, 1), (None, -2), (None, -3)]),
    ("DFT", {"inverse": 1}, (3, 3, 2), (3, 3, 2), [(None, 0), (None, 1)]),
    ("DFT", {"onesided": 1}, (4, 4, 1), (4, 4, 2), [(6, 0), (7, 1), (6, -2), (7, -3)]),
    ("DFT", {}, (2, 5, 1), (2, 8, 2), [(8, 1)]),
    ("STFT", {}, (2, 9), (2, 2, 3, 2), [(3, None, 4), (4, None, 4), (5, None, 4), (4, None, 5)]),
    ("STFT", {}, (1, 9), (1, 1, 3, 2), [(9, None, 5), (7, None, 4)]),
    ("STFT", {"onesided": 0}, (1, 9), (1, 2, 4, 2), [(4, None, 4), (3, None, 4)]),
    ("Col2Im", {}, (1, 8, 12), (1, 2, 4, 5), [((4, 5), (2, 2))]),
    ("Col2Im", {}, (1, 4, 9), (1, 1, 4, 4), [((4, 4), (2, 2))]),
    ("Col2Im", {"strides": (2, 2)}, (1, 4, 9), (1, 1, 6, 6), [((6, 6), (2, 2))]),
    ("Col2Im", {}, (1, 2, 12), (1, 1, 4, 4), [((4, 4), (1, 2)), ((4, 4), (2, 1))]),
]


def write(path: Path, case: int, integers: Integers, *, constant: bool) -> tuple[Path, list[Array]]:
    """Returns a model of a case, and the integers in the order of its inputs."""
    op, attributes, shape, made, _ = CASES[case]
    names = ["" if n is None else f"n{k}" for k, n in enumerate(integers)]
    numbers = {name: np.array(n, np.int64) for name, n in zip(names, integers, strict=True) if name}
    given = {} if constant else {name: (INT64, data.shape) for name, data in numbers.items()}
    nodes = [node(op, ["x", *names], ["y"], **attributes)]
    onnx_file(path, nodes, {"x": (FLOAT, shape), **given}, {"y": (FLOAT, made)}, numbers if constant else {}, opset=20)
    return path, [] if constant else list(numbers.values())


@pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{op}-{k}" for k, (op, *_) in enumerate(CASES)])
def test_does_what_constants_do(case: int, tmp_path: Path) -> None:
    x = np.random.default_rng(case).normal(0, 1, CASES[case][2]).astype(np.float32)
    samples, want = [], []
    for index, integers in enumerate(CASES[case][4]):
        path, _ = write(tmp_path / f"c{index}.onnx", case, integers, constant=True)
        want += parity.reference(path, [[x]])
        path, numbers = write(tmp_path / "m.onnx", case, integers, constant=False)
        samples.append([x, *numbers])
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


@pytest.mark.parametrize("board", parity.BOARDS)
def test_emulated(board: str, tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(0, 1, CASES[2][2]).astype(np.float32)
    made = [write(tmp_path / "m.onnx", 2, integers, constant=False) for integers in CASES[2][4]]
    samples = [[x, *numbers] for _, numbers in made]
    parity.agree(parity.on(board, made[0][0], samples), parity.reference(made[0][0], samples), board)


def test_too_many_possibilities_are_refused(tmp_path: Path) -> None:
    """A signal so long that the number of its frames leaves open which of many steps it is."""
    nodes = [node("STFT", ["x", "step", "", "length"], ["y"])]
    constants = {"length": np.array(4, np.int64)}
    ends = {"x": (FLOAT, (1, 400)), "step": (INT64, ())}
    path = onnx_file(tmp_path / "m.onnx", nodes, ends, {"y": (FLOAT, (1, 2, 3, 2))}, constants)
    with pytest.raises(UnsupportedError, match="leaves 17 possibilities"):
        parity.reference(path, [])
