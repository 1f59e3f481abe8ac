"""ONNX's reductions: axes that are attributes, constants, or computed when the model runs; importers only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from ariel_build.ir import Value
from ariel_build.ops.alternatives import MOST, by_axes
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold, ascending
from ariel_build.ops.fold_rows import FOLDS
from ariel_build.ops.formula import fold
from ariel_build.ops.importer import Importer
from ariel_build.ops.nchw import from_nhwc, spatial_shape, to_nhwc
from ariel_build.ops.rows import called, named

__all__ = ["over_axes"]

_ONNX = called(FOLDS.values(), "onnx")
#: Makes a reduction over axes, which stay as axes of 1 or not.
Reduction = Callable[[tuple[int, ...], bool], Value]


@imports("onnx", *_ONNX)
def _from_onnx(importer: Importer) -> None:
    row, _ = named(importer, _ONNX[importer.node.op])
    x = importer.input(0)

    def reduced(axes: tuple[int, ...], keep: bool) -> Value:
        op = Fold(row.name, axes, keep, Rounding.NEAREST_EVEN)
        # The greatest of stored integers has their scale.
        return importer.emit(op, [x], [x.type.quant] if row.chooses else [])[0]

    importer.bind(over_axes(importer, x, reduced))


def over_axes(importer: Importer, x: Value, made: Reduction) -> Value:
    """Returns what is `made` of `x` for the axes that a node of ONNX names."""
    axes: Sequence[int] = ()
    given = importer.optional_input(1)
    if given is not None and given.data is not None:
        axes = given.data.reshape(-1).tolist()
    elif importer.attribute("axes") is not None:
        axes = importer.integers("axes")
    kept, nothing = bool(importer.integer("keepdims", 1)), bool(importer.integer("noop_with_empty_axes"))
    rank = len(x.shape)
    if given is not None and given.data is None:
        told = _told(x.shape, importer.declared_shape("the axes"), keep_dims=kept)
        return by_axes(importer, given, rank, {axes: made(axes, kept) for axes in told[: MOST + 1]})
    return made(ascending(axes, rank) if axes or nothing else tuple(range(rank)), kept)


def _told(shape: tuple[int, ...], declared: tuple[int, ...], *, keep_dims: bool) -> list[tuple[int, ...]]:
    """Returns the axes that are reduced where a shape becomes another one, all possibilities.

    An axis of 1 that stays may be reduced or not: that is the same. UnsupportedReason where there are none.
    """
    many = [k for k, d in enumerate(shape) if d != 1]
    if keep_dims and len(declared) == len(shape):
        axes = tuple(k for k in many if declared[k] == 1)
        if all(d == declared[k] for k, d in enumerate(shape) if k not in axes):
            return [axes]
    elif not keep_dims and len(declared) <= len(shape):
        sets = combinations(range(len(shape)), len(shape) - len(declared))
        fitting = [axes for axes in sets if tuple(d for k, d in enumerate(shape) if k not in axes) == declared]
        if len({tuple(k for k in axes if k in many) for axes in fitting}) == 1:
            return fitting[:1]
        if fitting:
            return fitting
    raise UnsupportedReason(
        f"the axes (input 1) are computed at run time, and {list(shape)} does not become {list(declared)}"
    )


@imports("onnx", "GlobalAveragePool")
def _global_average_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    if len(x.shape) > 4:
        importer.bind(fold(importer, "Mean", x, range(2, len(x.shape))))
        return
    spatial_shape(x)
    y = fold(importer, "Mean", to_nhwc(importer, x), (1, 2))
    importer.bind(from_nhwc(importer, y, len(x.shape)))
