"""Hardmax: 1 at the first greatest number of a line, 0 elsewhere; importers only, onto comparisons."""

from __future__ import annotations

import math

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import axes_of, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.formula import fold, map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape

__all__: list[str] = []


@imports("onnx", "Hardmax")
def _from_onnx(importer: Importer) -> None:
    """Of the greatest numbers of a line, which may be several, the one with the greatest rank counted from behind."""
    x = real_input(importer)
    # Before opset 13 all axes from `axis` on were one.
    flat = importer.node.version < 13
    (axis,) = axes_of([importer.integer("axis", 1 if flat else -1)], len(x.shape))
    shape = (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])) if flat else x.shape
    lines, axis = reshape(importer, x, shape), 1 if flat else axis
    ranks = np.arange(shape[axis], 0, -1, dtype=np.float32).reshape([-1 if k == axis else 1 for k in range(len(shape))])
    is_most = _equal(importer, lines, fold(importer, "Max", lines, (axis,)))
    ranked = map2(importer, "Mul", is_most, importer.constant(ranks))
    first = _equal(importer, ranked, map2(importer, "Maximum", fold(importer, "Max", ranked, (axis,)), 1.0))
    importer.bind(reshape(importer, first, x.shape))


def _equal(importer: Importer, left: Value, right: Value) -> Value:
    """Returns 1 where two operands are equal, 0 elsewhere."""
    return cast(importer, importer.emit(Compare("Equal"), [left, right])[0], DType.F32)
