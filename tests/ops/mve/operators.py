"""Random operators whose sizes are those of real models: many channels, long or short rows of taps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.ops import tflm
from tests.ops.armv7e_m.operators import convolution, depthwise, tensors_of
from tests.ops.sums import ACTIVATIONS, output_size

__all__ = ["large", "large16", "rectified", "short", "short16"]


def large(rng: np.random.Generator, kind: str = "int8") -> tflm.Operator:
    """Returns a convolution with many channels, or a high window."""
    window = tuple(int(v) for v in rng.choice([(1, 1), (3, 3), (10, 4), (5, 2)]))
    depth = 1 if window[0] > 3 else int(rng.choice([16, 32, 48, 64, 100, 272]))
    size = tuple(int(k + rng.integers(0, 8)) for k in window)
    return _convolution(rng, window, depth, size, int(rng.choice([16, 30, 64])), kind)


def short(rng: np.random.Generator, kind: str = "int8") -> tflm.Operator:
    """Returns a convolution whose rows of taps have at most 16 bytes, over long rows of pixels."""
    window = tuple(int(v) for v in rng.choice([(3, 3), (2, 5), (10, 4), (7, 2), (4, 1)]))
    depth = int(rng.integers(1, (16 if kind == "int8" else 8) // window[1] + 1))
    size = (int(window[0] + rng.integers(0, 4)), int(window[1] + rng.integers(0, 40)))
    return _convolution(rng, window, depth, size, int(rng.integers(1, 20)), kind)


def large16(rng: np.random.Generator) -> tflm.Operator:
    """Returns the same as `large` of int16."""
    return large(rng, "int16")


def short16(rng: np.random.Generator) -> tflm.Operator:
    """Returns the same as `short` of int16."""
    return short(rng, "int16")


def _convolution(
    rng: np.random.Generator, window: tuple[int, ...], depth: int, size: tuple[int, ...], count: int, kind: str
) -> tflm.Operator:
    """Returns a convolution of an image of that size with so many filters."""
    stride = int(rng.integers(1, 3))
    same = bool(rng.random() < 0.6)
    out = tuple(output_size(n, k, stride, 1, same=same) for n, k in zip(size, window, strict=True))
    quantisation, inputs = tensors_of(rng, (1, *size, depth), (count, *window, depth), 0, depth * window[0] * window[1], kind)
    options = {
        "padding": 0 if same else 1,
        "strideH": stride,
        "strideW": stride,
        "dilationHFactor": 1,
        "dilationWFactor": 1,
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    output = quantisation.output((1, *out, count))
    return tflm.Operator("CONV_2D", inputs, [output], ("Conv2DOptions", options), 3)


def rectified(rng: np.random.Generator) -> tflm.Operator:
    """Returns a convolution or a depthwise one whose outputs begin at their zero point."""
    made = (convolution, depthwise)[int(rng.integers(0, 2))](rng)
    (output,) = made.outputs
    assert made.options is not None
    name, options = made.options
    options = {**options, "fusedActivationFunction": int(rng.choice([0, 1]))}
    return replace(made, outputs=[replace(output, zero_point=-128)], options=(name, options))
