"""A few models against the committed baseline: instructions, arena and flash may not be more than 2 % above it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests import needs
from tests.run.support import ON
from tools.bench import baseline, ours, release
from tools.bench.models import GATED, Model, catalogue
from tools.bench.release import Baseline
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
def test_no_figure_is_above_the_baseline(
    name: str, board: str, models: dict[str, Model], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name not in models:
        pytest.skip(needs.MODELS_ABSENT)
    before = baseline.of(board)
    if before.note:
        needs.tell(request, before.note)
    cost = ours.measure(models[name], board, tmp_path)
    assert baseline.regressions(name, board, cost, before) == []


@pytest.mark.parametrize("known", [pytest.param(known, id=known.rustc) for known in baseline.known()])
def test_the_baseline_has_every_model_that_the_gate_names(known: Baseline) -> None:
    assert {f"{name} | {board}" for name, board in GATED} <= set(known.figures)
    assert known.tolerance == 0.02


def test_a_compiler_without_a_baseline_is_held_against_the_nearest() -> None:
    nearest = release.of("baseline", "costs", "rustc 1.99.0")
    assert nearest.rustc == max((known.rustc for known in baseline.known()), key=lambda rustc: rustc.split("."))
    assert (nearest.tolerance, nearest.rustc in nearest.note, "rustc 1.99.0" in nearest.note) == (0.15, True, True)
    name, board = min(GATED)
    same = replace(Cost(), **nearest.figures[f"{name} | {board}"])
    assert same.instructions is not None
    assert baseline.regressions(name, board, replace(same, instructions=same.instructions * 1.1), nearest) == []
    assert baseline.regressions(name, board, replace(same, instructions=same.instructions * 1.2), nearest) != []


def test_each_compiler_has_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(release, "_FOLDER", tmp_path)
    assert release.write("kind", "key", "rustc 1.95.0", {"a": 1}) == "benchmarks/kind.json"
    assert release.write("kind", "key", "rustc 1.96.0", {"a": 2}) == "benchmarks/kind-1.96.0.json"
    assert release.write("kind", "key", "rustc 1.95.0", {"a": 3}) == "benchmarks/kind.json"
    assert [release.of("kind", "key", f"rustc 1.{minor}.0").figures["a"] for minor in (90, 95, 96, 97)] == [3, 3, 2, 2]


@pytest.mark.parametrize("figure", baseline.FIGURES)
def test_what_is_three_percent_worse_is_told(figure: str) -> None:
    name, board = min(GATED)
    before = baseline.known()[0]
    known = before.figures[f"{name} | {board}"]
    same = replace(Cost(), **known)
    assert baseline.regressions(name, board, same, before) == []
    slightly, worse = (replace(same, **{figure: known[figure] * factor}) for factor in (1.01, 1.03))
    assert baseline.regressions(name, board, slightly, before) == []
    (told,) = baseline.regressions(name, board, worse, before)
    assert figure in told
    assert baseline.REFRESH in told


def test_wrong_answers_and_refusals_are_told() -> None:
    name, board = min(GATED)
    before = baseline.known()[0]
    same = replace(Cost(), **before.figures[f"{name} | {board}"])
    assert "wrong answers" in baseline.regressions(name, board, replace(same, verdict="1 of 10 differ"), before)[0]
    assert "refused" in baseline.regressions(name, board, Cost(refused="CONV_2D is not supported"), before)[0]
