"""Tensors of a TFLite file: element type, shape, real = scale * (stored - zero_point), constant data."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ariel_build.errors import UnsupportedError
from ariel_build.frontends.checks import ConstantBudget, checked_shape, corrupt, shown
from ariel_build.frontends.flatbuffer import FlatFile
from ariel_build.frontends.source import SourceTensor
from ariel_build.frontends.tflite_schema import type_name
from ariel_build.frontends.tflite_sparse import dense
from ariel_build.ir import Array, DType, Quant

__all__ = ["TensorReader"]

_DTYPES = {
    "float32": DType.F32,
    "int8": DType.I8,
    "uint8": DType.U8,
    "int16": DType.I16,
    "uint16": DType.U16,
    "int32": DType.I32,
    "uint32": DType.U32,
    "int64": DType.I64,
    "uint64": DType.U64,
    "bool": DType.BOOL,
}
#: Types that we do not compile, but whose constants numpy can hold.
_NUMPY_ONLY = {"float16": np.float16, "float64": np.float64}
#: Integers of 4 bits, two in a byte, the first one in its low half.
_PACKED = "int4"


class TensorReader:
    """Reads tensors; knows the buffers of the file."""

    def __init__(self, file: FlatFile, model: Any) -> None:  # noqa: ANN401 - generated classes are untyped
        """Reads the list of buffers, not yet their content."""
        self._file = file
        self._buffers = file.tables(model, "Buffers")
        self._budget = ConstantBudget()

    def read(self, table: Any, index: int) -> tuple[SourceTensor, tuple[int, ...], bool]:  # noqa: ANN401 - generated
        """Returns a tensor, its shape signature (-1: free; empty: none), and whether it is constant."""
        file = self._file
        name = file.text(table, "Name")
        origin = f"tensor {index} `{shown(name)}`"
        file_type = type_name(table.Type())
        dtype = _DTYPES.get(file_type)
        kind = dtype.numpy if dtype is not None else _numpy_only(file_type)
        signature = file.tuple(table, "ShapeSignature")
        given = file.tuple(table, "Shape")
        if len(signature) != len(given):
            signature = ()
        free = [bool(signature) and signature[axis] == -1 for axis in range(len(given))]
        if not signature and -1 in given:  # files older than the signature mark free dimensions in the shape
            free = [extent == -1 for extent in given]
            signature = given
        extents = [1 if f and n == -1 else n for f, n in zip(free, given, strict=True)]
        shape = checked_shape(extents, 1 if kind is None else kind.itemsize, origin)
        content = self._content(table.Buffer(), origin)
        is_constant = content.size > 0
        if is_constant and table.IsVariable():
            raise corrupt("it is both a variable and a constant", origin)
        sparsity = file.checked(table.Sparsity())
        data: Array | None = None
        if is_constant and file_type == _PACKED:
            # Kernels read them as int8 with the same numbers.
            dtype, kind = DType.I8, np.dtype(np.int8)
            count = content.size * 2 if sparsity is not None else math.prod(shape)
            content = _unpacked(content, count, origin)
        if sparsity is not None and is_constant and kind is not None:
            self._budget.charge(math.prod(shape) * kind.itemsize, origin)
            stored = _elements(content, kind, (content.size // kind.itemsize,), origin)
            data = dense(file, sparsity, stored, shape, origin)
        elif sparsity is not None:
            dtype, kind, file_type = None, None, f"sparse {file_type}"
        elif is_constant and kind is not None:
            data = _elements(content, kind, shape, origin)
        quant = self._quant(table, dtype, shape, origin)
        if quant is not None and file_type == _PACKED:
            quant = replace(quant, bits=4)
        tensor = SourceTensor(
            name=name,
            dtype=dtype,
            shape=shape,
            quant=quant,
            data=data,
            is_variable=bool(table.IsVariable()),
            file_type=file_type,
        )
        return tensor, signature, is_constant

    def _content(self, index: int, origin: str) -> npt.NDArray[np.uint8]:
        """Returns the bytes of a buffer, which in files above 2 GB lie behind the tables."""
        if index >= len(self._buffers):
            raise corrupt(f"it has no buffer {index}", origin)
        buffer = self._buffers[index]
        if buffer.Offset() > 1:  # 0 and 1 mean that the bytes are in the table
            return self._file.slice(buffer.Offset(), buffer.Size())
        return self._file.numbers(buffer, "Data")

    def _quant(self, table: Any, dtype: DType | None, shape: tuple[int, ...], origin: str) -> Quant | None:  # noqa: ANN401 - generated
        """Returns the quantisation of an integer tensor; None where it has none."""
        parameters = self._file.checked(table.Quantization())
        if parameters is None or dtype is None or not dtype.is_integer:
            return None
        if parameters.DetailsType():
            raise UnsupportedError("its quantisation is of a custom kind", origin, "export it with affine quantisation")
        scales = self._file.tuple(parameters, "Scale")
        zero_points = self._file.tuple(parameters, "ZeroPoint")
        if not scales or not zero_points:
            return None
        if len(scales) != len(zero_points):
            raise corrupt(f"it has {len(scales)} scales and {len(zero_points)} zero points", origin)
        if not all(math.isfinite(s) and s > 0 for s in scales):
            raise corrupt("a scale is not a positive number", origin)
        least, greatest = dtype.range
        if not all(least <= z <= greatest for z in zero_points):
            raise corrupt(f"a zero point is outside {dtype.value}", origin)
        if len(scales) == 1:
            return Quant(scales, zero_points)
        axis = parameters.QuantizedDimension()
        if len(shape) == 1:  # converters give the filter's axis to its bias, too
            axis = 0
        if not 0 <= axis < len(shape) or shape[axis] != len(scales):
            raise corrupt(f"it has {len(scales)} scales along axis {axis} of shape {list(shape)}", origin)
        return Quant(scales, zero_points, axis)


def _numpy_only(file_type: str) -> np.dtype[Any] | None:
    """Returns how numpy holds a type that we do not compile, None where it cannot."""
    kind = _NUMPY_ONLY.get(file_type)
    return None if kind is None else np.dtype(kind)


def _unpacked(content: npt.NDArray[np.uint8], count: int, origin: str) -> npt.NDArray[np.uint8]:
    """Returns the bytes of `count` int8 that are stored in 4 bits each."""
    if content.size != (count + 1) // 2:
        raise corrupt(
            f"{count} integers of 4 bits need {(count + 1) // 2} bytes, its buffer has {content.size}", origin
        )
    halves = np.stack([content & 15, content >> 4], axis=-1).reshape(-1)[:count]
    return ((halves ^ 8) - np.uint8(8)).astype(np.uint8)


def _elements(content: npt.NDArray[np.uint8], kind: np.dtype[Any], shape: tuple[int, ...], origin: str) -> Array:
    """Returns the elements of a constant as a read-only view of the file (a copy for bool)."""
    wanted = math.prod(shape) * kind.itemsize
    if content.size != wanted:
        raise corrupt(f"shape {list(shape)} needs {wanted} bytes, its buffer has {content.size}", origin)
    if kind == np.bool_:
        truth: Array = (content != 0).reshape(shape)
        truth.flags.writeable = False
        return truth
    return np.frombuffer(content.data, kind.newbyteorder("<")).reshape(shape)
