"""Hybrid operators (int8 weights, float32 activations) agree with LiteRT: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.sums import ACTIVATIONS, filter_scales, output_size, samples_for


def weights(
    rng: np.random.Generator, shape: tuple[int, ...], axis: int, *, per_channel: bool
) -> tuple[tflm.Tensor, tflm.Tensor]:
    """Returns an int8 filter and a float32 bias."""
    count = shape[axis]
    data = rng.integers(-127, 128, shape).astype(np.int8)
    filter_ = tflm.Tensor("int8", shape, filter_scales(rng, count if per_channel else 1), 0, data, axis)
    return filter_, tflm.Tensor("float32", (count,), data=rng.normal(0, 1, count).astype(np.float32))


def random_convolution(rng: np.random.Generator) -> tflm.Operator:
    window, stride = (tuple(int(v) for v in rng.integers(1, 4, 2)) for _ in range(2))
    same, per_channel = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
    height, width = (int(k + rng.integers(0, 7)) for k in window)
    depth, count = int(rng.integers(1, 7)), int(rng.integers(1, 8))
    rows, columns = (output_size(n, k, s, same=same) for n, k, s in zip((height, width), window, stride, strict=True))
    options = {
        "padding": 0 if same else 1,
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": 1,
        "dilationWFactor": 1,
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    filter_, bias = weights(rng, (count, *window, depth), 0, per_channel=per_channel)
    inputs = [tflm.Tensor("float32", (1, height, width, depth)), filter_, bias]
    output = tflm.Tensor("float32", (1, rows, columns, count))
    return tflm.Operator("CONV_2D", inputs, [output], ("Conv2DOptions", options), 5)


def random_depthwise(rng: np.random.Generator) -> tflm.Operator:
    window = tuple(int(v) for v in rng.integers(1, 4, 2))
    same, multiplier = bool(rng.random() < 0.5), int(rng.choice([1, 1, 2, 4]))
    height, width = (int(k + rng.integers(0, 7)) for k in window)
    depth = int(rng.integers(1, 7))
    rows, columns = (output_size(n, k, 1, same=same) for n, k in zip((height, width), window, strict=True))
    options = {
        "padding": 0 if same else 1,
        "strideH": 1,
        "strideW": 1,
        "depthMultiplier": multiplier,
        "dilationHFactor": 1,
        "dilationWFactor": 1,
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    filter_, bias = weights(rng, (1, *window, depth * multiplier), 3, per_channel=True)
    inputs = [tflm.Tensor("float32", (1, height, width, depth)), filter_, bias]
    output = tflm.Tensor("float32", (1, rows, columns, depth * multiplier))
    return tflm.Operator("DEPTHWISE_CONV_2D", inputs, [output], ("DepthwiseConv2DOptions", options), 6)


def random_layer(rng: np.random.Generator) -> tflm.Operator:
    depth, count, rows = int(rng.integers(1, 40)), int(rng.integers(1, 12)), int(rng.choice([1, 1, 3]))
    options = {
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
        "asymmetricQuantizeInputs": bool(rng.random() < 0.5),
    }
    filter_, bias = weights(rng, (count, depth), 0, per_channel=False)
    inputs = [tflm.Tensor("float32", (rows, depth)), filter_, bias if rng.random() < 0.7 else None]
    output = tflm.Tensor("float32", (rows, count))
    return tflm.Operator("FULLY_CONNECTED", inputs, [output], ("FullyConnectedOptions", options), 9)


@pytest.mark.parametrize("draw", [random_convolution, random_depthwise, random_layer])
def test_equals_litert(tmp_path: Path, draw: object) -> None:
    rng = np.random.default_rng(21)
    kinds = {f.__name__: f for f in (random_convolution, random_depthwise, random_layer)}
    operators = [kinds[getattr(draw, "__name__", "")](rng) for _ in range(24)]
    samples = samples_for(rng, operators)
    # A row of zeros, and one of negative numbers only.
    samples[0] = [np.zeros_like(x) if k % 3 == 0 else -np.abs(x) if k % 3 == 1 else x for k, x in enumerate(samples[0])]
    path = tmp_path / "hybrid.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
