"""Det: the node tests of `onnx`, and random matrices against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import node_suite, parity
from tests.ops.qdq import Builder


def test_node_suite(tmp_path: Path) -> None:
    node_suite.judge(node_suite.cases("Det"), tmp_path, right=2)


def test_determinants(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(42), Builder()
    for shape in ((1, 1), (2, 2), (3, 3), (4, 4), (2, 3, 3), (2, 1, 4, 4)):
        model.output(model.op("Det", [model.input(shape)]))
    path, samples = model.write(tmp_path / "matrices.onnx"), model.samples(rng)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


def test_refuses_large_matrices(tmp_path: Path) -> None:
    model = Builder()
    model.output(model.op("Det", [model.input((5, 5))]))
    with pytest.raises(UnsupportedError, match="up to 4 rows"):
        import_file(model.write(tmp_path / "m.onnx"))
