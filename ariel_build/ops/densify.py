"""DENSIFY of TFLite: a sparse constant, which the reader has made dense."""

from __future__ import annotations

from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.cast import wide_constant
from ariel_build.ops.importer import Importer

__all__: list[str] = []


@imports("tflite", "DENSIFY", stored=True)
def _densify(importer: Importer) -> None:
    wide = wide_constant(importer, 0)
    if wide is not None:
        # Of float16: the DEQUANTIZE behind it reads the tensor.
        importer.model.tensors[importer.node.outputs[0]].data = wide
        return
    x = importer.input(0)
    if x.data is None:
        raise UnsupportedReason("its input is computed at run time; only a sparse constant is supported")
    importer.bind(x)
