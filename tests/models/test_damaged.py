"""Damaged models, the quick part of `nox -s fuzz`: refused or compiled, in bounded time; what is accepted compiles.

The models are small, since compiling what is accepted takes the time, and differ in format, types and operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.archives import archive_mutants
from tests.fuzz.mutants import mutants
from tests.fuzz.semantic import semantic_mutants
from tests.fuzz.survey import Accepted, Mutants, build_all, survey
from tools.recorded import DIGITS, MODELS


def files() -> Sequence[tuple[str, Path, Mutants]]:
    """Returns the example's model, and real ones where they are there."""
    real = [
        ("streaming", "mww_vad_v2", mutants),
        ("mnist", "onnx2c_mnist_pytorch", mutants),
        ("tcn_qdq", "own_tcn_qdq", mutants),
        ("tcn_qdq_changed", "own_tcn_qdq", semantic_mutants),
        ("transformer_changed", "own_tf_post_d16_onnx", semantic_mutants),
        ("qoperator_changed", "emx_micro_kws_m_static_qoperator", semantic_mutants),
        ("mnist_changed", "onnx2c_mnist_pytorch", semantic_mutants),
        ("unet_pt2", "../pt2/unet", mutants),
        ("residual_pt2_changed", "../pt2/residual_pt2e", archive_mutants),
    ]
    found: list[tuple[str, Path, Mutants]] = [("digits", DIGITS, mutants)]
    for name, folder, kind in real:
        found += [(name, path, kind) for path in (MODELS / "dev" / folder).glob("model.*")]
    return found


def test_mutants_are_refused_or_compile(tmp_path: Path) -> None:
    accepted: list[Accepted] = []
    for name, path, mutate in files():
        result = survey(path, mutate, 60, name, seed=11, keep=4)
        assert result.defects == []
        assert result.refused > 0
        accepted += result.accepted
    assert build_all(accepted, tmp_path) == ""
