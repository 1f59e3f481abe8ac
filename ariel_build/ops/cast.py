"""Cast: output = input, converted to another element type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Kernel, KernelCall
from ariel_build.kernels.declared import cast as declared
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.elementwise import call_of, lookup_call, one_operand, same_type
from ariel_build.ops.importer import Importer
from ariel_build.ops.traits import Traits, alike

__all__ = ["Cast", "cast", "wide_constant"]

#: Pairs that the runtime's `cast.rs` has; those between types of one byte are tables.
_KERNELS = {
    (source, target)
    for source in (DType.I8, DType.U8, DType.I16, DType.I32, DType.I64, DType.F32, DType.BOOL)
    for target in (DType.I8, DType.I16, DType.I32, DType.I64, DType.F32, DType.BOOL)
    if source is not target
}


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
        """Converts; floats that the type cannot hold saturate at int32 or int64."""
        x = np.asarray(inputs[0])
        if x.dtype == np.float32 and self.dtype.is_integer:
            wide = np.int64 if self.dtype is DType.I64 else np.int32
            info = np.iinfo(wide)
            with np.errstate(invalid="ignore"):
                whole = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0.0))
                x = np.where(whole >= info.max, info.max, np.clip(whole, info.min, info.max).astype(np.int64))
        return [x.astype(self.dtype.numpy)]

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
        if (x.type.dtype, self.dtype) not in _KERNELS:
            raise UnsupportedReason(f"from {x.type.dtype.value} to {self.dtype.value} is not supported")
        name = "To".join(d.value.capitalize() for d in (x.type.dtype, self.dtype))
        kernel: type[Kernel] = getattr(declared, name)
        return call_of(kernel.made(one_operand(node)), node)


def cast(importer: Importer, value: Value, dtype: DType) -> Value:
    """Returns `value` with another element type."""
    return value if value.type.dtype is dtype else importer.emit(Cast(dtype), [value])[0]


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


_ONNX_TYPES = {
    1: DType.F32,
    2: DType.U8,
    3: DType.I8,
    4: DType.U16,
    5: DType.I16,
    6: DType.I32,
    7: DType.I64,
    9: DType.BOOL,
    12: DType.U32,
}


_FLOAT8_ONLY = {
    "saturate": "it is about float8, which is refused",
    "round_mode": "it is about float8, which is refused",
}


@imports("onnx", "Cast", harmless=_FLOAT8_ONLY)
def _from_onnx(importer: Importer) -> None:
    number = importer.integer("to")
    if number not in _ONNX_TYPES:
        raise UnsupportedReason(f"to element type {number} is not supported")
    _convert(importer, _ONNX_TYPES[number])


@imports("onnx", "CastLike", harmless=_FLOAT8_ONLY)
def _like_from_onnx(importer: Importer) -> None:
    _convert(importer, importer.input(1).type.dtype)


def _convert(importer: Importer, dtype: DType) -> None:
    wide = wide_constant(importer, 0)
    if wide is not None:
        with np.errstate(over="ignore"):
            importer.bind(importer.constant(wide.astype(dtype.numpy)))
        return
    importer.bind(cast(importer, importer.input(0), dtype))
