"""Archives of torch.export with torch's answers, on the host: right, or refused by the name of what is lacking."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build import cli
from tests.models.conftest import Ask
from tools.recorded.batch import Answers
from tools.recorded.models import exported_programs

pytestmark = pytest.mark.models

#: Archives that are not supported yet, and the word by which the refusal must name the reason.

MODELS = exported_programs()
REFUSED = {name: word for name, word in NOT_YET.items() if name in MODELS}
SUPPORTED = {name: model for name, model in MODELS.items() if name not in REFUSED}


@pytest.fixture(scope="module")
def answers(ask: Ask) -> Answers:
    """Returns what all supported archives answer."""
    return ask("pt2", SUPPORTED, {})


@pytest.mark.parametrize("name", SUPPORTED)
def test_recorded_answers(name: str, answers: Answers) -> None:
    assert name not in answers.refused, answers.refused[name]
    assert SUPPORTED[name].wrong(answers.outputs[name]) == []


@pytest.mark.parametrize("name", REFUSED)
def test_not_supported_yet(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal names what is lacking; where there is nothing any more, its line in NOT_YET has to go."""
    assert cli.main(["compile", str(MODELS[name].path), "-o", str(tmp_path / "out")]) == 2, "now supported: see NOT_YET"
    assert REFUSED[name] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", SUPPORTED)
def test_names_are_the_signatures(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(MODELS[name].path), "--json"]) == 0
    assert '"x"' in capsys.readouterr().out
