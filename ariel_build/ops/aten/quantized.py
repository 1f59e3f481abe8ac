"""What PT2E puts around operators: quantize and dequantize with constant scales, onto ONNX's pair of the same names."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason, constant

__all__: list[str] = []

_DYNAMIC = (
    "its scale is computed at run time: quantise statically "
    "(is_dynamic=False in the quantizer's configuration, and calibration data)"
)


def _number(call: Call, name: str, what: str) -> Numbers:
    """Returns a scale or zero points, numbers or tensors, which must be constants."""
    value = call.operand(name)
    if isinstance(value, Value):
        if value.data is None:
            raise UnsupportedReason(f"{what} is computed at run time: {_DYNAMIC}")
        return constant(value, what)
    return np.asarray(value)


def _range(call: Call, dtype: DType) -> tuple[int, int]:
    """Returns the least and the greatest stored integer; by default those of the type."""
    least, greatest = dtype.range
    low = call.integer("quant_min", least) if call.has("quant_min") else least
    high = call.integer("quant_max", greatest) if call.has("quant_max") else greatest
    if not least <= low < high <= greatest:
        raise UnsupportedReason(f"integers from {low} to {high} are not those of {dtype.value}")
    return low, high


def _stored(call: Call, x: Value, scales: Numbers, zeros: Numbers, dtype: DType, axis: int) -> Value:
    """Returns a tensor quantised; integers that the range leaves out are cut off before."""
    low, high = _range(call, dtype)
    if x.type.dtype is not DType.F32 or not (np.all(np.isfinite(scales)) and np.all(scales > 0)):
        raise UnsupportedReason(f"{x.type} cannot be quantised by scales of {scales.reshape(-1)[:4].tolist()}")
    if x.data is not None:
        # As PyTorch does it: times the reciprocal, which is float32 where the scale is a tensor.
        shape = [-1 if k == axis else 1 for k in range(len(x.shape))] if scales.size > 1 else ()
        inverse = np.asarray(1.0 / scales.astype(np.float64), np.float32).reshape(shape)
        stored = np.rint(np.asarray(x.data, np.float32) * inverse) + zeros.reshape(shape)
        return call.constant(np.clip(stored, low, high), dtype)
    if (low, high) != dtype.range:
        if scales.size > 1:
            raise UnsupportedReason("a range other than that of the type is not supported per channel")
        scale, zero = np.float32(scales.reshape(-1)[0]), int(zeros.reshape(-1)[0])
        x = call.onnx("Clip", x, float(scale * np.float32(low - zero)), float(scale * np.float32(high - zero)))
    own = [call.constant(scales.astype(np.float32)), call.constant(zeros.astype(dtype.numpy))]
    return call.onnx("QuantizeLinear", x, *own, axis=axis)


def _real(call: Call, x: Value, scales: Numbers, zeros: Numbers, axis: int) -> Value:
    """Returns what stored integers mean."""
    _range(call, x.type.dtype)
    return call.onnx(
        "DequantizeLinear",
        x,
        call.constant(scales.astype(np.float32)),
        call.constant(zeros.astype(x.type.dtype.numpy)),
        axis=axis,
    )


def _checked(zeros: Numbers, dtype: DType) -> Numbers:
    """Returns zero points, which must be integers of the type."""
    least, greatest = dtype.range
    if zeros.size and not (least <= zeros.min() and zeros.max() <= greatest and np.all(zeros == np.rint(zeros))):
        raise UnsupportedReason(f"a zero point is no {dtype.value}")
    return zeros


def _integers(call: Call, name: str = "dtype") -> DType:
    dtype = call.dtype(name)
    if dtype is None or not dtype.is_integer:
        raise UnsupportedReason(f"quantised tensors of {call.text(name) or 'no type'} are not supported")
    return dtype


@aten(
    "quantize_per_tensor.default",
    "quantize_per_tensor.tensor",
    "quantize_per_tensor.tensor2",
    namespace="quantized_decomposed",
)
def _quantize(call: Call) -> Value:
    dtype = _integers(call)
    scale, zero = _number(call, "scale", "the scale"), _number(call, "zero_point", "the zero point")
    return _stored(call, call.tensor("input"), scale.reshape(()), _checked(zero.reshape(()), dtype), dtype, 0)


def _float_out(call: Call) -> None:
    if call.text("out_dtype", "float32") not in ("", "float32"):
        raise UnsupportedReason(f"real numbers of {call.text('out_dtype')} are not supported: use float32")


@aten(
    "dequantize_per_tensor.default",
    "dequantize_per_tensor.tensor",
    "dequantize_per_tensor.tensor2",
    namespace="quantized_decomposed",
)
def _dequantize(call: Call) -> Value:
    x, dtype = call.tensor("input"), _integers(call)
    _float_out(call)
    if x.type.dtype is not dtype:
        raise UnsupportedReason(f"its input is {x.type.dtype.value}, not {dtype.value}")
    scale, zero = _number(call, "scale", "the scale"), _number(call, "zero_point", "the zero point")
    return _real(call, x, scale.reshape(()), _checked(zero.reshape(()), dtype), 0)


def _channels(call: Call, dtype: DType) -> tuple[Numbers, Numbers]:
    scales = _number(call, "scales", "the scales").reshape(-1)
    zeros = (
        _number(call, "zero_points", "the zero points").reshape(-1)
        if call.has("zero_points")
        else np.zeros(scales.shape)
    )
    return scales, _checked(zeros, dtype)


@aten("quantize_per_channel.default", namespace="quantized_decomposed")
def _quantize_channels(call: Call) -> Value:
    x, dtype = call.tensor("input"), _integers(call)
    return _stored(call, x, *_channels(call, dtype), dtype, call.axis("axis", len(x.shape)))


@aten("dequantize_per_channel.default", namespace="quantized_decomposed")
def _dequantize_channels(call: Call) -> Value:
    x, dtype = call.tensor("input"), _integers(call)
    _float_out(call)
    if x.type.dtype is not dtype:
        raise UnsupportedReason(f"its input is {x.type.dtype.value}, not {dtype.value}")
    return _real(call, x, *_channels(call, dtype), call.axis("axis", len(x.shape)))


@aten(
    "choose_qparams.tensor",
    "choose_qparams_symmetric.tensor",
    "choose_qparams_per_token.default",
    namespace="quantized_decomposed",
)
def _dynamic(_: Call) -> Value:
    raise UnsupportedReason(_DYNAMIC)


def _blocks(call: Call, x: Value, scale: Numbers) -> int:
    """Returns the axis along which scales differ, by the blocks of torchao that share one."""
    blocks = call.integers("block_size")
    if len(blocks) != len(x.shape) or any(b < 1 or n % b for b, n in zip(blocks, x.shape, strict=True)):
        raise UnsupportedReason(f"blocks of {list(blocks)} do not fit {x.type}")
    counts = [n // b for b, n in zip(blocks, x.shape, strict=True)]
    cut = [axis for axis, count in enumerate(counts) if count > 1]
    if len(cut) > 1 or (cut and blocks[cut[0]] != 1) or scale.size != int(np.prod(counts)):
        raise UnsupportedReason(f"blocks of {list(blocks)} are not supported, only whole tensors and channels")
    return cut[0] if cut else 0


def _affine(call: Call, x: Value, dtype: DType) -> tuple[Numbers, Numbers, int]:
    if call.text("zero_point_domain", "INT") not in ("INT", "NONE"):
        raise UnsupportedReason(f"zero points of domain {call.text('zero_point_domain')} are not supported")
    scale = _number(call, "scale", "the scale")
    zero = _number(call, "zero_point", "the zero point") if call.has("zero_point") else np.zeros(scale.shape)
    axis = _blocks(call, x, scale)
    shape = () if scale.size == 1 else (-1,)
    return scale.reshape(shape), _checked(zero.reshape(shape), dtype), axis


@aten("quantize_affine.default", namespace="torchao")
def _quantize_affine(call: Call) -> Value:
    x, dtype = call.tensor("input"), _integers(call, "output_dtype")
    scale, zero, axis = _affine(call, x, dtype)
    return _stored(call, x, scale, zero, dtype, axis)


@aten("dequantize_affine.default", namespace="torchao")
def _dequantize_affine(call: Call) -> Value:
    x, dtype = call.tensor("input"), _integers(call, "input_dtype")
    if call.text("output_dtype", "float32") != "float32":
        raise UnsupportedReason(f"real numbers of {call.text('output_dtype')} are not supported: use float32")
    if x.type.dtype is not dtype:
        raise UnsupportedReason(f"its input is {x.type.dtype.value}, not {dtype.value}")
    return _real(call, x, *_affine(call, x, dtype))


@aten("choose_qparams_affine.default", namespace="torchao")
def _dynamic_affine(_: Call) -> Value:
    raise UnsupportedReason(_DYNAMIC)
