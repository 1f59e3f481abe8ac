"""Makespans on 1, 2 and 4 harts against the committed ones: they repeat to the instruction, 2 % above fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import needs
from tests.run.support import ON
from tools.bench.release import Baseline
from tools.scaling import baseline
from tools.scaling.measure import Point, point
from tools.scaling.models import models


@pytest.mark.parametrize(
    "name, cores", [pytest.param(*which, marks=ON[baseline.BOARD].marks) for which in baseline.GATED]
)
def test_no_makespan_is_above_the_baseline(name: str, cores: int, request: pytest.FixtureRequest) -> None:
    if name not in models():
        pytest.skip(needs.MODELS_ABSENT)
    before = baseline.of()
    if before.note:
        needs.tell(request, before.note)
    assert baseline.regressions(point(name, models()[name], baseline.BOARD, cores, lambda _: None), before) == []


@pytest.mark.parametrize("known", [pytest.param(known, id=known.rustc) for known in baseline.known()])
def test_the_baseline_has_every_makespan_that_the_gate_names(known: Baseline) -> None:
    assert {f"{name} on {cores}" for name, cores in baseline.GATED} <= set(known.figures)


def test_what_is_three_percent_worse_is_told() -> None:
    before = baseline.known()[0]
    old = before.figures["digits on 2"]
    same = Point("digits", baseline.BOARD, 2, old, "instructions", None, None, None, None, None, None, "")
    assert baseline.regressions(same, before) == []
    assert baseline.regressions(replace(same, time=old * 1.01), before) == []
    (told,) = baseline.regressions(replace(same, time=old * 1.03), before)
    assert baseline.REFRESH in told
