"""GridSample: output[n, place] = the image n at the place that grid[n, place] names, between its cells.

DeformConv samples an image so at the taps of all its windows, each moved by an offset, and multiplies the patches by
its filter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import sampling as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.formula import map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.ops.transpose import transpose
from ariel_build.ops.window import onnx_spans
from ariel_build.records import dataclass

__all__ = ["GridSample"]

F32 = np.float32
_MODES = {"nearest": declared.Mode.NEAREST, "linear": declared.Mode.LINEAR, "cubic": declared.Mode.CUBIC}
_OUTSIDE = {
    "zeros": declared.Outside.ZEROS,
    "border": declared.Outside.EDGE,
    "reflection": declared.Outside.MIRROR,
}


@dataclass(frozen=True)
class GridSample(Operator):
    """Images [N, (D,) (H,) W, C] at the places of a grid [N, places, rank], whose numbers begin with the last axis.

    A number is -1 at one edge and 1 at the other one, which are the centres of the outermost cells where `aligned`;
    with `cells` it counts cells. `outside` tells what lies around the image.
    """

    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=False)
    passed_on = never
    permuted = keeps_axes

    mode: str = "linear"
    outside: str = "zeros"
    aligned: bool = False
    cells: bool = False

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[N, .., C], f32[N, places, rank] -> f32[N, places, C]."""
        x, grid = inputs[0], inputs[1]
        if x is None or grid is None or len(grid.shape) != 3 or not x.elements or not grid.elements:
            raise ValueError(f"{x} cannot be sampled at {grid}")
        if x.dtype is not DType.F32 or grid.dtype is not DType.F32:
            raise ValueError(f"an image of {x.dtype.value} with a grid of {grid.dtype.value} is not supported")
        if len(x.shape) not in (3, 4, 5) or grid.shape[2] != len(x.shape) - 2 or grid.shape[0] != x.shape[0]:
            raise ValueError(f"a grid {list(grid.shape)} does not fit images {list(x.shape)}")
        return [TensorType(x.dtype, (x.shape[0], grid.shape[1], x.shape[-1]))]

    def _numbers(self, extent: int) -> tuple[float, float]:
        """Returns what a number is stretched by, and what is taken off."""
        if self.cells:
            return 2.0, 2.0
        return (extent - 1.0, 0.0) if self.aligned else (float(extent), 1.0)

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Adds tap after tap in float32."""
        x, grid = np.asarray(inputs[0], F32), np.asarray(inputs[1], F32)
        extents = x.shape[1:-1]
        axes = []
        with np.errstate(all="ignore"):
            for axis, extent in enumerate(extents):
                stretch, shift = self._numbers(extent)
                numbers = grid[..., len(extents) - 1 - axis]
                places = ((numbers + F32(1)) * F32(stretch) - F32(shift)) / F32(2)
                axes.append(self._taps(places, extent))
            total = np.zeros((*grid.shape[:2], x.shape[-1]), F32)
            batch = np.arange(x.shape[0])[:, None]
            for taps in itertools.product(*axes):
                weight = np.ones(grid.shape[:2], F32)
                there = np.ones(grid.shape[:2], np.bool_)
                for (cell, own), extent in zip(taps, extents, strict=True):
                    weight = weight * own
                    there &= (cell >= 0) & (cell < extent)
                cells = [np.clip(cell, 0, n - 1) for (cell, _), n in zip(taps, extents, strict=True)]
                part = weight[..., None] * x[(batch, *cells)]
                total = np.where(there[..., None], total + part, total)
        return [np.asarray(total, F32)]

    def _taps(self, places: Numbers, extent: int) -> list[tuple[Numbers, Numbers]]:
        """Returns cells and weights for each tap along an axis."""
        if self.mode == "nearest":
            cell = self._cell(_integers(self._inside(np.rint(places), extent)), extent)
            return [(cell, np.ones(places.shape, F32))]
        if self.mode != "cubic" or self.outside != "border":
            places = self._inside(places, extent)
        floor = np.floor(places)
        rest = (places - floor).astype(F32)
        first, weights = 0, [F32(1) - rest, rest]
        if self.mode == "cubic":
            first = -1
            weights = [_far(rest + F32(1)), _near(rest), _near(F32(1) - rest), _far(F32(2) - rest)]
        base = _integers(floor)
        return [(self._cell(base + first + k, extent), w) for k, w in enumerate(weights)]

    def _edges(self, extent: int) -> tuple[np.float32, np.float32]:
        return (F32(0), F32(extent - 1)) if self.aligned else (F32(-0.5), F32(extent - 0.5))

    def _mirrored(self, places: Numbers, extent: int) -> Numbers:
        low, high = self._edges(extent)
        if high <= low:
            return np.full_like(places, low)
        beyond = np.where(places < low, low - places, places - high)
        times = np.trunc(beyond / (high - low))
        rest = beyond - times * (high - low)
        from_low = (places < low) == (np.fmod(times, F32(2)) == 0)
        return np.asarray(np.where(beyond > 0, np.where(from_low, low + rest, high - rest), places), F32)

    def _inside(self, places: Numbers, extent: int) -> Numbers:
        low, high = self._edges(extent)
        if self.outside == "border":
            is_out = (places < low) | (places > high)
            return np.asarray(np.where(is_out, np.clip(places, F32(0), F32(extent - 1)), places))
        return self._mirrored(places, extent) if self.outside == "reflection" else places

    def _cell(self, cell: Numbers, extent: int) -> Numbers:
        if self.outside == "zeros":
            return cell
        if self.outside == "reflection":
            cell = _integers(self._mirrored(cell.astype(F32), extent))
        return np.clip(cell, 0, extent - 1)

    def macs(self, node: Node) -> int:
        """Output elements times taps."""
        taps = {"nearest": 1, "linear": 2, "cubic": 4}[self.mode]
        return node.output.type.elements * int(taps ** node.input(1).shape[2])

    def lower(self, node: Node) -> KernelCall:
        """`sampling::Grid`."""
        x, grid, output = node.input(0), node.input(1), node.output
        spatial = x.shape[1:-1]
        extents = (1,) * (3 - len(spatial)) + spatial
        if max(extents) > 1 << 24:
            raise UnsupportedReason("an axis of more than 2^24 is not supported")
        numbers = [self._numbers(n) for n in extents]
        batch, places, channels = output.shape
        kernel = declared.Grid(
            input=Operand(x),
            grid=Source(grid),
            output=Operand(output),
            batch=batch,
            places=places,
            channels=channels,
            rank=len(spatial),
            extents=(extents[0], extents[1], extents[2]),
            stretch=(numbers[0][0], numbers[1][0], numbers[2][0]),
            shift=(numbers[0][1], numbers[1][1], numbers[2][1]),
            aligned=self.aligned,
            mode=_MODES[self.mode],
            outside=_OUTSIDE[self.outside],
        )
        tiling = Tiling(Axis.ROWS, batch * places)
        inputs = [v for v in (x, grid) if not v.is_constant]
        return KernelCall.of(kernel, inputs, [output], tiling, self.macs(node))


def _integers(places: Numbers) -> Numbers:
    """Returns floats as int64, held inside what the runtime's int32 holds; 0 for what is not a number."""
    return np.asarray(np.clip(np.nan_to_num(places, nan=0.0), -(2.0**31), 2.0**31 - 1), np.int64)


