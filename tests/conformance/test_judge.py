"""What `nox -s conformance` says of right and wrong answers, and of parameters that a suite gives at run time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.zoo import FLOAT, INT64, node, onnx_file
from tools.conformance.judge import Verdict, judged
from tools.conformance.page import page
from tools.conformance.suites import Case, Numbers, constant_parameters

X = np.asarray([[1.0, -2.0, 3.0]], np.float32)


def case(folder: Path, *, wanted: object, given_shape: bool = False) -> Case:
    """Returns a case of Relu, or of Reshape to a shape of the run time that the file does not declare."""
    if given_shape:
        ends = {"x": (FLOAT, [1, 3]), "shape": (INT64, [2])}
        path = onnx_file(
            folder / "case.onnx", [node("Reshape", ["x", "shape"], ["y"])], ends, {"y": (FLOAT, [None, None])}
        )
        inputs: list[Numbers] = [X, np.asarray([3, 1], np.int64)]
    else:
        path = onnx_file(
            folder / "case.onnx", [node("Relu", ["x"], ["y"])], {"x": (FLOAT, [1, 3])}, {"y": (FLOAT, [1, 3])}
        )
        inputs = [X]
    return Case("case", "operator", None, path.read_bytes(), inputs, [np.asarray(wanted, np.float32)], 1e-4, 1e-5)


@pytest.mark.parametrize(
    "wanted, difference",
    [([[1, 0, 3]], ""), ([[1, 0.001, 3]], "output 0: 1 of 3 elements differ"), ([[1, 0]], "has 3 elements, not 2")],
)
def test_outputs_are_compared(wanted: object, difference: str, tmp_path: Path) -> None:
    assert difference in case(tmp_path, wanted=wanted).wrong([np.maximum(X, 0)])
    assert bool(difference) == bool(case(tmp_path, wanted=wanted).wrong([np.maximum(X, 0)]))


def test_parameters_become_constants(tmp_path: Path) -> None:
    altered = constant_parameters(case(tmp_path, wanted=X.T, given_shape=True))
    assert altered is not None
    assert (len(altered.inputs), altered.altered) == (1, True)


def test_a_suite_of_a_right_and_a_wrong_case(tmp_path: Path) -> None:
    for name in ("one", "two", "three", "run"):
        tmp_path.joinpath(name).mkdir()
    right = case(tmp_path / "one", wanted=[[1, 0, 3]])
    wrong = Case("wrong", "Relu", None, right.data, right.inputs, [np.zeros((1, 3), np.float32)], 0, 0)
    shape = case(tmp_path / "three", wanted=X.T, given_shape=True)
    cases = [right, wrong, Case("shape", "Reshape", None, shape.data, shape.inputs, shape.outputs, 0, 0)]
    verdicts = judged("test", cases, tmp_path / "run", lambda _: None)
    assert [(v.outcome, v.case.altered) for v in verdicts] == [("passed", False), ("wrong", False), ("passed", True)]
    assert "| made | 3 | 1 | 1 | 0 | 1 |" in page({"made": verdicts})


def test_a_refusal_is_listed_with_its_reason() -> None:
    passed, refused = (Case(name, "Add", None, b"", [], [], 0, 0) for name in ("add", "add_uint16"))
    text = page({"suite": [Verdict(passed, "passed"), Verdict(refused, "refused", "u16 | is not supported")]})
    assert "| u16 \\| is not supported | add_uint16 |" in text
