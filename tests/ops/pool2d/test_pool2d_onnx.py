"""ONNX pools: the node tests of `onnx`, and random windows, float32 and QDQ, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import node_suite, parity
from tests.ops.qdq import Builder

POOLS = ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")


def test_node_suite(tmp_path: Path) -> None:
    node_suite.judge(node_suite.cases(*POOLS, "LpPool", "MaxUnpool"), tmp_path, right=53)


def random_pool(model: Builder, rng: np.random.Generator, *, quantised: bool) -> None:
    # Volumes are pooled axis by axis, which between quantised values means another rounding.
    rank = int(rng.choice([1, 2, 2] if quantised else [1, 2, 2, 3]))
    kind = str(rng.choice(POOLS))
    window, strides = (tuple(int(v) for v in rng.integers(1, 5, rank)) for _ in range(2))
    size = tuple(int(k + rng.integers(0, 9)) for k in window)
    attributes: dict[str, object] = {}
    if not kind.startswith("Global"):
        attributes = {"kernel_shape": window, "strides": strides, "ceil_mode": int(rng.random() < 0.4)}
        if rng.random() < 0.3 and all(s <= k for s, k in zip(strides, window, strict=True)):
            attributes |= {"auto_pad": str(rng.choice(["SAME_UPPER", "SAME_LOWER"])), "ceil_mode": 0}
        elif rng.random() < 0.6:
            attributes["pads"] = [int(rng.integers(0, k)) for k in (*window, *window)]
        if kind == "AveragePool":
            attributes["count_include_pad"] = int(rng.random() < 0.5)
    image = (int(rng.choice([1, 1, 2])), int(rng.integers(1, 7)), *size)
    if not quantised:
        model.output(model.op(kind, [model.input(image)], **attributes))
        return
    scale, zero = float(np.float32(rng.uniform(0.01, 0.1))), int(rng.integers(-128, 128))
    quantisation = (scale, zero)
    # Other scales make no halves, about which the order of float sums decides in onnxruntime's global average.
    if kind == "GlobalAveragePool" or (kind == "AveragePool" and rng.random() < 0.5):
        quantisation = (float(np.float32(scale * rng.uniform(0.3, 1))), int(rng.integers(-128, 128)))
    model.output(model.op(kind, [model.input(image, (scale, zero))], **attributes), quantisation)


@pytest.mark.parametrize("opset", [17, 19])
@pytest.mark.parametrize("quantised", [False, True], ids=["float32", "int8"])
def test_equals_onnxruntime(tmp_path: Path, quantised: bool, opset: int) -> None:
    rng, model = np.random.default_rng(13), Builder()
    for _ in range(48):
        random_pool(model, rng, quantised=quantised)
    parity.onnx_agrees(model.write(tmp_path / "pools.onnx", opset), model.samples(rng))


def random_norm_pool(model: Builder, rng: np.random.Generator) -> None:
    rank = int(rng.choice([1, 2, 3]))
    window, strides = (tuple(int(v) for v in rng.integers(1, 4, rank)) for _ in range(2))
    attributes: dict[str, object] = {"kernel_shape": window, "strides": strides, "p": int(rng.integers(1, 4))}
    if rng.random() < 0.5:
        attributes["pads"] = [int(rng.integers(0, k)) for k in (*window, *window)]
    image = (int(rng.choice([1, 2])), int(rng.integers(1, 7)), *(int(k + rng.integers(0, 6)) for k in window))
    model.output(model.op("LpPool", [model.input(image)], **attributes))
    model.output(model.op("GlobalLpPool", [model.input(image)], p=attributes["p"]))


def test_norms_equal_onnxruntime(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(17), Builder()
    for _ in range(16):
        random_norm_pool(model, rng)
    path, samples = model.write(tmp_path / "norms.onnx", 18), model.samples(rng)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples, optimized=True), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("opset", [17, 19])
def test_halves(tmp_path: Path, opset: int) -> None:
    """Where input and output have one scale, many averages of 4 or 16 cells are halves, rounded as float sums fall."""
    rng, model = np.random.default_rng(15), Builder()
    for size, stride in ((2, 1), (2, 2), (2, 3), (4, 1), (4, 2), (4, 3)):
        quantisation = (float(np.float32(rng.uniform(0.01, 0.1))), int(rng.integers(-128, 128)))
        image = model.input((1, 4, 16, 16), quantisation)
        model.output(model.op("AveragePool", [image], kernel_shape=[size] * 2, strides=[stride] * 2), quantisation)
    parity.onnx_agrees(model.write(tmp_path / "halves.onnx", opset), model.samples(rng))
