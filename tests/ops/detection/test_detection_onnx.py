"""NonMaxSuppression and RoiAlign against onnxruntime: random boxes, many alike, and boards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import node_suite, parity
from tests.zoo import FLOAT, INT64, Ends, node, onnx_file

IMAGES, CLASSES, COUNT = 2, 3, 9
#: What may be left out, from the end: the most boxes of a class, the overlap, the score.
LIMITS: list[tuple[int, float | None, float | None]] = [(4, 0.5, 0.3), (2, 0.1, None), (20, None, None)]


def boxes_and_scores(rng: np.random.Generator) -> list[Array]:
    """Returns boxes with corners in any order, some of them alike, and few different scores."""
    boxes = rng.uniform(0, 4, (IMAGES, COUNT, 4)).astype(np.float32)
    boxes[:, 3] = boxes[:, 1]
    boxes[:, 4, 2] = boxes[:, 4, 0]
    return [boxes, np.asarray(np.rint(rng.uniform(0, 1, (IMAGES, CLASSES, COUNT)) * 8) / 8, np.float32)]


def suppression(
    path: Path, limits: tuple[int, float | None, float | None], *, centred: bool, at_run_time: bool
) -> tuple[Path, list[Array]]:
    """Writes a model; returns it, and the limits that it takes."""
    most, overlap, score = limits
    numbers: dict[str, Array] = {"most": np.array([most], np.int64)}
    numbers |= {} if overlap is None else {"overlap": np.array([overlap], np.float32)}
    numbers |= {} if score is None else {"score": np.array([score], np.float32)}
    ends: dict[str, tuple[int, Any]] = {
        "boxes": (FLOAT, (IMAGES, COUNT, 4)),
        "scores": (FLOAT, (IMAGES, CLASSES, COUNT)),
    }
    if at_run_time:
        ends |= {name: (INT64 if name == "most" else FLOAT, (1,)) for name in numbers}
    nodes = [node("NonMaxSuppression", ["boxes", "scores", *numbers], ["y"], center_point_box=int(centred))]
    onnx_file(path, nodes, ends, {"y": (INT64, ["n", 3])}, {} if at_run_time else numbers)
    return path, list(numbers.values()) if at_run_time else []


def rows(got: list[list[Array]], want: list[list[Array]], limits: tuple[int, float | None, float | None]) -> None:
    """Asserts that the rows are those of onnxruntime, and that all behind them are -1."""
    for ours, theirs in zip(got, want, strict=True):
        count = len(theirs[0])
        assert ours[0].shape == (IMAGES * CLASSES * min(limits[0], COUNT), 3)
        np.testing.assert_array_equal(ours[0][:count], theirs[0])
        np.testing.assert_array_equal(ours[0][count:], -1)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("limits", LIMITS)
def test_suppression_equals_onnxruntime(
    centred: bool, limits: tuple[int, float | None, float | None], tmp_path: Path
) -> None:
    rng = np.random.default_rng(31)
    path, _ = suppression(tmp_path / "m.onnx", limits, centred=centred, at_run_time=False)
    samples = [boxes_and_scores(rng) for _ in range(8)]
    want = parity.onnxruntime_answers(path, samples)
    rows(parity.reference(path, samples), want, limits)
    if not centred or limits is LIMITS[0]:
        rows(parity.host(path, samples), want, limits)


def test_limits_at_run_time(tmp_path: Path) -> None:
    """Without a constant there may be as many as there are boxes; of the declared rows no more are made."""
    rng = np.random.default_rng(32)
    path, given = suppression(tmp_path / "m.onnx", LIMITS[0], centred=False, at_run_time=True)
    samples = [[*boxes_and_scores(rng), *given] for _ in range(2)]
    want = parity.onnxruntime_answers(path, samples)
    rows(parity.reference(path, samples), want, (COUNT, None, None))
    rows(parity.host(path, samples), want, (COUNT, None, None))


def test_cases(tmp_path: Path) -> None:
    node_suite.judge(node_suite.cases("NonMaxSuppression", "RoiAlign"), tmp_path, right=13)


@pytest.mark.parametrize(
    "most, words", [([0], "at most 0 boxes"), ([1, 2], "is not one number")], ids=["none", "two numbers"]
)
def test_suppression_refuses(most: list[int], words: str, tmp_path: Path) -> None:
    nodes = [node("NonMaxSuppression", ["boxes", "scores", "most"], ["y"])]
    ends: Ends = {"boxes": (FLOAT, (1, 3, 4)), "scores": (FLOAT, (1, 1, 3))}
    with pytest.raises(UnsupportedError, match=words):
        import_file(onnx_file(tmp_path / "m.onnx", nodes, ends, {"y": (INT64, ["n", 3])}, {"most": np.array(most)}))


#: Of RoiAlign.
ATTRIBUTES: list[dict[str, Any]] = [
    {"output_height": 2, "output_width": 3, "sampling_ratio": 2},
    {"output_height": 3, "output_width": 2, "spatial_scale": 0.5},
    {"output_height": 1, "output_width": 4, "coordinate_transformation_mode": "output_half_pixel"},
    {"output_height": 2, "output_width": 2, "sampling_ratio": 1, "mode": "max"},
    {"output_height": 2, "output_width": 2, "mode": "max", "coordinate_transformation_mode": "output_half_pixel"},
]


def regions(path: Path, rng: np.random.Generator) -> tuple[Path, list[list[Array]]]:
    """Writes a model of regions inside, around and outside of images; returns it and samples."""
    nodes = [node("RoiAlign", ["x", "r", "n"], [f"y{k}"], **own) for k, own in enumerate(ATTRIBUTES)]
    ends: Ends = {"x": (FLOAT, (2, 3, 7, 6)), "r": (FLOAT, (5, 4)), "n": (INT64, (5,))}
    onnx_file(path, nodes, ends, {f"y{k}": (FLOAT, ["a", "b", "c", "d"]) for k in range(len(nodes))})
    samples: list[list[Array]] = []
    for _ in range(3):
        first = rng.uniform(-3, 6, (5, 2))
        corners = np.concatenate([first, first + rng.uniform(-0.5, 9, (5, 2))], axis=1).astype(np.float32)
        x = rng.uniform(0, 1, (2, 3, 7, 6)).astype(np.float32)
        samples.append([x, corners, rng.integers(0, 2, 5).astype(np.int64)])
    return path, samples


def test_regions_equal_onnxruntime(tmp_path: Path) -> None:
    path, samples = regions(tmp_path / "m.onnx", np.random.default_rng(33))
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


def test_regions_that_are_no_numbers(tmp_path: Path) -> None:
    """They are endless for nobody: where a bin has no extent it has no samples, and comes to 0."""
    path, samples = regions(tmp_path / "m.onnx", np.random.default_rng(35))
    corners = samples[0][1].copy()
    corners[0], corners[1, 2], corners[2, 0] = np.nan, -np.inf, np.inf
    given: list[list[Array]] = [[samples[0][0], corners, np.array([0, 7, -3, 1, 0], np.int64)]]
    parity.agree(parity.host(path, given), parity.reference(path, given), "kernels", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("board", parity.BOARDS)
def test_emulated(board: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(34)
    path, samples = regions(tmp_path / "m.onnx", rng)
    parity.agree(parity.on(board, path, samples), parity.reference(path, samples), board, rtol=1e-4, atol=1e-5)
    path, _ = suppression(tmp_path / "s.onnx", LIMITS[0], centred=False, at_run_time=False)
    given = [boxes_and_scores(rng) for _ in range(3)]
    parity.agree(parity.on(board, path, given), parity.reference(path, given), board)


@pytest.mark.parametrize(
    "attributes, words",
    [
        ({"mode": "odd"}, "mode `odd`"),
        ({"output_height": 0}, "are not supported"),
        ({"sampling_ratio": -1}, "-1 samples"),
    ],
)
def test_regions_refuse(attributes: dict[str, Any], words: str, tmp_path: Path) -> None:
    ends: Ends = {"x": (FLOAT, (1, 1, 3, 3)), "r": (FLOAT, (1, 4)), "n": (INT64, (1,))}
    nodes = [node("RoiAlign", ["x", "r", "n"], ["y"], **attributes)]
    made: Ends = {"y": (onnx.TensorProto.FLOAT, ["a", "b", "c", "d"])}
    with pytest.raises(UnsupportedError, match=words):
        import_file(onnx_file(tmp_path / "m.onnx", nodes, ends, made))