def _near(d: Numbers) -> Numbers:
    return np.asarray((F32(1.25) * d - F32(2.25)) * d * d + F32(1), F32)


def _far(d: Numbers) -> Numbers:
    return np.asarray(((F32(-0.75) * d + F32(3.75)) * d - F32(6)) * d + F32(3), F32)


@imports("onnx", "GridSample")
def _from_onnx(importer: Importer) -> None:
    x, grid = real_input(importer), real_input(importer, 1)
    mode, outside = importer.text("mode", "linear"), importer.text("padding_mode", "zeros")
    # Before opset 20 the modes had the names of two axes.
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    if mode not in _MODES or outside not in _OUTSIDE:
        raise UnsupportedReason(f"mode `{mode}` with `{outside}` outside is not known")
    rank = len(x.shape) - 2
    if rank not in (1, 2, 3) or len(grid.shape) != rank + 2 or grid.shape[0] != x.shape[0]:
        raise UnsupportedReason(f"a grid {list(grid.shape)} does not fit images {list(x.shape)}")
    op = GridSample(mode, outside, bool(importer.integer("align_corners")))
    places = reshape(importer, grid, (grid.shape[0], math.prod(grid.shape[1:-1]), grid.shape[-1]))
    (y,) = importer.emit(op, [transpose(importer, x, (0, *range(2, rank + 2), 1)), places])
    turned = transpose(importer, y, (0, 2, 1))
    importer.bind(reshape(importer, turned, (*x.shape[:2], *grid.shape[1:-1])))


