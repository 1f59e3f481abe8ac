"""Resize: output[i] = input near place(i) along each axis; importers only.

To the nearest neighbour it is a copy: a whole factor is a Tile of a new axis behind the one that grows, any other one
gathers. Linear and cubic interpolation are weighted sums along one axis after the other, and so is what looks at all
cells under a place (`antialias`): the weights of all places are computed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.formula import map2
from ariel_build.ops.gather import gathered
from ariel_build.ops.importer import Importer
from ariel_build.ops.resample import Bilinear, resampled
from ariel_build.ops.resize_bytes import BYTES, resized_bytes
from ariel_build.ops.resize_run_time import Filter, moving_axes, nearest_moving, weighted_moving
from ariel_build.ops.resize_run_time import cubic as moving_cubic
from ariel_build.ops.resize_run_time import linear as moving_linear
from ariel_build.ops.select import select
from ariel_build.ops.sizes import sizes_input
from ariel_build.records import dataclass

__all__ = ["ResizedAxis", "band", "cubic", "linear"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


#: Place in the input of place i of the output, from i, the scale, and both extents.
_PLACES: dict[str, Callable[[F32, np.float32, int, int], F32]] = {
    "asymmetric": lambda i, scale, _, __: i / scale,
    "half_pixel": lambda i, scale, _, __: (i + np.float32(0.5)) / scale - np.float32(0.5),
    "pytorch_half_pixel": lambda i, scale, _, n: (
        (i + np.float32(0.5)) / scale - np.float32(0.5) if n > 1 else np.zeros_like(i)
    ),
    "align_corners": lambda i, _, m, n: i * np.float32(m - 1) / np.float32(max(n - 1, 1)),
}
_ROUNDINGS: dict[str, Callable[[F32], F32]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - np.float32(0.5)),
    "round_prefer_ceil": lambda x: np.floor(x + np.float32(0.5)),
}


@dataclass(frozen=True)
class ResizedAxis:
    """How an axis is resized: from `extent` cells to `count`, by `scale`; `crop` is the part of it that is seen."""

    extent: int
    count: int
    scale: float
    crop: tuple[float, float] = (0.0, 1.0)

    def places(self, transformation: str) -> F64:
        """Returns the place of each output cell in the input, as ONNX's reference computes it.

        `align_corners` and `tf_crop_and_resize` go by the width before it is rounded.
        """
        i = np.arange(self.count, dtype=np.float64)
        width, last = self.scale * self.extent, self.extent - 1
        half = (i + 0.5) / self.scale - 0.5
        match transformation:
            case "asymmetric":
                return i / self.scale
            case "half_pixel":
                return half
            case "pytorch_half_pixel":
                return np.zeros_like(i) if self.count == 1 else half
            case "half_pixel_symmetric":
                return self.extent / 2 * (1 - self.count / width) + half
            case "align_corners":
                return np.zeros_like(i) if width == 1 else i * last / (width - 1)
            case "tf_crop_and_resize":
                start, end = self.crop
                within = (
                    np.full_like(i, (end - start) * last / 2) if width == 1 else i * (end - start) * last / (width - 1)
                )
                return within + start * last
        raise UnsupportedReason(f"the coordinate transformation `{transformation}` is not known")


def linear(distance: F64) -> F64:
    """The weight of a cell at a distance from a place: falls to 0 at 1."""
    return np.asarray(np.maximum(1 - np.abs(distance), 0))


def cubic(distance: F64, a: float) -> F64:
    """Keys' cubic convolution: falls to 0 at 2."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.asarray(np.where(d <= 1, near, np.where(d < 2, far, 0.0)))


def band(
    axis: ResizedAxis,
    places: F64,
    reach: int,
    weight: Callable[[F64], F64],
    *,
    antialias: bool = False,
    exclude_outside: bool = False,
) -> tuple[I64, F64]:
    """Returns cells and their weights, both [count, taps]; a cell outside is the one at the edge, or does not exist.

    `weight` falls to 0 at `reach`; with `antialias` the cells of an output that shrinks lie closer to each other.
    """
    shrink = min(axis.scale, 1.0) if antialias else 1.0
    span = math.ceil(reach / shrink) if antialias else reach
    if span > reach * (axis.extent + 1):
        raise UnsupportedReason(f"a scale of {axis.scale:g} does not fit an axis of {axis.extent}")
    base = np.floor(places)
    offsets = np.arange(1 - span, span + 1)
    weights = weight((offsets - (places - base)[:, None]) * shrink)
    cells = base[:, None] + offsets
    if exclude_outside:
        weights = np.where((cells >= 0) & (cells < axis.extent), weights, 0.0)
    if exclude_outside or antialias:
        weights = weights / weights.sum(axis=1, keepdims=True)
    return np.clip(cells, 0, axis.extent - 1).astype(np.int64), weights


