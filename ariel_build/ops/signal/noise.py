"""FilterBankSpectralSubtraction, PCAN: noise in bands (uint32), estimated and taken off; a gain that evens it out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import signal as declared
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.signal.options import Signal, flag, keep, number
from ariel_build.records import dataclass

__all__ = ["Pcan", "SpectralSubtraction"]

#: Numbers of the gain's table that any input may reach.
_GAINS = 125
_U32 = (1 << 32) - 1


def _same_rows(inputs: Sequence[TensorType | None]) -> TensorType:
    x, noise = inputs[0], inputs[1]
    if x is None or noise is None or {x.dtype, noise.dtype} != {DType.U32}:
        raise ValueError(f"{x} and {noise} are not uint32")
    if len(x.shape) != 1 or x.shape != noise.shape or not x.elements:
        raise ValueError(f"{x} and {noise} are no rows of one length")
    return TensorType(DType.U32, x.shape)


@dataclass(frozen=True)
class SpectralSubtraction(Signal):
    """Follows the noise of each band, and outputs what the input is above it.

    noise' = (smoothing * (input << smoothing_bits) + rest * noise) >> bits, with one of each for bands of even and of
    odd number; output = max(input - noise', input * floor >> bits). `clamping` lowers the noise to the
    input. Outputs: the differences, and noise'.
    """

    smoothing: tuple[int, int]
    rest: tuple[int, int]
    floor: int
    smoothing_bits: int
    bits: int
    clamping: bool

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """u32[n], u32[n] -> u32[n], u32[n]."""
        rows = _same_rows(inputs)
        return [rows, rows]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """FilterbankSpectralSubtraction of the source."""
        pairs = [np.resize(np.array(p, np.uint64), node.output.type.elements) for p in (self.smoothing, self.rest)]
        x, noise = (np.asarray(i).astype(np.uint64) for i in inputs)
        up = (x << np.uint64(self.smoothing_bits)) & np.uint64(_U32)
        estimate = ((up * pairs[0] + noise * pairs[1]) >> np.uint64(self.bits)) & np.uint64(_U32)
        taken = np.minimum(estimate, up)
        least = ((x * np.uint64(self.floor)) >> np.uint64(self.bits)) & np.uint64(_U32)
        output = np.maximum((up - taken) >> np.uint64(self.smoothing_bits), least)
        return [output.astype(np.uint32), (taken if self.clamping else estimate).astype(np.uint32)]

    def lower(self, node: Node) -> KernelCall:
        """`signal::SpectralSubtraction`."""
        x, noise = node.input(0), node.input(1)
        output, next_ = node.outputs
        kernel = declared.SpectralSubtraction(
            input=Operand(x),
            noise=Operand(noise),
            output=Operand(output),
            next=Operand(next_),
            elements=x.type.elements,
            smoothing=self.smoothing,
            rest=self.rest,
            floor=self.floor,
            smoothing_bits=self.smoothing_bits,
            bits=self.bits,
            clamping=self.clamping,
        )
        return KernelCall.of(kernel, [x, noise], [output, next_], Tiling(Axis.ELEMENTS, x.type.elements))


@dataclass(frozen=True)
class Pcan(Signal):
    """output = shrink(input * gain(noise) >> shift): shrink(x) = x^2 / 4 below 2, else x - 1.

    `gain` is a quadratic between the powers of two, from a table. x has 12 fractional bits, the output 6.
    """

    shift: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """u32[n], u32[n], i16[k] -> u32[n], k >= 125."""
        rows, table = _same_rows(inputs), inputs[2]
        if table is None or table.dtype is not DType.I16 or len(table.shape) != 1 or table.elements < _GAINS:
            raise ValueError(f"its table of gains, {table}, is no row of int16 of at least {_GAINS}")
        return [rows]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """ApplyPcanAutoGainControlFixed of the source."""
        table = [int(g) for g in np.asarray(inputs[2])]
        x, noise = (np.asarray(i).tolist() for i in inputs[:2])
        return [np.array([self._one(a, n, table) for a, n in zip(x, noise, strict=True)], np.uint32)]

    def _one(self, x: int, noise: int, table: list[int]) -> int:
        ratio = (x * (_gain(noise, table) & _U32) & ((1 << 64) - 1)) >> self.shift & _U32
        return ratio * ratio >> 20 if ratio < 2 << 12 else (ratio >> 6) - 64

    def lower(self, node: Node) -> KernelCall:
        """`signal::Pcan`."""
        x, noise, table, output = node.input(0), node.input(1), node.input(2), node.output
        kernel = declared.Pcan(
            input=Operand(x),
            noise=Operand(noise),
            output=Operand(output),
            elements=x.type.elements,
            shift=self.shift,
            gains=Source(table),
        )
        inputs = [v for v in (x, noise, table) if not v.is_constant]
        return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ELEMENTS, x.type.elements))


def _gain(noise: int, table: list[int]) -> int:
    """Returns WideDynamicFunction of the source, in int16."""
    if noise <= 2:
        return table[noise]
    interval = noise.bit_length()
    base = 4 * interval - 6
    fraction = (noise << (11 - interval) if interval < 11 else noise >> (interval - 11)) & 0x3FF
    slope = ((table[base + 2] * fraction) >> 5) + (table[base + 1] << 5)
    product = _signed(_signed(slope, 32) * fraction, 32)
    return _signed(((product + (1 << 14)) >> 15) + table[base], 16)


def _signed(number: int, bits: int) -> int:
    """Returns the lowest bits as a signed number."""
    half = 1 << (bits - 1)
    return ((number + half) & (2 * half - 1)) - half


@imports("tflite", "CUSTOM:SignalFilterBankSpectralSubtraction")
def _spectral_subtraction(importer: Importer) -> None:
    x = importer.input(0)
    low = -(1 << 31)
    smoothing, rest = (
        tuple(number(importer, f"{prefix}{name}", low) & _U32 for prefix in ("", "alternate_"))
        for name in ("smoothing", "one_minus_smoothing")
    )
    op = SpectralSubtraction(
        (smoothing[0], smoothing[1]),
        (rest[0], rest[1]),
        number(importer, "min_signal_remaining", low) & _U32,
        number(importer, "smoothing_bits", 0, 31),
        number(importer, "spectral_subtraction_bits", 0, 63),
        flag(importer, "clamping"),
    )
    if number(importer, "num_channels") != x.type.elements:
        raise UnsupportedReason(f"`num_channels` is {number(importer, 'num_channels')}, its input has {x.type}")
    state = keep(importer, "noise", x.type)
    output, state.next = importer.emit(op, [x, state.current])
    importer.bind(output, state.next)


@imports("tflite", "CUSTOM:SignalPCAN")
def _pcan(importer: Importer) -> None:
    importer.emit_declared(Pcan(number(importer, "snr_shift", 0, 63)), [importer.input(k) for k in range(3)])
