"""CenterCropPad: cuts from both ends of an axis, or puts zeros there; importers only, onto Pad."""

from __future__ import annotations

from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.pad import MOST_PAD, Pad
from ariel_build.ops.sizes import sizes_input

__all__: list[str] = []


@imports("onnx", "CenterCropPad")
def _from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    axes = axes_of(importer.integers("axes", range(len(x.shape))), len(x.shape))
    sizes = sizes_input(importer, 1, "the shape", lambda shape: [shape[a] for a in axes])
    if len(sizes) != len(axes) or not all(0 < n <= MOST_PAD for n in sizes):
        raise UnsupportedReason(f"axes {list(axes)} of {x.type} cannot become {sizes}")
    pads = [(0, 0)] * len(x.shape)
    for axis, size in zip(axes, sizes, strict=True):
        extra = size - x.shape[axis]
        before = abs(extra) // 2
        pads[axis] = (before, extra - before) if extra > 0 else (-before, extra + before)
    importer.bind(*(importer.emit(Pad(tuple(pads)), [x], [x.type.quant]) if any(map(any, pads)) else [x]))
