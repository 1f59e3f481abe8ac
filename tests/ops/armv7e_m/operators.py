"""Random convolutions and dense layers of int8 and int16 whose shapes the kernels of Armv7E-M compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.ops import tflm
from tests.ops.sums import ACTIVATIONS, Sum, output_size

__all__ = [
    "addition",
    "addition16",
    "average",
    "convolution",
    "convolution16",
    "dense",
    "dense16",
    "depthwise",
    "depthwise16",
    "leaky16",
    "matrices",
    "product",
    "spread",
    "square",
    "tensors_of",
    "transposed",
    "transposed16",
]


def tensors_of(
    rng: np.random.Generator,
    image: tuple[int, ...],
    filter_: tuple[int, ...],
    axis: int,
    terms: int,
    kind: str = "int8",
) -> tuple[Sum, list[tflm.Tensor | None]]:
    """Returns input, filter and bias; weights are in part nothing but extremes.

    For int8 they are at most 127, as TFLite's own are. TFLite-Micro wants a bias of depthwise convolutions, those with
    their channels along the last axis.
    """
    quantisation = Sum.random(rng, terms, filter_[axis], per_channel=True, dtype=kind)
    has_bias = axis == 3 or bool(rng.random() < 0.8)
    tensors = quantisation.tensors(rng, image, filter_, axis, bias=has_bias, narrow=False)
    weights, bias = tensors[1], tensors[2]
    assert weights is not None
    assert weights.data is not None
    if kind == "int8":
        tensors[1] = replace(weights, data=np.maximum(weights.data, -127).astype(np.int8))
    if bias is not None and bias.data is not None and rng.random() < 0.3:
        # Dead channels have huge biases, or ones that leave a value or two.
        data = bias.data.copy()
        most = 1 << (30 if kind == "int8" else 40)
        data[rng.integers(0, data.size)] = int(rng.choice([-1, 1])) * int(rng.integers(1 << 20, most))
        tensors[2] = replace(bias, data=data)
    return quantisation, tensors


def _window(
    rng: np.random.Generator, window: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], most: int
) -> tuple[tuple[int, int], tuple[int, int], dict[str, object]]:
    """Returns sizes of input and output, and the options."""
    same = bool(rng.random() < 0.6)
    height, width = (int((k - 1) * d + rng.integers(1, most)) for k, d in zip(window, dilation, strict=True))
    pairs = zip((height, width), window, stride, dilation, strict=True)
    rows, columns = (output_size(n, k, s, d, same=same) for n, k, s, d in pairs)
    options: dict[str, object] = {
        "padding": 0 if same else 1,
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    return (height, width), (rows, columns), options


def convolution(rng: np.random.Generator, kind: str = "int8") -> tflm.Operator:
    """Returns a convolution: pointwise, or with any window, stride, dilation and padding."""
    window, stride, dilation = (tuple(int(v) for v in rng.integers(1, 5, 2)) for _ in range(3))
    if rng.random() < 0.4:
        window = (1, 1)
    stride, dilation = (stride, (1, 1)) if rng.random() < 0.7 else ((1, 1), dilation)
    if rng.random() < 0.3:
        stride = (1, 1)
    size, out, options = _window(rng, window, stride, dilation, 10)
    depth, count = int(rng.choice([1, 2, 3, 4, 5, 7, 8, 9, 16, 33])), int(rng.choice([1, 2, 3, 4, 5, 7, 8, 9, 18]))
    terms = depth * window[0] * window[1]
    quantisation, tensors = tensors_of(rng, (1, *size, depth), (count, *window, depth), 0, terms, kind)
    output = quantisation.output((1, *out, count))
    return tflm.Operator("CONV_2D", tensors, [output], ("Conv2DOptions", options), 3)


def convolution16(rng: np.random.Generator) -> tflm.Operator:
    """Returns a convolution of int16."""
    return convolution(rng, "int16")


def transposed(rng: np.random.Generator, kind: str = "int8") -> tflm.Operator:
    """Returns a transposed convolution whose window is not shorter than its strides."""
    stride = tuple(int(v) for v in rng.choice([1, 2, 3], 2, p=[0.4, 0.4, 0.2]))
    window = tuple(s + int(rng.integers(0, 4)) for s in stride)
    size = tuple(int(v) for v in rng.choice([1, 2, 3, 5, 9], 2))
    depth, count = int(rng.choice([1, 2, 3, 4, 5, 8, 16])), int(rng.choice([1, 2, 3, 4, 7, 8, 9]))
    same = bool(rng.random() < 0.5)
    rows, columns = (n * s if same else (n - 1) * s + k for n, s, k in zip(size, stride, window, strict=True))
    options = {
        "padding": 0 if same else 1,
        "strideH": stride[0],
        "strideW": stride[1],
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    out = (1, rows, columns, count)
    terms = depth * window[0] * window[1]
    quantisation, tensors = tensors_of(rng, (1, *size, depth), (count, *window, depth), 0, terms, kind)
    x, weights, bias = tensors
    shape = tflm.Tensor("int32", (4,), data=np.array(out, np.int32))
    inputs = [shape, weights, x, *([bias] if bias else [])]
    return tflm.Operator("TRANSPOSE_CONV", inputs, [quantisation.output(out)], ("TransposeConvOptions", options), 3)


def transposed16(rng: np.random.Generator) -> tflm.Operator:
    """Returns one of int16."""
    return transposed(rng, "int16")


def depthwise(rng: np.random.Generator, kind: str = "int8") -> tflm.Operator:
    """Returns a 3x3 depthwise convolution, or one of a single channel with many filters."""
    stride = tuple(int(v) for v in rng.choice([1, 2, 3], 2, p=[0.5, 0.4, 0.1]))
    stride = (stride[0], stride[0]) if rng.random() < 0.6 else stride
    window, channels, multiplier = (3, 3), int(rng.choice([4, 5, 6, 7, 8, 9, 12])), 1
    if rng.random() < 0.2:
        window, channels, multiplier = (int(rng.integers(1, 6)), int(rng.integers(1, 6))), 1, int(rng.integers(1, 9))
    size, out, options = _window(rng, window, stride, (1, 1), 16)
    count = channels * multiplier
    options["depthMultiplier"] = multiplier
    terms = window[0] * window[1]
    quantisation, tensors = tensors_of(rng, (1, *size, channels), (1, *window, count), 3, terms, kind)
    output = quantisation.output((1, *out, count))
    return tflm.Operator("DEPTHWISE_CONV_2D", tensors, [output], ("DepthwiseConv2DOptions", options), 3)


def depthwise16(rng: np.random.Generator) -> tflm.Operator:
    """Returns a depthwise convolution of int16."""
    return depthwise(rng, "int16")


def dense(rng: np.random.Generator, kind: str = "int8") -> tflm.Operator:
    """Returns a dense layer over one row or more."""
    depth, count, rows = int(rng.integers(1, 90)), int(rng.integers(1, 30)), int(rng.choice([1, 1, 2, 3, 4, 9]))
    if rng.random() < 0.3:
        depth = 4 * int(rng.integers(65, 90))
    options = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS)), "keepNumDims": False}
    quantisation, tensors = tensors_of(rng, (rows, depth), (count, depth), 0, depth, kind)
    output = quantisation.output((rows, count))
    return tflm.Operator("FULLY_CONNECTED", tensors, [output], ("FullyConnectedOptions", options), 4)


def dense16(rng: np.random.Generator) -> tflm.Operator:
    """Returns a dense layer of int16."""
    return dense(rng, "int16")


def addition(rng: np.random.Generator) -> tflm.Operator:
    """Returns a sum of two tensors of one shape."""
    shape = (1, int(rng.integers(1, 7)), int(rng.integers(1, 9)))
    scales = [float(np.float32(s)) for s in rng.uniform(0.02, 0.2, 3)]
    inputs: list[tflm.Tensor | None] = [tflm.Tensor("int8", shape, s, int(rng.integers(-128, 128))) for s in scales[:2]]
    output = tflm.Tensor("int8", shape, scales[2], int(rng.integers(-128, 128)))
    options = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS)), "potScaleInt16": False}
    return tflm.Operator("ADD", inputs, [output], ("AddOptions", options), 2)


def _of_two(
    rng: np.random.Generator, name: str, options: str | None, scales: list[float], *, rows: bool
) -> tflm.Operator:
    """Returns an operator of two tensors of int8; one may be a number for each row (with `rows`), or a row."""
    shape = (int(rng.integers(1, 7)), int(rng.integers(1, 40)))
    other = (shape[0], 1) if rows else [shape, (shape[0], 1), shape[1:], (1, shape[1])][int(rng.integers(0, 4))]
    sides = [shape, other] if rng.random() < 0.5 else [other, shape]
    inputs: list[tflm.Tensor | None] = [
        tflm.Tensor("int8", side, float(np.float32(s)), int(rng.choice([-128, 127, int(rng.integers(-128, 128))])))
        for side, s in zip(sides, scales[:2], strict=True)
    ]
    output = tflm.Tensor("int8", shape, float(np.float32(scales[2])), int(rng.integers(-128, 128)))
    given = None
    if options is not None:
        given = (options, {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))})
    return tflm.Operator(name, inputs, [output], given, 2)


def matrices(rng: np.random.Generator) -> tflm.Operator:
    """Returns a product of matrices that are both computed, in part of extreme zero points."""
    rows, columns, depth = (int(rng.integers(1, 12)), int(rng.integers(1, 12)), 4 * int(rng.integers(1, 6)))
    batches = tuple(int(d) for d in rng.integers(1, 4, int(rng.integers(0, 3))))
    adj_y = bool(rng.random() < 0.5)
    scales = [float(np.float32(s)) for s in rng.uniform(0.01, 0.1, 2)]
    zeros = [int(rng.choice([-128, 127, int(rng.integers(-128, 128))])) for _ in range(3)]
    out = float(np.float32(scales[0] * scales[1] * 74 * 74 * np.sqrt(depth) / rng.uniform(20, 90)))
    y = (*batches, columns, depth) if adj_y else (*batches, depth, columns)
    inputs: list[tflm.Tensor | None] = [
        tflm.Tensor("int8", (*batches, rows, depth), scales[0], zeros[0]),
        tflm.Tensor("int8", y, scales[1], zeros[1]),
    ]
    output = tflm.Tensor("int8", (*batches, rows, columns), out, zeros[2])
    return tflm.Operator("BATCH_MATMUL", inputs, [output], ("BatchMatMulOptions", {"adjX": False, "adjY": adj_y}))


def product(rng: np.random.Generator) -> tflm.Operator:
    """Returns a product of int8, whose scale is below one."""
    left, right = 10 ** rng.uniform(-3, 0, 2)
    return _of_two(rng, "MUL", "MulOptions", [left, right, left * right * 10 ** rng.uniform(0.1, 4)], rows=False)


def square(rng: np.random.Generator) -> tflm.Operator:
    """Returns a squared difference of rows and a number for each, in part of one scale."""
    left = 10 ** rng.uniform(-3, 0)
    right = left if rng.random() < 0.3 else left * 10 ** rng.uniform(-1.5, 1.5)
    output = max(left, right) ** 2 * 10 ** rng.uniform(0.7, 3)
    return _of_two(rng, "SQUARED_DIFFERENCE", None, [left, right, output], rows=True)


def spread(rng: np.random.Generator) -> tflm.Operator:
    """Returns a sum or a difference with an operand that is broadcast."""
    scales = [float(s) for s in rng.uniform(0.02, 0.2, 3)]
    name = "ADD" if rng.random() < 0.5 else "SUB"
    return _of_two(rng, name, f"{name.capitalize()}Options", scales, rows=bool(rng.random() < 0.6))


def addition16(rng: np.random.Generator) -> tflm.Operator:
    """Returns a sum of two tensors of int16 of one shape."""
    shape = (int(rng.integers(1, 300)),)
    scales = [float(np.float32(10 ** rng.uniform(-4.5, -2.5))) for _ in range(3)]
    inputs: list[tflm.Tensor | None] = [tflm.Tensor("int16", shape, s) for s in scales[:2]]
    options = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS)), "potScaleInt16": False}
    return tflm.Operator("ADD", inputs, [tflm.Tensor("int16", shape, scales[2])], ("AddOptions", options), 3)


def leaky16(rng: np.random.Generator) -> tflm.Operator:
    """Returns a LEAKY_RELU of int16; in part its positive inputs stay as they are."""
    shape, scale = (int(rng.integers(1, 300)),), float(np.float32(10 ** rng.uniform(-4.5, -2.5)))
    output = scale if rng.random() < 0.3 else float(np.float32(scale * 10 ** rng.uniform(-0.8, 0.8)))
    x, y = tflm.Tensor("int16", shape, scale), tflm.Tensor("int16", shape, output)
    alpha = float(np.float32(rng.uniform(0.01, 1.2)))
    return tflm.Operator("LEAKY_RELU", [x], [y], ("LeakyReluOptions", {"alpha": alpha}), 2)


def average(rng: np.random.Generator) -> tflm.Operator:
    """Returns an average pool."""
    window, stride = (tuple(int(v) for v in rng.integers(1, 5, 2)) for _ in range(2))
    size, out, options = _window(rng, window, stride, (1, 1), 8)
    del options["dilationHFactor"], options["dilationWFactor"]
    options |= {"filterHeight": window[0], "filterWidth": window[1]}
    channels, scale, zero = int(rng.choice([4, 5, 7, 8, 11])), float(np.float32(rng.uniform(0.02, 0.2))), 3
    image, output = (tflm.Tensor("int8", (1, *shape, channels), scale, zero) for shape in (size, out))
    return tflm.Operator("AVERAGE_POOL_2D", [image], [output], ("Pool2DOptions", options), 2)
