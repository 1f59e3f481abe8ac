"""BatchNormalization becomes Mul and Add with constants, and means the same; all else is written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import node_suite, parity
from tests.ops.qdq import Builder


def build(shapes: list[tuple[int, ...]], **attributes: object) -> Builder:
    rng = np.random.default_rng(90)
    builder = Builder()
    for shape in shapes:
        x = builder.input(shape)
        constants = [builder.constant(rng.uniform(0.5, 2, shape[1]).astype(np.float32)) for _ in range(4)]
        builder.output(builder.op("BatchNormalization", [x, *constants], **attributes))
    return builder


def test_equals_onnxruntime(tmp_path: Path) -> None:
    builder = build([(1, 3, 4, 5), (2, 6), (1, 4, 7), (1, 5, 1, 1)], epsilon=1e-3)
    path = builder.write(tmp_path / "norm.onnx")
    samples = builder.samples(np.random.default_rng(91))
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "host")
    graph, _ = import_file(path)
    assert [n.op.name for n in graph.nodes] == ["Mul", "Add"] * 4


def test_node_suite(tmp_path: Path) -> None:
    """Parameters are inputs there, and in two cases the statistics are those of the batch."""
    node_suite.judge(node_suite.cases("BatchNormalization"), tmp_path, right=4, rtol=1e-4)


def test_parameters_of_the_run_time(tmp_path: Path) -> None:
    rng, builder = np.random.default_rng(92), Builder()
    for shape in ((1, 3, 4, 5), (2, 6), (1, 4, 7)):
        parameters = [builder.input(shape[1:2]) for _ in range(4)]
        builder.output(builder.op("BatchNormalization", [builder.input(shape), *parameters], epsilon=1e-2))
    path = builder.write(tmp_path / "norm.onnx")
    samples = [[np.abs(x) if x.ndim == 1 else x for x in sample] for sample in builder.samples(rng)]
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "host", rtol=1e-4, atol=1e-5)


def test_parameters_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    builder = Builder()
    parameters = [builder.input((2,)) for _ in range(4)]
    builder.output(builder.op("BatchNormalization", [builder.input((1, 3, 4, 4)), *parameters]))
    with pytest.raises(UnsupportedError, match="each of 3 channels"):
        import_file(builder.write(tmp_path / "norm.onnx"))
