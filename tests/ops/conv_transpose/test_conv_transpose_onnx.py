"""ONNX ConvTranspose: the node tests of `onnx`, and random shapes against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.ops import node_suite, parity
from tests.ops.qdq import Builder


def test_node_suite(tmp_path: Path) -> None:
    for way, keep in (("constants", {0}), ("inputs", {0, 1, 2})):
        cases = (case.with_constants(keep) for case in node_suite.cases("ConvTranspose"))
        (tmp_path / way).mkdir()
        node_suite.judge(cases, tmp_path / way, right=11, rtol=1e-5)


def random_transposed(model: Builder, rng: np.random.Generator) -> None:
    rank = int(rng.choice([1, 2, 2, 3]))
    window, strides = (tuple(int(v) for v in rng.integers(1, most, rank)) for most in (5, 4))
    dilations = tuple(int(v) for v in rng.integers(1, 3, rank))
    groups, depth, each = (int(rng.choice(c)) for c in ([1, 1, 2, 3], [1, 2, 5], [1, 3, 4, 9]))
    size = tuple(int(v) for v in rng.integers(2, 7, rank))
    attributes: dict[str, object] = {"strides": strides, "dilations": dilations, "group": groups}
    full = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(size, strides, window, dilations, strict=True)]
    way = rng.random()
    if way < 0.3:
        attributes["pads"] = [int(rng.integers(0, min(2, full[k % rank] // 2) + 1)) for k in range(2 * rank)]
        attributes["output_padding"] = [int(rng.integers(0, s)) for s in strides]
    elif way < 0.5:
        attributes["output_shape"] = [int(rng.integers(max(f - 2, 1), f + 1)) for f in full]
        attributes["auto_pad"] = str(rng.choice(["SAME_UPPER", "SAME_LOWER", "NOTSET"]))
    elif way < 0.7 and all(f >= n * s for f, n, s in zip(full, size, strides, strict=True)):
        attributes["auto_pad"] = str(rng.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]))
    shape = (groups * depth, each, *window)
    known = rng.random() < 0.7
    weights = model.constant(rng.normal(0, 0.3, shape).astype(np.float32)) if known else model.input(shape)
    inputs = [model.input((int(rng.choice([1, 1, 2])), groups * depth, *size)), weights]
    if rng.random() < 0.6:
        inputs.append(model.constant(rng.normal(0, 1, groups * each).astype(np.float32)))
    result = model.op("ConvTranspose", inputs, **attributes)
    model.output(model.op("Relu", [result]) if rng.random() < 0.3 else result)


def test_equals_onnxruntime(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(12), Builder()
    for _ in range(48):
        random_transposed(model, rng)
    parity.onnx_agrees(model.write(tmp_path / "convolutions.onnx"), model.samples(rng))
