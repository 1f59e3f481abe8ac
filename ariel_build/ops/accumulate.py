"""What operators that multiply and accumulate share: scales, folded biases, and the end of the sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Packed
from ariel_build.kernels.declared.quant import Bounds, DoubleRounding16, NearestEven, Reduced
from ariel_build.kernels.layer import Real, Requantize, Stored
from ariel_build.kernels.packing import double_rounding
from ariel_build.ops.base import UnsupportedReason, constant
from ariel_build.ops.fixed_point import (
    UNBOUNDED,
    Rounding,
    quantize_multiplier,
    reduced_multiplier,
    requantize,
    stored_bounds,
)

if TYPE_CHECKING:
    from ariel_build.ops.importer import Importer

__all__ = [
    "FINITE",
    "Numbers",
    "accumulator_scales",
    "bounds",
    "filter_zero_point",
    "finish_float",
    "finish_integer",
    "finish_of",
    "float_bias",
    "folded_bias",
    "operands",
    "requantizer",
    "stored_zero",
    "sum_types",
    "tflite_clip",
]

#: An array to calculate with: numpy's stubs know no arithmetic on elements of any type.
Numbers = npt.NDArray[Any]

_CLIPS = {
    "NONE": UNBOUNDED,
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


#: The least and the greatest float32 that is finite: where TFLite's maxima and minima begin.
FINITE = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))


def tflite_clip(importer: Importer) -> tuple[float, float]:
    """Returns the real bounds of a TFLite fused activation."""
    name = importer.text("fused_activation_function", "NONE")
    if name not in _CLIPS:
        raise UnsupportedReason(f"fused activation {name} is not supported")
    return _CLIPS[name]


def sum_types(inputs: Sequence[TensorType | None], channel_axis: int) -> tuple[TensorType, TensorType]:
    """Returns the types of input and filter, whose axis `channel_axis` counts the output channels.

    Raises ValueError where they and the bias are not what a sum of products takes: all float32; int8 or uint8 with a
    bias of int32; int16 with a filter of int8 and a bias of int64 or int32, in which is summed then; or, hybrid, with
    parameters as the fourth input, a bias of float32.
    """
    x, filter_ = inputs[0], inputs[1]
    bias = inputs[2] if len(inputs) > 2 else None
    if x is None or filter_ is None:
        raise ValueError("input or filter is missing")
    stored = (DType.I8, DType.U8)
    if x.dtype in stored and filter_.dtype in stored:
        wanted = DType.F32 if len(inputs) > 3 and inputs[3] is not None else DType.I32
    elif x.dtype is DType.I16 and filter_.dtype is DType.I8:
        wanted = DType.I32 if bias is not None and bias.dtype is DType.I32 else DType.I64
    elif x.dtype is filter_.dtype is DType.F32:
        wanted = DType.F32
    else:
        raise ValueError(f"an input of {x.dtype.value} with a filter of {filter_.dtype.value} is not supported")
    count = filter_.shape[channel_axis]
    if bias is not None and (bias.shape != (count,) or bias.dtype is not wanted):
        raise ValueError(f"the bias is {bias.dtype.value}{list(bias.shape)}, not {wanted.value}[{count}]")
    quant = filter_.quant
    if quant is not None and not quant.per_tensor and quant.axis != channel_axis:
        raise ValueError(f"the filter is quantised along axis {quant.axis}, not along its output channels")
    return x, filter_


def operands(inputs: Sequence[Array | None]) -> tuple[Numbers, Numbers, Numbers | None]:
    """Returns the elements of input, filter and bias; only the bias may be absent."""
    x, filter_ = inputs[0], inputs[1]
    assert x is not None, "infer has seen it"  # noqa: S101
    assert filter_ is not None, "infer has seen it"  # noqa: S101
    return x, filter_, inputs[2] if len(inputs) > 2 else None


def filter_zero_point(filter_: Value) -> int:
    """Returns the zero point of a filter, which must be one for all channels."""
    quant = filter_.type.quant
    if quant is None or filter_.type.dtype is DType.F32:
        return 0
    if len(set(quant.zero_points)) > 1:
        raise UnsupportedReason("the filter's zero points differ between channels")
    return quant.zero_points[0]


def accumulator_scales(node: Node, rounding: Rounding, *, single_precision: bool = False) -> npt.NDArray[np.float64]:
    """Returns sx * sw / sy, one for all channels or one each.

    DOUBLE: in double, as TFLite; `single_precision` multiplies sx * sw in float32 first, as its per-tensor fully
    connected does. NEAREST_EVEN: float32 throughout, as onnxruntime.
    """
    x, w, y = (v.type.quant for v in (node.input(0), node.input(1), node.output))
    if x is None or w is None or y is None or not (x.per_tensor and y.per_tensor):
        raise UnsupportedReason("input, filter and output must be quantised, input and output per tensor")
    sw = np.array(w.scales, np.float64)
    if rounding is Rounding.NEAREST_EVEN:
        scales = (np.float32(x.scale) * sw.astype(np.float32)) / np.float32(y.scale)
        return np.asarray(scales, np.float64)
    if single_precision:
        return np.asarray((np.float32(x.scale) * sw.astype(np.float32)).astype(np.float64) / y.scale)
    return np.asarray(x.scale * sw / y.scale, np.float64)


def folded_bias(node: Node, weights: Array) -> Array:
    """Returns bias[c] - zx * sum over w[c] + k * zx * zw, in wrapping int32: the input's zero point folded in.

    `weights` is [channels, k]. The kernel takes raw inputs, and subtracts zw times their sum where zw is not 0.
    """
    quant = node.input(0).type.quant
    zero = 0 if quant is None else quant.zero_point
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    total = np.zeros(weights.shape[0], np.int64) if bias is None else constant(bias, "the bias").astype(np.int64)
    total = total - zero * weights.astype(np.int64).sum(axis=1)
    total = total + zero * filter_zero_point(node.input(1)) * weights.shape[1]
    return np.asarray(total.astype(sum_type(node).numpy))


def sum_type(node: Node) -> DType:
    """Returns what the products of integers are summed in: 64 bits for int16, but for a bias of 32."""
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    wide = node.input(0).type.dtype is DType.I16 and (bias is None or bias.type.dtype is DType.I64)
    return DType.I64 if wide else DType.I32


def float_bias(bias: Value | None, count: int) -> Array:
    """Returns the bias of a float kernel, zeros where the model has none."""
    return np.zeros(count, np.float32) if bias is None else constant(bias, "the bias").astype(np.float32)


#: Shifts of the reduced multiplier for which the runtime rounds.
MOST_SHIFT = 15


def requantizer(node: Node, rounding: Rounding, *, single_precision: bool = False) -> Requantize:
    """Returns how the sums of a node become stored integers."""
    scales = accumulator_scales(node, rounding, single_precision=single_precision)
    if rounding is Rounding.NEAREST_EVEN:
        return NearestEven(scales=Packed(scales.astype(np.float32), "scales"))
    wide = sum_type(node) is DType.I64
    pairs = np.array([(reduced_multiplier if wide else quantize_multiplier)(float(s)) for s in scales], np.int32)
    if wide and (pairs[:, 1] >= MOST_SHIFT).any():
        raise UnsupportedReason(f"scales of more than {1 << MOST_SHIFT} from input to output are not supported")
    if node.input(0).type.dtype is not DType.I16:
        return double_rounding(pairs)
    multipliers = Packed(pairs, "multipliers")
    return Reduced(multipliers=multipliers) if wide else DoubleRounding16(multipliers=multipliers)


def bounds(node: Node, clip: tuple[float, float], rounding: Rounding) -> Bounds:
    """Returns the `Bounds` of the runtime crate for the node's output."""
    type_ = node.output.type
    if type_.quant is None:
        raise UnsupportedReason("the output is not quantised")
    low, high = stored_bounds(clip, type_.quant, type_.dtype, rounding)
    return Bounds(zero_point=type_.quant.zero_point, min=low, max=high)


