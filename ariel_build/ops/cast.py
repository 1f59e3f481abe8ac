"""Cast: output = input, converted to another element type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value, converted, readable
from ariel_build.kernels import Kernel, KernelCall
from ariel_build.kernels.declared import cast as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.cast_rows import CASTS, kernel
from ariel_build.ops.element_types import ONNX_TYPES, SMALL, onnx_type, small_integers
from ariel_build.ops.elementwise import call_of, lookup_call, one_operand, same_type
from ariel_build.ops.traits import Traits, alike, never
from ariel_build.records import dataclass

if TYPE_CHECKING:
    from ariel_build.ops.importer import Importer

__all__ = ["Cast", "Wrapped", "cast", "wide_constant"]


@dataclass(frozen=True)
class Cast(Operator):
    """Converts to `dtype`: integers wrap, floats are truncated towards zero, anything but 0 is true."""

    traits = Traits(moves=False, pointwise=True, real=False, reads_scaled=True)
    permuted = alike

    dtype: DType

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[..] -> U[..]."""
        return [TensorType(self.dtype, same_type(inputs).shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Converts; floats that the type cannot hold saturate at int32, or where they become more bits at int64."""
        x = readable(np.asarray(inputs[0]))
        if x.dtype.kind == "f" and self.dtype.is_integer:
            whole = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
            large = [saturated(whole, DType.U64)] if self.dtype is DType.U64 else []
            wide = saturated(whole, DType.I64 if self.dtype.bytes == 8 or self.dtype is DType.U32 else DType.I32)
            x = np.where(whole < 0, wide.astype(np.uint64), large[0]) if large else wide
        return [converted(x, self.dtype)]

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what has the type."""
        return node.input(0) if node.input(0).type.dtype is self.dtype else None

    def aliases(self, node: Node) -> dict[Value, tuple[Value, int]] | None:
        """Integers that differ in their sign only are the same words; those of one byte are a table, but for booleans.

        These are bytes of 0 and 1.
        """
        source = node.input(0).type.dtype
        if source is DType.BOOL and self.dtype.bytes == 1:
            return {node.output: (node.input(0), 0)}
        same = source.is_integer and self.dtype.is_integer and source.bytes == self.dtype.bytes > 1
        return {node.output: (node.input(0), 0)} if same else None

    def lower(self, node: Node) -> KernelCall:
        """`lookup::Table` or `cast::<From>To<To>`."""
        x = node.input(0)
        if x.type.dtype.bytes == 1 and self.dtype.bytes == 1:
            return lookup_call(node, x, lambda data: self.reference([data], node)[0])
        if (x.type.dtype, self.dtype) not in CASTS:
            raise UnsupportedReason(f"from {x.type.dtype.value} to {self.dtype.value} is not supported")
        made: type[Kernel] = getattr(declared, kernel(x.type.dtype, self.dtype))
        return call_of(made.made(one_operand(node)), node)


def saturated(whole: Numbers, dtype: DType) -> Numbers:
    """Returns the integers closest to whole numbers in float64."""
    low, high = dtype.range
    # The greatest integers of 64 bits are no float64: what reaches the next one is them.
    inside = np.where(whole >= high, 0.0, np.maximum(whole, low)).astype(dtype.numpy)
    return np.where(whole >= high, dtype.numpy.type(high), inside)


def cast(importer: Importer, value: Value, dtype: DType) -> Value:
    """Returns `value` with another element type: floats of 16 bits go by way of float32."""
    source = value.type.dtype
    if source is dtype:
        return value
    direct = value.data is not None or DType.F32 in (source, dtype) or (source, dtype) in CASTS
    if (source.is_half or dtype.is_half) and not direct:
        value = importer.emit(Cast(DType.F32), [value])[0]
    return importer.emit(Cast(dtype), [value])[0]


def wide_constant(importer: Importer, index: int) -> Array | None:
    """Returns an input that is a constant of a type that we do not compile, such as float16 or float64."""
    key = importer.node.inputs[index]
    tensor = None if key is None or key in importer.values else importer.model.tensors.get(key)
    return None if tensor is None or tensor.dtype is not None else tensor.data


@imports(
    "tflite",
    "CAST",
    harmless={"in_data_type": "the input has a type", "out_data_type": "the output is declared with a type"},
)
def _from_tflite(importer: Importer) -> None:
    _convert(importer, importer.output_type().dtype)


_FLOAT8_ONLY = {
    "saturate": "it is about float8, which is refused",
    "round_mode": "it is about float8, which is refused",
}


@imports("onnx", "Cast", harmless=_FLOAT8_ONLY, stored=True)
def _from_onnx(importer: Importer) -> None:
    _to(importer, importer.integer("to"))


@imports("onnx", "CastLike", harmless=_FLOAT8_ONLY, stored=True)
def _like_from_onnx(importer: Importer) -> None:
    dtype = importer.input(1).type.dtype
    _to(importer, small_integers(importer, 1) or next(number for number, own in ONNX_TYPES.items() if own is dtype))


def _to(importer: Importer, number: int) -> None:
    """Converts to the type that ONNX numbers so; integers of 4 and 2 bits wrap as all others do."""
    if number not in SMALL:
        _convert(importer, onnx_type(number))
        return
    _, dtype, (least, greatest) = SMALL[number]
    whole = cast(importer, importer.input(0), dtype)
    (wrapped,) = importer.emit(Wrapped((greatest - least).bit_length(), signed=least < 0), [whole])
    importer.bind(wrapped)


@dataclass(frozen=True)
class Wrapped(Operator):
    """The lower bits of a byte, with their sign."""

    traits = Traits(moves=False, pointwise=True, real=False, reads_scaled=False)
    passed_on = never
    permuted = alike

    bits: int
    signed: bool

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """i8[..] or u8[..] -> the same."""
        type_ = same_type(inputs)
        if type_.dtype is not (DType.I8 if self.signed else DType.U8):
            raise ValueError(f"{type_.dtype.value} does not hold these integers of {self.bits} bits")
        return [type_]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Drops the upper bits."""
        count = 1 << self.bits
        low = np.asarray(inputs[0]).astype(np.int16) & (count - 1)
        is_less = self.signed & (low >= count // 2)
        return [np.where(is_less, low - count, low).astype(node.output.type.dtype.numpy)]

    def lower(self, node: Node) -> KernelCall:
        """`lookup::Table`."""
        return lookup_call(node, node.input(0), lambda data: self.reference([data], node)[0])


def _convert(importer: Importer, dtype: DType) -> None:
    wide = wide_constant(importer, 0)
    if wide is not None:
        with np.errstate(over="ignore"):
            importer.bind(importer.constant(wide.astype(dtype.numpy)))
        return
    importer.bind(cast(importer, importer.input(0), dtype))
