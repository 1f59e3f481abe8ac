"""Convolutions as products of matrices: for windows over any number of axes, and filters computed at run time.

The image is unfolded, tap by tap, into a matrix of patches [N, groups, channels * taps, places]; the filter
[groups, filters, channels * taps] times that is the output as it is. It takes `taps` times the memory of the image,
which is why the kernels for one or two axes and constant filters do not work so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from ariel_build.ir import DType, Value
from ariel_build.ops.accumulate import tflite_clip
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.clip import Clip
from ariel_build.ops.concat import concat
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.formula import map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.nchw import from_nhwc, to_nhwc
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose
from ariel_build.ops.window import Span, Window, spans_of

__all__ = ["bind_unfolded", "patches", "unfolded", "unfolded_transposed"]

#: Taps for which nodes are made.
MOST_TAPS = 512


def patches(importer: Importer, x: Value, spans: Sequence[Span], around: float = 0.0) -> Value:
    """Returns the cells under all windows [N, C, taps, places]; what is around the image is one number."""
    count = math.prod(s.size for s in spans)
    if count > MOST_TAPS:
        raise UnsupportedReason(f"a window of {count} taps is not supported there, only up to {MOST_TAPS}")
    batch, channels, *spatial = x.shape
    places = [s.count(extent) for s, extent in zip(spans, spatial, strict=True)]
    padded = _padded(importer, x, [(s.before, s.after) for s in spans], around)
    taps = []
    for tap in itertools.product(*(range(s.size) for s in spans)):
        rows = enumerate(zip(tap, spans, places, strict=True), 2)
        cells = {axis: (at * s.dilation, own, s.stride) for axis, (at, s, own) in rows}
        taps.append(reshape(importer, emit_slice(importer, padded, cells), (batch, channels, 1, math.prod(places))))
    return concat(importer, taps, 2)


def unfolded(
    importer: Importer, x: Value, filter_: Value, bias: Value | None, spans: Sequence[Span], groups: int
) -> Value:
    """Returns the convolution of an image [N, C, ..] by a filter [M, C / groups, ..], of one type."""
    _check(x, filter_, bias)
    batch, channels, *spatial = x.shape
    places = [s.count(extent) for s, extent in zip(spans, spatial, strict=True)]
    taps = patches(importer, x, spans)
    depth = channels // groups * taps.shape[2]
    columns = reshape(importer, taps, (batch, groups, depth, math.prod(places)))
    weights = reshape(importer, filter_, (1, groups, filter_.shape[0] // groups, depth))
    (product,) = importer.emit(BatchMatMul(rounding=Rounding.NEAREST_EVEN), [weights, columns])
    y = reshape(importer, product, (batch, filter_.shape[0], *places))
    if bias is None:
        return y
    return map2(importer, "Add", y, reshape(importer, bias, (filter_.shape[0], *(1 for _ in places))))


def bind_unfolded(importer: Importer, x: Value, filter_: Value, window: Window, *, depthwise: bool) -> None:
    """Binds TFLite's convolution of an image [N, H, W, C], with its bias and activation.

    The filter is [M, h, w, C / groups], or, `depthwise`, [1, h, w, M].
    """
    bias, clip = importer.optional_input(2), tflite_clip(importer)
    filter_ = transpose(importer, filter_, (3, 0, 1, 2)) if depthwise else from_nhwc(importer, filter_, 4)
    groups = x.shape[3] // filter_.shape[1]
    y = unfolded(importer, from_nhwc(importer, x, 4), filter_, bias, spans_of(window), groups)
    if clip != UNBOUNDED:
        (y,) = importer.emit(Clip(clip), [y])
    importer.bind(to_nhwc(importer, y))


def unfolded_transposed(
    importer: Importer, x: Value, filter_: Value, bias: Value | None, spans: Sequence[Span], groups: int
) -> Value:
    """Returns the transposed convolution by a filter [C, M / groups, ..]: zeros between the cells, taps reversed.

    `before` and `after` of a span are what is cut off the full output; they may be negative.
    """
    _check(x, filter_, bias)
    channels, each, *size = filter_.shape
    for axis, span in enumerate(spans):
        extent = x.shape[axis + 2]
        if span.stride > 1:
            front, behind = x.shape[: axis + 2], x.shape[axis + 3 :]
            apart = reshape(importer, x, (*front, extent, 1, *behind))
            pads = [(0, 0)] * len(apart.shape)
            pads[axis + 3] = (0, span.stride - 1)
            (apart,) = importer.emit(Pad(tuple(pads)), [apart])
            x = reshape(importer, apart, (*front, extent * span.stride, *behind))
    reach = [(s.extent - 1 - s.before, s.extent - 1 - s.after - (s.stride - 1)) for s in spans]
    x = _padded(importer, x, reach)
    turned = emit_slice(importer, filter_, {k + 2: (n - 1, n, -1) for k, n in enumerate(size)})
    apart = reshape(importer, turned, (groups, channels // groups, each, *size))
    swapped = transpose(importer, apart, (0, 2, 1, *range(3, 3 + len(size))))
    weights = reshape(importer, swapped, (groups * each, channels // groups, *size))
    plain = [Span(s.size, 1, s.dilation) for s in spans]
    return unfolded(importer, x, weights, bias, plain, groups)


def _check(x: Value, filter_: Value, bias: Value | None) -> None:
    kinds = {v.type.dtype for v in (x, filter_, bias) if v is not None}
    if len(kinds) != 1 or not kinds <= {DType.F32, DType.F64, DType.I32}:
        raise UnsupportedReason("a filter computed at run time, or over other than one or two axes, must be of floats")


def _padded(importer: Importer, x: Value, pads: Sequence[tuple[int, int]], around: float = 0.0) -> Value:
    if not any(any(pair) for pair in pads):
        return x
    return importer.emit(Pad(((0, 0), (0, 0), *pads), around), [x], [x.type.quant])[0]
