"""BatchNormalization: output = (input - mean) / sqrt(variance + epsilon) * scale + bias, imported as Mul and Add.

With the statistics of the batch, as in training, or with parameters that are computed at run time, it is written out.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.formula import fold, map1, map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import reshape


@imports("onnx", "BatchNormalization", harmless={"momentum": "it is of use in training only"})
def _from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    training = bool(importer.integer("training_mode"))
    if len(importer.node.outputs) > 1 and not training:
        raise UnsupportedReason("the statistics of training are outputs, but it is not in training mode")
    if importer.integer("spatial", 1) != 1:
        raise UnsupportedReason("statistics for each element of a channel (spatial = 0) are not supported")
    if x.type.dtype is not DType.F32 or len(x.shape) < 2:
        raise UnsupportedReason(f"{x.type} is not supported, only float32 with at least 2 axes")
    parameters = [importer.input(k) for k in range(1, 5)]
    if any(v.shape != (x.shape[1],) for v in parameters):
        raise UnsupportedReason(f"its parameters do not have one entry for each of {x.shape[1]} channels")
    channels = (x.shape[1], *(1 for _ in x.shape[2:]))
    epsilon = importer.real("epsilon", 1e-5)
    if training:
        importer.bind(*_trained(importer, x, parameters, epsilon))
        return
    if any(v.data is None for v in parameters):
        gamma, beta, mean, variance = (reshape(importer, v, channels) for v in parameters)
        importer.bind(_written_out(importer, map2(importer, "Sub", x, mean), variance, (gamma, beta), epsilon))
        return
    gamma_, beta_, mean_, variance_ = (np.asarray(v.data).astype(np.float64) for v in parameters)
    factor = gamma_ / np.sqrt(variance_ + epsilon)
    scale = importer.constant(factor.astype(np.float32).reshape(channels))
    bias = importer.constant((beta_ - mean_ * factor).astype(np.float32).reshape(channels))
    (scaled,) = importer.emit(Map2("Mul", rounding=Rounding.NEAREST_EVEN), [x, scale])
    importer.bind(*importer.emit(Map2("Add", rounding=Rounding.NEAREST_EVEN), [scaled, bias]))


def _written_out(importer: Importer, rest: Value, variance: Value, ends: tuple[Value, Value], epsilon: float) -> Value:
    """`rest / sqrt(variance + epsilon) * scale + bias`."""
    inverse = map1(importer, "Rsqrt", map2(importer, "Add", variance, epsilon))
    scaled = map2(importer, "Mul", rest, map2(importer, "Mul", inverse, ends[0]))
    return map2(importer, "Add", scaled, ends[1])


def _trained(importer: Importer, x: Value, parameters: list[Value], epsilon: float) -> list[Value]:
    """Returns the output by the statistics of the batch, and the running mean and variance after it."""
    axes = [k for k in range(len(x.shape)) if k != 1]
    mean = fold(importer, "Mean", x, axes)
    rest = map2(importer, "Sub", x, mean)
    variance = fold(importer, "Mean", map1(importer, "Square", rest), axes)
    gamma, beta = (reshape(importer, v, mean.shape) for v in parameters[:2])
    momentum = importer.real("momentum", 0.9)
    running = []
    for old, new in zip(parameters[2:], (mean, variance), strict=True):
        kept = map2(importer, "Mul", old, momentum)
        share = map2(importer, "Mul", reshape(importer, new, old.shape), 1 - momentum)
        running.append(map2(importer, "Add", kept, share))
    return [_written_out(importer, rest, variance, (gamma, beta), epsilon), *running]
