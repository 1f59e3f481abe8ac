"""ONNX's QuantizeLinear and DequantizeLinear: with one scale that is known they are `Quantize` and `Dequantize`.

With a scale at run time, along an axis or for blocks, and for types that no integer kernel reads, they are written out
in operators of numbers. Integers of 4 and 2 bits are stored one in a byte.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Quant, Value
from ariel_build.ops.affine import Spread, dequantized, quantized
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.element_types import SIGNED, SMALL, onnx_type, small_integers
from ariel_build.ops.elementwise import BYTES
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.quantize import Dequantize, Quantize, real_constant

__all__: list[str] = []

#: Types whose integers kernels read with one scale.
_READ = (*BYTES, DType.I16, DType.I32)


# Those of com.microsoft are what onnxruntime's quantiser writes for 4 and 16 bits before operator set 21.
@imports(
    "onnx",
    "QuantizeLinear",
    "com.microsoft:QuantizeLinear",
    harmless={"saturate": "it is about float8, which is refused"},
)
def _quantize_from_onnx(importer: Importer) -> None:
    x, scale, zero_point = importer.input(0), importer.input(1), importer.optional_input(2)
    if x.type.dtype not in (DType.F32, DType.I32):
        raise UnsupportedReason(f"from {x.type.dtype.value} is not supported")
    if importer.integer("precision") not in (0, 1):
        raise UnsupportedReason(f"precision {importer.integer('precision')} is not supported")
    dtype, limits = _result(importer, zero_point)
    quant = _onnx_quant(importer, x)
    simple = x.type.dtype is DType.F32 and limits == dtype.range and quant is not None
    if quant is not None and simple and ((quant.per_tensor and dtype in (*BYTES, DType.I16)) or x.is_constant):
        importer.bind(*importer.emit(Quantize(dtype, Rounding.NEAREST_EVEN), [x], [quant]))
        return
    if dtype.bytes > 2 or not dtype.is_integer:
        raise UnsupportedReason(f"to {dtype.value} is not supported")
    scale, zero_point = _over(importer, x)
    importer.bind(quantized(importer, cast(importer, x, DType.F32), scale, zero_point, dtype, limits))


def _result(importer: Importer, zero_point: Value | None) -> tuple[DType, tuple[int, int]]:
    """Returns the type of the result, which the zero point or an attribute tells, and its limits."""
    number, small = importer.integer("output_dtype"), small_integers(importer, 2)
    if number in SMALL or small:
        _, dtype, limits = SMALL[small or number]
        if number and small and number != small:
            raise UnsupportedReason("output_dtype is not the type of the zero point")
        return dtype, limits
    dtype = zero_point.type.dtype if zero_point is not None else onnx_type(number or 2)
    if number and onnx_type(number) is not dtype:
        raise UnsupportedReason(f"output_dtype is {onnx_type(number).value}, the zero point {dtype.value}")
    if not dtype.is_integer:
        raise UnsupportedReason(f"to {dtype.value} is not supported")
    return dtype, dtype.range


@imports("onnx", "DequantizeLinear", "com.microsoft:DequantizeLinear")
def _dequantize_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    number = importer.integer("output_dtype")
    target = onnx_type(number) if number else None
    if not x.type.dtype.is_integer:
        raise UnsupportedReason(f"from {x.type.dtype.value} is not supported")
    scale = importer.input(1)
    if scale.type.dtype is not DType.F32:
        raise UnsupportedReason(f"a scale of {scale.type.dtype.value} is not supported")
    half, quant = importer.half, _onnx_quant(importer, x)
    if quant is not None and x.data is not None and half is None:
        real = real_constant(importer, importer.constant(x.data, x.name, quant))
    elif quant is not None and quant.per_tensor and x.data is None and x.type.dtype in _READ:
        (real,) = importer.emit(Dequantize(), [importer.view(x, quant)])
    else:
        real = dequantized(importer, x, *_over(importer, x))
    if target is not None:
        # The result has the scale's type unless this attribute names another one.
        importer.half = None
        real = cast(importer, real, target)
    importer.bind(real)


def _over(importer: Importer, x: Value) -> tuple[Value, Value | None]:
    """Returns scale and zero point, spread over a tensor."""
    spread = Spread(x.shape, importer.integer("axis", 1), importer.integer("block_size"))
    zero_point = importer.optional_input(2)
    scale = spread.over(importer, importer.input(1))
    return scale, None if zero_point is None else spread.over(importer, zero_point)


def _onnx_quant(importer: Importer, x: Value) -> Quant | None:
    """Returns the quantisation that the inputs scale and zero point, and the attribute axis, describe.

    None where it is known at run time only, or for blocks.
    """
    scale, zero_point, shape = importer.input(1), importer.optional_input(2), x.shape
    axis, block = importer.integer("axis", 1), importer.integer("block_size")
    if scale.data is None or (zero_point is not None and zero_point.data is None):
        return None
    scales = scale.data.astype(np.float32)
    zeros = np.zeros(scales.shape, np.int64) if zero_point is None else zero_point.data
    if zeros is None or scales.size != zeros.size:
        raise UnsupportedReason(f"scales of shape {list(scales.shape)} do not fit the zero points")
    if not scales.size or not np.all(np.isfinite(scales)) or not np.all(scales > 0):
        raise UnsupportedReason("a scale is not a positive number")
    if block or scales.ndim > 1:
        if not block:
            raise UnsupportedReason(f"scales of shape {list(scales.shape)} without blocks are not supported")
        return None
    pair = tuple(float(s) for s in scales.reshape(-1)), tuple(int(z) for z in zeros.reshape(-1))
    bits = 4 if x.data is not None and small_integers(importer, 0) in SIGNED else None
    if scales.size == 1:
        return Quant(*pair, bits=bits)
    if not -len(shape) <= axis < len(shape) or shape[axis] != scales.size:
        raise UnsupportedReason(f"{scales.size} scales do not fit axis {axis} of {list(shape)}")
    return Quant(*pair, axis % len(shape), bits)
