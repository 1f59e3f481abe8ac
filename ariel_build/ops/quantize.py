"""Quantize: stored = round(real / scale) + zero_point; Dequantize: real = scale * (stored - zero_point).

Quantize of stored integers changes their quantisation. The scales are those of the values' types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.kernels.declared import lookup
from ariel_build.kernels.declared import quantize as declared
from ariel_build.ops.accumulate import Numbers, bounds
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.cast import wide_constant
from ariel_build.ops.elementwise import (
    BYTES,
    call_of,
    dequantize,
    lookup_call,
    multiplier,
    one_operand,
    quant_of,
    quantize,
    rescale,
    same_type,
)
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.traits import POINTWISE, Traits, alike, never
from ariel_build.records import dataclass

__all__ = ["Dequantize", "Quantize", "flipped", "is_flip", "real_constant", "requantized"]

#: Types that hold quantised numbers.
_STORED = (DType.I8, DType.U8, DType.I16, DType.U16, DType.I32)
#: Kernels between integers of which one at least has more than a byte.
_WIDE = {
    (DType.I8, DType.I16): declared.Int8ToInt16,
    (DType.I8, DType.I32): declared.Int8ToInt32,
    (DType.I16, DType.I8): declared.Int16ToInt8,
    (DType.I16, DType.I16): declared.Int16ToInt16,
    (DType.I16, DType.I32): declared.Int16ToInt32,
    (DType.I32, DType.I8): declared.Int32ToInt8,
    (DType.I32, DType.I16): declared.Int32ToInt16,
}


#: Kernels from float32, to int16 or to a byte.
_FROM_REAL = {
    (Rounding.DOUBLE, False): declared.HalfAway,
    (Rounding.DOUBLE, True): declared.HalfAwayInt16,
    (Rounding.NEAREST_EVEN, False): declared.NearestEven,
    (Rounding.NEAREST_EVEN, True): declared.NearestEvenInt16,
}


@dataclass(frozen=True)
class Quantize(Operator):
    """From float32, or from another quantisation, to `dtype`."""

    traits = POINTWISE
    passed_on = never
    permuted = alike

    dtype: DType = DType.I8
    rounding: Rounding = Rounding.DOUBLE

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[..] or stored[..] -> dtype[..]."""
        type_ = same_type(inputs)
        if type_.dtype not in (DType.F32, *_STORED) or self.dtype not in _STORED:
            raise ValueError(f"{type_.dtype.value} cannot be quantised to {self.dtype.value}")
        return [TensorType(self.dtype, type_.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Divides in float32 and rounds; TFLite rescales stored integers with double rounding."""
        x = inputs[0]
        assert x is not None  # noqa: S101 - infer has seen it
        target, dtype = node.output.type.quant, self.dtype
        if target is None:
            raise UnsupportedReason("the output has no scale")
        if x.dtype == np.float32:
            with np.errstate(all="ignore"):
                quotient = np.divide(x, _along_axis(target.scales, target, x.ndim, np.float32))
            zero_points = _along_axis(target.zero_points, target, x.ndim, np.int64)
            per_tensor = Quant((1.0,), (0,))
            stored = quantize(quotient, per_tensor, DType.I32, self.rounding).astype(np.int64) + zero_points
            return [np.asarray(np.clip(stored, *dtype.range), dtype.numpy)]
        source, target = quant_of(node.input(0), "the input"), quant_of(node.output, "the output")
        if self.rounding is Rounding.NEAREST_EVEN:
            return [quantize(dequantize(x, source), target, dtype, self.rounding)]
        stored = rescale(x.astype(np.int64) - source.zero_point, source.scale / target.scale) + target.zero_point
        return [np.clip(stored, *dtype.range).astype(dtype.numpy)]

    def on_signed(self) -> Operator | str:
        """Stores int8 instead of uint8."""
        return replace(self, dtype=DType.I8) if self.dtype is DType.U8 else self

    def lower(self, node: Node) -> KernelCall:
        """`quantize::HalfAway`, `NearestEven`, those of int16, `Int8ToInt16` and such, a `lookup`."""
        x, output = node.input(0), node.output
        quant = quant_of(output, "the output")
        pair = _WIDE.get((x.type.dtype, output.type.dtype))
        if pair is not None and self.rounding is Rounding.DOUBLE:
            source = quant_of(x, "the input")
            rescaled = pair(
                **one_operand(node),
                zero_point=source.zero_point,
                multiplier=multiplier(source.scale / quant.scale),
                bounds=bounds(node, UNBOUNDED, self.rounding),
            )
            return call_of(rescaled, node)
        to_wide = output.type.dtype is DType.I16 and x.type.dtype is DType.F32
        if output.type.dtype not in BYTES and not to_wide:
            raise UnsupportedReason(f"{x.type.dtype.value} to {output.type.dtype.value} is not supported")
        if x.type.dtype is DType.F32:
            made = _FROM_REAL[self.rounding, to_wide]
            limits = bounds(node, UNBOUNDED, self.rounding)
            return call_of(made(**one_operand(node), scale=quant.scale, bounds=limits), node)
        if x.type.dtype not in BYTES:
            raise UnsupportedReason(f"from {x.type.dtype.value} is not supported, only from float32, int8 and uint8")
        if is_flip(x.type, output.type):
            return call_of(lookup.Flip(**one_operand(node)), node)
        return lookup_call(node, x, lambda data: self.reference([data], node)[0])


def requantized(importer: Importer, value: Value, quant: Quant | None, rounding: Rounding = Rounding.DOUBLE) -> Value:
    """Returns `value` with another quantisation; float values, and those that have it, as they are."""
    if quant is None or value.type.dtype not in _STORED or value.type.quant in (None, quant):
        return value
    return importer.emit(Quantize(value.type.dtype, rounding), [value], [quant])[0]


def is_flip(source: TensorType, target: TensorType) -> bool:
    """Whether int8 and uint8 differ in nothing but their range, so that flipping the top bit converts them."""
    if {source.dtype, target.dtype} != set(BYTES) or source.quant is None or target.quant is None:
        return False
    signed, unsigned = (source.quant, target.quant) if source.dtype is DType.I8 else (target.quant, source.quant)
    return unsigned == signed.shifted(128)


def flipped(importer: Importer, value: Value, dtype: DType) -> Value:
    """Returns stored bytes as `dtype`, int8 or uint8, with the zero point by which they stand for the same numbers."""
    quant = value.type.quant
    if value.type.dtype is dtype or quant is None or {value.type.dtype, dtype} != set(BYTES):
        return value
    other = quant.shifted(128 if dtype is DType.U8 else -128)
    return importer.emit(Quantize(dtype, Rounding.NEAREST_EVEN), [value], [other])[0]


@dataclass(frozen=True)
class Dequantize(Operator):
    """From stored integers to float32."""

    traits = Traits(moves=False, pointwise=True, real=True, reads_scaled=True)
    passed_on = never
    permuted = alike

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """stored[..] -> f32[..]."""
        type_ = same_type(inputs)
        if type_.dtype not in _STORED:
            raise ValueError(f"{type_.dtype.value} is not a quantised type")
        return [TensorType(DType.F32, type_.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Multiplies in float32, per tensor or per axis."""
        x, quant = inputs[0], node.input(0).type.quant
        assert x is not None  # noqa: S101 - infer has seen it
        if quant is None:
            raise UnsupportedReason("the input has no scale")
        centred = x.astype(np.int64) - _along_axis(quant.zero_points, quant, x.ndim, np.int64)
        return [centred.astype(np.float32) * _along_axis(quant.scales, quant, x.ndim, np.float32)]

    def lower(self, node: Node) -> KernelCall:
        """`quantize::DequantizeInt8` and its like."""
        x = node.input(0)
        if x.type.dtype not in _DEQUANTIZERS:
            raise UnsupportedReason(f"from {x.type.dtype.value} is not supported")
        quant = quant_of(x, "the input")
        kernel = _DEQUANTIZERS[x.type.dtype]
        return call_of(kernel(**one_operand(node), scale=quant.scale, zero_point=quant.zero_point), node)


_DEQUANTIZERS = {
    DType.I8: declared.DequantizeInt8,
    DType.U8: declared.DequantizeUint8,
    DType.I16: declared.DequantizeInt16,
    DType.I32: declared.DequantizeInt32,
}


def _along_axis(numbers: Sequence[float], quant: Quant, rank: int, dtype: type[np.generic]) -> Numbers:
    """Returns scales or zero points in a shape that broadcasts to the tensor."""
    data: Numbers = np.asarray(numbers, dtype)
    if quant.per_tensor or quant.axis is None:
        return data.reshape(())
    return data.reshape([-1 if k == quant.axis else 1 for k in range(rank)])


@imports("tflite", "QUANTIZE")
def _quantize_from_tflite(importer: Importer) -> None:
    importer.emit_declared(Quantize(importer.output_element()), [importer.input(0)])


@imports("tflite", "DEQUANTIZE")
def _dequantize_from_tflite(importer: Importer) -> None:
    wide = wide_constant(importer, 0)
    if wide is not None and wide.dtype == np.float16:
        importer.bind(importer.constant(wide.astype(np.float32)))
        return
    x = importer.input(0)
    if x.type.dtype is DType.F32:
        importer.bind(x)
    elif x.data is not None:
        importer.bind(real_constant(importer, x))
    else:
        importer.emit_declared(Dequantize(), [x])


def real_constant(importer: Importer, stored: Value) -> Value:
    """Returns the float constant that a quantised constant means; it remembers how it was stored."""
    real = importer.emit(Dequantize(), [stored])[0]
    real.stored = stored
    return real
