"""REDUCE_ALL, REDUCE_ANY: the least, or the greatest, of booleans, which are bytes of 0 and 1; importers onto Fold."""

from __future__ import annotations

from ariel_build.ir import DType
from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.fold import Fold
from ariel_build.ops.importer import Importer

__all__: list[str] = []


@imports("tflite", "REDUCE_ALL", "REDUCE_ANY")
def _from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    if x.type.dtype is not DType.BOOL:
        raise UnsupportedReason(f"of {x.type.dtype.value} is not supported, only of bool")
    given = importer.constant_input(1, "the axes").reshape(-1).tolist()
    axes = tuple(sorted(set(axes_of(given, len(x.shape), each_once=False))))
    keep = bool(importer.attribute("keep_dims", False))
    op = Fold("Min" if importer.node.op == "REDUCE_ALL" else "Max", axes, keep)
    (least,) = importer.emit(op, [cast(importer, x, DType.I8)])
    importer.bind(cast(importer, least, DType.BOOL))
