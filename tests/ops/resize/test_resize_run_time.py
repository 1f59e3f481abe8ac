"""Resize by scales, sizes and regions that the model gets when it runs: as where they are constants, in onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity
from tests.zoo import FLOAT, INT64, node, onnx_file

_WAYS = (
    "half_pixel",
    "asymmetric",
    "align_corners",
    "pytorch_half_pixel",
    "half_pixel_symmetric",
    "tf_crop_and_resize",
)


def random_cases(mode: str, count: int, seed: int, folder: Path) -> tuple[Path, list[list[Array]], list[list[Array]]]:
    """Returns a model of many nodes, two samples of its inputs, and what onnxruntime makes of them."""
    rng = np.random.default_rng(seed)
    nodes, inputs, outputs, samples, want = [], {}, {}, [[], []], [[], []]  # type: ignore[var-annotated]
    for index in range(count):
        way = _WAYS[index % len(_WAYS)]
        attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": way}
        if mode == "nearest":
            attributes["nearest_mode"] = str(rng.choice(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]))
        if mode == "cubic":
            attributes |= {"cubic_coeff_a": float(rng.choice([-0.75, -0.5]))}
            attributes |= {"exclude_outside": int(rng.integers(0, 2))} if way != "tf_crop_and_resize" else {}
        if mode != "nearest" and way == "half_pixel" and rng.random() < 0.5:
            attributes |= {"antialias": 1}
        shape = (1, 1, *(int(n) for n in rng.integers(2, 9, 2)))
        names = [f"x{index}", "", f"s{index}", ""]
        # Of both samples the extents are the same, the scales are not.
        counts = rng.integers(2, 12, 2)
        ends = {names[0]: (FLOAT, shape), names[2]: (FLOAT, (4,))}
        region: list[Array] = []
        if way == "tf_crop_and_resize":
            attributes["extrapolation_value"] = 2.5
            names[1] = f"r{index}"
            ends[names[1]] = (FLOAT, (8,))
            starts = rng.uniform(-0.2, 0.4, 2)
            region = [np.array([0, 0, *starts, 1, 1, *(starts + rng.uniform(0.3, 0.9, 2))], np.float32)]
        nodes.append(node("Resize", names[:3], [f"y{index}"], **attributes))
        inputs |= ends
        outputs[f"y{index}"] = (FLOAT, (1, 1, *(int(n) for n in counts)))
        for number, sample in enumerate(samples):
            x = rng.normal(0, 1, shape).astype(np.float32)
            within = rng.uniform(0.05, 0.95, 2) if way in ("half_pixel", "asymmetric") else np.full(2, 1e-5)
            scales = np.array([1, 1, *((counts + within) / shape[2:])], np.float32)
            sample += [x, scales, *region]
            constants = {names[2]: scales} | ({names[1]: region[0]} if region else {})
            made: dict[str, Any] = {f"y{index}": (FLOAT, None)}
            alone = onnx_file(folder / "one.onnx", nodes[-1:], {names[0]: (FLOAT, shape)}, made, constants, 18)
            want[number] += parity.onnxruntime_answers(alone, [[x]])[0]
    return onnx_file(folder / "all.onnx", nodes, inputs, outputs, opset=18), samples, want


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_equals_onnxruntime(mode: str, tmp_path: Path) -> None:
    path, samples, want = random_cases(mode, 24, 7, tmp_path)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-4)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("board", parity.BOARDS)
def test_emulated(board: str, tmp_path: Path) -> None:
    path, samples, _ = random_cases("cubic", 3, 8, tmp_path)
    parity.agree(parity.on(board, path, samples), parity.reference(path, samples), board, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "declared, scales, attributes, words",
    [
        ((1, 1, 6), 4, {}, "cannot become the declared"),
        ((1, 1, 6, 6), 3, {}, "the scales are f32"),
        ((1, 1, 6, 6), 4, {"coordinate_transformation_mode": "odd"}, "`odd` is not known"),
        ((1, 1, 900, 6), 4, {}, "becomes 900 by a scale or region"),
    ],
)
def test_refuses(declared: Sequence[int], scales: int, attributes: dict[str, str], words: str, tmp_path: Path) -> None:
    nodes = [node("Resize", ["x", "", "s"], ["y"], mode="linear", **attributes)]
    ends = {"x": (FLOAT, (1, 1, 300, 3)), "s": (FLOAT, (scales,))}
    with pytest.raises(UnsupportedError, match=words):
        parity.reference(onnx_file(tmp_path / "m.onnx", nodes, ends, {"y": (FLOAT, declared)}), [])


def test_sizes_of_which_one_tells_all(tmp_path: Path) -> None:
    """The aspect ratio is kept: which of the sizes holds, is known when the model runs."""
    nodes = [
        node("Resize", ["x", "", "", "n"], ["y"], mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_larger")
    ]
    ends = {"x": (FLOAT, (1, 1, 4, 6)), "n": (INT64, (2,))}
    path = onnx_file(tmp_path / "m.onnx", nodes, ends, {"y": (FLOAT, (1, 1, 6, 9))}, opset=18)
    x = np.random.default_rng(1).normal(0, 1, (1, 1, 4, 6)).astype(np.float32)
    samples: list[list[Array]] = [[x, np.array(n, np.int64)] for n in ((6, 30), (20, 9))]
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-5)
