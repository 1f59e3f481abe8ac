"""Reductions of a function of each number, norms `(sum of |x|^p)^(1 / p)` among them: importers only, onto formulas."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.fold_onnx import over_axes
from ariel_build.ops.formula import fold, map1, map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape

__all__ = ["powers", "root"]


#: What reductions do before they sum, and with the sum.
_AROUND_SUMS = {
    "ReduceL1": ("Abs", ""),
    "ReduceL2": ("Square", "Sqrt"),
    "ReduceLogSum": ("", "Log"),
    "ReduceSumSquare": ("Square", ""),
}


@imports("onnx", *_AROUND_SUMS)
def _around_sum_from_onnx(importer: Importer) -> None:
    before, after = _AROUND_SUMS[importer.node.op]
    x = importer.input(0)
    each = map1(importer, before, x) if before else x

    def reduced(axes: tuple[int, ...], keep: bool) -> Value:
        total = fold(importer, "Sum", each, axes, keep_dims=keep)
        return map1(importer, after, total) if after else total

    importer.bind(over_axes(importer, x, reduced))


@imports("onnx", "ReduceLogSumExp")
def _log_sum_exp_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    if not x.type.dtype.is_real:
        raise UnsupportedReason(f"of {x.type.dtype.value} is not supported, only of floats")
    bounds = np.finfo(np.float64 if x.type.dtype is DType.F64 else np.float32)

    def reduced(axes: tuple[int, ...], keep: bool) -> Value:
        # The greatest number is taken out of the powers, which would not be finite with it.
        greatest = fold(importer, "Max", x, axes)
        for kind, bound in (("Maximum", bounds.min), ("Minimum", bounds.max)):
            greatest = map2(importer, kind, greatest, importer.constant(np.array(bound, x.type.dtype.numpy)))
        exponentials = map1(importer, "Exp", map2(importer, "Sub", x, greatest))
        total = map1(importer, "Log", fold(importer, "Sum", exponentials, axes, keep_dims=keep))
        return map2(importer, "Add", total, reshape(importer, greatest, total.shape))

    importer.bind(over_axes(importer, x, reduced))


def powers(importer: Importer, x: Value, p: int) -> Value:
    """`|x|^p`; UnsupportedReason where p is no positive integer."""
    if p < 1:
        raise UnsupportedReason(f"p = {p} is not a positive integer")
    if p == 2:
        return map1(importer, "Square", x)
    size = map1(importer, "Abs", x)
    return size if p == 1 else map2(importer, "Pow", size, float(p))


def root(importer: Importer, total: Value, p: int) -> Value:
    """`total^(1 / p)`."""
    if p == 2:
        return map1(importer, "Sqrt", total)
    return total if p == 1 else map2(importer, "Pow", total, 1.0 / p)


@imports("onnx", "GlobalLpPool")
def _global_lp_from_onnx(importer: Importer) -> None:
    x, p = real_input(importer), importer.integer("p", 2)
    if len(x.shape) < 3:
        raise UnsupportedReason(f"{x.type} is no image")
    total = fold(importer, "Sum", powers(importer, x, p), range(2, len(x.shape)))
    importer.bind(root(importer, total, p))
