"""A few models against the committed baseline: instructions, arena and flash may not be more than 2 % above it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.run.support import ON
from tools.bench import baseline, ours
from tools.bench.models import GATED, Model, catalogue
from tools.bench.store import Cost


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """Returns the models that are here, by name."""
    return {model.name: model for model in catalogue(tmp_path_factory.mktemp("models"))}


def _marks(board: str) -> tuple[pytest.MarkDecorator | pytest.Mark, ...]:
    return tuple(ON[board].marks)


@pytest.mark.parametrize(
    "name, board", [pytest.param(n, b, marks=_marks(b), id=f"{n} on {b}") for n, b in sorted(GATED)]
)
def test_no_figure_is_above_the_baseline(name: str, board: str, models: dict[str, Model], tmp_path: Path) -> None:
    if name not in models:
        pytest.skip("../shared/models is absent")
    before = baseline.read()
    if before["rustc"] != baseline.compiler():
        pytest.skip(f"the baseline is of {before['rustc']}, this is {baseline.compiler()}: counts follow the compiler")
    cost = ours.measure(models[name], board, tmp_path)
    assert baseline.regressions(name, board, cost) == []


def test_the_baseline_has_every_model_that_the_gate_names() -> None:
    assert {f"{name} | {board}" for name, board in GATED} <= set(baseline.read()["costs"])


@pytest.mark.parametrize("figure", baseline.FIGURES)
def test_what_is_three_percent_worse_is_told(figure: str) -> None:
    name, board = min(GATED)
    known = baseline.read()["costs"][f"{name} | {board}"]
    same = replace(Cost(), **known)
    assert baseline.regressions(name, board, same) == []
    slightly, worse = (replace(same, **{figure: known[figure] * factor}) for factor in (1.01, 1.03))
    assert baseline.regressions(name, board, slightly) == []
    (told,) = baseline.regressions(name, board, worse)
    assert figure in told
    assert baseline.REFRESH in told


def test_wrong_answers_and_refusals_are_told() -> None:
    name, board = min(GATED)
    same = replace(Cost(), **baseline.read()["costs"][f"{name} | {board}"])
    assert "wrong answers" in baseline.regressions(name, board, replace(same, verdict="1 of 10 differ"))[0]
    assert "refused" in baseline.regressions(name, board, Cost(refused="CONV_2D is not supported"))[0]
