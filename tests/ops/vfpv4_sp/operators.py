"""Random convolutions, depthwise convolutions and dense layers of float32, with the activations that fuse."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array
from tests.ops.qdq import Builder

__all__ = ["convolution", "dense", "depthwise", "elementwise", "extremes", "matrices", "softmax"]


def _normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(0, 0.5, shape).astype(np.float32)


def _activated(model: Builder, rng: np.random.Generator, value: str) -> None:
    """Makes the value an output, half the time behind an activation."""
    kind = int(rng.integers(0, 6))
    if kind in (1, 2):
        value = model.op("Relu", [value])
    elif kind in (3, 4):
        low, high = ((0.0, 0.75), (-0.5, 0.5))[kind - 3]
        value = model.op("Clip", [value, model.constant(np.float32(low)), model.constant(np.float32(high))])
    model.output(value)


def _window(rng: np.random.Generator, window: tuple[int, ...], most: int) -> tuple[tuple[int, int], dict[str, object]]:
    """Returns sizes of an image that the window fits, and attributes."""
    strides, dilations = (tuple(int(v) for v in rng.choice([1, 2, 3], 2, p=[0.6, 0.3, 0.1])) for _ in range(2))
    pads = [int(v) for v in rng.integers(0, 3, 4)] if rng.random() < 0.7 else [0] * 4
    height, width = (int((k - 1) * d + rng.integers(1, most)) for k, d in zip(window, dilations, strict=True))
    return (height, width), {"strides": strides, "dilations": dilations, "pads": pads}


def convolution(model: Builder, rng: np.random.Generator) -> None:
    """Adds a convolution: pointwise, or with any window, and groups."""
    window = (1, 1) if rng.random() < 0.3 else tuple(int(v) for v in rng.integers(1, 5, 2))
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    depth, count = int(rng.choice([1, 2, 3, 4, 5, 8, 9, 17])), int(rng.choice([1, 2, 3, 4, 5, 8, 9, 18]))
    size, attributes = _window(rng, window, 12)
    if window == (1, 1) and rng.random() < 0.7:
        attributes = {}
    weights = model.constant(_normal(rng, groups * count, depth, *window))
    inputs = [model.input((1, groups * depth, *size)), weights, model.constant(_normal(rng, groups * count))]
    _activated(model, rng, model.op("Conv", inputs[: int(rng.integers(2, 4))], group=groups, **attributes))


def depthwise(model: Builder, rng: np.random.Generator) -> None:
    """Adds a depthwise convolution, or one of a single channel with many filters."""
    window = (3, 3) if rng.random() < 0.6 else tuple(int(v) for v in rng.integers(1, 6, 2))
    channels = int(rng.choice([2, 3, 4, 5, 8, 9, 12]))
    size, attributes = _window(rng, window, 16)
    weights = model.constant(_normal(rng, channels, 1, *window))
    inputs = [model.input((1, channels, *size)), weights, model.constant(_normal(rng, channels))]
    _activated(model, rng, model.op("Conv", inputs, group=channels, **attributes))


def matrices(model: Builder, rng: np.random.Generator) -> None:
    """Adds a product of matrices that are both computed; the right one may be transposed."""
    rows, columns, depth = (int(v) for v in rng.integers((1, 4, 1), (14, 14, 14)))
    batches = tuple(int(d) for d in rng.integers(1, 4, int(rng.integers(0, 3))))
    turned = rng.random() < 0.5
    right = model.input((*batches, columns, depth) if turned else (*batches, depth, columns))
    if turned:
        rank = len(batches)
        right = model.op("Transpose", [right], perm=[*range(rank), rank + 1, rank])
    model.output(model.op("MatMul", [model.input((*batches, rows, depth)), right]))


def dense(model: Builder, rng: np.random.Generator) -> None:
    """Adds a dense layer over one row or more."""
    rows, depth, count = int(rng.choice([1, 1, 2, 4, 7, 9])), int(rng.integers(1, 70)), int(rng.integers(1, 23))
    inputs = [model.input((rows, depth)), model.constant(_normal(rng, depth, count))]
    inputs.append(model.constant(_normal(rng, count)))
    _activated(model, rng, model.op("Gemm", inputs))


def elementwise(model: Builder, rng: np.random.Generator) -> None:
    """Adds a sum, difference or product of two tensors of one shape, one of which may be a constant."""
    shape = tuple(int(v) for v in rng.integers(1, 20, 2))
    left, right = model.input(shape), model.constant(_normal(rng, *shape))
    right = model.input(shape) if rng.random() < 0.7 else right
    operands = [left, right] if rng.random() < 0.8 else [right, left]
    _activated(model, rng, model.op(str(rng.choice(["Add", "Sub", "Mul"])), operands))


def softmax(model: Builder, rng: np.random.Generator) -> None:
    """Adds a softmax along the last axis, of elements that are close to each other, or up to hundreds apart."""
    shape = tuple(int(v) for v in rng.integers(1, (4, 40)))
    spread = model.constant(np.float32(rng.choice([1, 10, 100])))
    model.output(model.op("Softmax", [model.op("Mul", [model.input(shape), spread])]))


def extremes(rng: np.random.Generator, samples: list[list[Array]]) -> list[list[Array]]:
    """Returns the samples with infinities, NaN of both signs, zeros of both signs and denormals here and there."""
    strange = np.array([0x7F800000, 0xFF800000, 0x7FC00001, 0xFFC00000, 0x80000000, 0x00000001, 0x807FFFFF], np.uint32)
    changed = []
    for sample in samples:
        arrays = []
        for x in sample:
            data = x.copy()
            chosen = rng.random(x.shape) < 0.02
            data[chosen] = rng.choice(strange.view(np.float32), int(chosen.sum()))
            arrays.append(data)
        changed.append(arrays)
    return changed
