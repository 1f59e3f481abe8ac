"""ONNX Conv: the node tests of `onnx`, and random shapes, float32 and QDQ, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import node_suite, parity
from tests.ops.qdq import Builder


def test_node_suite(tmp_path: Path) -> None:
    for way, keep in (("constants", {0}), ("inputs", {0, 1, 2})):
        cases = (case.with_constants(keep) for case in node_suite.cases("Conv"))
        (tmp_path / way).mkdir()
        node_suite.judge(cases, tmp_path / way, right=6, rtol=1e-5)


def random_convolution(model: Builder, rng: np.random.Generator, *, kind: str) -> None:
    rank = int(rng.choice([1, 2, 2, 3] if kind == "float32" else [1, 2, 2]))
    window, strides = (tuple(int(v) for v in rng.integers(1, 4, rank)) for _ in range(2))
    dilations = tuple(int(v) for v in rng.integers(1, 3, rank))
    groups, depth = int(rng.choice([1, 1, 2, 3])), int(rng.integers(1, 6))
    count = int(rng.integers(1, 7)) * groups
    if rng.random() < 0.3:
        groups, depth = int(rng.integers(2, 9)), 1
        count = groups * int(rng.integers(1, 4))
    size = tuple(int((k - 1) * d + rng.integers(1, 8)) for k, d in zip(window, dilations, strict=True))
    attributes: dict[str, object] = {"strides": strides, "dilations": dilations, "group": groups}
    if rng.random() < 0.5:
        attributes["kernel_shape"] = window
    # onnxruntime knows no dilation together with SAME.
    if rng.random() < 0.4 and max(dilations) == 1:
        attributes["auto_pad"] = str(rng.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]))
    elif rng.random() < 0.5:
        attributes["pads"] = [int(v) for v in rng.integers(0, 2, 2 * rank)]
    image, filter_ = (int(rng.choice([1, 1, 1, 2])), depth * groups, *size), (count, depth, *window)
    if kind == "float32":
        known = rng.random() < 0.7
        weights = model.constant(rng.normal(0, 0.3, filter_).astype(np.float32)) if known else model.input(filter_)
        bias = model.constant(rng.normal(0, 1, count).astype(np.float32)) if known else model.input((count,))
        model.output(model.op("Conv", [model.input(image), weights, bias], **attributes))
        return
    dtype, middle = (np.uint8, 128) if kind == "uint8" else (np.int8, 0)
    scale, zero, output_zero = float(np.float32(rng.uniform(0.01, 0.1))), *(int(z) for z in rng.integers(-128, 128, 2))
    scales = [float(np.float32(s)) for s in rng.uniform(0.002, 0.02, count if rng.random() < 0.5 else 1)]
    spread = scale * np.mean(scales) * 74 * 74 * np.sqrt(depth * np.prod(window))
    inputs = [model.input(image, (scale, zero + middle), dtype)]
    filter_zero = int(rng.choice([0, 0, 5, -9])) if len(scales) == 1 else 0
    inputs.append(model.weights(parity.stored(rng, filter_), scales, 0, filter_zero))
    if rng.random() < 0.7:
        products = [float(np.float32(scale) * np.float32(s)) for s in scales]
        inputs.append(model.weights(rng.integers(-9000, 9000, count).astype(np.int32), products))
    result = model.op("Conv", inputs, **attributes)
    result = model.op("Relu", [result]) if rng.random() < 0.3 else result
    model.output(result, (float(np.float32(spread / rng.uniform(20, 90))), output_zero + middle), dtype)


@pytest.mark.parametrize("kind", ["float32", "int8", "uint8"])
def test_equals_onnxruntime(tmp_path: Path, kind: str) -> None:
    rng, model = np.random.default_rng(11), Builder()
    for _ in range(36):
        random_convolution(model, rng, kind=kind)
    parity.onnx_agrees(model.write(tmp_path / "convolutions.onnx"), model.samples(rng))


def test_a_window_of_one_cell_with_padding(tmp_path: Path) -> None:
    model, rng = Builder(), np.random.default_rng(12)
    for pads in ([0, 0, 1, 0], [1, 0, 0, 2], [0, 0, 0, 1]):
        weights = model.constant(rng.normal(0, 1, (3, 2, 1, 1)).astype(np.float32))
        model.output(model.op("Conv", [model.input((1, 2, 4, 3)), weights], pads=pads))
    parity.onnx_agrees(model.write(tmp_path / "points.onnx"), model.samples(rng))


def test_refuses_a_large_filter_that_is_computed(tmp_path: Path) -> None:
    model = Builder()
    model.output(model.op("Conv", [model.input((1, 2, 40, 40)), model.input((3, 2, 30, 30))]))
    with pytest.raises(UnsupportedError, match="900 taps"):
        import_file(model.write(tmp_path / "dynamic.onnx"))
