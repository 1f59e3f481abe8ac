"""Archives of torch.export with torch's answers, on the host."""

from __future__ import annotations

import pytest

from ariel_build import cli
from tests.models.conftest import Ask
from tools.recorded.batch import Answers
from tools.recorded.models import exported_programs

pytestmark = pytest.mark.models

MODELS = exported_programs()


@pytest.fixture(scope="module")
def answers(ask: Ask) -> Answers:
    """Returns what all archives answer."""
    return ask("pt2", MODELS, {})


@pytest.mark.parametrize("name", MODELS)
def test_recorded_answers(name: str, answers: Answers) -> None:
    assert name not in answers.refused, answers.refused[name]
    assert MODELS[name].wrong(answers.outputs[name]) == []


@pytest.mark.parametrize("name", MODELS)
def test_names_are_the_signatures(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(MODELS[name].path), "--json"]) == 0
    assert '"x"' in capsys.readouterr().out
