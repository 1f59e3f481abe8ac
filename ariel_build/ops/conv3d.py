"""CONV_3D and CONV_3D_TRANSPOSE of TFLite, float32: importers only, onto a product of matrices (see `unfolded.py`)."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.accumulate import tflite_clip
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.formula import map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.transpose import transpose
from ariel_build.ops.unfolded import unfolded, unfolded_transposed
from ariel_build.ops.window import Span, same_padding

__all__: list[str] = []

_AXES = ("d", "h", "w")


@imports("tflite", "CONV_3D")
def _from_tflite(importer: Importer) -> None:
    x, filter_, bias = importer.input(0), importer.input(1), importer.optional_input(2)
    if x.type.dtype is not DType.F32 or len(x.shape) != 5 or len(filter_.shape) != 5:
        raise UnsupportedReason(f"{x.type} and {filter_.type} are not supported, only float32 of 5 axes")
    channels, depth = x.shape[4], filter_.shape[3]
    if depth < 1 or channels % depth or filter_.shape[4] % (channels // depth):
        raise UnsupportedReason(f"filters {filter_.type} do not divide {channels} channels")
    is_same = importer.text("padding", "SAME") == "SAME"
    spans = []
    for axis, extent, size in zip(_AXES, x.shape[1:4], filter_.shape, strict=False):
        stride, dilation = importer.integer(f"stride_{axis}", 1), importer.integer(f"dilation_{axis}_factor", 1)
        if min(stride, dilation, size) < 1:
            raise UnsupportedReason("strides, dilations and sizes must be positive")
        before, after = same_padding(extent, size, stride, dilation) if is_same else (0, 0)
        spans.append(Span(size, stride, dilation, before, after))
    image, filters = transpose(importer, x, (0, 4, 1, 2, 3)), transpose(importer, filter_, (4, 3, 0, 1, 2))
    _bind(importer, unfolded(importer, image, filters, bias, spans, channels // depth))


@imports("tflite", "CONV_3D_TRANSPOSE")
def _transpose_from_tflite(importer: Importer) -> None:
    # Where the file computes the shape, the declared one holds: memory is planned for that.
    given = importer.input(0).data
    sizes = importer.output_type().shape if given is None else tuple(int(n) for n in given.reshape(-1))
    filter_, x, bias = importer.input(1), importer.input(2), importer.optional_input(3)
    if x.type.dtype is not DType.F32 or not len(x.shape) == len(filter_.shape) == len(sizes) == 5:
        raise UnsupportedReason(f"{x.type} and {filter_.type} are not supported, only float32 of 5 axes")
    if filter_.shape[4] != x.shape[4] or filter_.shape[3] != sizes[4] or sizes[0] != x.shape[0]:
        raise UnsupportedReason(f"{x.type} with a filter {filter_.type} cannot become {list(sizes)}")
    is_same = importer.text("padding", "SAME") == "SAME"
    spans = []
    for axis, extent, size, wanted in zip(_AXES, x.shape[1:4], filter_.shape, sizes[1:4], strict=False):
        stride, dilation = importer.integer(f"stride_{axis}", 1), importer.integer(f"dilation_{axis}_factor", 1)
        if min(stride, dilation, size, wanted) < 1:
            raise UnsupportedReason("strides, dilations and sizes must be positive")
        reach = (extent - 1) * stride + (size - 1) * dilation + 1
        before = max(reach - wanted, 0) // 2 if is_same else 0
        spans.append(Span(size, stride, dilation, before, reach - before - wanted))
    image, filters = transpose(importer, x, (0, 4, 1, 2, 3)), transpose(importer, filter_, (4, 3, 0, 1, 2))
    _bind(importer, unfolded_transposed(importer, image, filters, bias, spans, 1))


def _bind(importer: Importer, y: Value) -> None:
    """Binds an image [N, C, ..] with the channels behind, and the activation."""
    low, high = tflite_clip(importer)
    for kind, bound in (("Maximum", low), ("Minimum", high)):
        y = map2(importer, kind, y, bound) if np.isfinite(bound) else y
    importer.bind(transpose(importer, y, (0, 2, 3, 4, 1)))
