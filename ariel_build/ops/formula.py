"""Words in which importers write formulas over float32: each adds one node of ONNX's rounding to the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2

__all__ = ["fold", "map1", "map2", "real_input"]


def map1(importer: Importer, kind: str, x: Value, *parameters: float) -> Value:
    """Returns the function `kind` of every element."""
    return importer.emit(Map1(kind, parameters, Rounding.NEAREST_EVEN), [x])[0]


def map2(importer: Importer, kind: str, left: Value | float, right: Value | float) -> Value:
    """Returns the operator `kind` of two operands, broadcast; a number is a constant of float32."""
    sides = [
        side if isinstance(side, Value) else importer.constant(np.array(side, np.float32)) for side in (left, right)
    ]
    return importer.emit(Map2(kind, rounding=Rounding.NEAREST_EVEN), sides)[0]


def fold(importer: Importer, kind: str, x: Value, axes: Sequence[int], *, keep_dims: bool = True) -> Value:
    """Returns the reduction `kind` over axes, which stay as axes of 1 with `keep_dims`."""
    op = Fold(kind, tuple(sorted(axes)), keep_dims, Rounding.NEAREST_EVEN)
    return importer.emit(op, [x])[0]


def real_input(importer: Importer, index: int = 0) -> Value:
    """Returns an input of the node that must be float32."""
    x = importer.input(index)
    if x.type.dtype is not DType.F32:
        raise UnsupportedReason(f"input {index} is {x.type.dtype.value}: only float32 is supported")
    return x
