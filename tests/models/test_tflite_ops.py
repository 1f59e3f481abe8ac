"""Models of a single TFLite operator, end to end on the host: exact in integers, within 1e-5 in floats, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build import cli
from tests.models.conftest import Ask
from tools.recorded.batch import Answers
from tools.recorded.models import single_operators

pytestmark = pytest.mark.models

#: Cases that are not supported yet, and the word by which the refusal must name the reason.
NOT_YET = {
    "softmax_i8_i16": "softmax",
    "arg_max": "ARG_MAX",
    "arg_min_i8": "ARG_MIN",
    "avgpool_int16": "i16",
    "batch_matmul_int16": "i16",
    "cumsum_f32": "CUMSUM",
    "cumsum_i8": "CUMSUM",
    "dyn_update_slice_i8": "DYNAMIC_UPDATE_SLICE",
    "logistic_int16": "i16",
    "reduce_all": "REDUCE_ALL",
    "tanh_int16": "i16",
}

CASES = single_operators()
SUPPORTED = {name: case for name, case in CASES.items() if name not in NOT_YET}


@pytest.fixture(scope="module")
def answers(ask: Ask) -> Answers:
    """Returns what all supported cases answer."""
    return ask("ops", SUPPORTED, {})


@pytest.mark.parametrize("name", SUPPORTED)
def test_recorded_answers(name: str, answers: Answers) -> None:
    assert name not in answers.refused, answers.refused[name]
    assert SUPPORTED[name].wrong(answers.outputs[name]) == []


@pytest.mark.parametrize("name", [name for name in CASES if name in NOT_YET])
def test_not_supported_yet(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal names the operator or the type; where there is none any more, its line in NOT_YET has to go."""
    assert cli.main(["compile", str(CASES[name].path), "-o", str(tmp_path / "out")]) == 2, "now supported: see NOT_YET"
    assert NOT_YET[name] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
