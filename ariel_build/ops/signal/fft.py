"""Rfft, Irfft: rows of 2 n real numbers into n + 1 complex ones, and back, in int16, int32 or float32."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Packed, Tiling
from ariel_build.kernels.declared import signal as declared
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.signal import kiss
from ariel_build.ops.signal.options import Signal, number
from ariel_build.records import dataclass

__all__ = ["Irfft", "Rfft"]

#: The types, by their numbers in TFLite's schema.
_TYPES = {0: DType.F32, 2: DType.I32, 7: DType.I16}
_KERNELS = {DType.F32: "F32", DType.I32: "Int32", DType.I16: "Int16"}


@dataclass(frozen=True)
class Rfft(Signal):
    """The spectrum of each row, zeros behind it up to `length`; complex numbers are pairs."""

    length: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[.., k] -> T[.., length + 2], k <= length."""
        x = _rows(inputs)
        if x.shape[-1] > self.length:
            raise ValueError(f"rows of {x.shape[-1]} are longer than `fft_length`, {self.length}")
        kiss.stages(self.length // 2)
        return [x.with_shape((*x.shape[:-1], self.length + 2))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """KISS FFT's `kiss_fftr`."""
        x = np.asarray(inputs[0])
        rows = np.zeros((math.prod(x.shape[:-1]), self.length), x.dtype)
        rows[:, : x.shape[-1]] = x.reshape(len(rows), -1)
        return [kiss.real_transform(rows, node.output.type.dtype).reshape(node.output.shape)]

    def lower(self, node: Node) -> KernelCall:
        """`signal::Rfft<T>`."""
        return _call("Rfft", node, self.length, inverse=False)


@dataclass(frozen=True)
class Irfft(Signal):
    """The rows of `length` real numbers whose spectra are given; float32 is divided by `length`."""

    length: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[.., length + 2] -> T[.., length]."""
        x = _rows(inputs)
        if x.shape[-1] != self.length + 2:
            raise ValueError(f"rows of {x.shape[-1]} are no spectra of `fft_length` {self.length}: {self.length + 2}")
        kiss.stages(self.length // 2)
        return [x.with_shape((*x.shape[:-1], self.length))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """KISS FFT's `kiss_fftri`."""
        x = np.asarray(inputs[0])
        rows = kiss.real_inverse(x.reshape(-1, self.length // 2 + 1, 2), node.output.type.dtype)
        return [rows.reshape(node.output.shape)]

    def lower(self, node: Node) -> KernelCall:
        """`signal::Irfft<T>`."""
        return _call("Irfft", node, self.length, inverse=True)


def _rows(inputs: Sequence[TensorType | None]) -> TensorType:
    x = inputs[0]
    if x is None or not x.shape or x.dtype not in _KERNELS:
        raise ValueError(f"{x} has no rows of int16, int32 or float32")
    return x


def _call(name: str, node: Node, length: int, *, inverse: bool) -> KernelCall:
    x, output = node.input(0), node.output
    arithmetic, n, rows = kiss.Arithmetic(x.type.dtype), length // 2, x.type.elements // x.shape[-1]
    fields: dict[str, object] = {"input": Operand(x), "output": Operand(output), "rows": rows}
    if not inverse:
        fields["row"] = x.shape[-1]
    tables = {"twiddles": kiss.twiddles, "split": kiss.split_twiddles}
    for key, table in tables.items():
        pairs = table(n, arithmetic, inverse=inverse).T.astype(x.type.dtype.numpy)
        fields[key] = Packed(np.ascontiguousarray(pairs), key)
    kernel: type[Kernel] = getattr(declared, f"{name}{_KERNELS[x.type.dtype]}")
    return KernelCall.of(kernel.made(fields), [x], [output], Tiling(Axis.ROWS, rows))


def _import(importer: Importer, op: type[Rfft | Irfft]) -> None:
    length = number(importer, "fft_length", 4, 1 << 16)
    if length % 2:
        raise UnsupportedReason(f"`fft_length` is {length}, which is odd")
    x, type_ = importer.input(0), number(importer, "T")
    if _TYPES.get(type_) is not x.type.dtype:
        raise UnsupportedReason(f"its option `T` is {type_}, which is not the input's type, {x.type.dtype.value}")
    importer.emit_declared(op(length), [x])


@imports("tflite", "CUSTOM:SignalRfft")
def _rfft(importer: Importer) -> None:
    _import(importer, Rfft)


@imports("tflite", "CUSTOM:SignalIrfft")
def _irfft(importer: Importer) -> None:
    _import(importer, Irfft)
