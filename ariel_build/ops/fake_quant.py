"""FAKE_QUANT of TFLite: floats rounded to what so many bits would hold of them; an importer only, onto a formula.

output = round((clip(x) - low) / scale) * scale + low, where low, and the upper end of the clip, are those of a range
that holds 0 exactly.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.formula import map1, map2, real_input
from ariel_build.ops.importer import Importer

__all__: list[str] = []


@imports("tflite", "FAKE_QUANT")
def _fake_quant(importer: Importer) -> None:
    x, bits = real_input(importer), importer.integer("num_bits")
    if importer.attribute("narrow_range", False):
        raise UnsupportedReason(
            "a narrow range, which is one of weights, is not supported: TFLite does not run it either"
        )
    if not 2 <= bits <= 16:
        raise UnsupportedReason(f"{bits} bits are not supported, only 2 to 16")
    ends = [np.float32(importer.real(name)) for name in ("min", "max")]
    if not ends[0] <= 0 <= ends[1] or ends[0] == ends[1]:
        raise UnsupportedReason(f"a range from {ends[0]:g} to {ends[1]:g} is none around 0")
    # All in float32, as NudgeQuantizationRange computes it.
    greatest = np.float32((1 << bits) - 1)
    scale = (ends[1] - ends[0]) / greatest
    zero = np.clip(np.floor(np.float32(0.5) - ends[0] / scale), np.float32(0), greatest)
    low, high = -zero * scale, (greatest - zero) * scale
    # Halves of steps, of which an odd number is rounded up: doubling is exact.
    halves = map2(importer, "Sub", map1(importer, "Clip", x, float(low), float(high)), float(low))
    halves = map1(importer, "Floor", map2(importer, "Mul", halves, float(np.float32(1) / scale * np.float32(2))))
    steps = map1(importer, "Floor", map2(importer, "Mul", map2(importer, "Add", halves, 1.0), 0.5))
    importer.bind(map2(importer, "Add", map2(importer, "Mul", steps, float(scale)), float(low)))
