"""SQRT of TFLite: float32, bytes by a table, and int16 by way of float32, truncated as its reference kernel does."""

from __future__ import annotations

from ariel_build.ir import DType
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.formula import map1, map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1 import Map1
from ariel_build.ops.quantize import Dequantize

__all__: list[str] = []


@imports("tflite", "SQRT")
def _from_tflite(importer: Importer) -> None:
    x, target = importer.input(0), importer.output_type()
    if x.type.dtype is not DType.I16 or x.type.quant is None:
        importer.emit_declared(Map1("Sqrt"), [x])
        return
    if target.quant is None or not target.quant.per_tensor or target.quant.zero_point or x.type.quant.zero_point:
        raise UnsupportedReason(f"from {x.type} to {target} is not supported: of int16 the zero points must be 0")
    (real,) = importer.emit(Dequantize(), [x])
    # What has no root, which TFLite refuses as it runs, gets 0.
    root = map1(importer, "Sqrt", map2(importer, "Maximum", real, 0.0))
    steps = map2(importer, "Div", root, target.quant.scale)
    whole = cast(importer, map2(importer, "Minimum", steps, float(DType.I16.range[1])), DType.I16)
    importer.bind(importer.view(whole, target.quant))
