"""Models of a single TFLite operator, end to end on the host: exact in integers, within 1e-5 in floats."""

from __future__ import annotations

import pytest

from tests.models.conftest import Ask
from tools.recorded.batch import Answers
from tools.recorded.models import single_operators

pytestmark = pytest.mark.models

CASES = single_operators()


@pytest.fixture(scope="module")
def answers(ask: Ask) -> Answers:
    """Returns what all cases answer."""
    return ask("ops", CASES, {})


@pytest.mark.parametrize("name", CASES)
def test_recorded_answers(name: str, answers: Answers) -> None:
    assert name not in answers.refused, answers.refused[name]
    assert CASES[name].wrong(answers.outputs[name]) == []
