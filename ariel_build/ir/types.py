"""Element types, quantisation and tensor types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field, replace
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ariel_build.records import dataclass

__all__ = ["MAX_TENSOR_BYTES", "Bound", "DType", "Quant", "TensorType"]

#: No microcontroller has more memory: a size that a flipped bit made is refused before memory is asked for.
MAX_TENSOR_BYTES = 1 << 28


class Bound(NamedTuple):
    """A dimension as `dims` calls it, and the most that there is of it."""

    name: str
    most: int

    @staticmethod
    def axis(shape: Sequence[int]) -> int:
        """Returns which axis follows a bounded dimension that stands in front: the first that is not 1."""
        return next(axis for axis, extent in enumerate(shape) if extent != 1)


class DType(Enum):
    """Element type of a tensor, named as Rust names it."""

    I8 = "i8"
    U8 = "u8"
    I16 = "i16"
    U16 = "u16"
    I32 = "i32"
    U32 = "u32"
    I64 = "i64"
    U64 = "u64"
    F16 = "f16"
    BF16 = "bf16"
    F32 = "f32"
    F64 = "f64"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy type of one element."""
        dtype: np.dtype[np.generic] = np.dtype(_NUMPY[self])
        return dtype

    @property
    def label(self) -> str:
        """What numpy and its kin call the type, such as `float32`."""
        return "bfloat16" if self is DType.BF16 else self.numpy.name

    @property
    def bytes(self) -> int:
        """Size of one element in bytes."""
        return _BYTES[self]

    @property
    def is_integer(self) -> bool:
        """Whether elements are integers (bool is not)."""
        return self is not DType.BOOL and not self.is_real

    @property
    def is_real(self) -> bool:
        """Whether elements are floating-point numbers."""
        return self in (DType.F16, DType.BF16, DType.F32, DType.F64)

    @property
    def is_half(self) -> bool:
        """Whether elements are floating-point numbers of 16 bits: stored so, and computed in float32."""
        return self in (DType.F16, DType.BF16)

    @property
    def range(self) -> tuple[int, int]:
        """Least and greatest integer that an element holds."""
        info = np.iinfo(_NUMPY[self])
        return int(info.min), int(info.max)

    @classmethod
    def of(cls, dtype: npt.DTypeLike) -> DType:
        """Returns the element type that numpy calls `dtype`; KeyError where there is none."""
        return _OF_NUMPY[np.dtype(dtype)]


_NUMPY: dict[DType, Any] = {
    DType.I8: np.int8,
    DType.U8: np.uint8,
    DType.I16: np.int16,
    DType.U16: np.uint16,
    DType.I32: np.int32,
    DType.U32: np.uint32,
    DType.I64: np.int64,
    DType.U64: np.uint64,
    DType.F16: np.float16,
    # numpy has none: two bytes without a meaning, as `numpy.savez` writes those of `ml_dtypes`.
    DType.BF16: "V2",
    DType.F32: np.float32,
    DType.F64: np.float64,
    DType.BOOL: np.bool_,
}
_BYTES: dict[DType, int] = {d: np.dtype(n).itemsize for d, n in _NUMPY.items()}
_OF_NUMPY: dict[Any, DType] = {np.dtype(n): d for d, n in _NUMPY.items()}


@dataclass(frozen=True)
class Quant:
    """Affine quantisation: real = scale * (stored - zero_point), per tensor or along `axis`.

    Scales are float32 values held as Python floats (exact in double). `bits` is how many the file gives a constant's
    elements, where they are fewer than their type has: it changes nothing of what they mean.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None = None
    bits: int | None = field(default=None, compare=False)

    @property
    def per_tensor(self) -> bool:
        """Whether one scale and one zero point serve the whole tensor."""
        return len(self.scales) == 1

    @property
    def scale(self) -> float:
        """The scale of a tensor that has only one."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a tensor that has only one."""
        return self.zero_points[0]

    def shifted(self, by: int) -> Quant:
        """Returns the quantisation of the same numbers where each stored integer is greater by `by`."""
        return replace(self, zero_points=tuple(z + by for z in self.zero_points))


@dataclass(frozen=True)
class TensorType:
    """Element type, shape (all extents known) and, for quantised tensors, the quantisation."""

    dtype: DType
    shape: tuple[int, ...]
    quant: Quant | None = None

    @cached_property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @cached_property
    def bytes(self) -> int:
        """Size in bytes, without padding."""
        return self.elements * self.dtype.bytes

    def with_shape(self, shape: tuple[int, ...]) -> TensorType:
        """Returns the same type with another shape."""
        return replace(self, shape=tuple(int(d) for d in shape))

    def __str__(self) -> str:
        """`i8[1, 49, 10, 1] * 0.58 @ 83`."""
        text = f"{self.dtype.value}{list(self.shape)}"
        if self.quant is not None:
            q = self.quant
            text += f" * {q.scale:.6g} @ {q.zero_point}" if q.per_tensor else f" * per axis {q.axis}"
        return text
