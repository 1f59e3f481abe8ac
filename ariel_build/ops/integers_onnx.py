"""ONNX operators that make integers at run time: DynamicQuantizeLinear, MatMulInteger, ConvInteger.

They are written out in operators of numbers; `affine.py` says why float32 sums their products exactly.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.affine import EXACT, integer_product, map1, map2, rounded, total
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.conv2d import convolution
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice

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


@imports("onnx", "MatMulInteger")
def _matmul_integer(importer: Importer) -> None:
    a, b = importer.input(0), importer.input(1)
    zeros = (importer.optional_input(2), importer.optional_input(3))
    importer.bind(integer_product(importer, a, b, (of_rows(importer, a, zeros[0]), zeros[1])))


def of_rows(importer: Importer, factor: Value, numbers: Value | None) -> Value | None:
    """Returns one number for all, or one for each row of the left factor, in a shape that broadcasts to it."""
    if numbers is None or len(numbers.shape) != 1 or numbers.type.elements == 1 or len(factor.shape) < 2:
        return numbers
    return reshape(importer, numbers, (*numbers.shape, 1))


@imports("onnx", "ConvInteger")
def _conv_integer(importer: Importer) -> None:
    x, filter_ = importer.input(0), importer.input(1)
    zeros = importer.optional_input(2), importer.optional_input(3)
    if zeros[1] is not None and zeros[1].type.elements > 1:
        one_each = (*zeros[1].shape, *(1 for _ in filter_.shape[1:]))
        zeros = zeros[0], reshape(importer, zeros[1], one_each)
    image, weights = (
        cast(importer, v, DType.F32)
        if zero is None
        else map2(importer, "Sub", cast(importer, v, DType.F32), cast(importer, zero, DType.F32))
        for v, zero in zip((x, filter_), zeros, strict=True)
    )
    taps, depth = int(np.prod(filter_.shape[2:])), filter_.shape[1]
    at_once = EXACT // max(taps, 1)
    if at_once < 1 or (at_once < depth and importer.integer("group", 1) != 1):
        raise UnsupportedReason(f"{taps * depth} products in a sum are not supported, only {EXACT}")
    parts = []
    for start in range(0, depth, at_once):
        piece = (start, min(at_once, depth - start), 1)
        whole = piece == (0, depth, 1)
        part = image if whole else emit_slice(importer, image, {1: piece})
        own = emit_slice(importer, weights, {1: piece})
        parts.append(cast(importer, convolution(importer, part, own, None), DType.I32))
    importer.bind(total(importer, parts))
