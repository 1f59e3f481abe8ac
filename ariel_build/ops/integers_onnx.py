"""DynamicQuantizeLinear: integers whose scale the numbers themselves give, written out, and products of such."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.affine import rounded
from ariel_build.ops.base import imports
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.formula import fold, map1, map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.matmul import centred, product

__all__ = ["scaled_product", "stored_by_range"]

_BYTE = (0, 255)


@imports("onnx", "DynamicQuantizeLinear")
def _dynamic_quantize(importer: Importer) -> None:
    importer.bind(*stored_by_range(importer, importer.input(0)))


def stored_by_range(importer: Importer, x: Value) -> tuple[Value, Value, Value]:
    """Returns float32 in uint8, its scale and its zero point: its least and its greatest number, and 0, are stored."""
    zero = importer.constant(np.array(0, np.float32))
    low, high = (
        map2(importer, bound, fold(importer, kind, x, range(len(x.shape)), keep_dims=False), zero)
        for kind, bound in (("Min", "Minimum"), ("Max", "Maximum"))
    )
    scale = map2(importer, "Div", map2(importer, "Sub", high, low), 255.0)
    # Where all numbers are 0, any scale will do: 1.
    (none,) = importer.emit(Compare("Equal"), [scale, zero])
    scale = map2(importer, "Add", scale, cast(importer, none, DType.F32))
    zero_point = rounded(importer, map2(importer, "Div", map1(importer, "Neg", low), scale), None, DType.U8, _BYTE)
    stored = rounded(importer, map2(importer, "Div", x, scale), zero_point, DType.U8, _BYTE)
    return stored, scale, zero_point


def scaled_product(
    importer: Importer, sides: tuple[Value, Value], zeros: tuple[Value | None, Value | None], scale: Value
) -> Value:
    """Returns the product of stored integers less their zero points, exact, times a scale."""
    left, right = (centred(importer, side, zero) for side, zero in zip(sides, zeros, strict=True))
    return map2(importer, "Mul", cast(importer, product(importer, left, right), DType.F32), scale)
