"""RoiAlign: regions of images, cut into bins, of each of which samples between cells are averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import sampling as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.formula import real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import indices_input
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["RoiAlign"]

F32 = np.float32
#: Samples of a bin along an axis.
MOST_SAMPLES = 1024


@dataclass(frozen=True)
class RoiAlign(Operator):
    """Regions [r, 4] (left, top, right, bottom) of images [n, c, h, w], whose numbers are [r], in bins `size`.

    Each bin has `samples` samples along each axis, 0 being as many as cells lie in it. Corners are multiplied by
    `scale`; the centres of cells lie at `halves`, else a region has one cell at least. `greatest` takes the greatest
    weighted cell, and not the average.
    """

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    size: tuple[int, int]
    samples: int = 0
    scale: float = 1.0
    halves: bool = True
    greatest: bool = False

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[n, c, h, w], f32[r, 4], i64[r] -> f32[r, c, *size]."""
        x, regions, numbers = inputs
        if x is None or regions is None or numbers is None or len(x.shape) != 4 or not x.elements:
            raise ValueError(f"{x} are no images")
        if regions.shape != (*numbers.shape, 4) or len(numbers.shape) != 1 or not numbers.elements:
            raise ValueError(f"{regions} and {numbers} are no regions of images")
        if x.dtype is not DType.F32 or regions.dtype is not DType.F32 or numbers.dtype is not DType.I64:
            raise ValueError("images and regions are not float32, or their numbers not int64")
        if min(self.size) < 1 or not 0 <= self.samples <= MOST_SAMPLES:
            raise ValueError(f"bins {list(self.size)} with {self.samples} samples are not supported")
        return [TensorType(DType.F32, (regions.shape[0], x.shape[1], *self.size))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Region by region, all channels at once."""
        x, regions = (np.asarray(i, F32) for i in inputs[:2])
        numbers = np.clip(np.asarray(inputs[2], np.int64), 0, len(x) - 1)
        out = np.zeros(node.output.shape, F32)
        for region, (corners, number) in enumerate(zip(regions, numbers, strict=True)):
            down = self._weights(corners[1], corners[3], self.size[0], x.shape[2])
            across = self._weights(corners[0], corners[2], self.size[1], x.shape[3])
            for place in np.ndindex(self.size):
                (cells_y, y), (cells_x, beside) = down[place[0]], across[place[1]]
                if not len(y) or not len(beside):
                    continue
                # [samples, 2] of each axis: the cells that a sample lies between, and their weights.
                cells = x[number][:, cells_y[:, None, :, None], cells_x[None, :, None, :]]
                parts = cells * (y[:, None, :, None] * beside[None, :, None, :])
                total = parts.max(axis=(1, 2, 3, 4)) if self.greatest else parts.sum(axis=(1, 2, 3, 4), dtype=F32)
                out[(region, slice(None), *place)] = total if self.greatest else total / F32(len(y) * len(beside))
        return [out]

    def _weights(self, start: F32, end: F32, count: int, extent: int) -> list[tuple[Numbers, Numbers]]:
        """Returns cells and weights of the samples of each bin along an axis."""
        found = []
        with np.errstate(invalid="ignore", over="ignore"):
            shift = F32(0.5 if self.halves else 0)
            start, end = start * F32(self.scale) - shift, end * F32(self.scale) - shift
            pitch = (end - start if self.halves else max(end - start, F32(1))) / F32(count)
            samples = self.samples or (int(min(np.ceil(pitch), MOST_SAMPLES)) if pitch > 0 else 0)
            for bin_ in range(count):
                steps = (np.arange(samples, dtype=F32) + F32(0.5)) * pitch / F32(max(samples, 1))
                places = start + F32(bin_) * pitch + steps
                outside = ~((places >= -1) & (places <= extent))
                places = np.clip(np.nan_to_num(places, nan=0.0), 0, extent - 1)
                low = np.floor(places).astype(np.int64)
                rest = (places - low).astype(F32)
                weights = np.stack([F32(1) - rest, rest], axis=-1)
                weights[outside] = 0
                found.append((np.stack([low, np.minimum(low + 1, extent - 1)], axis=-1), weights))
        return found

    def lower(self, node: Node) -> KernelCall:
        """`sampling::Regions`."""
        x, regions, numbers, output = node.input(0), node.input(1), node.input(2), node.output
        images, channels, height, width = x.shape
        if max(height, width) > 1 << 24:
            raise UnsupportedReason("an axis of more than 2^24 is not supported")
        kernel = declared.Regions(
            input=Source(x),
            regions=Source(regions),
            numbers=Source(numbers),
            output=Operand(output),
            images=images,
            channels=channels,
            height=height,
            width=width,
            count=regions.shape[0],
            rows=self.size[0],
            columns=self.size[1],
            samples=self.samples,
            scale=self.scale,
            halves=self.halves,
            greatest=self.greatest,
        )
        inputs = [v for v in (x, regions, numbers) if not v.is_constant]
        return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ROWS, regions.shape[0] * channels))


@imports("onnx", "RoiAlign")
def _from_onnx(importer: Importer) -> None:
    x, regions, numbers = real_input(importer), real_input(importer, 1), indices_input(importer, 2)
    mode = importer.text("mode", "avg")
    # Before opset 16 there were no halves.
    default = "half_pixel" if importer.node.version >= 16 else "output_half_pixel"
    centres = importer.text("coordinate_transformation_mode", default)
    if mode not in ("avg", "max") or centres not in ("half_pixel", "output_half_pixel"):
        raise UnsupportedReason(f"mode `{mode}` with `{centres}` is not known")
    op = RoiAlign(
        (importer.integer("output_height", 1), importer.integer("output_width", 1)),
        importer.integer("sampling_ratio"),
        float(F32(importer.real("spatial_scale", 1.0))),
        halves=centres == "half_pixel",
        greatest=mode == "max",
    )
    importer.bind(*importer.emit(op, [x, regions, cast(importer, numbers, DType.I64)]))
