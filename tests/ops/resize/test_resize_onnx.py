"""Resize to the nearest neighbour against ONNX's node suite and onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.passes import optimize
from tests import zoo
from tests.ops import node_suite, parity

NAMES = [
    case.name for case in node_suite.cases("Resize", "Upsample") if "nearest" in case.name and "not_" not in case.name
]


def test_the_suite_has_these_cases() -> None:
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_node_suite(name: str, tmp_path: Path) -> None:
    (case,) = (c for c in node_suite.cases("Resize", "Upsample") if c.name == name)
    path = case.with_constants({0}).write(tmp_path)
    graph, _ = import_file(path)
    parity.agree([Interpreter(graph).outputs(case.inputs[:1])], [case.outputs], name)


@pytest.mark.parametrize("transformation", ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"])
@pytest.mark.parametrize("scales", [(1, 1, 2, 2), (1, 1, 3, 1), (1, 1, 1.5, 0.6)])
def test_modes(transformation: str, scales: tuple[float, ...], tmp_path: Path) -> None:
    node = helper.make_node(
        "Resize",
        ["x", "", "scales"],
        ["y"],
        coordinate_transformation_mode=transformation,
        nearest_mode="floor" if transformation == "asymmetric" else "round_prefer_floor",
    )
    path = zoo.onnx_file(
        tmp_path / "m.onnx",
        [node],
        {"x": (zoo.FLOAT, (1, 3, 6, 5))},
        {"y": (zoo.FLOAT, None)},  # type: ignore[dict-item]
        {"scales": np.array(scales, np.float32)},
    )
    samples = [[np.random.default_rng(1).standard_normal((1, 3, 6, 5)).astype(np.float32)]]
    parity.agree(parity.reference(path, samples), parity.onnxruntime_answers(path, samples), transformation)


def test_a_whole_factor_between_convolutions_needs_no_transpose(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node(
            "Resize", ["a", "", "scales"], ["b"], coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        ),
        helper.make_node("Conv", ["b", "w"], ["y"]),
    ]
    rng = np.random.default_rng(1)
    path = zoo.onnx_file(
        tmp_path / "m.onnx",
        nodes,
        {"x": (zoo.FLOAT, (1, 3, 6, 5))},
        {"y": (zoo.FLOAT, (1, 3, 12, 10))},
        {"scales": np.array([1, 1, 2, 2], np.float32), "w": rng.standard_normal((3, 3, 1, 1)).astype(np.float32)},
    )
    graph, _ = import_file(path)
    optimize(graph)
    assert [n.op.name for n in graph.nodes] == [
        "Transpose",
        "Conv2d",
        "Reshape",
        "Tile",
        "Reshape",
        "Conv2d",
        "Transpose",
    ]
    samples = [[rng.standard_normal((1, 3, 6, 5)).astype(np.float32)]]
    answers = [Interpreter(graph).outputs(samples[0])]
    parity.agree(answers, parity.onnxruntime_answers(path, samples), "optimised", rtol=1e-4, atol=1e-5)