def finish_of(
    node: Node, weights: Array, clip: tuple[float, float], rounding: Rounding, *, single_precision: bool = False
) -> Stored | Real:
    """Returns what becomes of the sums of a layer with the filter [channels, k]: integers, or float32."""
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if node.input(0).type.dtype is DType.F32:
        return Real(float_bias(bias, weights.shape[0]), *clip)
    requantize = requantizer(node, rounding, single_precision=single_precision)
    zero_point = filter_zero_point(node.input(1))
    return Stored(folded_bias(node, weights), requantize, bounds(node, clip, rounding), zero_point)


def stored_zero(value: Value) -> int:
    """Returns the integer that stands for 0: what padding reads as."""
    return 0 if value.type.quant is None else value.type.quant.zero_point


def finish_integer(
    acc: Array, node: Node, clip: tuple[float, float], rounding: Rounding, *, single_precision: bool = False
) -> Array:
    """Requantises int accumulators [.., channels], adds the zero point and clamps: the end of every integer sum."""
    type_ = node.output.type
    assert type_.quant is not None  # noqa: S101 - accumulator_scales refuses it
    scales = accumulator_scales(node, rounding, single_precision=single_precision)
    wrapped = acc.astype(sum_type(node).numpy)
    low, high = stored_bounds(clip, type_.quant, type_.dtype, rounding)
    stored = requantize(wrapped, scales, rounding) + type_.quant.zero_point
    return np.clip(stored, low, high).astype(type_.dtype.numpy)


def finish_float(acc: Array, clip: tuple[float, float]) -> Array:
    """Clamps float accumulators."""
    return np.clip(acc, np.float32(clip[0]), np.float32(clip[1])).astype(np.float32)
