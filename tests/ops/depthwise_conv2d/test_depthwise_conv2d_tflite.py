"""DEPTHWISE_CONV_2D of random shapes and multipliers equals TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.sums import ACTIVATIONS, Sum, output_size, samples_for, with_computed_filter


def random_convolution(rng: np.random.Generator, *, kind: str) -> tflm.Operator:
    window, stride, dilation = (tuple(int(v) for v in rng.integers(1, 5, 2)) for _ in range(3))
    stride, dilation = (stride, (1, 1)) if rng.random() < 0.6 else ((1, 1), dilation)
    same = bool(rng.random() < 0.6)
    height, width = (int((k - 1) * d + rng.integers(1, 8)) for k, d in zip(window, dilation, strict=True))
    channels, multiplier = int(rng.choice([1, 2, 3, 4, 7, 8, 21])), int(rng.choice([1, 1, 2, 3, 4, 8]))
    count = channels * multiplier
    rows, columns = (
        output_size(n, k, s, d, same=same) for n, k, s, d in zip((height, width), window, stride, dilation, strict=True)
    )
    options = {
        "padding": 0 if same else 1,
        "strideH": stride[0],
        "strideW": stride[1],
        "depthMultiplier": multiplier,
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    table = ("DepthwiseConv2DOptions", options)
    image, filter_, out = (1, height, width, channels), (1, *window, count), (1, rows, columns, count)
    if kind == "float32":
        inputs = [
            tflm.Tensor("float32", image),
            tflm.Tensor("float32", filter_, data=rng.normal(0, 0.5, filter_).astype(np.float32)),
            tflm.Tensor("float32", (count,), data=rng.normal(0, 1, count).astype(np.float32)),
        ]
        return tflm.Operator("DEPTHWISE_CONV_2D", inputs, [tflm.Tensor("float32", out)], table, 3)
    quantisation = Sum.random(rng, window[0] * window[1], count, per_channel=True, dtype=kind)
    tensors = quantisation.tensors(rng, image, filter_, 3, bias=True, narrow=False)
    return tflm.Operator("DEPTHWISE_CONV_2D", tensors, [quantisation.output(out)], table, 3)


@pytest.mark.parametrize("kind", ["int8", "int16", "float32"])
def test_equals_tflite_micro(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(2)
    operators = [random_convolution(rng, kind=kind) for _ in range(36)]
    samples = samples_for(rng, operators)
    path = tmp_path / "convolutions.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_filters_that_are_computed_at_run_time_equal_tflite_micro(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    operators = [with_computed_filter(random_convolution(rng, kind="float32")) for _ in range(12)]
    # Sums in another order differ by less than the tolerance where they are not large.
    samples = [[np.multiply(x, np.float32(0.25)) for x in sample] for sample in samples_for(rng, operators)]
    path = tmp_path / "computed.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
