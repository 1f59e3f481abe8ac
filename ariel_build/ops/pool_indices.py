"""Indices of maxima under windows, MaxUnpool, which puts numbers back there, and pools of float64: on patches.

An index counts the elements of the whole image [N, C, ..], its last axis first, or in each channel the first one first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.best import Best
from ariel_build.ops.formula import fold, map2
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import indices_input
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape
from ariel_build.ops.scatter import Elements, Scatter
from ariel_build.ops.sizes import sizes_input
from ariel_build.ops.unfolded import patches
from ariel_build.ops.window import Span

__all__ = ["places_of_maxima", "pooled_doubles"]


def _least(x: Value) -> float:
    return -math.inf if x.type.dtype.is_real else x.type.dtype.range[0]


def places_of_maxima(importer: Importer, x: Value, spans: Sequence[Span], *, by_columns: bool) -> Value:
    """Returns the index of the first greatest cell under each window, `by_columns` with the first axis innermost."""
    batch, channels, *spatial = x.shape
    counts = [s.count(extent) for s, extent in zip(spans, spatial, strict=True)]
    cells = patches(importer, x, spans, _least(x))
    taps, places = cells.shape[2:]
    (tap,) = importer.emit(Best(2), [cells])
    # The cell of each tap at each place; what lies outside the image is never greater.
    axes = [
        np.clip(np.arange(count)[None, :] * s.stride + np.arange(s.size)[:, None] * s.dilation - s.before, 0, n - 1)
        for s, count, n in zip(spans, counts, spatial, strict=True)
    ]
    steps = [math.prod(spatial[:k]) if by_columns else math.prod(spatial[k + 1 :]) for k in range(len(spatial))]
    rank = len(spatial)
    table = np.zeros((1,) * (2 * rank), np.int64)
    for k, (own, step) in enumerate(zip(axes, steps, strict=True)):
        extents = {k: own.shape[0], k + rank: own.shape[1]}
        table = table + step * own.reshape([extents.get(a, 1) for a in range(2 * rank)])
    flat = map2(importer, "Mul", tap, importer.constant(np.array(places, np.int32)))
    flat = map2(importer, "Add", flat, importer.constant(np.arange(places, dtype=np.int32)))
    (cell,) = importer.emit(Gather(axis=0, wraps=False), [importer.constant(table.reshape(taps * places)), flat])
    first = np.arange(batch * channels, dtype=np.int64).reshape(batch, channels, 1) * math.prod(spatial)
    return reshape(importer, map2(importer, "Add", cell, importer.constant(first)), (batch, channels, *counts))


def pooled_doubles(importer: Importer, x: Value, spans: Sequence[Span], counted: Sequence[Span] | None) -> Value:
    """Returns the maxima, or with what of the padding is `counted` the averages, of float64 [N, C, ..]."""
    batch, channels, *spatial = x.shape
    counts = [s.count(extent) for s, extent in zip(spans, spatial, strict=True)]
    cells = patches(importer, x, spans, _least(x) if counted is None else 0.0)
    y = fold(importer, "Max" if counted is None else "Sum", cells, (2,), keep_dims=False)
    if counted is not None:
        numbers = np.ones(())
        for s, own, count, extent in zip(spans, counted, counts, spatial, strict=True):
            at = np.arange(count)[:, None] * s.stride + np.arange(s.size) * s.dilation - s.before
            numbers = np.multiply.outer(numbers, ((at >= -own.before) & (at < extent + own.after)).sum(axis=1))
        y = map2(importer, "Div", y, importer.constant(numbers.reshape(-1)))
    return reshape(importer, y, (batch, channels, *counts))


@imports("onnx", "MaxUnpool")
def _from_onnx(importer: Importer) -> None:
    x, indices = importer.input(0), indices_input(importer, 1)
    rank = len(x.shape) - 2
    size = importer.integers("kernel_shape")
    strides, pads = importer.integers("strides", (1,) * rank), importer.integers("pads", (0,) * 2 * rank)
    if rank < 1 or indices.shape != x.shape or not len(size) == len(strides) == rank or len(pads) != 2 * rank:
        raise UnsupportedReason(f"indices, kernel_shape, strides or pads do not fit {x.type}")
    ends = [before + after for before, after in zip(pads[:rank], pads[rank:], strict=True)]
    spatial = [(n - 1) * s - p + k for n, s, p, k in zip(x.shape[2:], strides, ends, size, strict=True)]
    if min(spatial) < 1:
        raise UnsupportedReason(f"{x.type} comes to an image {spatial}")
    shape = (*x.shape[:2], *spatial)
    zeros = importer.constant(np.zeros(math.prod(shape), x.type.dtype.numpy))
    flat = [reshape(importer, value, (x.type.elements,)) for value in (indices, importer.view(x, None))]
    (back,) = importer.emit(Scatter(Elements(wraps=False, axis=0)), [zeros, *flat])
    y = reshape(importer, back, shape)
    if importer.optional_input(2) is not None:
        whole = sizes_input(importer, 2, "the shape of the output", list)
        if len(whole) != len(shape) or any(n < own for n, own in zip(whole, shape, strict=True)):
            raise UnsupportedReason(f"an output {whole} has no room for {list(shape)}")
        if tuple(whole) != shape:
            # Indices are those of the smaller image, which lies at the front.
            (y,) = importer.emit(Pad(tuple((0, n - own) for n, own in zip(whole, shape, strict=True))), [y])
    importer.bind(y)
