"""The judge of ONNX's node tests: it finds what is wrong, refused, not refused, or gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ops.node_suite import Case, cases, judge

RELU = list(cases("Relu"))
#: What draws random numbers is refused.
RANDOM = [case for case in cases("Bernoulli") if case.name == "test_bernoulli"]


def test_right_and_refused_cases_pass(tmp_path: Path) -> None:
    judge([*RELU, *RANDOM], tmp_path, right=1, refused={"*bernoulli": "Bernoulli"})


@pytest.mark.parametrize(
    "chosen, refused, complaint",
    [
        pytest.param([], {}, "only 0 cases", id="gone"),
        pytest.param([replace(RELU[0], outputs=[RELU[0].outputs[0] + 1])], {}, "Not equal to tolerance", id="wrong"),
        pytest.param([*RELU, *RANDOM], {}, "Bernoulli", id="refused"),
        pytest.param([*RELU, *RANDOM], {"*bernoulli": "Laplace"}, "Bernoulli", id="refused for another reason"),
        pytest.param(RELU, {"test_relu": "never"}, "DID NOT RAISE", id="no longer refused"),
    ],
)
def test_anything_else_fails(chosen: list[Case], refused: Mapping[str, str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises((Exception, pytest.fail.Exception), match=complaint):
        judge(chosen, tmp_path, right=1, refused=refused)
