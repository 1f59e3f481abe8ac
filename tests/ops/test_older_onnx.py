"""Operator set 6: what set 7 changed is read as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity
from tests.zoo import FLOAT, node, onnx_file

X, C, W = (
    np.random.default_rng(k).normal(0, 1, shape).astype(np.float32) for k, shape in enumerate(((2, 3, 4), (3,), (2, 3)))
)


def answer(folder: Path, kind: str, constants: dict[str, Array], **attributes: Any) -> Array:  # noqa: ANN401 - ONNX attributes are of many types
    nodes = [node(kind, ["x", *constants], ["y"], **attributes)]
    path = onnx_file(folder / "m.onnx", nodes, {"x": (FLOAT, X.shape)}, {"y": (FLOAT, X.shape)}, constants, opset=6)
    return parity.reference(path, [[X]])[0][0]


def test_the_right_operand_begins_at_an_axis(tmp_path: Path) -> None:
    np.testing.assert_array_equal(answer(tmp_path, "Add", {"c": C}, broadcast=1, axis=1), X + C[:, None])
    np.testing.assert_array_equal(answer(tmp_path, "Mul", {"w": W}, broadcast=1, axis=0), X * W[:, :, None])
    np.testing.assert_array_equal(answer(tmp_path, "Sub", {"w": W[0, :1]}, broadcast=1), X - W[0, :1])
    np.testing.assert_array_equal(answer(tmp_path, "Sub", {"o": X / 2}), X - X / 2)


def test_a_slope_for_each_channel(tmp_path: Path) -> None:
    np.testing.assert_array_equal(answer(tmp_path, "PRelu", {"c": C}), np.where(X < 0, X * C[:, None], X))


def test_layers_that_are_tested(tmp_path: Path) -> None:
    np.testing.assert_array_equal(answer(tmp_path, "Dropout", {}, is_test=1), X)
    ones = {name: np.full(3, value, np.float32) for name, value in zip("sbmv", (2, 1, 0.5, 4), strict=True)}
    got = answer(tmp_path, "BatchNormalization", {**ones}, is_test=1, epsilon=0.0)
    parity.agree([[got]], [[np.asarray((X - 0.5) / 2 * 2 + 1, np.float32)]], "normalised")


@pytest.mark.parametrize(
    "kind, attributes, words",
    [
        ("Add", {}, "`broadcast` is not set"),
        ("Add", {"broadcast": 1, "axis": 2}, "do not broadcast"),
        ("Add", {"broadcast": 1, "axis": 3}, "from axis 3 on"),
        ("Dropout", {}, "`is_test` is not set"),
        ("Upsample", {"width_scale": 2.0, "height_scale": 2.0}, "operator set 6 is not supported"),
    ],
)
def test_refuses(kind: str, attributes: dict[str, Any], words: str, tmp_path: Path) -> None:
    names = ["x", "c"] if kind == "Add" else ["x"]
    nodes = [node(kind, names, ["y"], **attributes)]
    path = onnx_file(tmp_path / "m.onnx", nodes, {"x": (FLOAT, X.shape)}, {"y": (FLOAT, X.shape)}, {"c": C}, opset=6)
    with pytest.raises(UnsupportedError, match=words):
        import_file(path)
