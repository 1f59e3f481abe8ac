"""MATRIX_DIAG, MATRIX_SET_DIAG of TFLite: a vector on the diagonal of a matrix; importers only, onto a Select."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select

__all__: list[str] = []


@imports("tflite", "MATRIX_DIAG")
def _matrix_diag(importer: Importer) -> None:
    diagonal = importer.input(0)
    if not diagonal.shape:
        raise UnsupportedReason("its input has no axis")
    count = diagonal.shape[-1]
    # The bytes of 0, whatever they stand for.
    nothing = importer.constant(np.zeros((1, count), diagonal.type.dtype.numpy), quant=diagonal.type.quant)
    importer.bind(_on_diagonal(importer, nothing, diagonal, (count, count)))


@imports("tflite", "MATRIX_SET_DIAG")
def _matrix_set_diag(importer: Importer) -> None:
    x, diagonal = importer.input(0), importer.input(1)
    if len(x.shape) < 2 or diagonal.shape != (*x.shape[:-2], min(x.shape[-2:])):
        raise UnsupportedReason(f"{diagonal.type} is no diagonal of {x.type}")
    importer.bind(_on_diagonal(importer, x, diagonal, (x.shape[-2], x.shape[-1])))


def _on_diagonal(importer: Importer, x: Value, diagonal: Value, size: tuple[int, int]) -> Value:
    """Returns matrices of a size, whose diagonals are [.., n], and which are `x` elsewhere."""
    missing = size[1] - diagonal.shape[-1]
    if missing:
        pads = ((0, 0),) * (len(diagonal.shape) - 1)
        (diagonal,) = importer.emit(Pad((*pads, (0, missing))), [diagonal], [diagonal.type.quant])
    row = reshape(importer, diagonal, (*diagonal.shape[:-1], 1, size[1]))
    return select(importer, importer.constant(np.eye(*size, dtype=np.bool_)), row, x)
