"""Window, FftAutoScale, Energy: int16 samples times a window, scaled up as they fit; energy of a spectrum (uint32)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import signal as declared
from ariel_build.ops.base import imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.signal.options import Signal, number
from ariel_build.records import dataclass

__all__ = ["AutoScale", "Energy", "Window"]


@dataclass(frozen=True)
class Window(Signal):
    """output[i] = clamp(input[i] * window[i mod its length] >> shift), in int16."""

    shift: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """i16[..], i16[n] -> i16[..], where n divides the elements."""
        x, window = inputs[0], inputs[1]
        if x is None or window is None or {x.dtype, window.dtype} != {DType.I16} or len(window.shape) != 1:
            raise ValueError(f"{x} and {window} are not int16, or the window has not one axis")
        if not x.elements or not window.elements or x.elements % window.elements:
            raise ValueError(f"a window of {window.elements} does not divide {x.elements} elements")
        return [TensorType(DType.I16, x.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """ApplyWindow of the source."""
        x, window = (np.asarray(i).astype(np.int64) for i in inputs)
        products = (x.reshape(-1, window.size) * window) >> self.shift
        return [np.clip(products, -32768, 32767).astype(np.int16).reshape(node.output.shape)]

    def lower(self, node: Node) -> KernelCall:
        """`signal::Window`."""
        x, window, output = node.input(0), node.input(1), node.output
        kernel = declared.Window(
            input=Operand(x),
            window=Source(window),
            output=Operand(output),
            elements=x.type.elements,
            length=window.type.elements,
            shift=self.shift,
        )
        inputs = [v for v in (x, window) if not v.is_constant]
        return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ELEMENTS, x.type.elements))


@dataclass(frozen=True)
class AutoScale(Signal):
    """Outputs input * 2^bits and bits: as many as the greatest magnitude leaves free in int16."""

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """i16[n] -> i16[n], i32[]."""
        x = inputs[0]
        if x is None or x.dtype is not DType.I16 or len(x.shape) != 1 or not x.elements:
            raise ValueError(f"{x} is no row of int16")
        return [TensorType(DType.I16, x.shape), TensorType(DType.I32, ())]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """FftAutoScale of the source, whose greatest magnitude begins anew after -32768, which int16 cannot negate."""
        x = np.asarray(inputs[0])
        greatest = 0
        for value in map(int, x):
            if value > greatest:
                greatest = value
            elif -value > greatest:
                greatest = -value if value > -32768 else -32768
        bits = 15 - greatest.bit_length() if greatest > 0 else 0
        return [(x.astype(np.int64) << bits).astype(np.int16), np.array(bits, np.int32)]

    def lower(self, node: Node) -> KernelCall:
        """`signal::AutoScale`; all elements decide how each is scaled, so it is one tile."""
        x, output, bits = node.input(0), node.outputs[0], node.outputs[1]
        kernel = declared.AutoScale(
            input=Operand(x), output=Operand(output), bits=Operand(bits), elements=x.type.elements
        )
        return KernelCall.of(kernel, [x], [output, bits], Tiling(Axis.WHOLE, 1))


@dataclass(frozen=True)
class Energy(Signal):
    """output[i] = real^2 + imaginary^2 of the complex numbers `start` up to `end`, 0 for the others."""

    start: int
    end: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """i16[2 n] -> u32[n]."""
        x = inputs[0]
        if x is None or x.dtype is not DType.I16 or len(x.shape) != 1 or x.elements % 2 or not x.elements:
            raise ValueError(f"{x} is no row of pairs of int16")
        if not self.start <= self.end <= x.elements // 2:
            raise ValueError(f"`start_index` {self.start} and `end_index` {self.end} are outside {x.elements // 2}")
        return [TensorType(DType.U32, (x.elements // 2,))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """SpectrumToEnergy of the source, over zeros."""
        squares = np.asarray(inputs[0]).astype(np.int64).reshape(-1, 2) ** 2
        energy = squares.sum(axis=1)
        energy[: self.start] = 0
        energy[self.end :] = 0
        return [energy.astype(np.uint32)]

    def lower(self, node: Node) -> KernelCall:
        """`signal::Energy`."""
        x, output = node.input(0), node.output
        count = output.type.elements
        kernel = declared.Energy(
            input=Operand(x), output=Operand(output), elements=count, start=self.start, end=self.end
        )
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ELEMENTS, count))


@imports("tflite", "CUSTOM:SignalWindow")
def _window(importer: Importer) -> None:
    importer.emit_declared(Window(number(importer, "shift", 0, 31)), [importer.input(0), importer.input(1)])


@imports("tflite", "CUSTOM:SignalFftAutoScale")
def _auto_scale(importer: Importer) -> None:
    importer.emit_declared(AutoScale(), [importer.input(0)])


@imports("tflite", "CUSTOM:SignalEnergy")
def _energy(importer: Importer) -> None:
    start, end = number(importer, "start_index"), number(importer, "end_index")
    importer.emit_declared(Energy(start, end), [importer.input(0)])
