"""Real models on the host: the generated Rust gives the recorded answers, or says what it does not support yet."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from ariel_build import boards, cli
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from tests.models.conftest import Ask
from tools.recorded.batch import Answers
from tools.recorded.models import dev_models

pytestmark = pytest.mark.models

#: Models that are not supported yet, and the word by which the refusal must name the reason.
NOT_YET: dict[str, str] = {}
#: Samples of the large models; of the others all.
SAMPLES = {"ultraface_slim320_onnx": 1, "yunet_n_320": 1, "mcunet_vww": 2, "mlperf_vww_int8": 4, "mlperf_vww_qdq_u8": 4}
#: TFLite-Micro's arenas, in bytes.
ARENAS = {"mlperf_kws_int8": 22_820, "mlperf_vww_int8": 100_708, "mlperf_ic_int8": 54_996, "mlperf_ad_int8": 2_580}

MODELS = dev_models()
REFUSED = {name: word for pattern, word in NOT_YET.items() for name in MODELS if fnmatch(name, pattern)}
SUPPORTED = {name: model for name, model in MODELS.items() if name not in REFUSED}


@pytest.fixture(scope="module")
def answers(ask: Ask) -> Answers:
    """Returns what all supported models answer."""
    return ask("dev", SUPPORTED, SAMPLES)


@pytest.mark.parametrize("name", SUPPORTED)
def test_recorded_answers(name: str, answers: Answers) -> None:
    assert name not in answers.refused, answers.refused[name]
    assert SUPPORTED[name].wrong(answers.outputs[name], SAMPLES.get(name)) == []


@pytest.mark.parametrize("name", REFUSED)
def test_not_supported_yet(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal names the operator or the type; where there is none any more, its line in NOT_YET has to go."""
    assert cli.main(["compile", str(MODELS[name].path), "-o", str(tmp_path / "out")]) == 2, "now supported: see NOT_YET"
    assert REFUSED[name] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ARENAS)
def test_the_arena_is_no_larger_than_that_of_tflite_micro(name: str) -> None:
    path = MODELS[name].path
    compiled = compile_model(path, ModelOptions(path), boards.load("generic"), "model")
    assert compiled.plan.arena_bytes <= ARENAS[name]
