"""Random convolutions and dense layers of int8 between QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array
from tests.ops.qdq import Builder

__all__ = ["convolution", "dense", "depthwise", "matrices", "softmax"]


def _scale(rng: np.random.Generator, low: float, high: float) -> float:
    """Returns a scale; half of them are powers of two, with which sums become exact halves."""
    scale = float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))
    return float(2.0 ** np.round(np.log2(scale))) if rng.random() < 0.5 else scale


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Returns weights that are at most 127, in part nothing but extremes."""
    if rng.random() < 0.2:
        return rng.choice(np.array([-127, 127], np.int8), shape)
    return rng.integers(-127, 128, shape).astype(np.int8)


def _emit(
    model: Builder,
    rng: np.random.Generator,
    kind: str,
    shape: tuple[int, ...],
    filter_: tuple[int, ...],
    attributes: dict[str, object],
) -> None:
    """Adds an operator whose filter has its channels along the first axis."""
    count, terms = filter_[0], int(np.prod(filter_[1:]))
    scale, zero, output_zero = _scale(rng, 0.01, 0.1), *(int(z) for z in rng.integers(-128, 128, 2))
    scales = [_scale(rng, 0.002, 0.02) for _ in range(count if rng.random() < 0.5 else 1)]
    products = [float(np.float32(scale) * np.float32(s)) for s in scales]
    bias = rng.integers(-9000, 9000, count).astype(np.int32)
    if rng.random() < 0.3:
        # Dead channels have huge biases.
        bias[rng.integers(0, count)] = int(rng.choice([-1, 1])) * int(rng.integers(1 << 22, 1 << 30))
    inputs = [model.input(shape, (scale, zero)), model.weights(_weights(rng, filter_), scales)]
    if rng.random() < 0.8:
        inputs.append(model.weights(bias, products))
    result = model.op(kind, inputs, **attributes)
    result = model.op("Relu", [result]) if rng.random() < 0.3 else result
    spread = scale * float(np.mean(scales)) * 74 * 74 * np.sqrt(terms)
    model.output(result, (_scale(rng, spread / 90, spread / 20), output_zero))


def _size(rng: np.random.Generator, window: tuple[int, ...], most: int) -> tuple[tuple[int, ...], list[int]]:
    """Returns an image's size that the window fits, and padding."""
    return tuple(int(k - 1 + rng.integers(1, most)) for k in window), [int(v) for v in rng.integers(0, 2, 4)]


def convolution(model: Builder, rng: np.random.Generator) -> None:
    """Adds a convolution, pointwise or with any window."""
    window = (1, 1) if rng.random() < 0.4 else tuple(int(v) for v in rng.integers(1, 4, 2))
    size, pads = _size(rng, window, 10)
    strides = tuple(int(v) for v in rng.integers(1, 3, 2))
    attributes: dict[str, object] = {} if rng.random() < 0.3 else {"strides": strides, "pads": pads}
    depth, count = int(rng.choice([1, 2, 3, 4, 5, 8, 9, 17])), int(rng.choice([1, 2, 3, 4, 5, 8, 9]))
    _emit(model, rng, "Conv", (1, depth, *size), (count, depth, *window), attributes)


def depthwise(model: Builder, rng: np.random.Generator) -> None:
    """Adds a 3x3 depthwise convolution."""
    channels, stride = int(rng.choice([4, 5, 6, 8, 11])), int(rng.integers(1, 3))
    size, pads = _size(rng, (3, 3), 14)
    attributes: dict[str, object] = {"strides": (stride, stride), "pads": pads, "group": channels}
    _emit(model, rng, "Conv", (1, channels, *size), (channels, 1, 3, 3), attributes)


def dense(model: Builder, rng: np.random.Generator) -> None:
    """Adds a dense layer over one row or more."""
    rows, depth = int(rng.choice([1, 1, 2, 4, 7])), int(rng.choice([3, 16, 33, 70, 264, 300]))
    _emit(model, rng, "Gemm", (rows, depth), (int(rng.integers(1, 23)), depth), {"transB": 1})


def matrices(model: Builder, rng: np.random.Generator) -> None:
    """Adds a product of matrices that are both computed."""
    rows, columns, depth = int(rng.integers(1, 12)), int(rng.integers(1, 12)), 4 * int(rng.integers(1, 6))
    batches = tuple(int(d) for d in rng.integers(1, 4, int(rng.integers(0, 3))))
    scales = [_scale(rng, 0.01, 0.1) for _ in range(2)]
    zeros = [int(rng.choice([-128, 127, int(rng.integers(-128, 128))])) for _ in range(3)]
    sides = ((*batches, rows, depth), (*batches, depth, columns))
    given = [model.input(side, (s, z)) for side, s, z in zip(sides, scales, zeros[:2], strict=True)]
    out = float(np.float32(scales[0] * scales[1] * 74 * 74 * np.sqrt(depth) / rng.uniform(20, 90)))
    model.output(model.op("MatMul", given), (out, zeros[2]))


def softmax(model: Builder, rng: np.random.Generator) -> None:
    """Adds a softmax along the last axis."""
    shape = tuple(int(v) for v in rng.integers(1, (5, 40)))
    given = (_scale(rng, 0.001, 0.5), int(rng.integers(-128, 128)))
    made = (_scale(rng, 0.0005, 0.02), int(rng.choice([-128, 0, int(rng.integers(-128, 128))])))
    model.output(model.op("Softmax", [model.input(shape, given)]), made)
