"""Resize to the nearest neighbour: output[i] = input[nearest(i)] along each axis; importers only, onto copies.

A whole factor is a Tile of a new axis behind the one that grows; any other one gathers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.gather import gathered
from ariel_build.ops.importer import Importer

__all__: list[str] = []

F32 = npt.NDArray[np.float32]


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


_NOT_NEAREST = dict.fromkeys(
    ("antialias", "cubic_coeff_a", "exclude_outside"), "the nearest neighbour has no weights"
) | {"extrapolation_value": "only tf_crop_and_resize takes it, which is refused"}


@imports("onnx", "Resize", "Upsample", harmless=_NOT_NEAREST)
def _from_onnx(importer: Importer) -> None:
    x, rank = importer.input(0), len(importer.input(0).shape)
    mode = importer.text("mode", "nearest")
    if mode != "nearest":
        raise UnsupportedReason(f"mode `{mode}` is not supported, only `nearest`")
    old = importer.node.op == "Upsample" or importer.node.version < 11
    transformation = importer.text("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    rounding = importer.text("nearest_mode", "floor" if old else "round_prefer_floor")
    if transformation not in _PLACES or rounding not in _ROUNDINGS:
        raise UnsupportedReason(f"{transformation} with {rounding} is not supported")
    if importer.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise UnsupportedReason("a policy other than `stretch` is not supported")
    axes = axes_of(importer.integers("axes", range(rank)), rank)
    at = 1 if old else 2
    sizes = importer.constant_input(3, "the sizes").reshape(-1) if importer.optional_input(3) is not None else None
    if importer.attribute("scales") is not None:
        scales = np.asarray(importer.attribute("scales"), np.float32).reshape(-1)
    elif sizes is not None:
        scales = np.array([int(n) / x.shape[a] for n, a in zip(sizes, axes, strict=False)], np.float32)
    else:
        scales = importer.constant_input(at, "the scales").astype(np.float32).reshape(-1)
    if len(scales) != len(axes) or not np.all(np.isfinite(scales)) or not np.all(scales > 0):
        raise UnsupportedReason(f"scales {scales.tolist()} do not fit {x.type}")
    indices = [np.arange(n) for n in x.shape]
    for k, (axis, scale) in enumerate(zip(axes, scales, strict=True)):
        extent = x.shape[axis]
        count = int(np.floor(extent * scale)) if sizes is None else int(sizes[k])
        if not 0 < count <= MOST_EXTENT:
            raise UnsupportedReason(f"an axis of {extent} cannot become one of {count}")
        places = _PLACES[transformation](np.arange(count, dtype=np.float32), scale, extent, count)
        # Before opset 11, an axis that shrinks is rounded up.
        own = "ceil" if old and scale < 1 else rounding
        indices[axis] = np.clip(_ROUNDINGS[own](places), 0, extent - 1).astype(np.int64)
    importer.bind(gathered(importer, x, indices))


#: What no image on a microcontroller exceeds, but a damaged file may.
MOST_EXTENT = 1 << 16


@imports("tflite", "RESIZE_NEAREST_NEIGHBOR")
def _from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    sizes = [int(n) for n in importer.constant_input(1, "the size").reshape(-1)]
    if len(x.shape) != 4 or len(sizes) != 2 or not all(0 < n <= MOST_EXTENT for n in sizes):
        raise UnsupportedReason(f"{x.type} cannot be resized to {sizes}")
    align = bool(importer.attribute("align_corners", False))
    centred = bool(importer.attribute("half_pixel_centers", False))
    indices = [np.arange(n) for n in x.shape]
    for axis, count in zip((1, 2), sizes, strict=True):
        extent = x.shape[axis]
        scale = np.float32(extent) / np.float32(count)
        if align and count > 1:
            scale = np.float32(extent - 1) / np.float32(count - 1)
        places = (np.arange(count, dtype=np.float32) + np.float32(0.5 if centred else 0.0)) * scale
        whole = np.floor(places + np.float32(0.5)) if align else np.floor(places)
        indices[axis] = np.clip(whole, 0, extent - 1).astype(np.int64)
    importer.bind(gathered(importer, x, indices))
