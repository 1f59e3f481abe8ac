"""FilterBank, FilterBankSquareRoot, FilterBankLog: energy in bands (uint64), its root (uint32), its log (int16)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, KernelCall, Operand, Packed, Source, Tiling
from ariel_build.kernels.declared import signal as declared
from ariel_build.ops.base import UnsupportedReason, constant, imports
from ariel_build.ops.elementwise import call_of, one_operand
from ariel_build.ops.importer import Importer
from ariel_build.ops.signal.options import Signal, number
from ariel_build.records import dataclass

__all__ = ["LOG_TABLE", "FilterBank", "Log", "SquareRoot"]

#: 65536 * (log2(1 + x) - x) for x in steps of 1/128: what a logarithm is above the line.
LOG_TABLE = np.array([math.floor(0.5 + 65536 * (math.log2(1 + k / 128) - k / 128)) for k in range(129)], np.uint16)
_TABLES = ("weights", "unweights", "starts", "weight_starts", "widths")


def _row(type_: TensorType | None, dtype: DType, what: str = "the input") -> TensorType:
    if type_ is None or type_.dtype is not dtype or len(type_.shape) != 1 or not type_.elements:
        raise ValueError(f"{what}, {type_}, is no row of {dtype.value}")
    return type_


@dataclass(frozen=True)
class FilterBank(Signal):
    """output[c] = sum(weights * input) over segment c + 1 + sum(unweights * input) over segment c, modulo 2^64.

    Segment s is `widths[s]` numbers of the input from `starts[s]` on, and of the weights from `weight_starts[s]` on.
    """

    channels: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """u32[n], i16[k], i16[k], i16[channels + 1] three times -> u64[channels]."""
        _row(inputs[0], DType.U32)
        sizes = [_row(t, DType.I16, what).elements for t, what in zip(inputs[1:], _TABLES, strict=True)]
        if sizes[0] != sizes[1]:
            raise ValueError(f"there are {sizes[0]} weights and {sizes[1]} unweights")
        if any(size != self.channels + 1 for size in sizes[2:]):
            raise ValueError(f"its tables of {sizes[2:]} segments do not fit {self.channels} channels")
        return [TensorType(DType.U64, (self.channels,))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """FilterbankAccumulateChannels of the source."""
        x, weights, unweights, starts, weight_starts, widths = (np.asarray(i) for i in inputs)
        x = x.astype(np.uint64)
        sums = np.zeros((2, self.channels + 1), np.uint64)
        for s, (start, begin, width) in enumerate(zip(starts, weight_starts, widths, strict=True)):
            for k, table in enumerate((weights, unweights)):
                products = table[begin : begin + width].astype(np.uint64) * x[start : start + width]
                sums[k, s] = np.add.reduce(products, initial=np.uint64(0))
        return [sums[0, 1:] + sums[1, :-1]]

    def lower(self, node: Node) -> KernelCall:
        """`signal::FilterBank`, or `SignedFilterBank` where a weight is negative."""
        x, output = node.input(0), node.output
        fields: dict[str, object] = {"input": Operand(x), "output": Operand(output), "channels": self.channels}
        tables = {n: np.asarray(constant(node.input(1 + k), f"`{n}`"), np.int16) for k, n in enumerate(_TABLES)}
        counts = tables["widths"].astype(np.int64)
        for starts, there in (("starts", x.type.elements), ("weight_starts", tables["weights"].size)):
            begins = tables[starts].astype(np.int64)
            if (begins < 0).any() or (counts < 0).any() or (begins + counts > there).any():
                raise UnsupportedReason(f"a segment of `{starts}` is outside {there} elements")
        signed = bool((tables["weights"] < 0).any() or (tables["unweights"] < 0).any())
        for name, data in tables.items():
            kind = np.int16 if signed and "weights" in name else np.uint16
            fields[name] = Packed(np.ascontiguousarray(data).view(kind), name)
        kernel = declared.SignedFilterBank.made(fields) if signed else declared.FilterBank.made(fields)
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ELEMENTS, self.channels))


@dataclass(frozen=True)
class SquareRoot(Signal):
    """output = round(sqrt(input)) >> bits; the root is at most the greatest of half the bits."""

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """u64[n], i32[] -> u32[n]."""
        x, bits = _row(inputs[0], DType.U64), inputs[1]
        if bits is None or bits.dtype is not DType.I32 or bits.elements != 1:
            raise ValueError(f"its second input, {bits}, is no number of int32")
        return [TensorType(DType.U32, x.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Sqrt64 of the source: numbers of 32 bits have a root of 16, which does not round up to 2^16."""
        bits = int(np.asarray(inputs[1]).reshape(-1)[0]) & 31
        return [np.array([_root(int(n)) >> bits for n in np.asarray(inputs[0])], np.uint32)]

    def lower(self, node: Node) -> KernelCall:
        """`signal::SquareRoot`."""
        x, bits, output = node.input(0), node.input(1), node.output
        count = x.type.elements
        kernel = declared.SquareRoot(input=Operand(x), bits=Source(bits), output=Operand(output), elements=count)
        inputs = [v for v in (x, bits) if not v.is_constant]
        return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ELEMENTS, count))


def _root(number: int) -> int:
    """Returns the rounded square root of 64 bits in 32, or of 32 bits in 16."""
    root = math.isqrt(number)
    most = (1 << 16) - 1 if number < 1 << 32 else (1 << 32) - 1
    return root + 1 if number - root * root > root and root != most else root


@dataclass(frozen=True)
class Log(Signal):
    """output = min(ln(input * 2^bits) * scale, 32767) in fixed point, 0 where the product is below 2."""

    scale: int
    bits: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """u32[n] -> i16[n]."""
        return [TensorType(DType.I16, _row(inputs[0], DType.U32).shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """FilterbankLog of the source."""
        return [np.array([self._of(int(n) << self.bits & 0xFFFFFFFF) for n in np.asarray(inputs[0])], np.int16)]

    def _of(self, scaled: int) -> int:
        if scaled < 2:
            return 0
        whole = scaled.bit_length() - 1
        fraction = ((scaled << 16) >> whole) - 65536
        segment = fraction >> 9
        low, high = int(LOG_TABLE[segment]), int(LOG_TABLE[segment + 1])
        log2 = (whole << 16) + fraction + low + (((high - low) * (fraction & 511)) >> 16)
        natural = (45426 * log2 + 32768) >> 16
        return min((self.scale * natural + 32768 & 0xFFFFFFFF) >> 16, 32767)

    def lower(self, node: Node) -> KernelCall:
        """`signal::Log`."""
        scale, table = self.scale & 0xFFFFFFFF, Packed(LOG_TABLE, "table")
        return call_of(declared.Log(**one_operand(node), scale=scale, bits=self.bits, table=table), node)


@imports("tflite", "CUSTOM:SignalFilterBank")
def _filter_bank(importer: Importer) -> None:
    inputs = [importer.input(k) for k in range(6)]
    importer.emit_declared(FilterBank(number(importer, "num_channels", 1, 1 << 15)), inputs)


@imports("tflite", "CUSTOM:SignalFilterBankSquareRoot")
def _square_root(importer: Importer) -> None:
    importer.emit_declared(SquareRoot(), [importer.input(0), importer.input(1)])


@imports("tflite", "CUSTOM:SignalFilterBankLog")
def _log(importer: Importer) -> None:
    scale = number(importer, "output_scale", -(1 << 31))
    bits = number(importer, "input_correction_bits", 0, 31)
    importer.emit_declared(Log(scale, bits), [importer.input(0)])
