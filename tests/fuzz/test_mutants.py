"""`nox -s fuzz`: a thousand damaged copies of each model; what is accepted compiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.archives import archive_mutants
from tests.fuzz.mutants import mutants
from tests.fuzz.semantic import semantic_mutants
from tests.fuzz.survey import Mutants, build_all, survey

COUNT = 1000
MODELS = {
    "kws": ("mlperf_kws_int8", mutants),
    "hello": ("tflm_hello_int8", mutants),
    "resnet": ("mlperf_ic_int8", mutants),
    "streaming": ("mww_vad_v2", mutants),
    "resnet_f32": ("mlperf_ic_f32_onnx", mutants),
    "tcn_qdq": ("own_tcn_qdq", mutants),
    "resnet_f32_changed": ("mlperf_ic_f32_onnx", semantic_mutants),
    "tcn_qdq_changed": ("own_tcn_qdq", semantic_mutants),
    "transformer_changed": ("own_tf_post_d16_onnx", semantic_mutants),
    "qoperator_changed": ("emx_micro_kws_m_static_qoperator", semantic_mutants),
    "mnist_changed": ("onnx2c_mnist_pytorch", semantic_mutants),
    "residual_pt2": ("../pt2/residual", mutants),
    "residual_pt2_changed": ("../pt2/residual", archive_mutants),
    "residual_quantised_changed": ("../pt2/residual_pt2e", archive_mutants),
    "attention_pt2_changed": ("../pt2/attention", archive_mutants),
    "lstm_pt2_changed": ("../pt2/lstm_bidirectional", archive_mutants),
}


@pytest.mark.models
@pytest.mark.parametrize("name", MODELS)
def test_mutants_are_refused_or_compile(name: str, models: Path, tmp_path: Path) -> None:
    folder, kind = MODELS[name]
    mutate: Mutants = kind
    (path,) = (models / "dev" / folder).glob("model.*")
    result = survey(path, mutate, COUNT, name)
    assert result.defects == []
    assert result.refused > 0
    assert len(result.accepted) > 0
    assert build_all(result.accepted, tmp_path) == ""
