"""Fourier transforms of ONNX, DFT and STFT, as products with a constant matrix; windows and mel weights, constants.

X[k] = sum over j of x[j] * e^(-2 pi i j k / n). Real and imaginary parts lie side by side, in the last axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Value
from ariel_build.ops.alternatives import MOST, by_axes, by_number
from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.concat import concat
from ariel_build.ops.formula import map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.matmul import product
from ariel_build.ops.reshape import reshape
from ariel_build.ops.sizes import sizes_input
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

__all__: list[str] = []

F64 = npt.NDArray[np.float64]

#: Numbers of a matrix: 4 MiB of flash.
MOST_NUMBERS = 1 << 20
#: Frames for which nodes are made.
MOST_FRAMES = 512


def _forward(count: int, length: int, parts: int, *, onesided: bool, sign: int = -1) -> F64:
    """Returns the matrix [count * parts, bins * 2] from `count` numbers to a transform of `length`: e^(sign * i ..)."""
    bins = length // 2 + 1 if onesided else length
    _bounded(count * parts, bins * 2)
    used = np.arange(count) < length
    angles = 2 * np.pi * (np.outer(np.arange(count), np.arange(bins)) % length) / length
    cos, sin = np.cos(angles) * used[:, None], sign * np.sin(angles) * used[:, None]
    table = np.empty((count, parts, bins, 2))
    table[:, 0, :, 0], table[:, 0, :, 1] = cos, sin
    if parts == 2:
        table[:, 1, :, 0], table[:, 1, :, 1] = -sin, cos
    return table.reshape(count * parts, bins * 2)


def _backward_real(count: int, length: int, parts: int) -> F64:
    """Returns the matrix [count * parts, length] from half a spectrum to the real signal."""
    _bounded(count * parts, length)
    bins = np.arange(count)
    weights = np.where((bins == 0) | (2 * bins == length), 1.0, 2.0) * (bins <= length // 2) / length
    angles = 2 * np.pi * (np.outer(bins, np.arange(length)) % length) / length
    table = np.empty((count, parts, length))
    table[:, 0] = np.cos(angles) * weights[:, None]
    if parts == 2:
        # The first bin, and the middle one, are real.
        single = (bins == 0) | (2 * bins == length)
        table[:, 1] = -np.sin(angles) * np.where(single, 0.0, weights)[:, None]
    return table.reshape(count * parts, length)


def _bounded(rows: int, columns: int) -> None:
    if rows * columns > MOST_NUMBERS or min(rows, columns) < 1:
        raise UnsupportedReason(f"a transform by a matrix of {rows} x {columns} is not supported")


def _scalar(importer: Importer, index: int, what: str) -> int:
    return int(importer.constant_input(index, what).reshape(()))


@imports("onnx", "DFT")
def _dft_from_onnx(importer: Importer) -> None:
    x, rank = real_input(importer), len(importer.input(0).shape)
    if rank < 2 or x.shape[-1] not in (1, 2):
        raise UnsupportedReason(f"{x.type} is no signal whose last axis holds real and imaginary parts")
    if importer.node.version < 20:
        axes = axes_of([importer.integer("axis", 1)], rank)
    elif importer.optional_input(2) is None:
        axes = axes_of([-2], rank)
    elif importer.input(2).data is not None:
        axes = axes_of([_scalar(importer, 2, "the axis")], rank)
    else:
        axes = tuple(range(rank - 1))
    if axes == (rank - 1,):
        raise UnsupportedReason("the last axis holds real and imaginary parts, and is not transformed")
    if len(axes) == 1:
        importer.bind(_of_length(importer, x, axes[0]))
        return
    shape = importer.declared_shape("the axis")
    fitting = [a for a in axes if shape[:a] == x.shape[:a] and shape[a + 1 : -1] == x.shape[a + 1 : -1]]
    made = {(a,): _of_length(importer, x, a) for a in fitting[: MOST + 1]}
    importer.bind(by_axes(importer, importer.input(2), rank, {a: y for a, y in made.items() if y.shape == shape}))


def _of_length(importer: Importer, x: Value, axis: int) -> Value:
    """Returns the transform along an axis, of the length that the node names."""
    inverse, onesided = bool(importer.integer("inverse")), bool(importer.integer("onesided"))
    given, count = importer.optional_input(1), x.shape[axis]
    if given is None:
        return _transformed(importer, x, axis, 2 * (count - 1) if inverse and onesided else count)
    if given.data is not None:
        return _transformed(importer, x, axis, _scalar(importer, 1, "the length"))
    bins = importer.declared_shape("the length")[axis]
    lengths = _lengths(bins) if onesided and not inverse else (bins,)
    return by_number(importer, given, {n: _transformed(importer, x, axis, n) for n in lengths})


def _lengths(bins: int) -> tuple[int, ...]:
    """Returns the lengths of which half a spectrum has so many bins."""
    return tuple(n for n in (2 * bins - 2, 2 * bins - 1) if n > 0)


def _transformed(importer: Importer, x: Value, axis: int, length: int) -> Value:
    """Returns the transform of a length along an axis."""
    inverse, onesided = bool(importer.integer("inverse")), bool(importer.integer("onesided"))
    count, parts, rank = x.shape[axis], x.shape[-1], len(x.shape)
    if not 0 < length <= MOST_NUMBERS:
        raise UnsupportedReason(f"a transform of length {length} is not supported")
    if inverse and onesided:
        table, made = _backward_real(count, length, parts), (length, 1)
    elif inverse:
        table, made = _forward(count, length, parts, onesided=False, sign=1) / length, (length, 2)
    else:
        table = _forward(count, length, parts, onesided=onesided)
        made = (table.shape[1] // 2, 2)
    order = (*(a for a in range(rank) if a not in (axis, rank - 1)), axis, rank - 1)
    turned = transpose(importer, x, order)
    rows = reshape(importer, turned, (*turned.shape[:-2], count * parts))
    y = reshape(importer, _product(importer, rows, table), (*turned.shape[:-2], *made))
    return transpose(importer, y, tuple(order.index(a) for a in range(rank)))


def _product(importer: Importer, rows: Value, table: F64) -> Value:
    flat = reshape(importer, rows, (math.prod(rows.shape[:-1]), rows.shape[-1]))
    return product(importer, flat, importer.constant(table.astype(np.float32)))


@imports("onnx", "STFT")
def _stft_from_onnx(importer: Importer) -> None:
    x, step, onesided = real_input(importer), importer.input(1), bool(importer.integer("onesided", 1))
    x = reshape(importer, x, (*x.shape, 1)) if len(x.shape) == 2 else x
    if len(x.shape) != 3 or x.shape[-1] not in (1, 2) or (onesided and x.shape[-1] == 2):
        raise UnsupportedReason(f"{x.type} is no signal of batch, time, and real and imaginary parts, or not onesided")
    window = None if importer.optional_input(2) is None else real_input(importer, 2)
    length = importer.optional_input(3)
    if window is not None and (length is None or length.data is None):
        # Both are of one length.
        lengths: tuple[int, ...] = (window.type.elements,)
    elif length is None:
        raise UnsupportedReason("neither a window nor the length of a frame is there")
    elif length.data is not None:
        lengths = (_scalar(importer, 3, "the length of a frame"),)
    else:
        bins = importer.declared_shape("the length of a frame")[2]
        lengths = _lengths(bins) if onesided else (bins,)

    def framed(length: int) -> dict[int, Value]:
        """Returns the transforms of all frames for each step that is possible."""
        if step.data is not None:
            steps: Sequence[int] = (_scalar(importer, 1, "the step"),)
        else:
            steps = _steps(x.shape[1] - length, importer.declared_shape("the step")[1])
        return {n: _frames(importer, x, window, length, n) for n in steps[: MOST + 1]}

    fitting = {n: framed(n) for n in lengths if n <= x.shape[1]}
    made = {n: by_number(importer, step, by_step) for n, by_step in fitting.items() if by_step}
    importer.bind(by_number(importer, step if length is None else length, made))


def _steps(beyond: int, frames: int) -> range:
    """Returns the steps of which so many frames have room, the last one `beyond` the first; one where all are alike."""
    if frames <= 1:
        return range(max(beyond, 0) + 1, max(beyond, 0) + 2)
    return range(beyond // frames + 1, beyond // (frames - 1) + 1)


def _frames(importer: Importer, x: Value, window: Value | None, length: int, step: int) -> Value:
    """Returns the transforms of all frames of a signal [batch, time, parts]."""
    batch, count, parts = x.shape
    if step < 1 or not 0 < length <= count or (window is not None and window.shape != (length,)):
        raise UnsupportedReason(f"frames of {length} with step {step} do not fit a signal of {count}, or the window")
    frames = (count - length) // step + 1
    if frames > MOST_FRAMES:
        raise UnsupportedReason(f"{frames} frames are not supported, only up to {MOST_FRAMES}")
    cut = [emit_slice(importer, x, {1: (k * step, length, 1)}) for k in range(frames)]
    joined = concat(importer, [reshape(importer, c, (batch, 1, length, parts)) for c in cut], 1)
    if window is not None:
        joined = map2(importer, "Mul", joined, reshape(importer, window, (length, 1)))
    rows = reshape(importer, joined, (batch, frames, length * parts))
    table = _forward(length, length, parts, onesided=bool(importer.integer("onesided", 1)))
    return reshape(importer, _product(importer, rows, table), (batch, frames, table.shape[1] // 2, 2))


#: Of each window the share that is constant, and those of the waves that come once and twice in it.
_WINDOWS = {
    "HannWindow": (0.5, 0.5, 0.0),
    "HammingWindow": (25 / 46, 21 / 46, 0.0),
    "BlackmanWindow": (0.42, 0.5, 0.08),
}


@imports("onnx", *_WINDOWS)
def _window_from_onnx(importer: Importer) -> None:
    (size,) = sizes_input(importer, 0, "the size", list)
    if importer.integer("output_datatype", 1) != 1:
        raise UnsupportedReason(f"output_datatype {importer.integer('output_datatype')} is not supported, only float32")
    if not 0 < size <= MOST_NUMBERS:
        raise UnsupportedReason(f"a window of {size} is not supported")
    level, once, twice = _WINDOWS[importer.node.op]
    turns = 2 * np.pi * np.arange(size) / max(size if importer.integer("periodic", 1) else size - 1, 1)
    window = level - once * np.cos(turns) + twice * np.cos(2 * turns)
    importer.bind(importer.constant(window.astype(np.float32)))


@imports("onnx", "MelWeightMatrix")
def _mel_from_onnx(importer: Importer) -> None:
    """Triangles over the bins of a spectrum, as many as `bins`, evenly apart in mel, as ONNX's reference has them."""
    bins, length, rate = (_scalar(importer, k, what) for k, what in enumerate(("the bins", "the length", "the rate")))
    low, high = (float(importer.constant_input(k, "an edge").reshape(())) for k in (3, 4))
    if importer.integer("output_datatype", 1) != 1:
        raise UnsupportedReason(f"output_datatype {importer.integer('output_datatype')} is not supported, only float32")
    if min(bins, length, rate) < 1 or bins * (length // 2 + 1) > MOST_NUMBERS:
        raise UnsupportedReason(f"{bins} bins of a spectrum of {length} at {rate} Hz are not supported")
    mels = [2595 * np.log1p(edge / 700) / np.log(10) for edge in (low, high)]
    steps = np.arange(bins + 2) * (mels[1] - mels[0]) / (bins + 2) + mels[0]
    edges = ((length + 1) * (700 * np.expm1(steps / 2595 * np.log(10))) // rate).astype(np.int64)
    if edges.min() < 0 or edges.max() > length // 2 + 1:
        raise UnsupportedReason(f"the edges {low:g} and {high:g} Hz lie outside the spectrum")
    table = np.zeros((length // 2 + 2, bins), np.float64)
    for k, (left, middle, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        if middle == left:
            table[middle, k] = 1
        else:
            table[left : middle + 1, k] = np.arange(middle + 1 - left) / (middle - left)
        if right > middle:
            table[middle:right, k] = (right - np.arange(middle, right)) / (right - middle)
    importer.bind(importer.constant(table[:-1].astype(np.float32)))
