"""BatchNormalization becomes Mul and Add with constants, and means the same; training mode is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import parity
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


def test_training_mode_is_refused(tmp_path: Path) -> None:
    path = build([(1, 3, 4, 4)], training_mode=1).write(tmp_path / "training.onnx")
    with pytest.raises(UnsupportedError, match="training mode"):
        import_file(path)
