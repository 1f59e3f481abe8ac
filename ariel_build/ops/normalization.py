"""Normalisations: output = (input - mean) / sqrt(variance + epsilon) * scale + bias; importers only.

They differ in what mean and variance are taken over: a layer's last axes, an image's channel, a group of channels, or
the axes that the node names. LpNormalization and LRN divide by a norm instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.batches import each_image
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.formula import fold, map1, map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.reshape import reshape
from ariel_build.ops.row_norm import RowNorm
from ariel_build.ops.window import Window

__all__: list[str] = []

_STASH = {"stash_type": "it is the type of intermediate results: they are float32 here"}


def _centred(importer: Importer, x: Value, axes: Sequence[int]) -> tuple[Value, Value, Value]:
    """Returns the mean over axes, the difference from it, and the variance."""
    mean = fold(importer, "Mean", x, axes)
    rest = map2(importer, "Sub", x, mean)
    return mean, rest, fold(importer, "Mean", map1(importer, "Square", rest), axes)


def _inverse(importer: Importer, variance: Value, epsilon: float) -> Value:
    """`1 / sqrt(variance + epsilon)`."""
    return map1(importer, "Rsqrt", map2(importer, "Add", variance, epsilon))


def _affine(importer: Importer, x: Value, shape: Sequence[int]) -> Value:
    """Returns `x` times input 1, plus input 2 where that is there, both seen with `shape`."""
    scale, bias = importer.input(1), importer.optional_input(2)
    for what in (scale, *([] if bias is None else [bias])):
        if what.type.elements != math.prod(shape):
            raise UnsupportedReason(f"scale or bias is {what.type}, not of shape {list(shape)}")
    scaled = map2(importer, "Mul", x, reshape(importer, scale, shape))
    return scaled if bias is None else map2(importer, "Add", scaled, reshape(importer, bias, shape))


@imports("onnx", "LayerNormalization", harmless=_STASH)
def _layer_from_onnx(importer: Importer) -> None:
    x = real_input(importer)
    (axis,) = axes_of([importer.integer("axis", -1)], len(x.shape))
    epsilon = importer.real("epsilon", 1e-5)
    y = None if len(importer.node.outputs) > 1 else _rows(importer, x, axis, epsilon, centred=True)
    if y is not None:
        importer.bind(y)
        return
    mean, rest, variance = _centred(importer, x, range(axis, len(x.shape)))
    inverse = _inverse(importer, variance, epsilon)
    importer.bind(_broadcast(importer, map2(importer, "Mul", rest, inverse)), mean, inverse)


# onnxruntime's optimiser writes it into the domain of ONNX under its older name.
@imports("onnx", "RMSNormalization", "SimplifiedLayerNormalization", harmless=_STASH)
def _rms_from_onnx(importer: Importer) -> None:
    x = real_input(importer)
    (axis,) = axes_of([importer.integer("axis", -1)], len(x.shape))
    epsilon = importer.real("epsilon", 1e-5)
    y = _rows(importer, x, axis, epsilon, centred=False)
    if y is None:
        square = fold(importer, "Mean", map1(importer, "Square", x), range(axis, len(x.shape)))
        y = _broadcast(importer, map2(importer, "Mul", x, _inverse(importer, square, epsilon)))
    importer.bind(y)


def _rows(importer: Importer, x: Value, axis: int, epsilon: float, *, centred: bool) -> Value | None:
    """Returns the rows from `axis` on normalised by the kernel; None where scale or bias is broadcast to them."""
    scale, bias, shape = real_input(importer, 1), importer.optional_input(2), x.shape[axis:]
    bias = importer.constant(np.zeros(shape, np.float32)) if bias is None else real_input(importer, 2)
    if (scale.shape, bias.shape) != (shape, shape) or not x.type.elements:
        return None
    return importer.emit(RowNorm(axis, epsilon, centred), [x, scale, bias])[0]


def _broadcast(importer: Importer, x: Value) -> Value:
    """Returns `x` times input 1, plus input 2 where that is there; they broadcast to it, and it not to them."""
    y = map2(importer, "Mul", x, real_input(importer, 1))
    if importer.optional_input(2) is not None:
        y = map2(importer, "Add", y, real_input(importer, 2))
    if y.shape != x.shape:
        raise UnsupportedReason(f"scale or bias makes {y.type} of {x.type}")
    return y


def _channels(x: Value) -> int:
    if len(x.shape) < 2:
        raise UnsupportedReason(f"{x.type} has no axis of channels")
    return x.shape[1]


@imports("onnx", "InstanceNormalization")
def _instance_from_onnx(importer: Importer) -> None:
    x = real_input(importer)
    shape = (_channels(x), *(1 for _ in x.shape[2:]))
    _, rest, variance = _centred(importer, x, range(2, len(x.shape)))
    inverse = _inverse(importer, variance, importer.real("epsilon", 1e-5))
    importer.bind(_affine(importer, map2(importer, "Mul", rest, inverse), shape))


@imports("onnx", "GroupNormalization", harmless=_STASH)
def _group_from_onnx(importer: Importer) -> None:
    x, groups = real_input(importer), importer.integer("num_groups", 1)
    channels = _channels(x)
    if groups < 1 or channels % groups:
        raise UnsupportedReason(f"{groups} groups do not divide {channels} channels")
    _, rest, variance = _centred(importer, reshape(importer, x, (x.shape[0], groups, _rest(x, groups))), (2,))
    y = map2(importer, "Mul", rest, _inverse(importer, variance, importer.real("epsilon", 1e-5)))
    if importer.node.version < 21:
        # Scale and bias are those of groups.
        importer.bind(reshape(importer, _affine(importer, y, (groups, 1)), x.shape))
    else:
        importer.bind(_affine(importer, reshape(importer, y, x.shape), (channels, *(1 for _ in x.shape[2:]))))


def _rest(x: Value, groups: int) -> int:
    return x.type.elements // max(x.shape[0] * groups, 1)


@imports("onnx", "MeanVarianceNormalization")
def _mean_variance_from_onnx(importer: Importer) -> None:
    x = real_input(importer)
    _, rest, variance = _centred(importer, x, axes_of(importer.integers("axes", (0, 2, 3)), len(x.shape)))
    importer.bind(map2(importer, "Div", rest, map2(importer, "Add", map1(importer, "Sqrt", variance), 1e-9)))


@imports("onnx", "LpNormalization")
def _lp_from_onnx(importer: Importer) -> None:
    x, p = real_input(importer), importer.integer("p", 2)
    axes = axes_of([importer.integer("axis", -1)], len(x.shape))
    if p not in (1, 2):
        raise UnsupportedReason(f"p = {p} is not known")
    total = fold(importer, "Sum", map1(importer, "Abs" if p == 1 else "Square", x), axes)
    norm = total if p == 1 else map1(importer, "Sqrt", total)
    # What has no length stays 0: the least positive number divides it.
    norm = map2(importer, "Maximum", norm, _TINY)
    importer.bind(map2(importer, "Div", x, norm))


#: The least normal float32.
_TINY = 2.0**-126


@imports("onnx", "LRN")
def _lrn_from_onnx(importer: Importer) -> None:
    """`x / (bias + alpha / size * sum of squares of neighbouring channels)^beta`: the sum is a pool over channels."""
    x, size = real_input(importer), importer.integer("size", 1)
    channels, batch = _channels(x), x.shape[0]
    if size < 1:
        raise UnsupportedReason(f"a window of {size} channels is none")
    padding = ((size - 1) // 2, 0, size // 2, 0)
    squares = reshape(importer, map1(importer, "Square", x), (batch, channels, 1, _rest(x, channels)))
    op = Pool2d(PoolKind.AVERAGE, Window((size, 1), padding=padding), padding, rounding=Rounding.NEAREST_EVEN)
    mean = reshape(importer, each_image(importer, op, [squares]), x.shape)
    importer.bind(_divided(importer, x, mean, importer.real("alpha", 1e-4), 1.0, 0.75))


@imports("tflite", "LOCAL_RESPONSE_NORMALIZATION")
def _lrn_from_tflite(importer: Importer) -> None:
    """`x / (bias + alpha * sum of squares of neighbouring channels)^beta`, up to `radius` channels on either side."""
    x, radius = real_input(importer), importer.integer("radius", 5)
    if not x.shape or not 0 <= radius <= MOST_NEIGHBOURS:
        raise UnsupportedReason(f"neighbours of {x.type} up to {radius} channels away are not supported")
    channels, size = x.shape[-1], 2 * radius + 1
    squares = reshape(importer, map1(importer, "Square", x), (1, x.type.elements // channels, channels, 1))
    padding = (0, radius, 0, radius)
    op = Pool2d(PoolKind.AVERAGE, Window((1, size), padding=padding), padding, rounding=Rounding.NEAREST_EVEN)
    mean = reshape(importer, importer.emit(op, [squares])[0], x.shape)
    importer.bind(_divided(importer, x, mean, importer.real("alpha") * size, 0.0, 0.0))


#: Channels on either side that count.
MOST_NEIGHBOURS = 1 << 12


def _divided(importer: Importer, x: Value, mean: Value, alpha: float, bias: float, beta: float) -> Value:
    """Returns `x / (bias + alpha * mean)^beta`, bias and beta as the node has them, else as given."""
    total = map2(importer, "Mul", mean, alpha)
    total = map2(importer, "Add", total, importer.real("bias", bias))
    return map2(importer, "Div", x, map2(importer, "Pow", total, importer.real("beta", beta)))
