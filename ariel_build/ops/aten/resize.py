"""ATen's upsampling: the nearest neighbour as copies, linear and cubic as products with a constant matrix per axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.gather import gathered
from ariel_build.ops.transpose import transpose

__all__: list[str] = []

F32 = npt.NDArray[np.float32]

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


def _kernel(offset: npt.NDArray[np.float64], *, cubic: bool) -> npt.NDArray[np.float64]:
    """Returns the weight of an element that is `offset` away."""
    t = np.abs(offset)
    if not cubic:
        return np.maximum(1.0 - t, 0.0)
    near = ((_CUBIC + 2.0) * t - (_CUBIC + 3.0)) * t * t + 1.0
    far = ((_CUBIC * t - 5.0 * _CUBIC) * t + 8.0 * _CUBIC) * t - 4.0 * _CUBIC
    return np.where(t <= 1.0, near, np.where(t < 2.0, far, 0.0))


def _matrix(extent: int, size: int, factor: float, *, corners: bool, cubic: bool) -> F32:
    """Returns the weights [size, extent] with which elements of an axis make those of its new one."""
    k = np.arange(size, dtype=np.float32)
    if corners:
        places = k * (np.float32(extent - 1) / np.float32(size - 1) if size > 1 else np.float32(0.0))
    else:
        places = (k + np.float32(0.5)) * _step(extent, size, factor) - np.float32(0.5)
        places = places if cubic else np.maximum(places, np.float32(0.0))
    first = np.floor(places).astype(np.int64)
    weights = np.zeros((size, extent), np.float64)
    for tap in range(-1, 3) if cubic else range(2):
        own = _kernel(places.astype(np.float64) - (first + tap), cubic=cubic)
        np.add.at(weights, (np.arange(size), np.clip(first + tap, 0, extent - 1)), own)
    return weights.astype(np.float32)


def _linear(spatial: int, *, cubic: bool) -> Callable[[Call], Value]:
    def body(call: Call) -> Value:
        x = call.tensor("input" if call.has("input") else "self")
        if x.type.dtype is not DType.F32:
            raise UnsupportedReason(f"{x.type} is not supported, only float32")
        corners = call.flag("align_corners")
        rank = len(x.shape)
        for axis, (size, factor) in enumerate(_targets(call, x, spatial), 2):
            if size == x.shape[axis] and factor in (0.0, 1.0):
                continue
            weights = call.constant(_matrix(x.shape[axis], size, factor, corners=corners, cubic=cubic))
            swap = [k for k in range(rank) if k != axis] + [axis]
            back = [swap.index(k) for k in range(rank)]
            op = FullyConnected(rounding=Rounding.NEAREST_EVEN, keep_dims=True)
            made = call.emit(op, transpose(call.importer, x, swap), weights, None)
            x = transpose(call.importer, made, back)
        return x

    return body


for _spatial in (1, 2, 3):
    for _kind in ("vec", "default"):
        aten(f"upsample_nearest{_spatial}d.{_kind}")(_nearest(_spatial, exact=False))
        aten(f"_upsample_nearest_exact{_spatial}d.{_kind}")(_nearest(_spatial, exact=True))
for _kind in ("vec", "default"):
    aten(f"upsample_linear1d.{_kind}")(_linear(1, cubic=False))
    aten(f"upsample_bilinear2d.{_kind}")(_linear(2, cubic=False))
    aten(f"upsample_trilinear3d.{_kind}")(_linear(3, cubic=False))
    aten(f"upsample_bicubic2d.{_kind}")(_linear(2, cubic=True))
