"""Makespans on 1, 2 and 4 harts against the committed ones: they repeat to the instruction, 2 % above fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.run.support import ON
from tools.scaling import baseline
from tools.scaling.measure import Point, point
from tools.scaling.models import models


@pytest.mark.parametrize(
    "name, cores", [pytest.param(*which, marks=ON[baseline.BOARD].marks) for which in baseline.GATED]
)
def test_no_makespan_is_above_the_baseline(name: str, cores: int) -> None:
    if name not in models():
        pytest.skip("../shared/models is absent")
    before = baseline.read()
    if before["rustc"] != baseline.compiler():
        pytest.skip(f"the baseline is of {before['rustc']}, this is {baseline.compiler()}: counts follow the compiler")
    assert baseline.regressions(point(name, models()[name], baseline.BOARD, cores, lambda _: None)) == []


def test_the_baseline_has_every_makespan_that_the_gate_names() -> None:
    assert {f"{name} on {cores}" for name, cores in baseline.GATED} <= set(baseline.read()["makespans"])


def test_what_is_three_percent_worse_is_told() -> None:
    old = baseline.read()["makespans"]["digits on 2"]
    same = Point("digits", baseline.BOARD, 2, old, "instructions", None, None, None, None, None, None, "")
    assert baseline.regressions(same) == []
    assert baseline.regressions(replace(same, time=old * 1.01)) == []
    (told,) = baseline.regressions(replace(same, time=old * 1.03))
    assert baseline.REFRESH in told
