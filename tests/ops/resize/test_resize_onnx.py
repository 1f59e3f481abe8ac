"""Resize against ONNX's node suite and onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.passes import optimize
from tests import zoo
from tests.ops import node_suite, parity
from tests.ops.qdq import Builder


@pytest.mark.parametrize("constant", [True, False], ids=["constants", "run time"])
def test_node_suite(tmp_path: Path, constant: bool) -> None:
    found = node_suite.cases("Resize", "Upsample")
    node_suite.judge((c.with_constants({0}) for c in found) if constant else found, tmp_path, right=40, rtol=1e-5)


def random_resize(model: Builder, rng: np.random.Generator, mode: str) -> None:
    shape = (int(rng.integers(1, 3)), int(rng.integers(1, 4)), *(int(n) for n in rng.integers(1, 9, 2)))
    sizes = [*shape[:2], *(int(n) for n in rng.integers(1, 14, 2))]
    ways = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"]
    attributes: dict[str, object] = {"mode": mode, "coordinate_transformation_mode": str(rng.choice(ways))}
    if mode == "cubic":
        attributes |= {"cubic_coeff_a": float(rng.choice([-0.75, -0.5])), "exclude_outside": int(rng.integers(0, 2))}
    inputs = [model.input(shape), "", "", model.constant(np.array(sizes, np.int64))]
    model.output(model.op("Resize", inputs, **attributes))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_bytes_are_resized_as_onnxruntime_does_it(dtype: type[np.integer[Any]], tmp_path: Path) -> None:
    """Bit for bit, where sums of float32 are rounded (thirds, fifths), and where they are not (halves, quarters)."""
    rng, model = np.random.default_rng(8), Builder()
    for k, way in enumerate(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"] * 3):
        shape = [1, int(rng.integers(1, 4)), *(int(n) for n in rng.integers(1, 9, 2))][-2 if k == 5 else 0 :]
        sizes = [*shape[:-2], 2 * shape[-2], 4 * shape[-1]] if k < 4 else shape[:-2] + rng.integers(1, 14, 2).tolist()
        name = f"image_{k}"
        model.inputs.append((name, dtype, tuple(shape)))
        made = model.op(
            "Resize",
            [name, "", "", model.constant(np.array(sizes, np.int64))],
            mode="linear",
            coordinate_transformation_mode=way,
        )
        model.outputs.append((made, dtype))
    parity.onnx_agrees(model.write(tmp_path / "bytes.onnx"), model.samples(rng))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_weighted_sums_equal_onnxruntime(mode: str, tmp_path: Path) -> None:
    rng, model = np.random.default_rng(4), Builder()
    for _ in range(24):
        random_resize(model, rng, mode)
    path, samples = model.write(tmp_path / "resized.onnx"), model.samples(rng)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples, optimized=True), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("board", parity.BOARDS)
def test_emulated(board: str, tmp_path: Path) -> None:
    rng, model = np.random.default_rng(5), Builder()
    for mode in ("linear", "cubic"):
        for _ in range(3):
            random_resize(model, rng, mode)
    path, samples = model.write(tmp_path / "resized.onnx"), model.samples(rng)
    parity.agree(parity.on(board, path, samples), parity.reference(path, samples), board)


@pytest.mark.parametrize(
    "attributes, words",
    [
        ({"mode": "spline"}, "mode `spline`"),
        ({"mode": "linear", "coordinate_transformation_mode": "odd"}, "`odd` is not known"),
        ({"mode": "nearest", "keep_aspect_ratio_policy": "odd"}, "policy `odd`"),
        ({"mode": "nearest", "nearest_mode": "odd"}, "rounding `odd`"),
        ({"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"}, "input 1 is missing"),
    ],
)
def test_refuses(attributes: dict[str, str], words: str, tmp_path: Path) -> None:
    model = Builder()
    sizes = model.constant(np.array([1, 1, 5, 5], np.int64))
    model.output(model.op("Resize", [model.input((1, 1, 3, 3)), "", "", sizes], **attributes))
    with pytest.raises(UnsupportedError, match=words):
        import_file(model.write(tmp_path / "m.onnx"))


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
