"""BatchNormalization: output = (input - mean) / sqrt(variance + epsilon) * scale + bias, imported as Mul and Add."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map2 import Map2


@imports("onnx", "BatchNormalization", harmless={"momentum": "it is of use in training only"})
def _from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    if importer.integer("training_mode") or len(importer.node.outputs) > 1:
        raise UnsupportedReason("training mode is not supported: export the model for inference")
    if importer.integer("spatial", 1) != 1:
        raise UnsupportedReason("statistics for each element of a channel (spatial = 0) are not supported")
    if x.type.dtype is not DType.F32 or len(x.shape) < 2:
        raise UnsupportedReason(f"{x.type} is not supported, only float32 with at least 2 axes")
    names = ("the scale", "the bias", "the mean", "the variance")
    gamma, beta, mean, variance = (
        importer.constant_input(k + 1, what).astype(np.float64) for k, what in enumerate(names)
    )
    if any(v.shape != (x.shape[1],) for v in (gamma, beta, mean, variance)):
        raise UnsupportedReason(f"its constants do not have one entry for each of {x.shape[1]} channels")
    factor = gamma / np.sqrt(variance + importer.real("epsilon", 1e-5))
    channels = (x.shape[1], *(1 for _ in x.shape[2:]))
    scale = importer.constant(factor.astype(np.float32).reshape(channels))
    bias = importer.constant((beta - mean * factor).astype(np.float32).reshape(channels))
    (scaled,) = importer.emit(Map2("Mul", rounding=Rounding.NEAREST_EVEN), [x, scale])
    importer.bind(*importer.emit(Map2("Add", rounding=Rounding.NEAREST_EVEN), [scaled, bias]))
