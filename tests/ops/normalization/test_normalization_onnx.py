"""ONNX's normalisations: the node tests of `onnx`, and random shapes against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests import zoo
from tests.ops import node_suite, parity
from tests.ops.qdq import Builder

KINDS = (
    *("LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization"),
    *("MeanVarianceNormalization", "LpNormalization", "LRN"),
)


def test_node_suite(tmp_path: Path) -> None:
    node_suite.judge(node_suite.cases(*KINDS), tmp_path, right=51, rtol=1e-4)


def random_norm(model: Builder, rng: np.random.Generator, kind: str) -> None:
    rank = 4 if kind == "LRN" else int(rng.integers(3, 5))
    shape = (int(rng.integers(1, 4)), int(rng.choice([2, 4, 6])), *(int(d) for d in rng.integers(2, 7, rank - 2)))
    x = model.input(shape)
    axis = int(rng.integers(0, rank))

    def parameters(own: tuple[int, ...]) -> list[str]:
        return [model.constant(rng.normal(0, 1, own).astype(np.float32)) for _ in range(2)]

    epsilon = float(rng.choice([1e-5, 1e-2]))
    match kind:
        case "LayerNormalization":
            name = model.op(
                kind, [x, *parameters(shape[axis:])], axis=axis - int(rng.choice([0, rank])), epsilon=epsilon
            )
        case "InstanceNormalization":
            name = model.op(kind, [x, *parameters(shape[1:2])], epsilon=epsilon)
        case "MeanVarianceNormalization":
            name = model.op(kind, [x], axes=[0, *range(2, rank)])
        case "LpNormalization":
            name = model.op(kind, [x], axis=axis, p=int(rng.integers(1, 3)))
        case _:
            name = model.op(kind, [x], size=int(rng.choice([1, 3, 5])), alpha=0.3, beta=0.6, bias=1.5)
    model.output(name)


# onnxruntime does not have RMSNormalization and GroupNormalization in this operator set.
@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("RMSNormalization", "GroupNormalization")])
def test_equals_onnxruntime(kind: str, tmp_path: Path) -> None:
    rng, model = np.random.default_rng(3), Builder()
    for _ in range(8):
        random_norm(model, rng, kind)
    path, samples = model.write(tmp_path / "norms.onnx", opset=17), model.samples(rng)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples, optimized=True), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("board", parity.BOARDS)
def test_emulated(board: str, tmp_path: Path) -> None:
    rng, model = np.random.default_rng(4), Builder()
    for kind in ("LayerNormalization", "InstanceNormalization"):
        for _ in range(3):
            random_norm(model, rng, kind)
    path, samples = model.write(tmp_path / "norms.onnx", opset=17), model.samples(rng)
    parity.agree(parity.on(board, path, samples), parity.reference(path, samples), board, rtol=1e-4, atol=1e-5)


def test_a_layer_is_one_operator_where_scale_and_bias_are_rows(tmp_path: Path) -> None:
    model, ones = Builder(), np.ones((3, 4), np.float32)
    x = model.input((2, 3, 4))
    model.output(model.op("LayerNormalization", [x, model.constant(ones)], axis=1))
    model.output(model.op("LayerNormalization", [x, model.constant(ones[0]), model.constant(ones[0])], axis=1))
    graph, _ = import_file(model.write(tmp_path / "norms.onnx", opset=17))
    assert [node.op.name for node in graph.nodes].count("RowNorm") == 1


@pytest.mark.parametrize(
    "node, words",
    [
        (helper.make_node("GroupNormalization", ["x", "w", "w"], ["y"], num_groups=3), "3 groups do not divide"),
        (helper.make_node("LayerNormalization", ["x", "w"], ["y"], axis=7), "outside"),
        (helper.make_node("LpNormalization", ["x"], ["y"], p=3), "p = 3"),
        (helper.make_node("InstanceNormalization", ["x", "one", "one"], ["y"]), "not of shape"),
    ],
    ids=lambda value: getattr(value, "op_type", ""),
)
def test_refuses(node: object, words: str, tmp_path: Path) -> None:
    path = zoo.onnx_file(
        tmp_path / "m.onnx",
        [node],  # type: ignore[list-item]
        {"x": (zoo.FLOAT, (1, 4, 5))},
        {"y": (zoo.FLOAT, None)},  # type: ignore[dict-item]
        {"w": np.ones(4, np.float32), "one": np.ones(1, np.float32)},
    )
    with pytest.raises(UnsupportedError, match=words):
        import_file(path)
