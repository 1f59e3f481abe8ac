"""CONV_3D of TFLite, float32: an importer only, onto a product of matrices (see `unfolded.py`)."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType
from ariel_build.ops.accumulate import tflite_clip
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.formula import map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.transpose import transpose
from ariel_build.ops.unfolded import unfolded
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
    y = unfolded(importer, image, filters, bias, spans, channels // depth)
    low, high = tflite_clip(importer)
    for kind, bound in (("Maximum", low), ("Minimum", high)):
        y = map2(importer, kind, y, bound) if np.isfinite(bound) else y
    importer.bind(transpose(importer, y, (0, 2, 3, 4, 1)))
