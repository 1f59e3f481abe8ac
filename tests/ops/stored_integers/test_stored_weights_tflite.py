"""Weights of 4 bits equal TFLite-Micro, sparse ones LiteRT: in numpy, and on the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.ir import Array
from tests.ops import parity, tflm
from tests.ops.sums import samples_for


def packed(rng: np.random.Generator, shape: tuple[int, ...], axis: int, count: int) -> tflm.Tensor:
    """Random weights of 4 bits, two in a byte, with so many scales."""
    data = rng.integers(0, 256, (int(np.prod(shape)) + 1) // 2).astype(np.uint8)
    if np.prod(shape) % 2:
        data[-1] &= 15
    scales = [float(np.float32(s)) for s in rng.uniform(0.02, 0.1, count)]
    return tflm.Tensor("int4", shape, scales, 0, data, axis)


def layer(rng: np.random.Generator, op: str) -> tflm.Operator:
    x = tflm.Tensor("int8", (1, 5, 4, 3), 0.05, -7)
    y, filter_, name, extra = {
        "CONV_2D": ((1, 4, 3, 5), packed(rng, (5, 2, 2, 3), 0, 5), "Conv2DOptions", {}),
        "DEPTHWISE_CONV_2D": (
            (1, 4, 3, 3),
            packed(rng, (1, 2, 2, 3), 3, 3),
            "DepthwiseConv2DOptions",
            {"depthMultiplier": 1},
        ),
        "FULLY_CONNECTED": ((20, 5), packed(rng, (5, 3), 0, 1), "FullyConnectedOptions", {}),
    }[op]
    window = {"padding": 1, "strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1}
    assert not isinstance(filter_.scale, float | None)
    count = y[-1]
    bias = tflm.Tensor("int32", (count,), [0.05 * s for s in filter_.scale], 0, np.arange(count).astype(np.int32) * 20)
    options: dict[str, Any] = {} if op == "FULLY_CONNECTED" else window | extra
    if op == "FULLY_CONNECTED":
        x = tflm.Tensor("int8", (20, 3), 0.05, -7)
    return tflm.Operator(op, [x, filter_, bias], [tflm.Tensor("int8", y, 0.1, 4)], (name, options), 7)


@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_weights_of_four_bits_equal_tflite_micro(op: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    operators = [layer(rng, op)]
    samples = samples_for(rng, operators)
    path = tmp_path / "net.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def compressed(weights: Array, block: int) -> tuple[tflm.Sparsity, Array]:
    """Weights [rows, columns] of which whole blocks along a row are left out where they hold only 0."""
    rows, columns = weights.shape
    blocks = weights.reshape(rows, columns // block, block)
    kept = blocks.any(axis=2)
    segments = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    levels = [rows, (segments, np.nonzero(kept)[1]), *([block] if block > 1 else [])]
    order, along = ([0, 1, 2], [1]) if block > 1 else ([0, 1], [])
    return tflm.Sparsity(order, along, levels), blocks[kept].reshape(-1)


@pytest.mark.parametrize("block", [1, 4])
def test_sparse_weights_equal_litert(block: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(6, 8)).astype(np.float32)
    weights.reshape(6, -1, block)[rng.random((6, 8 // block)) < 0.6] = 0
    sparsity, data = compressed(weights, block)
    filter_ = tflm.Tensor("float32", (6, 8), data=data, sparsity=sparsity)
    dense = tflm.Tensor("float32", (6, 8))
    x, y = tflm.Tensor("float32", (2, 8)), tflm.Tensor("float32", (2, 6))
    chain = [
        tflm.Operator("DENSIFY", [filter_], [dense], ("DensifyOptions", {}), 1),
        tflm.Operator("FULLY_CONNECTED", [x, dense, None], [y], ("FullyConnectedOptions", {}), 1),
    ]
    path = tmp_path / "net.tflite"
    path.write_bytes(tflm.chained(chain))
    samples = [[rng.normal(size=(2, 8)).astype(np.float32)]]
    want = parity.litert(path, samples, optimized=True)
    parity.agree([[samples[0][0] @ weights.T]], want, "dense weights")
    parity.agree(parity.reference(path, samples), want, "reference")
    if block == 4:
        parity.agree(parity.host(path, samples), want, "kernels")
