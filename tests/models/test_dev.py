"""Real models on the host: the generated Rust gives the recorded answers."""

from __future__ import annotations

import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from tests.models.conftest import Ask
from tools.recorded.batch import Answers
from tools.recorded.models import dev_models

pytestmark = pytest.mark.models

#: Samples of the large models; of the others all.
SAMPLES = {"ultraface_slim320_onnx": 1, "yunet_n_320": 1, "mcunet_vww": 2, "mlperf_vww_int8": 4, "mlperf_vww_qdq_u8": 4}
#: TFLite-Micro's arenas, in bytes.
ARENAS = {"mlperf_kws_int8": 22_820, "mlperf_vww_int8": 100_708, "mlperf_ic_int8": 54_996, "mlperf_ad_int8": 2_580}

MODELS = dev_models()


@pytest.fixture(scope="module")
def answers(ask: Ask) -> Answers:
    """Returns what all models answer."""
    return ask("dev", MODELS, SAMPLES)


@pytest.mark.parametrize("name", MODELS)
def test_recorded_answers(name: str, answers: Answers) -> None:
    assert name not in answers.refused, answers.refused[name]
    assert MODELS[name].wrong(answers.outputs[name], SAMPLES.get(name)) == []


@pytest.mark.parametrize("name", ARENAS)
def test_the_arena_is_no_larger_than_that_of_tflite_micro(name: str) -> None:
    path = MODELS[name].path
    compiled = compile_model(path, ModelOptions(path), boards.load("generic"), "model")
    assert compiled.plan.arena_bytes <= ARENAS[name]