@imports("onnx", "DeformConv")
def _deformed_from_onnx(importer: Importer) -> None:
    x, filter_, offset = (real_input(importer, k) for k in range(3))
    if len(x.shape) != 4 or len(filter_.shape) != 4 or len(offset.shape) != 4:
        raise UnsupportedReason(f"{x.type} with a filter of {filter_.type} is not supported, only images of two axes")
    size = filter_.shape[2:]
    spans = onnx_spans(importer, size, x.shape[2:])
    groups, apart = importer.integer("group", 1), importer.integer("offset_group", 1)
    (batch, channels), count, taps = x.shape[:2], filter_.shape[0], math.prod(size)
    rows, columns = (s.count(n) for s, n in zip(spans, x.shape[2:], strict=True))
    places = rows * columns
    if importer.integers("kernel_shape", size) != size or min(groups, apart) < 1 or channels % apart:
        raise UnsupportedReason(f"{apart} groups of offsets, or kernel_shape, do not fit {channels} channels")
    if filter_.shape[1] * groups != channels or count % groups:
        raise UnsupportedReason(f"{groups} groups do not divide {channels} channels into {count}")
    if offset.shape != (batch, apart * taps * 2, rows, columns):
        raise UnsupportedReason(
            f"the offsets are {offset.type}, not of shape {[batch, apart * taps * 2, rows, columns]}"
        )
    moved = transpose(importer, reshape(importer, offset, (batch, apart, taps, 2, places)), (0, 1, 2, 4, 3))
    moved = emit_slice(importer, moved, {4: (1, 2, -1)})
    # The place of each tap, the column first.
    table = np.zeros((taps, rows, columns, 2), np.float32)
    for tap, (y, x_tap) in enumerate(itertools.product(range(size[0]), range(size[1]))):
        for axis, (at, span, extent) in enumerate(((y, spans[0], rows), (x_tap, spans[1], columns))):
            line = np.arange(extent) * span.stride + at * span.dilation - span.before
            table[tap, :, :, 1 - axis] = line[:, None] if axis == 0 else line
    grid = map2(importer, "Add", moved, importer.constant(table.reshape(taps, places, 2)))
    grid = reshape(importer, grid, (batch * apart, taps * places, 2))
    image = reshape(importer, x, (batch * apart, channels // apart, *x.shape[2:]))
    op = GridSample(aligned=True, cells=True)
    (cells,) = importer.emit(op, [transpose(importer, image, (0, 2, 3, 1)), grid])
    if importer.optional_input(4) is not None:
        mask = real_input(importer, 4)
        if mask.shape != (batch, apart * taps, rows, columns):
            raise UnsupportedReason(f"the mask is {mask.type}, not of shape {[batch, apart * taps, rows, columns]}")
        cells = map2(importer, "Mul", cells, reshape(importer, mask, (batch * apart, taps * places, 1)))
    parts = reshape(importer, cells, (batch, apart, taps, places, channels // apart))
    depth = channels // groups * taps
    patches = reshape(importer, transpose(importer, parts, (0, 1, 4, 2, 3)), (batch, groups, depth, places))
    weights = reshape(importer, filter_, (1, groups, count // groups, depth))
    (product,) = importer.emit(BatchMatMul(rounding=Rounding.NEAREST_EVEN), [weights, patches])
    y_ = reshape(importer, product, (batch, count, rows, columns))
    if importer.optional_input(3) is not None:
        y_ = map2(importer, "Add", y_, reshape(importer, real_input(importer, 3), (count, 1, 1)))
    importer.bind(y_)
