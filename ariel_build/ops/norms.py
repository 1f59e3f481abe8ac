"""Norms: (sum of |x|^p)^(1 / p), of which pools of p have their names; importers only, onto formulas."""

from __future__ import annotations

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.formula import fold, map1, map2, real_input
from ariel_build.ops.importer import Importer

__all__ = ["powers", "root"]


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
