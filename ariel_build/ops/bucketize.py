"""BUCKETIZE of TFLite: how many of some bounds, which rise, a number reaches; an importer only, onto a sum."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.fold import Fold
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape

__all__: list[str] = []


@imports("tflite", "BUCKETIZE")
def _bucketize(importer: Importer) -> None:
    x, rank = importer.input(0), len(importer.input(0).shape)
    bounds = np.asarray(importer.attribute("boundaries", ()), np.float32)
    if x.type.dtype not in (DType.F32, DType.I32) or x.type.quant is not None or not 0 < bounds.size <= MOST_BOUNDS:
        raise UnsupportedReason(f"{x.type} among {bounds.size} bounds is not supported")
    if (np.diff(bounds) < 0).any():
        raise UnsupportedReason("its bounds do not rise")
    numbers = reshape(importer, cast(importer, x, DType.F32), (*x.shape, 1))
    (reached,) = importer.emit(Compare("GreaterEqual"), [numbers, importer.constant(bounds)])
    importer.bind(*importer.emit(Fold("Sum", (rank,), keep_dims=False), [cast(importer, reached, DType.I32)]))


MOST_BOUNDS = 1 << 10
