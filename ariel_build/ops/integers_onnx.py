"""DynamicQuantizeLinear: integers whose scale the numbers themselves give, written out in operators of numbers."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.affine import map1, map2, rounded
from ariel_build.ops.base import imports
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape

__all__: list[str] = []

_BYTE = (0, 255)


@imports("onnx", "DynamicQuantizeLinear")
def _dynamic_quantize(importer: Importer) -> None:
    x = importer.input(0)
    zero = importer.constant(np.array(0, np.float32))
    axes = tuple(range(len(x.shape)))
    low, high = (
        map2(importer, bound, importer.emit(Fold(kind, axes, False, Rounding.NEAREST_EVEN), [x])[0], zero)
        for kind, bound in (("Min", "Minimum"), ("Max", "Maximum"))
    )
    steps = importer.constant(np.array(255, np.float32))
    scale = map2(importer, "Div", map2(importer, "Sub", high, low), steps)
    # Where all numbers are 0, any scale will do: 1.
    (none,) = importer.emit(Compare("Equal"), [scale, zero])
    scale = map2(importer, "Add", scale, cast(importer, none, DType.F32))
    zero_point = rounded(importer, map2(importer, "Div", map1(importer, "Neg", low), scale), None, DType.U8, _BYTE)
    stored = rounded(importer, map2(importer, "Div", x, scale), zero_point, DType.U8, _BYTE)
    importer.bind(stored, scale, zero_point)


def of_rows(importer: Importer, factor: Value, numbers: Value | None) -> Value | None:
    """Returns one number for all, or one for each row of the left factor, in a shape that broadcasts to it."""
    if numbers is None or len(numbers.shape) != 1 or numbers.type.elements == 1 or len(factor.shape) < 2:
        return numbers
    return reshape(importer, numbers, (*numbers.shape, 1))
