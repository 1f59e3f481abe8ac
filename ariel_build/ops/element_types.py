"""Why an element type of a file has no place in a compiled model, in the user's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariel_build.ir import DType
from ariel_build.ops.base import UnsupportedReason

if TYPE_CHECKING:
    from ariel_build.ops.importer import Importer

__all__ = ["ONNX_TYPES", "SIGNED", "SMALL", "onnx_type", "small_integers", "unsupported_type"]

#: The element types that ONNX numbers so.
ONNX_TYPES = {
    1: DType.F32,
    2: DType.U8,
    3: DType.I8,
    4: DType.U16,
    5: DType.I16,
    6: DType.I32,
    7: DType.I64,
    9: DType.BOOL,
    10: DType.F16,
    11: DType.F64,
    12: DType.U32,
    13: DType.U64,
    16: DType.BF16,
}
#: ONNX's integers of 4 and of 2 bits, one in a byte: what files call them, what holds them, and their limits.
SMALL = {
    21: ("uint4", DType.U8, (0, 15)),
    22: ("int4", DType.I8, (-8, 7)),
    25: ("uint2", DType.U8, (0, 3)),
    26: ("int2", DType.I8, (-2, 1)),
}
#: Those with a sign.
SIGNED = frozenset((22, 26))
_OTHERS = {
    8: "string",
    14: "complex64",
    15: "complex128",
    17: "float8e4m3fn",
    18: "float8e4m3fnuz",
    19: "float8e5m2",
    20: "float8e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4e2m1",
    24: "float8e8m0",
    25: "uint2",
    26: "int2",
}

#: How a type's name begins -> why it is refused, and what can be done.
_REASONS = {
    "float8": "floats of 8 bits are not supported: no microcontroller computes with them; quantise to int8",
    "float4": "floats of 4 bits are not supported: no microcontroller computes with them; quantise to int8",
    "float6e": "floats of 6 bits are not supported: no microcontroller computes with them; quantise to int8",
    "string": "text is not supported: its length is known at run time only, and memory is planned before",
    "complex": "complex numbers are not supported: export real and imaginary parts as two tensors",
    "int4": "integers of 4 bits are supported in ONNX files, and as constants: use int8",
    "uint4": "integers of 4 bits are supported in ONNX files only: use uint8",
    "int2": "integers of 2 bits are supported in ONNX files only: use int8",
    "uint2": "integers of 2 bits are supported in ONNX files only: use uint8",
    "float16": "float16 is supported in ONNX files, and as constants that DEQUANTIZE reads: use float32",
    "bfloat16": "bfloat16 is supported in ONNX files only: use float32",
    "float64": "float64 is supported in ONNX files only: use float32",
}


def onnx_type(number: int) -> DType:
    """Returns the element type that ONNX numbers so; UnsupportedReason where we have none."""
    if number not in ONNX_TYPES:
        raise UnsupportedReason(unsupported_type(_OTHERS.get(number, f"number {number}")))
    return ONNX_TYPES[number]


def small_integers(importer: Importer, index: int) -> int:
    """Returns the number of the type where the file says that an input has integers of 4 or 2 bits, else 0."""
    key = importer.node.inputs[index] if index < len(importer.node.inputs) else None
    tensor = None if key is None else importer.model.tensors.get(key)
    return next((n for n, (name, *_) in SMALL.items() if tensor is not None and tensor.file_type == name), 0)


def unsupported_type(name: str) -> str:
    """Returns why elements of the type that a file calls so (in lower case) are refused."""
    for begin, reason in sorted(_REASONS.items(), key=lambda item: -len(item[0])):
        if name.startswith(begin):
            return f"{reason} ({name})" if name != begin else reason
    return f"elements of type {name or 'unknown'} are not supported"
