"""ReverseSequence: output[b, t] = input[b, t < n[b] ? n[b] - 1 - t : t]; onto indices and a Gather."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import indices_input
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select
from ariel_build.ops.transpose import transpose

__all__ = ["reversed_rows"]


@imports("tflite", "REVERSE_SEQUENCE")
def _from_tflite(importer: Importer) -> None:
    _reversed(importer, importer.integer("seq_dim"), importer.integer("batch_dim"))


@imports("onnx", "ReverseSequence")
def _from_onnx(importer: Importer) -> None:
    _reversed(importer, importer.integer("time_axis"), importer.integer("batch_axis", 1))


def _reversed(importer: Importer, time: int, batch: int) -> None:
    x, lengths = importer.input(0), indices_input(importer, 1, "the lengths")
    time, batch = axes_of([time, batch], len(x.shape))
    if lengths.shape != (x.shape[batch],):
        raise UnsupportedReason(f"the lengths {lengths.type} do not fit {x.type}")
    order = (batch, time, *(k for k in range(len(x.shape)) if k not in (batch, time)))
    rows = transpose(importer, x, order)
    y = reversed_rows(importer, rows, lengths)
    importer.bind(transpose(importer, y, tuple(order.index(k) for k in range(len(order)))))


def reversed_rows(importer: Importer, rows: Value, lengths: Value) -> Value:
    """Returns `rows` [batch, time, ..], each backwards over its own length; what is behind that stays."""
    ends = cast(importer, reshape(importer, lengths, (rows.shape[0], 1)), DType.I32)
    numbers = np.arange(rows.shape[1], dtype=np.int32)[None]
    steps, following = importer.constant(numbers), importer.constant(numbers + 1)
    (is_inside,) = importer.emit(Compare("Less"), [steps, ends])
    (behind,) = importer.emit(Map2("Sub"), [ends, following])
    indices = select(importer, is_inside, behind, steps)
    return importer.emit(Gather(axis=1, batch=1, wraps=False), [rows, indices], [rows.type.quant])[0]
