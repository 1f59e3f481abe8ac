"""Resample: output[.., j, ..] = sum over t of weights[j][t] * input[.., starts[j] + t, ..] along one axis.

The tables are made while importing, by whatever rule a format has for places and weights of neighbours. TFLite's
bilinear resizing of stored integers rounds once for both axes: `Bilinear` is an operator of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Packed, Tiling
from ariel_build.kernels.declared import resample as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.importer import Importer
from ariel_build.ops.shorter import Axes, apart, one_only
from ariel_build.ops.traits import Moved, Traits, Wish, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["Bilinear", "Resample", "banded", "resampled"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Resample(Operator):
    """Weighted sums of `len(weights[0])` neighbours along `axis`, from `starts[j]` on for each place j."""

    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=False)

    axis: int
    starts: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[.., n, ..] -> f32[.., len(starts), ..]."""
        x = inputs[0]
        if x is None or not 0 <= self.axis < len(x.shape):
            raise ValueError(f"there is no axis {self.axis} in {x}")
        if x.dtype is not DType.F32:
            raise ValueError(f"weighted sums of {x.dtype.value} are not supported, only of float32")
        taps = {len(row) for row in self.weights}
        if len(taps) != 1 or len(self.weights) != len(self.starts):
            raise ValueError("each place must have as many weights as the others")
        if any(not 0 <= start <= x.shape[self.axis] - min(taps) for start in self.starts):
            raise ValueError(f"neighbours lie outside an axis of {x.shape[self.axis]}")
        return [TensorType(x.dtype, (*x.shape[: self.axis], len(self.starts), *x.shape[self.axis + 1 :]))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """All other axes are apart."""
        return [apart(one_only(given), [self.axis], "it sums neighbours along it")]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Sums in float32, neighbour after neighbour."""
        x: Numbers = np.moveaxis(np.asarray(inputs[0], np.float32), self.axis, -1)
        weights, starts = np.array(self.weights, np.float32), np.array(self.starts)
        total = np.zeros((*x.shape[:-1], len(starts)), np.float32)
        for tap in range(weights.shape[1]):
            total = total + weights[:, tap] * x[..., starts + tap]
        return [np.ascontiguousarray(np.moveaxis(total, -1, self.axis))]

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what each place takes from its own."""
        plain = all(row == (1.0,) for row in self.weights) and self.starts == tuple(range(len(self.starts)))
        return node.input(0) if plain and node.input(0).shape == node.output.shape else None

    def permuted(self, wish: Wish) -> Moved | None:
        """Goes along where the axis has gone."""
        return wish.alike(replace(self, axis=wish.perm.index(self.axis)))

    def macs(self, node: Node) -> int:
        """Output elements times neighbours."""
        return node.output.type.elements * len(self.weights[0])

    def lower(self, node: Node) -> KernelCall:
        """`resample::F32`."""
        x, output = node.input(0), node.output
        outer, inner = math.prod(x.shape[: self.axis]), math.prod(x.shape[self.axis + 1 :])
        if max(x.shape[self.axis], len(self.starts)) > 1 << 16:
            raise UnsupportedReason("an axis of more than 65536 is not supported")
        kernel = declared.F32(
            input=Operand(x),
            output=Operand(output),
            outer=outer,
            extent=x.shape[self.axis],
            to=len(self.starts),
            inner=inner,
            taps=len(self.weights[0]),
            starts=Packed(np.array(self.starts, np.uint16), "starts"),
            weights=Packed(np.array(self.weights, np.float32).reshape(-1), "weights"),
        )
        tiling = Tiling(Axis.ROWS, outer * len(self.starts))
        return KernelCall.of(kernel, [x], [output], tiling, self.macs(node))


def banded(extent: int, cells: I64, weights: F64) -> tuple[tuple[int, ...], tuple[tuple[float, ...], ...]]:
    """Returns `starts` and `weights` of sums of `cells` [places, n] of an axis; some may be the same cell."""
    count = len(cells)
    used = weights != 0
    first = np.where(used, cells, extent).min(axis=1)
    taps = max(1, int((np.where(used, cells, -1).max(axis=1) - first).max()) + 1)
    starts = np.clip(first, 0, extent - taps)
    band = np.zeros((count, taps))
    rows = np.broadcast_to(np.arange(count)[:, None], cells.shape)
    np.add.at(band, (rows[used], (cells - starts[:, None])[used]), weights[used])
    return tuple(int(s) for s in starts), tuple(tuple(float(w) for w in row) for row in band)


def resampled(importer: Importer, x: Value, axis: int, cells: I64, weights: F64) -> Value:
    """Returns for each place the sum of `cells` [places, n] of an axis times `weights`."""
    starts, table = banded(x.shape[axis], cells, weights)
    if starts == tuple(range(x.shape[axis])) and all(row == (1.0,) for row in table):
        return x
    return importer.emit(Resample(axis, starts, table), [x])[0]


#: Steps from a cell to the next one.
_ONE = 1 << 10


@dataclass(frozen=True)
class Bilinear(Operator):
    """TFLite's RESIZE_BILINEAR of stored integers: [N, h, w, C] -> [N, *size, C], rounded once, halves from zero."""

    traits = Traits(moves=False, pointwise=False, real=True, reads_scaled=False)
    passed_on = never
    permuted = keeps_axes

    size: tuple[int, int]
    align_corners: bool = False
    half_pixel_centers: bool = False

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[N, h, w, C] -> [N, H, W, C]."""
        x = inputs[0]
        if x is None or len(x.shape) != 4 or min(self.size) < 1 or not x.elements:
            raise ValueError(f"{x} cannot be resized to {list(self.size)}")
        if x.dtype not in (DType.I8, DType.U8, DType.I16):
            raise ValueError(f"bilinear resizing of {x.dtype.value} is not supported")
        if max(*self.size, *x.shape[1:3]) > 1 << 16:
            raise ValueError("an axis of more than 65536 is not supported")
        return [TensorType(x.dtype, (x.shape[0], *self.size, x.shape[3]))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Images of a batch are apart, and channels."""
        return [apart(one_only(given), [1, 2], "it sums neighbours along it")]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """`reference_ops::ResizeBilinearInteger` of TFLite."""
        x: Numbers = np.asarray(inputs[0]).astype(np.int64)
        for axis in (1, 2):
            below, steps = self._places(axis, x.shape[axis])
            shape = tuple(-1 if k == axis else 1 for k in range(4))
            above = np.minimum(below + 1, x.shape[axis] - 1)
            share = steps.reshape(shape)
            x = np.take(x, below, axis) * (_ONE - share) + np.take(x, above, axis) * share
        half = np.where(x > 0, 1 << 19, -(1 << 19))
        total = x + half
        return [(np.sign(total) * (np.abs(total) >> 20)).astype(node.output.type.dtype.numpy)]

    def _places(self, axis: int, extent: int) -> tuple[I64, I64]:
        """Returns the cell before each place, and the steps from there to the place; the next cell is inside, too."""
        count = self.size[axis - 1]
        scale = (_ONE * extent + count // 2) // count
        if self.align_corners and count > 1:
            scale = (_ONE * (extent - 1) + (count - 1) // 2) // (count - 1)
        places = np.arange(count, dtype=np.int64) * scale
        if self.half_pixel_centers:
            places = places + scale // 2 - (_ONE >> 1)
        # What lies before the first cell, or behind the last one, is that cell.
        places = np.clip(places, 0, _ONE * (extent - 1))
        below = np.minimum(places // _ONE, max(extent - 2, 0))
        return below, places - _ONE * below

    def lower(self, node: Node) -> KernelCall:
        """`resample::BilinearInt8` or `BilinearInt16`."""
        x, output = node.input(0), node.output
        if x.type.dtype is DType.U8:
            raise UnsupportedReason("bilinear resizing of u8 is not supported")
        if x.type.quant != output.type.quant:
            raise UnsupportedReason("input and output differ in scale or zero point")
        batch, height, width, channels = x.shape
        (above, down), (left, across) = (self._places(axis, x.shape[axis]) for axis in (1, 2))
        made = declared.BilinearInt16 if x.type.dtype is DType.I16 else declared.BilinearInt8
        kernel = made(
            input=Operand(x),
            output=Operand(output),
            batch=batch,
            height=height,
            width=width,
            rows=self.size[0],
            columns=self.size[1],
            channels=channels,
            above=Packed(above.astype(np.uint16), "rows above"),
            down=Packed(down.astype(np.uint16), "steps down"),
            left=Packed(left.astype(np.uint16), "columns at the left"),
            across=Packed(across.astype(np.uint16), "steps across"),
            next_row=width * channels if height > 1 else 0,
            next_column=channels if width > 1 else 0,
        )
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ROWS, batch * self.size[0]))
