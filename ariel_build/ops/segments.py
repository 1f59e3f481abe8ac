"""Sums, products, greatest and least of segments, of TFLite: importers only, onto rows combined where indices lead.

output[s, ..] = sum over the rows k with segments[k] == s of data[k, ..]. A row whose segment is negative belongs to
none, and neither does one whose segment lies behind the last, where TFLite's inference fails.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array, DType
from ariel_build.kernels.declared.index import Combined
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.compare import Compare
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import indices_input
from ariel_build.ops.reshape import reshape
from ariel_build.ops.scatter import AtIndices, Combine
from ariel_build.ops.select import select
from ariel_build.ops.slice import emit_slice

__all__: list[str] = []

_COMBINED = {
    "SEGMENT_SUM": Combined.ADD,
    "UNSORTED_SEGMENT_SUM": Combined.ADD,
    "UNSORTED_SEGMENT_PROD": Combined.MUL,
    "UNSORTED_SEGMENT_MAX": Combined.MAX,
    "UNSORTED_SEGMENT_MIN": Combined.MIN,
}


@imports("tflite", *_COMBINED)
def _segments(importer: Importer) -> None:
    x, segments = importer.input(0), indices_input(importer, 1, "the segments")
    rank = len(segments.shape)
    if x.type.dtype not in (DType.F32, DType.I32) or segments.shape != x.shape[:rank]:
        raise UnsupportedReason(f"{x.type} in segments {segments.type} is not supported")
    count, *rest = importer.output_type().shape
    if importer.node.op != "SEGMENT_SUM" and importer.input(2).data is not None:
        count = int(importer.constant_input(2, "the number of segments").reshape(()))
    elif segments.data is not None and importer.node.op == "SEGMENT_SUM":
        count = int(segments.data.max(initial=-1)) + 1
    if count < 1 or tuple(rest) != x.shape[rank:]:
        raise UnsupportedReason(f"{count} segments of {x.type} do not make {importer.output_type()}")
    combined = _COMBINED[importer.node.op]
    # What is in no segment goes into one more, behind the others.
    least = importer.constant(np.zeros((), segments.type.dtype.numpy))
    behind = importer.constant(np.array(count, segments.type.dtype.numpy))
    (nowhere,) = importer.emit(Compare("Less"), [segments, least])
    at = reshape(importer, select(importer, nowhere, behind, segments), (*segments.shape, 1))
    first = importer.constant(np.full((count + 1, *rest), _neutral(combined, x.type.dtype)))
    (y,) = importer.emit(Combine(AtIndices(wraps=False), combined), [first, at, x])
    importer.bind(emit_slice(importer, y, {0: (0, count, 1)}))


def _neutral(combined: Combined, dtype: DType) -> Array:
    """Returns what an empty segment holds."""
    if combined in (Combined.ADD, Combined.MUL):
        return np.array(0 if combined is Combined.ADD else 1, dtype.numpy)
    limits = np.finfo(np.float32)
    low, high = (float(limits.min), float(limits.max)) if dtype is DType.F32 else dtype.range
    return np.array(low if combined is Combined.MAX else high, dtype.numpy)