@imports("onnx", "Resize", "Upsample")
def _from_onnx(importer: Importer) -> None:
    x, rank = importer.input(0), len(importer.input(0).shape)
    mode = importer.text("mode", "nearest")
    old = importer.node.op == "Upsample" or importer.node.version < 11
    transformation = importer.text("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    axes = axes_of(importer.integers("axes", range(rank)), rank)
    crops = transformation == "tf_crop_and_resize"
    # What the mode does not ask for changes nothing.
    antialias, outside = bool(importer.integer("antialias")), bool(importer.integer("exclude_outside"))
    a, beyond = importer.real("cubic_coeff_a", -0.75), importer.real("extrapolation_value")
    rounding = importer.text("nearest_mode", "floor" if old else "round_prefer_floor")
    moving = moving_axes(importer, x, axes, _resized, at=1 if old else 2, crops=crops)
    if mode == "nearest":
        if rounding not in _ROUNDINGS:
            raise UnsupportedReason(f"the rounding `{rounding}` is not known")
        if moving is not None:
            importer.bind(nearest_moving(importer, x, moving, transformation, rounding, beyond, old=old))
            return
        resized = _resized(importer, x, axes, crops=crops)
        importer.bind(_nearest(importer, x, resized, transformation, rounding, beyond, old=old))
        return
    plain = mode in ("linear", "bilinear") and not antialias and moving is None and transformation in _PLACES
    if plain and x.type.dtype in BYTES:
        found = _resized(importer, x, axes, crops=False)
        ours = {
            a: _places(how, transformation) for a, how in found.items() if how.count != how.extent or how.scale != 1
        }
        importer.bind(resized_bytes(importer, x, ours))
        return
    if mode not in ("linear", "bilinear", "cubic") or x.type.dtype is not DType.F32:
        raise UnsupportedReason(f"mode `{mode}` of {x.type.dtype.value} is not supported")
    reach = 2 if mode == "cubic" else 1
    if moving is not None:
        formula = moving_cubic(a) if mode == "cubic" else moving_linear
        importer.bind(
            weighted_moving(importer, x, moving, transformation, Filter(reach, formula, antialias, outside), beyond)
        )
        return
    weight: Callable[[F64], F64] = (lambda d: cubic(d, a)) if mode == "cubic" else linear
    # Axes that shrink go first: less is left to do.
    resized = _resized(importer, x, axes, crops=crops)
    for index in sorted(resized, key=lambda k: resized[k].count / resized[k].extent):
        axis = resized[index]
        if axis.scale == 1 and axis.count == axis.extent and axis.crop == (0.0, 1.0):
            continue
        places = axis.places(transformation)
        cells, weights = band(axis, places, reach, weight, antialias=antialias, exclude_outside=outside)
        gone = (places < 0) | (places > axis.extent - 1)
        is_cropped = crops and bool(gone.any())
        if is_cropped:
            weights[gone] = 0.0
        x = resampled(importer, x, index, cells, weights)
        if is_cropped and beyond:
            value = np.where(gone, np.float32(beyond), np.float32(0)).astype(np.float32)
            shape = [-1 if k == index else 1 for k in range(rank)]
            x = map2(importer, "Add", x, importer.constant(value.reshape(shape)))
    importer.bind(x)


def _resized(importer: Importer, x: Value, axes: tuple[int, ...], *, crops: bool) -> dict[int, ResizedAxis]:
    """Returns how each axis that the node names is resized."""
    at = 1 if importer.node.op == "Upsample" or importer.node.version < 11 else 2
    policy, sizes = importer.text("keep_aspect_ratio_policy", "stretch"), None
    if importer.optional_input(3) is not None:
        if policy != "stretch":
            importer.constant_input(3, "the sizes")
        sizes = sizes_input(importer, 3, "the sizes", lambda shape: [shape[a] for a in axes])
    if importer.attribute("scales") is not None:
        scales = np.asarray(importer.attribute("scales"), np.float32).reshape(-1)
    elif sizes is not None:
        ratios = [n / x.shape[a] for n, a in zip(sizes, axes, strict=False)]
        if policy != "stretch" and ratios:
            if policy not in ("not_larger", "not_smaller"):
                raise UnsupportedReason(f"the policy `{policy}` is not known")
            ratios = [min(ratios) if policy == "not_larger" else max(ratios)] * len(ratios)
            sizes = [math.floor(r * x.shape[a] + 0.5) for r, a in zip(ratios, axes, strict=False)]
        scales = np.array(ratios, np.float64)
    else:
        scales = importer.constant_input(at, "the scales").astype(np.float32).reshape(-1)
    if len(scales) != len(axes) or not np.all(np.isfinite(scales)) or not np.all(scales > 0):
        raise UnsupportedReason(f"scales {scales.tolist()} do not fit {x.type}")
    ends = [(0.0, 1.0)] * len(axes)
    if crops:
        roi = importer.constant_input(1, "the region of interest").astype(np.float64).reshape(-1)
        if len(roi) != 2 * len(axes):
            raise UnsupportedReason(f"a region of {len(roi)} numbers does not fit {len(axes)} axes")
        ends = [(float(roi[k]), float(roi[k + len(axes)])) for k in range(len(axes))]
    resized = {}
    for k, (axis, scale) in enumerate(zip(axes, scales, strict=True)):
        extent = x.shape[axis]
        count = int(np.floor(extent * scale)) if sizes is None else sizes[k]
        if not 0 < count <= MOST_EXTENT:
            raise UnsupportedReason(f"an axis of {extent} cannot become one of {count}")
        resized[axis] = ResizedAxis(extent, count, float(scale), ends[k])
    return resized


def _places(how: ResizedAxis, transformation: str) -> F32:
    """Returns the place of each output cell in the input, by onnxruntime's arithmetic in float32."""
    grid = np.arange(how.count, dtype=np.float32)
    if transformation in _PLACES:
        return _PLACES[transformation](grid, np.float32(how.scale), how.extent, how.count)
    return how.places(transformation).astype(np.float32)


def _nearest(
    importer: Importer,
    x: Value,
    resized: Mapping[int, ResizedAxis],
    transformation: str,
    rounding: str,
    beyond: float,
    *,
    old: bool,
) -> Value:
    """Returns the nearest neighbours, by onnxruntime's arithmetic in float32."""
    indices = [np.arange(n) for n in x.shape]
    gone = np.zeros(1, np.bool_)
    for axis, how in resized.items():
        places = _places(how, transformation)
        if transformation == "tf_crop_and_resize":
            outside = (places < 0) | (places > how.extent - 1)
            gone = gone | outside.reshape([-1 if k == axis else 1 for k in range(len(x.shape))])
        # Before opset 11, an axis that shrinks is rounded up.
        own = "ceil" if old and how.scale < 1 else rounding
        indices[axis] = np.clip(_ROUNDINGS[own](places), 0, how.extent - 1).astype(np.int64)
    x = gathered(importer, x, indices)
    if not gone.any():
        return x
    value = importer.constant(np.array(beyond).astype(x.type.dtype.numpy), quant=x.type.quant)
    return select(importer, importer.constant(gone), value, x)


#: What no image on a microcontroller exceeds, but a damaged file may.
MOST_EXTENT = 1 << 16


@imports("tflite", "RESIZE_NEAREST_NEIGHBOR")
def _from_tflite(importer: Importer) -> None:
    x, sizes, align, centred = _tflite(importer)
    indices = [np.arange(n) for n in x.shape]
    for axis, count in zip((1, 2), sizes, strict=True):
        extent = x.shape[axis]
        places = (np.arange(count, dtype=np.float32) + np.float32(0.5 if centred else 0.0)) * _scale(
            extent, count, align
        )
        whole = np.floor(places + np.float32(0.5)) if align else np.floor(places)
        indices[axis] = np.clip(whole, 0, extent - 1).astype(np.int64)
    importer.bind(gathered(importer, x, indices))


@imports("tflite", "RESIZE_BILINEAR")
def _bilinear_from_tflite(importer: Importer) -> None:
    x, sizes, align, centred = _tflite(importer)
    if x.type.dtype is not DType.F32:
        importer.emit_declared(Bilinear(sizes, align, centred), [x])
        return
    for axis, count in sorted(zip((1, 2), sizes, strict=True), key=lambda pair: pair[1] / x.shape[pair[0]]):
        extent = x.shape[axis]
        scale, grid = _scale(extent, count, align), np.arange(count, dtype=np.float32)
        places = (grid + np.float32(0.5)) * scale - np.float32(0.5) if centred else grid * scale
        how = ResizedAxis(extent, count, 1.0)
        cells, weights = band(how, places.astype(np.float64), 1, linear)
        x = resampled(importer, x, axis, cells, weights)
    importer.bind(x)


def _tflite(importer: Importer) -> tuple[Value, tuple[int, int], bool, bool]:
    """Returns the image, its new size, and whether corners are aligned and pixels have their centres at halves."""
    x = importer.input(0)
    sizes = [int(n) for n in importer.constant_input(1, "the size").reshape(-1)]
    if len(x.shape) != 4 or len(sizes) != 2 or not all(0 < n <= MOST_EXTENT for n in sizes):
        raise UnsupportedReason(f"{x.type} cannot be resized to {sizes}")
    align = bool(importer.attribute("align_corners", False))
    return x, (sizes[0], sizes[1]), align, bool(importer.attribute("half_pixel_centers", False))


def _scale(extent: int, count: int, align: bool) -> np.float32:
    if align and count > 1:
        return np.float32(extent - 1) / np.float32(count - 1)
    return np.float32(extent) / np.float32(count)
