"""ATen's upsampling: copies of the nearest, or weighted sums as in `resize.py`; the places are PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.gather import gathered
from ariel_build.ops.resample import resampled
from ariel_build.ops.resize import ResizedAxis, band, cubic, linear

__all__: list[str] = []

#: What no image on a microcontroller exceeds, but a damaged file may.
_MOST_EXTENT = 1 << 12
#: The coefficient of PyTorch's cubic convolution.
_CUBIC = -0.75


def _targets(call: Call, x: Value, spatial: int) -> list[tuple[int, float]]:
    """Returns the new extent of each axis, and the factor that was given for it, 0 where none was."""
    factors: Sequence[float] = (0.0,) * spatial
    if call.has("scale_factors"):
        factors = call.reals("scale_factors")
    else:
        letters = {1: ("",), 2: ("_h", "_w"), 3: ("_d", "_h", "_w")}[spatial]
        factors = [call.real(f"scales{letter}") if call.has(f"scales{letter}") else 0.0 for letter in letters]
    if len(factors) != spatial or len(x.shape) != spatial + 2:
        raise UnsupportedReason(f"{x.type} does not fit {spatial} factors")
    if call.has("output_size"):
        sizes = call.integers("output_size", None, spatial)
    else:
        sizes = tuple(int(np.floor(n * f)) for n, f in zip(x.shape[2:], factors, strict=True))
    if not all(0 < n <= _MOST_EXTENT for n in (*sizes, *x.shape[2:])):
        raise UnsupportedReason(f"{x.type} cannot become {list(sizes)}")
    return list(zip(sizes, factors, strict=True))


def _step(extent: int, size: int, factor: float) -> np.float32:
    """Returns how far the input's place moves from one element of the output to the next."""
    return np.float32(1.0 / factor) if factor > 0 else np.float32(extent) / np.float32(size)


def _nearest(spatial: int, *, exact: bool) -> Callable[[Call], Value]:
    def body(call: Call) -> Value:
        x = call.tensor("input" if call.has("input") else "self")
        indices = [np.arange(n) for n in x.shape[:2]]
        for (size, factor), extent in zip(_targets(call, x, spatial), x.shape[2:], strict=True):
            places = np.arange(size, dtype=np.float32) + np.float32(0.5 if exact else 0.0)
            own = np.floor(places * _step(extent, size, factor)).astype(np.int64)
            indices.append(np.clip(own, 0, extent - 1))
        return gathered(call.importer, x, indices)

    return body


def _places(extent: int, size: int, factor: float, *, corners: bool, is_cubic: bool) -> npt.NDArray[np.float64]:
    """Returns where in the input the elements of a new axis lie, by PyTorch's arithmetic in float32."""
    k = np.arange(size, dtype=np.float32)
    if corners:
        return (k * (np.float32(extent - 1) / np.float32(size - 1) if size > 1 else np.float32(0.0))).astype(np.float64)
    places = (k + np.float32(0.5)) * _step(extent, size, factor) - np.float32(0.5)
    return (places if is_cubic else np.maximum(places, np.float32(0.0))).astype(np.float64)


def _weighted(spatial: int, *, is_cubic: bool = False) -> Callable[[Call], Value]:
    def body(call: Call) -> Value:
        x = call.tensor("input" if call.has("input") else "self")
        if x.type.dtype is not DType.F32:
            raise UnsupportedReason(f"{x.type} is not supported, only float32")
        corners = call.flag("align_corners")
        reach, weight = (2, lambda distance: cubic(distance, _CUBIC)) if is_cubic else (1, linear)
        for index, (size, factor) in enumerate(_targets(call, x, spatial), 2):
            extent = x.shape[index]
            if size == extent and factor in (0.0, 1.0):
                continue
            places = _places(extent, size, factor, corners=corners, is_cubic=is_cubic)
            cells, weights = band(ResizedAxis(extent, size, size / extent), places, reach, weight)
            x = resampled(call.importer, x, index, cells, weights)
        return x

    return body


for _spatial in (1, 2, 3):
    for _kind in ("vec", "default"):
        aten(f"upsample_nearest{_spatial}d.{_kind}")(_nearest(_spatial, exact=False))
        aten(f"_upsample_nearest_exact{_spatial}d.{_kind}")(_nearest(_spatial, exact=True))
for _kind in ("vec", "default"):
    aten(f"upsample_linear1d.{_kind}")(_weighted(1))
    aten(f"upsample_bilinear2d.{_kind}")(_weighted(2))
    aten(f"upsample_trilinear3d.{_kind}")(_weighted(3))
    aten(f"upsample_bicubic2d.{_kind}")(_weighted(2, is_cubic=True))
