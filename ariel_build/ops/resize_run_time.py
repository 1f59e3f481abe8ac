"""Resize where scales, sizes or the region are known at run time only: the formulas of `resize.py` in operators.

The output's shape is what the file declares. To the nearest neighbour it gathers; else each axis is multiplied by the
matrix of its weights, which the model computes: cells outside are folded onto those at the edge by a constant matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare, Logic
from ariel_build.ops.formula import fold, map1, map2
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.matmul import product
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select
from ariel_build.ops.slice import emit_slice
from ariel_build.records import dataclass

__all__ = ["Filter", "Moving", "cubic", "linear", "moving_axes", "nearest_moving", "weighted_moving"]

#: Numbers of a matrix of weights: 64 KiB of RAM.
MOST_NUMBERS = 1 << 14


@dataclass(frozen=True)
class Moving:
    """How an axis is resized: from `extent` cells to `count`, by a `scale` and over a `crop` of it, all scalars."""

    extent: int
    count: int
    scale: Value
    crop: tuple[Value, Value] | None = None

    @property
    def stays(self) -> bool:
        """Whether each cell is the one that it was, whatever the scale is."""
        return self.extent == self.count == 1 and self.crop is None

    def _width(self, importer: Importer) -> Value:
        """Returns the new width less 1, before it is rounded."""
        return map2(importer, "Sub", map2(importer, "Mul", self.scale, float(self.extent)), 1.0)

    def places(self, importer: Importer, transformation: str) -> Value:
        """Returns the place [count] of each output cell in the input."""
        i = importer.constant(np.arange(self.count, dtype=np.float32))

        def of(kind: str, left: Value | float, right: Value | float) -> Value:
            return map2(importer, kind, left, right)

        def half() -> Value:
            return of("Sub", of("Div", of("Add", i, 0.5), self.scale), 0.5)

        last = float(self.extent - 1)
        match transformation:
            case "asymmetric":
                return of("Div", i, self.scale)
            case "half_pixel":
                return half()
            case "pytorch_half_pixel":
                return of("Mul", i, 0.0) if self.count == 1 else half()
            case "half_pixel_symmetric":
                width = of("Mul", self.scale, float(self.extent))
                return of(
                    "Add", of("Mul", of("Sub", 1.0, of("Div", float(self.count), width)), self.extent / 2), half()
                )
            case "align_corners" if self.count == 1:
                return of("Mul", i, 0.0)
            case "align_corners":
                # By the width before it is rounded, as ONNX's reference has it.
                return of("Div", of("Mul", i, last), self._width(importer))
            case "tf_crop_and_resize" if self.crop is not None:
                start, end = self.crop
                room = of("Mul", of("Sub", end, start), last)
                alone = self.count == 1
                within = of("Mul", room, 0.5) if alone else of("Div", of("Mul", i, room), self._width(importer))
                return reshape(importer, of("Add", within, of("Mul", start, last)), (self.count,))
        raise UnsupportedReason(f"the coordinate transformation `{transformation}` is not known")


@dataclass(frozen=True)
class Filter:
    """What is around a place: the weight of a cell falls to 0 at `reach`."""

    reach: int
    weight: Callable[[Importer, Value], Value]
    antialias: bool = False
    exclude_outside: bool = False


class Known(Protocol):
    """How an axis is resized by a scale that is known."""

    @property
    def count(self) -> int:
        """Cells of the output."""

    @property
    def scale(self) -> float:
        """The scale."""


def moving_axes(
    importer: Importer,
    x: Value,
    axes: tuple[int, ...],
    known: Callable[..., Mapping[int, Known]],
    *,
    at: int,
    crops: bool,
) -> dict[int, Moving] | None:
    """Returns how axes are resized, None where all is known that tells it; scales are input `at`.

    `known` tells how they are where only the region is computed at run time.
    """
    policy, sizes = importer.text("keep_aspect_ratio_policy", "stretch"), importer.optional_input(3)
    scales = importer.optional_input(at) if sizes is None and importer.attribute("scales") is None else None
    is_loose = scales is not None and scales.data is None
    if sizes is not None and policy != "stretch":
        is_loose = sizes.data is None
    region = importer.input(1) if crops else None
    if not is_loose and (region is None or region.data is not None):
        return None
    count = len(axes)
    crop: list[tuple[Value, Value] | None] = [None] * count
    if region is not None:
        ends = _scalars(importer, region, 2 * count, "the region")
        crop = list(zip(ends[:count], ends[count:], strict=True))
    if not is_loose:
        found = known(importer, x, axes, crops=False)
        return {
            axis: Moving(
                x.shape[axis], found[axis].count, importer.constant(np.array(found[axis].scale, np.float32)), own
            )
            for axis, own in zip(axes, crop, strict=True)
        }
    if scales is not None:
        each = _scalars(importer, scales, count, "the scales")
    else:
        assert sizes is not None  # noqa: S101 - one of both is loose
        each = [_ratio(importer, x, axes, sizes, policy)] * count
    declared = importer.declared_shape("the scales" if sizes is None else "the sizes")
    if len(declared) != len(x.shape) or any(n != declared[k] for k, n in enumerate(x.shape) if k not in axes):
        raise UnsupportedReason(f"{x.type} cannot become the declared {list(declared)}")
    return {a: Moving(x.shape[a], declared[a], scale, own) for a, scale, own in zip(axes, each, crop, strict=True)}


def _scalars(importer: Importer, numbers: Value, count: int, what: str) -> list[Value]:
    """Returns the elements of a tensor of float32."""
    if numbers.shape != (count,) or not numbers.type.dtype.is_real:
        raise UnsupportedReason(f"{what} are {numbers.type}, not {count} floats")
    wide = cast(importer, numbers, DType.F32)
    return [reshape(importer, emit_slice(importer, wide, {0: (k, 1, 1)}), ()) for k in range(count)]


def _ratio(importer: Importer, x: Value, axes: tuple[int, ...], sizes: Value, policy: str) -> Value:
    """Returns the scale of all axes, which keeps their ratio: the least or the greatest that the sizes ask for."""
    if policy not in ("not_larger", "not_smaller"):
        raise UnsupportedReason(f"the policy `{policy}` is not known")
    if sizes.shape != (len(axes),):
        raise UnsupportedReason(f"sizes {sizes.type} do not fit {len(axes)} axes")
    extents = importer.constant(np.array([x.shape[a] for a in axes], np.float32))
    ratios = map2(importer, "Div", cast(importer, sizes, DType.F32), extents)
    return fold(importer, "Min" if policy == "not_larger" else "Max", ratios, (0,), keep_dims=False)


def nearest_moving(
    importer: Importer,
    x: Value,
    resized: Mapping[int, Moving],
    transformation: str,
    rounding: str,
    beyond: float,
    *,
    old: bool,
) -> Value:
    """Returns the nearest neighbours; before opset 11, an axis that shrinks is rounded up."""
    for axis, how in resized.items():
        if how.stays:
            continue
        if transformation == "align_corners":
            # As onnxruntime has it, by the whole width.
            i = importer.constant(np.arange(how.count, dtype=np.float32))
            places = map2(
                importer, "Div", map2(importer, "Mul", i, float(how.extent - 1)), float(max(how.count - 1, 1))
            )
        else:
            places = how.places(importer, transformation)
        whole = _rounded(importer, places, "ceil" if old and how.count < how.extent else rounding)
        within = map2(importer, "Minimum", map2(importer, "Maximum", whole, 0.0), float(how.extent - 1))
        cells = cast(importer, within, DType.I32)
        (x,) = importer.emit(Gather(axis=axis, wraps=False), [x, cells], [x.type.quant])
        x = _replaced(importer, x, axis, how, places, beyond)
    return x


def _rounded(importer: Importer, places: Value, rounding: str) -> Value:
    match rounding:
        case "floor":
            return map1(importer, "Floor", places)
        case "ceil":
            return map1(importer, "Ceil", places)
        case "round_prefer_floor":
            return map1(importer, "Ceil", map2(importer, "Sub", places, 0.5))
        case "round_prefer_ceil":
            return map1(importer, "Floor", map2(importer, "Add", places, 0.5))
    raise UnsupportedReason(f"the rounding `{rounding}` is not known")


def weighted_moving(
    importer: Importer, x: Value, resized: Mapping[int, Moving], transformation: str, kernel: Filter, beyond: float
) -> Value:
    """Returns weighted sums of the cells around each place, axis after axis; those that shrink go first."""
    for axis in sorted(resized, key=lambda k: resized[k].count / resized[k].extent):
        how = resized[axis]
        if how.stays:
            continue
        places = how.places(importer, transformation)
        weights = _weights(importer, how, places, kernel)
        flat = (math.prod(x.shape[:axis]), how.extent, math.prod(x.shape[axis + 1 :]))
        shape = (*x.shape[:axis], how.count, *x.shape[axis + 1 :])
        x = reshape(importer, product(importer, weights, reshape(importer, x, flat)), shape)
        x = _replaced(importer, x, axis, how, places, beyond)
    return x


def _weights(importer: Importer, how: Moving, places: Value, kernel: Filter) -> Value:
    """Returns the weight [count, extent] of each cell at each place."""
    near = kernel.reach + 1
    if kernel.antialias:
        # A scale is at least count / extent.
        near = math.ceil(kernel.reach * max(how.extent / how.count, 1.0)) + 1
    outside = 0 if kernel.exclude_outside else near
    if (how.extent + 2 * outside) * max(how.count, how.extent) > MOST_NUMBERS:
        raise UnsupportedReason(
            f"an axis of {how.extent} that becomes {how.count} by a scale or region that is computed at run time "
            "is not supported"
        )
    # Beyond these all cells around a place are the one at the edge.
    within = map2(importer, "Minimum", map2(importer, "Maximum", places, -1.0), float(how.extent))
    cells = np.arange(-outside, how.extent + outside, dtype=np.float32)
    distances = map2(importer, "Sub", reshape(importer, within, (how.count, 1)), importer.constant(cells))
    if kernel.antialias:
        distances = map2(importer, "Mul", distances, map2(importer, "Minimum", how.scale, 1.0))
    weights = kernel.weight(importer, map1(importer, "Abs", distances))
    if kernel.antialias or kernel.exclude_outside:
        weights = map2(importer, "Div", weights, fold(importer, "Sum", weights, (1,)))
    if not outside:
        return weights
    edges = np.clip(cells, 0, how.extent - 1)[:, None] == np.arange(how.extent)
    return product(importer, weights, importer.constant(edges.astype(np.float32)))


def linear(importer: Importer, distance: Value) -> Value:
    """max(1 - d, 0)."""
    return map2(importer, "Maximum", map2(importer, "Sub", 1.0, distance), 0.0)


def cubic(a: float) -> Callable[[Importer, Value], Value]:
    """Keys' convolution: ((a + 2) d - (a + 3)) d^2 + 1 up to 1, ((a d - 5 a) d + 8 a) d - 4 a up to 2."""

    def weight(importer: Importer, distance: Value) -> Value:
        d = map2(importer, "Minimum", distance, 2.0)

        def times(left: Value | float, right: Value | float, plus: float) -> Value:
            return map2(importer, "Add", map2(importer, "Mul", left, right), plus)

        near = times(map2(importer, "Mul", times(d, a + 2, -(a + 3)), d), d, 1.0)
        far = times(times(times(d, a, -5 * a), d, 8 * a), d, -4 * a)
        (is_near,) = importer.emit(Compare("Less"), [d, importer.constant(np.array(1, np.float32))])
        return select(importer, is_near, near, far)

    return weight


def _replaced(importer: Importer, x: Value, axis: int, how: Moving, places: Value, beyond: float) -> Value:
    """Returns a cropped image with `beyond` where a place lies outside of the whole one."""
    if how.crop is None:
        return x
    last = importer.constant(np.array(how.extent - 1, np.float32))
    (above,) = importer.emit(Compare("Greater"), [places, last])
    (below,) = importer.emit(Compare("Less"), [places, importer.constant(np.array(0, np.float32))])
    (gone,) = importer.emit(Logic("Or"), [above, below])
    gone = reshape(importer, gone, [how.count if k == axis else 1 for k in range(len(x.shape))])
    value = importer.constant(np.array(beyond).astype(x.type.dtype.numpy), quant=x.type.quant)
    return select(importer, gone, value, x)
