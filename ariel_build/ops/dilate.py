"""DILATE of TFLite: so many copies of a value between the elements along each axis; an importer only, onto Pad."""

from __future__ import annotations

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape

__all__ = ["dilated"]


@imports("tflite", "DILATE")
def _dilate(importer: Importer) -> None:
    x = importer.input(0)
    steps = [int(n) for n in importer.constant_input(1, "the dilations").reshape(-1)]
    value = importer.constant_input(2, "the value").reshape(-1)
    if len(steps) != len(x.shape) or min(steps, default=1) < 1 or value.size != 1:
        raise UnsupportedReason(f"dilations {steps} do not fit {x.type}")
    importer.bind(dilated(importer, x, steps, float(value[0])))


def dilated(importer: Importer, x: Value, steps: list[int], value: float) -> Value:
    """Returns `x` with `steps[k] - 1` copies of a value behind each element along axis k but the last."""
    for axis, step in enumerate(steps):
        extent = x.shape[axis]
        if step == 1 or extent == 1:
            continue
        front, behind = x.shape[:axis], x.shape[axis + 1 :]
        apart = reshape(importer, x, (*front, extent, 1, *behind))
        pads = [(0, 0)] * len(apart.shape)
        pads[axis + 1] = (0, step - 1)
        (apart,) = importer.emit(Pad(tuple(pads), value), [apart], [x.type.quant])
        joined = reshape(importer, apart, (*front, extent * step, *behind))
        pads = [(0, 0)] * len(joined.shape)
        pads[axis] = (0, 1 - step)
        (x,) = importer.emit(Pad(tuple(pads), value), [joined], [x.type.quant])
    return x
