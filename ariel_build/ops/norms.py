"""Reductions of a function of each number: norms and sums of exponentials; importers only, onto formulas."""

from __future__ import annotations

from dataclasses import replace

from ariel_build.ir import Value
from ariel_build.ops.accumulate import FINITE
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.fold import onnx_fold
from ariel_build.ops.formula import fold, map1, map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape

__all__ = ["powers", "root"]


def _sum(importer: Importer, x: Value) -> Value:
    return importer.emit(onnx_fold(importer, "Sum"), [x])[0]


@imports("onnx", "ReduceL1")
def _l1_from_onnx(importer: Importer) -> None:
    importer.bind(_sum(importer, map1(importer, "Abs", importer.input(0))))


@imports("onnx", "ReduceSumSquare")
def _sum_square_from_onnx(importer: Importer) -> None:
    importer.bind(_sum(importer, map1(importer, "Square", importer.input(0))))


@imports("onnx", "ReduceL2")
def _l2_from_onnx(importer: Importer) -> None:
    importer.bind(map1(importer, "Sqrt", _sum(importer, map1(importer, "Square", real_input(importer)))))


@imports("onnx", "ReduceLogSum")
def _log_sum_from_onnx(importer: Importer) -> None:
    importer.bind(map1(importer, "Log", _sum(importer, real_input(importer))))


@imports("onnx", "ReduceLogSumExp")
def _log_sum_exp_from_onnx(importer: Importer) -> None:
    """`ln(sum of e^(x - m)) + m` with the greatest m, made finite: no power of a finite number overflows."""
    x, op = real_input(importer), onnx_fold(importer, "Max")
    (most,) = importer.emit(replace(op, keep_dims=True), [x])
    finite = map2(importer, "Minimum", map2(importer, "Maximum", most, FINITE[0]), FINITE[1])
    powers = map1(importer, "Exp", map2(importer, "Sub", x, finite))
    (total,) = importer.emit(replace(op, kind="Sum"), [powers])
    shift = reshape(importer, finite, total.shape)
    importer.bind(map2(importer, "Add", map1(importer, "Log", total), shift))


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
