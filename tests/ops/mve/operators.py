"""Random operators whose sizes are those of real models: many channels, long or short rows of taps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.ops import tflm
from tests.ops.armv7e_m import operators
from tests.ops.armv7e_m.operators import convolution, depthwise, tensors_of
from tests.ops.sums import ACTIVATIONS, output_size

__all__ = ["large", "large16", "of_two16", "pool", "product", "rectified", "short", "short16", "softmax", "window16"]


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
    quantisation, inputs = tensors_of(
        rng, (1, *size, depth), (count, *window, depth), 0, depth * window[0] * window[1], kind
    )
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


def window16(rng: np.random.Generator) -> tflm.Operator:
    """Returns a depthwise convolution of int16 with any window, stride or dilation, of an image that may be high."""
    window, stride, dilation = (tuple(int(v) for v in rng.integers(1, 5, 2)) for _ in range(3))
    stride, dilation = (stride, (1, 1)) if rng.random() < 0.7 else ((1, 1), dilation)
    channels = int(rng.choice([2, 3, 5, 8, 9, 15, 16, 20, 32]))
    same = bool(rng.random() < 0.6)
    size = tuple(
        int((k - 1) * d + 1 + rng.integers(0, most))
        for k, d, most in zip(window, dilation, rng.permutation([4, 14]), strict=True)
    )
    out = tuple(output_size(n, k, s, d, same=same) for n, k, s, d in zip(size, window, stride, dilation, strict=True))
    terms = window[0] * window[1]
    quantisation, tensors = tensors_of(rng, (1, *size, channels), (1, *window, channels), 3, terms, "int16")
    options = {
        "padding": 0 if same else 1,
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
        "depthMultiplier": 1,
    }
    output = quantisation.output((1, *out, channels))
    return tflm.Operator("DEPTHWISE_CONV_2D", tensors, [output], ("DepthwiseConv2DOptions", options), 3)


def pool(rng: np.random.Generator) -> tflm.Operator:
    """Returns a maximum of int8 or int16, or an average of int8: of one cell, or up to 225."""
    name = str(rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
    kind = "int16" if name == "MAX_POOL_2D" and rng.random() < 0.4 else "int8"
    window = tuple(int(v) for v in rng.integers(1, 16 if rng.random() < 0.3 else 4, 2))
    stride, same = tuple(int(v) for v in rng.integers(1, 4, 2)), bool(rng.random() < 0.5)
    size = tuple(int(k + rng.integers(0, most)) for k, most in zip(window, rng.permutation([3, 9]), strict=True))
    out = tuple(output_size(n, k, s, 1, same=same) for n, k, s in zip(size, window, stride, strict=True))
    options = {
        "padding": 0 if same else 1,
        "strideH": stride[0],
        "strideW": stride[1],
        "filterHeight": window[0],
        "filterWidth": window[1],
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    channels = int(rng.choice([1, 3, 4, 7, 8, 9, 15, 16, 17, 33]))
    scale, zero = float(np.float32(rng.uniform(0.02, 0.2))), 3 if kind == "int8" else 0
    image, output = (tflm.Tensor(kind, (1, *shape, channels), scale, zero) for shape in (size, out))
    return tflm.Operator(name, [image], [output], ("Pool2DOptions", options), 3 if kind == "int16" else 2)


def product(rng: np.random.Generator) -> tflm.Operator:
    """Returns a product of int8, of which one operand may be broadcast along any axes."""
    if rng.random() < 0.5:
        return operators.product(rng)
    shape = (*(int(v) for v in rng.integers(1, 5, 3)), int(rng.integers(1, 40)))
    other = tuple(size if rng.random() < 0.5 else 1 for size in shape)
    sides = [shape, other] if rng.random() < 0.5 else [other, shape]
    left, right = 10 ** rng.uniform(-3, 0, 2)
    scales = [float(np.float32(s)) for s in (left, right, left * right * 10 ** rng.uniform(0.1, 4))]
    zeros = [int(rng.choice([-128, 127, int(rng.integers(-128, 128))])) for _ in range(3)]
    a, b = (tflm.Tensor("int8", sides[k], scales[k], zeros[k]) for k in range(2))
    options = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))}
    return tflm.Operator("MUL", [a, b], [tflm.Tensor("int8", shape, scales[2], zeros[2])], ("MulOptions", options), 2)


def of_two16(rng: np.random.Generator) -> tflm.Operator:
    """Returns a sum, a difference or a product of int16, of one scale or not, of one shape or not."""
    name = str(rng.choice(["ADD", "SUB", "MUL"]))
    shape = (int(rng.integers(1, 5)), int(rng.integers(2, 60)))
    sides = [shape, shape if rng.random() < 0.7 else shape[1:]]
    if rng.random() < 0.3:
        sides.reverse()
    left, right, output = (float(np.float32(10 ** rng.uniform(-4.5, -2.5))) for _ in range(3))
    if rng.random() < 0.3:
        right = left
    if name == "MUL":
        output = float(np.float32(left * right * 10 ** rng.uniform(0.5, 5)))
    inputs: list[tflm.Tensor | None] = [
        tflm.Tensor("int16", side, scale) for side, scale in zip(sides, (left, right), strict=True)
    ]
    options: dict[str, object] = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))}
    if name != "MUL":
        options["potScaleInt16"] = False
    return tflm.Operator(
        name, inputs, [tflm.Tensor("int16", shape, output)], (f"{name.capitalize()}Options", options), 3
    )


def softmax(rng: np.random.Generator) -> tflm.Operator:
    """Returns a softmax of int8."""
    shape, scale = (int(rng.integers(1, 5)), int(rng.integers(1, 60))), float(np.float32(10 ** rng.uniform(-2.5, 0.3)))
    x = tflm.Tensor("int8", shape, scale, int(rng.integers(-128, 128)))
    beta = {"beta": float(np.float32(rng.choice([1.0, rng.uniform(0.3, 2)])))}
    return tflm.Operator("SOFTMAX", [x], [tflm.Tensor("int8", shape, 1 / 256, -128)], ("SoftmaxOptions", beta), 2)
