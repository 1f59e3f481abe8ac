"""Constant tensors of an ONNX file: TensorProto -> numpy, with every count checked against the bytes that are there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ariel_build.errors import ModelError, UnsupportedError
from ariel_build.frontends.checks import ConstantBudget, checked_shape, corrupt, shown
from ariel_build.frontends.source import SourceTensor
from ariel_build.ir import Array, DType

__all__ = ["TensorReader", "element_type", "type_name"]

_DTYPES: dict[int, DType] = {
    onnx.TensorProto.FLOAT: DType.F32,
    onnx.TensorProto.INT8: DType.I8,
    onnx.TensorProto.UINT8: DType.U8,
    onnx.TensorProto.INT16: DType.I16,
    onnx.TensorProto.UINT16: DType.U16,
    onnx.TensorProto.INT32: DType.I32,
    onnx.TensorProto.UINT32: DType.U32,
    onnx.TensorProto.INT64: DType.I64,
    onnx.TensorProto.UINT64: DType.U64,
    onnx.TensorProto.FLOAT16: DType.F16,
    onnx.TensorProto.BFLOAT16: DType.BF16,
    onnx.TensorProto.DOUBLE: DType.F64,
    onnx.TensorProto.BOOL: DType.BOOL,
    # Integers of 4 and 2 bits stand one in a byte, in arrays of the user as well: numpy has none. Older `onnx` packages
    # have no names for the latter.
    onnx.TensorProto.INT4: DType.I8,
    onnx.TensorProto.UINT4: DType.U8,
    25: DType.U8,
    26: DType.I8,
}
#: Bits of such integers.
_SMALL = {onnx.TensorProto.INT4: 4, onnx.TensorProto.UINT4: 4, 25: 2, 26: 2}
#: The repeated field in which a type's elements stand when they are not raw.
_FIELDS: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float_data",
    onnx.TensorProto.INT64: "int64_data",
    onnx.TensorProto.DOUBLE: "double_data",
    onnx.TensorProto.UINT32: "uint64_data",
    onnx.TensorProto.UINT64: "uint64_data",
}


def type_name(number: int) -> str:
    """Returns the name of an element type in lower case, as numpy has it; `type_<number>` for one newer than `onnx`."""
    names = {int(n): str(name).lower() for name, n in onnx.TensorProto.DataType.items()}
    name = names.get(number, f"type_{number}")
    return {"float": "float32", "double": "float64"}.get(name, name)


def element_type(number: int) -> DType | None:
    """Returns the element type that ONNX numbers so; None for one that we do not compile."""
    return _DTYPES.get(number)


class TensorReader:
    """Reads tensors, also those whose bytes lie in files beside the model; bounds what they take together."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the model, which external data never leaves."""
        self.files: list[str] = []
        self._folder = folder.resolve()
        self._constants = ConstantBudget()

    def tensor(self, proto: onnx.TensorProto, name: str, origin: str) -> SourceTensor:
        """Returns a constant; without data where its type is one that numpy does not have."""
        if proto.data_type in _SMALL:
            return self._small(proto, name, origin)
        shape, kind = self._layout(proto, origin)
        data = None if kind is None else self._elements(proto, kind, shape, origin)
        return self._constant(name, proto.data_type, shape, data)

    def _small(self, proto: onnx.TensorProto, name: str, origin: str) -> SourceTensor:
        """Returns a constant of integers of few bits, several of which stand in a byte, the first one lowest."""
        dtype, shape = _DTYPES[proto.data_type], checked_shape(list(proto.dims), 1, origin)
        bits, elements = _SMALL[proto.data_type], math.prod(shape)
        size = -(-elements * bits // 8)
        packed = onnx.TensorProto()
        packed.CopyFrom(proto)
        packed.data_type = onnx.TensorProto.UINT8
        del packed.dims[:]
        packed.dims.append(size)
        together: npt.NDArray[Any] = self._elements(packed, np.dtype(np.uint8), (size,), origin)
        self._constants.charge(elements, origin)
        count = 1 << bits
        apart = np.stack([(together >> shift) & (count - 1) for shift in range(0, 8, bits)], axis=-1)
        numbers = apart.reshape(-1)[:elements].astype(dtype.numpy)
        if dtype is DType.I8:
            numbers = np.where(numbers >= count // 2, numbers - count, numbers).astype(np.int8)
        data = _sealed(numbers.reshape(shape))
        return SourceTensor(name, dtype, shape, data=data, file_type=type_name(proto.data_type))

    def array(self, proto: onnx.TensorProto, origin: str) -> Array:
        """Returns the elements of a tensor attribute."""
        if proto.data_type in _SMALL:
            raise UnsupportedError(
                f"an attribute of integers of {_SMALL[proto.data_type]} bits is not supported", origin, "use int8"
            )
        shape, kind = self._layout(proto, origin)
        if kind is None:
            raise UnsupportedError(f"a constant of type {type_name(proto.data_type)} is not supported", origin)
        return self._elements(proto, kind, shape, origin)

    def sparse(self, proto: onnx.SparseTensorProto, name: str, origin: str) -> SourceTensor:
        """Returns a sparse constant, made dense."""
        values: npt.NDArray[Any] = self.array(proto.values, origin)
        indices: npt.NDArray[Any] = self.array(proto.indices, origin)
        shape = checked_shape(list(proto.dims), values.dtype.itemsize, origin)
        elements = math.prod(shape)
        self._constants.charge(elements * values.dtype.itemsize, origin)
        if values.ndim != 1 or indices.dtype != np.int64 or indices.shape[:1] != values.shape:
            raise corrupt("a sparse tensor has other counts of values and indices", origin)
        places = indices
        if indices.ndim == 2 and indices.shape[1] == len(shape):
            if ((indices < 0) | (indices >= np.array(shape))).any():
                raise corrupt("a sparse tensor has an index outside its shape", origin)
            places = indices @ np.array([math.prod(shape[axis + 1 :]) for axis in range(len(shape))], np.int64)
        elif indices.ndim != 1 or ((indices < 0) | (indices >= elements)).any():
            raise corrupt("a sparse tensor has an index outside its shape", origin)
        dense = np.zeros(elements, values.dtype)
        dense[places] = values
        return self._constant(name, proto.values.data_type, shape, _sealed(dense.reshape(shape)))

    def numbers(self, values: Iterable[float], kind: type[np.generic], name: str, *, scalar: bool) -> SourceTensor:
        """Returns a constant from the numbers of an attribute: float32 or int64."""
        array = np.array(list(values), kind)
        data = _sealed(array.reshape(()) if scalar else array)
        return SourceTensor(name, DType.of(kind), data.shape, data=data, file_type=DType.of(kind).numpy.name)

    def _constant(self, name: str, number: int, shape: tuple[int, ...], data: Array | None) -> SourceTensor:
        """Returns a constant tensor of the type that ONNX numbers so."""
        return SourceTensor(name, _DTYPES.get(number), shape, data=data, file_type=type_name(number))

    def _layout(self, proto: onnx.TensorProto, origin: str) -> tuple[tuple[int, ...], np.dtype[Any] | None]:
        """Returns the shape, and how numpy holds the elements (None: not at all)."""
        if proto.HasField("segment"):
            raise UnsupportedError("a tensor is stored in segments", origin, "export the model again")
        dtype = _DTYPES.get(proto.data_type)
        kind = None if dtype is None else dtype.numpy
        return checked_shape(list(proto.dims), 1 if kind is None else kind.itemsize, origin), kind

    def _elements(self, proto: onnx.TensorProto, kind: np.dtype[Any], shape: tuple[int, ...], origin: str) -> Array:
        """Returns the elements, read-only."""
        wanted = math.prod(shape)
        self._constants.charge(wanted * kind.itemsize, origin)
        raw: bytes | None = None
        if proto.data_location == onnx.TensorProto.EXTERNAL:
            raw = self._external(proto, wanted * kind.itemsize, origin)
        elif proto.HasField("raw_data"):
            raw = proto.raw_data
        if raw is None:
            return _sealed(_listed(proto, kind, wanted, origin).reshape(shape))
        if len(raw) != wanted * kind.itemsize:
            raise corrupt(f"shape {list(shape)} needs {wanted * kind.itemsize} bytes, there are {len(raw)}", origin)
        if kind == np.bool_:
            return _sealed((np.frombuffer(raw, np.uint8) != 0).reshape(shape))
        return np.frombuffer(raw, kind.newbyteorder("<")).reshape(shape)

    def _external(self, proto: onnx.TensorProto, size: int, origin: str) -> bytes:
        """Returns `size` bytes of a file in the model's folder."""
        entries = {entry.key: entry.value for entry in proto.external_data}
        location = entries.get("location", "")
        path = (self._folder / location).resolve()
        if not location or not path.is_relative_to(self._folder):
            raise ModelError(
                f"external data `{shown(location)}` lies outside the model's folder",
                origin,
                "export the model with its data in one file, or in files beside it",
            )
        if not path.is_file():
            raise ModelError(
                f"external data `{shown(location)}` does not exist", origin, "put the file beside the model"
            )
        offset = int(entries.get("offset", "0") or "0")
        length = int(entries.get("length", str(size)) or size)
        if length != size or offset < 0 or offset + size > path.stat().st_size:
            raise corrupt(f"it needs {size} bytes, `{shown(location)}` does not have them at {offset}", origin)
        with path.open("rb") as file:
            file.seek(offset)
            raw: bytes = file.read(size)
        if location not in self.files:
            self.files.append(location)
        return raw


def _listed(proto: onnx.TensorProto, kind: np.dtype[Any], wanted: int, origin: str) -> Array:
    """Returns elements that stand in a repeated field; small types share that of int32."""
    values = getattr(proto, _FIELDS.get(proto.data_type, "int32_data"))
    if len(values) != wanted:
        raise corrupt(f"shape {list(proto.dims)} needs {wanted} elements, there are {len(values)}", origin)
    if kind.kind == "f" and kind.itemsize > 2:
        return np.array(values, kind)
    numbers = np.array(values, np.uint64 if kind.kind == "u" and kind.itemsize > 2 else np.int64)
    if kind == np.bool_:
        return np.asarray(numbers != 0)
    holder = np.dtype(np.uint16) if kind.kind in "fV" else kind  # floats of 16 bits are listed as bit patterns
    if wanted and not (np.iinfo(holder).min <= numbers.min() and numbers.max() <= np.iinfo(holder).max):
        raise corrupt(f"an element is outside {holder}", origin)
    return np.asarray(numbers.astype(holder).view(kind))


def _sealed(array: Array) -> Array:
    """Returns the array, made read-only."""
    array.flags.writeable = False
    return array
