"""Axes that a model takes as an input: shapes tell them, or leave few possibilities; what has no elements is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity
from tests.zoo import FLOAT, INT64, node, onnx_file


def write(path: Path, shape: list[int], declared: list[int], keep: int, kind: str, count: int = 1) -> Path:
    nodes = [node(kind, ["x", "axes"], ["y"], keepdims=keep)]
    return onnx_file(path, nodes, {"x": (FLOAT, shape), "axes": (INT64, [count])}, {"y": (FLOAT, declared)}, opset=18)


@pytest.mark.parametrize("kind", ["ReduceSum", "ReduceL2", "ReduceLogSumExp"])
@pytest.mark.parametrize(
    "shape, axis, keep", [([3, 2, 4], 1, 1), ([3, 2, 2], 2, 1), ([3, 1, 2], 1, 1), ([3, 2, 4], 0, 0), ([5, 1], -1, 0)]
)
def test_shapes_tell_the_axes(tmp_path: Path, kind: str, shape: list[int], axis: int, keep: int) -> None:
    x = np.random.default_rng(2).normal(0, 1, shape).astype(np.float32)
    declared = list(np.sum(x, axis=axis, keepdims=bool(keep)).shape)
    path = write(tmp_path / "told.onnx", shape, declared, keep, kind)
    sample: list[Array] = [x, np.array([axis], np.int64)]
    want = parity.onnxruntime_answers(path, [sample])
    parity.agree(parity.reference(path, [sample]), want, kind, rtol=1e-5)


@pytest.mark.parametrize("kind", ["ReduceMax", "ReduceSum", "ReduceL2", "ReduceLogSumExp"])
def test_shapes_that_leave_it_open_are_all_computed(tmp_path: Path, kind: str) -> None:
    """The axes choose when the model runs: any that the shapes allow, counted from either end, in any order."""
    rng = np.random.default_rng(3)
    for shape, declared, choices in (
        ([3, 2, 2], [3, 2], ([1], [2], [-2], [-1])),
        ([2, 3, 2, 3], [2, 3], ([0, 1], [3, 2], [-2, -3], [1, 2])),
    ):
        path = write(tmp_path / "open.onnx", shape, declared, 0, kind, len(choices[0]))
        x = rng.normal(0, 1, shape).astype(np.float32)
        samples: list[list[Array]] = [[x, np.array(axes, np.int64)] for axes in choices]
        want = parity.onnxruntime_answers(path, samples)
        parity.agree(parity.reference(path, samples), want, kind, rtol=1e-5)
        parity.agree(parity.host(path, samples), want, kind, rtol=1e-5)


@pytest.mark.parametrize(
    "shape, declared, count, words",
    [([3, 2, 2], [4, 2], 1, "does not become"), ([2] * 7, [2] * 3, 4, "leaves 17 possibilities")],
)
def test_what_shapes_cannot_tell_is_refused(
    tmp_path: Path, shape: list[int], declared: list[int], count: int, words: str
) -> None:
    path = write(tmp_path / "open.onnx", shape, declared, 0, "ReduceSum", count)
    with pytest.raises(UnsupportedError, match=words):
        parity.reference(path, [])


def test_an_input_without_elements_is_known(tmp_path: Path) -> None:
    """No axes are all of them; a file writes them as 0, which the user has to confirm."""
    path = onnx_file(
        tmp_path / "empty.onnx",
        [node("ReduceMax", ["x", "axes"], ["y"], keepdims=1)],
        {"x": (FLOAT, [3, 4]), "axes": (INT64, [0])},
        {"y": (FLOAT, [1, 1])},
        opset=18,
    )
    x = np.random.default_rng(1).normal(0, 1, (3, 4)).astype(np.float32)
    (got,) = parity.host(path, [[x, np.zeros(0, np.int64)]])
    np.testing.assert_array_equal(got[0], [[x.max()]])
