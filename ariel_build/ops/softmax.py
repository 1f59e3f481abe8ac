"""Softmax: output[i] = e^(beta * (input[i] - max)) / sum over k of e^(beta * (input[k] - max)), and its logarithm."""

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypedDict

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Packed, Tiling
from ariel_build.kernels.declared import softmax as declared
from ariel_build.kernels.declared.quant import Multiplier
from ariel_build.ops import gemmlowp, table16
from ariel_build.ops.accumulate import Numbers, bounds
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.cut import cut, neutral, uncut
from ariel_build.ops.elementwise import BYTES, quant_of, same_type, store_rounded
from ariel_build.ops.fixed_point import (
    I64,
    UNBOUNDED,
    Rounding,
    high_mul,
    multiply,
    quantize_multiplier,
    rounding_shift_right,
)
from ariel_build.ops.formula import fold, map1, map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.shorter import Axes, Bound, apart
from ariel_build.ops.traits import Moved, Traits, Wish, never
from ariel_build.records import dataclass

__all__ = ["LogSoftmax", "Softmax"]

Reals = npt.NDArray[np.floating[Any]]

#: Integer bits of the scaled differences, and of the sum of their exponentials.
_INPUT_BITS, _SUM_BITS = 5, 12


@dataclass(frozen=True)
class _Lines(Operator):
    """Base: works on lines along `axis`, or, `flat`, along all axes from it on."""

    traits = Traits(moves=False, pointwise=False, real=True, reads_scaled=False)
    passed_on = never

    #: What it takes beside float32 and int8.
    wider: ClassVar[tuple[DType, ...]] = ()

    axis: int = -1
    flat: bool = False
    rounding: Rounding = Rounding.DOUBLE

    def permuted(self, wish: Wish) -> Moved | None:
        """Goes along where the axis has gone; several axes must lie side by side, at the end."""
        return None if self.flat else wish.alike(replace(self, axis=wish.perm.index(self.axis % len(wish.perm))))

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T -> T."""
        type_ = same_type(inputs)
        rank = len(type_.shape)
        if type_.dtype not in (DType.F32, *BYTES, *self.wider):
            raise ValueError(f"{self.name} of {type_.dtype.value} is not supported")
        if not -rank <= self.axis < max(rank, 1):
            raise ValueError(f"axis {self.axis} is outside {rank} axes")
        return [replace(type_, dtype=self.result or type_.dtype)]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Works on lines along other axes."""
        rank = len(node.input(0).shape)
        axis = self.axis % max(rank, 1)
        return [apart(given[0], range(axis, rank if self.flat else axis + 1), "it works along it")]

    def counted_nodes(self, node: Node, given: Sequence[Axes], count: Callable[[Bound], Value]) -> list[Node] | None:
        """What there is not has no share."""
        x = node.input(0)
        axis = self.axis % max(len(x.shape), 1)
        if axis not in given[0] or self.flat or x.type.dtype is not DType.F32:
            return None
        nodes, value = cut(x, axis, given[0][axis], neutral(x, -math.inf), count)
        made = Value(node.output.type, node.output.name, origin=node.origin)
        return [*nodes, Node(self, [value], [made], node.origin), uncut(made, node.output, axis, given[0][axis])]

    @property
    def result(self) -> DType | None:
        """The type of the output, where it is not that of the input."""
        return None

    def split(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Returns how many lines lie before the axis, their elements, and the elements behind it."""
        if not shape:
            return 1, 1, 1
        axis = self.axis % len(shape)
        if self.flat:
            return math.prod(shape[:axis]), math.prod(shape[axis:]), 1
        return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Computes line by line, exactly as the origin in int8."""
        x = inputs[0]
        assert x is not None  # noqa: S101 - infer has seen it
        lines = x.reshape(self.split(x.shape))
        if node.output.type.dtype is DType.F32:
            return [self.real(lines).reshape(x.shape)]
        source, output = quant_of(node.input(0), "the input"), quant_of(node.output, "the output")
        if self.rounding is Rounding.NEAREST_EVEN:
            quotient = self.dequantized(lines.astype(np.int64), source) / np.float32(output.scale)
            return [store_rounded(quotient, output, node.output.type.dtype, self.rounding).reshape(x.shape)]
        self.check_output(output, node.output.type.dtype)
        dtype = node.output.type.dtype
        wide = x.dtype == np.int16
        stored = self.wide(lines.astype(np.int64), source) if wide else self.fixed_point(lines.astype(np.int64), source)
        if dtype is DType.U8:
            # All of it lies 128 higher than int8.
            stored = stored + 128
        return [np.clip(stored, *dtype.range).astype(dtype.numpy).reshape(x.shape)]

    @abstractmethod
    def real(self, lines: Numbers) -> Numbers:
        """Computes float32 lines along axis 1."""

    @abstractmethod
    def dequantized(self, lines: I64, quant: Quant) -> Numbers:
        """Computes real numbers from stored lines along axis 1."""

    @abstractmethod
    def fixed_point(self, lines: I64, quant: Quant) -> I64:
        """Computes TFLite's int8 from stored lines along axis 1."""

    def wide(self, lines: I64, quant: Quant) -> I64:
        """Computes TFLite's int16 from stored lines along axis 1."""
        raise UnsupportedReason(f"{self.name} of int16 is not supported")

    @abstractmethod
    def check_output(self, output: Quant, dtype: DType) -> None:
        """Refuses an output whose quantisation is not the one that TFLite fixes."""

    def lines(self, node: Node) -> OverLines:
        """Returns what all kernels over lines have."""
        x, output = node.input(0), node.output
        before, count, behind = self.split(x.shape)
        lines = declared.Lines(lines=before * behind, count=count, stride=behind)
        return {"input": Operand(x), "output": Operand(output), "lines": lines}

    def call(self, kernel: Kernel, node: Node) -> KernelCall:
        """Returns the call of a kernel over lines."""
        before, _, behind = self.split(node.input(0).shape)
        return KernelCall.of(kernel, [node.input(0)], [node.output], Tiling(Axis.ELEMENTS, before * behind))


class OverLines(TypedDict):
    """What all kernels over lines have."""

    input: Operand
    output: Operand
    lines: declared.Lines


#: What TFLite fixes for outputs of int16: made of int16, and made of int8.
_SHARE, _WIDE_PROBABILITY = Quant((2.0**-15,), (0,)), Quant((2.0**-16,), (-(1 << 15),))


@dataclass(frozen=True)
class Softmax(_Lines):
    """Probabilities; `beta` scales the input. TFLite makes int16 of int8, too: `gives`."""

    wider = (DType.I16,)

    beta: float = 1.0
    gives: DType | None = None

    @property
    def result(self) -> DType | None:
        """The type of the output, where it is not that of the input."""
        return self.gives

    def real(self, lines: Numbers) -> Numbers:
        """Computes in double, rounded once."""
        # Two infinities have no difference: the line is not a number then.
        with np.errstate(invalid="ignore"):
            exps = np.exp((lines - lines.max(axis=1, keepdims=True)).astype(np.float64) * self.beta)
            return np.asarray(exps / exps.sum(axis=1, keepdims=True), np.float32)

    def dequantized(self, lines: I64, quant: Quant) -> Numbers:
        """Exponentials times the inverse of their sum."""
        exps = _real_exps(quant)[lines.max(axis=1, keepdims=True) - lines]
        return np.asarray(exps * (np.float32(1.0) / exps.sum(axis=1, keepdims=True, dtype=np.float32)))

    def fixed_point(self, lines: I64, quant: Quant) -> I64:
        """Exponentials in Q0.31 times the reciprocal of their sum in Q12.19."""
        below = lines.max(axis=1, keepdims=True) - lines
        exps = _fixed_exps(quant, self.beta)
        values = np.append(exps, 0)[np.minimum(below, len(exps))]
        total = rounding_shift_right(values, _SUM_BITS).sum(axis=1, keepdims=True)
        factor, bits = gemmlowp.reciprocal(total, _SUM_BITS)
        kept, least = (16, -(1 << 15)) if self.gives is DType.I16 else (8, -(1 << 7))
        return rounding_shift_right(high_mul(factor, values), np.minimum(bits + 31 - kept, 31)) + least

    def wide(self, lines: I64, quant: Quant) -> I64:
        """Exponentials and the reciprocal of their sum from tables in Q0.15, with straight lines between entries."""
        below = lines - lines.max(axis=1, keepdims=True)
        exps = table16.interpolated(_exp_table(), multiply(below, *_wide_factor(quant, self.beta)) + 32767)
        total = exps.sum(axis=1, keepdims=True)
        zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
        normal = ((total << (zeros - 1)) + (1 << 13)) >> 14
        factor = table16.interpolated(_reciprocal_table(), normal - ((1 << 15) + (1 << 16)))
        shift = 31 - zeros
        return np.asarray(np.maximum((exps * factor + (np.int64(1) << (shift - 1))) >> shift, 0), np.int64)

    def check_output(self, output: Quant, dtype: DType) -> None:
        """1 / 256 and -128, of int16 1 / 32768 and 0, of int16 from int8 1 / 65536 and -32768, or those of int16."""
        byte = {kind: [Quant((2.0**-8,), (kind.range[0],))] for kind in BYTES}
        wanted = {**byte, DType.I16: [_SHARE]}.get(dtype, [])
        if self.gives is DType.I16:
            wanted = [_WIDE_PROBABILITY, _SHARE]
        # TFLite lets a scale of int16 differ by a thousandth, and reckons with the exact one.
        near = 0.0 if dtype in BYTES else 0.001
        if not any(
            output.zero_points == w.zero_points and abs(output.scale - w.scale) <= near * w.scale for w in wanted
        ):
            raise UnsupportedReason(
                "the output of a softmax must have scale 1/256 and zero point -128 in int8 (0 in uint8), 1/32768 and 0 "
                f"in int16, and 1/65536 and -32768, or those of int16, in int16 from int8, not {output}"
            )

    def lower(self, node: Node) -> KernelCall:
        """`softmax::F32`, `Int8`, `Int8ToInt16`, `Int16` or `Dequantized`."""
        x, output = node.input(0), node.output
        if x.type.dtype is DType.F32:
            return self.call(declared.F32(**self.lines(node), beta=self.beta), node)
        if x.type.dtype is DType.I16 and self.rounding is Rounding.DOUBLE:
            self.check_output(quant_of(output, "the output"), output.type.dtype)
            q, shift = _wide_factor(quant_of(x, "the input"), self.beta)
            wide = declared.Int16(
                **self.lines(node),
                multiplier=Multiplier(multiplier=q, shift=shift),
                exps=Packed(_exp_table().astype(np.int16), "exponentials"),
                reciprocals=Packed(_reciprocal_table().astype(np.int16), "reciprocals"),
            )
            return self.call(wide, node)
        if self.gives is None:
            _require_int8(node)
        source, target = quant_of(x, "the input"), quant_of(output, "the output")
        if self.rounding is Rounding.NEAREST_EVEN:
            kernel = declared.Dequantized(
                **self.lines(node),
                exps=Packed(_real_exps(source), "exponentials"),
                scale=target.scale,
                bounds=bounds(node, UNBOUNDED, self.rounding),
            )
            return self.call(kernel, node)
        self.check_output(target, output.type.dtype)
        exps = _fixed_exps(source, self.beta).astype(np.int32)
        stored = declared.Int8 if self.gives is None else declared.Int8ToInt16
        return self.call(stored(**self.lines(node), exps=Packed(exps, "exponentials")), node)


@dataclass(frozen=True)
class LogSoftmax(_Lines):
    """Logarithms of probabilities."""

    def real(self, lines: Numbers) -> Numbers:
        """Computes in double, rounded once."""
        shifted = (lines - lines.max(axis=1, keepdims=True)).astype(np.float64)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float32)

    def dequantized(self, lines: I64, quant: Quant) -> Numbers:
        """Difference from the greatest less the logarithm of the sum."""
        below = lines.max(axis=1, keepdims=True) - lines
        total = _real_exps(quant)[below].sum(axis=1, keepdims=True, dtype=np.float32)
        return np.asarray((-below).astype(np.float32) * np.float32(quant.scale) - np.log(total))

    def fixed_point(self, lines: I64, quant: Quant) -> I64:
        """Scaled difference less the logarithm of the sum in Q5.26, rounded to 4 bits behind the point."""
        below = lines.max(axis=1, keepdims=True) - lines
        exps = _fixed_exps(quant, 1.0)
        values = np.append(exps, 0)[np.minimum(below, len(exps))]
        totals = rounding_shift_right(values, _SUM_BITS).sum(axis=1)
        logs = np.vectorize(gemmlowp.ln_q12, [np.int64])(totals)[:, None]
        q, shift, inverse, inverse_shift = _log_factors(quant)
        reach = multiply(logs - (1 << 31), inverse, inverse_shift)
        least = np.maximum(-_radius(shift) - 1, reach)
        stored = rounding_shift_right(multiply(-below, q, shift) - logs, 22) + 127
        return np.where(-below > least, stored, -128)

    def check_output(self, output: Quant, dtype: DType) -> None:
        """1 / 16 and 127."""
        if dtype not in BYTES or output != Quant((1.0 / 16.0,), (dtype.range[1],)):
            raise UnsupportedReason(
                "the output of an int8 log softmax must be int8 with scale 1/16 and zero point 127 (uint8: 255)"
            )

    def lower(self, node: Node) -> KernelCall:
        """`softmax::LogF32`, `LogInt8` or `LogDequantized`."""
        x, output = node.input(0), node.output
        if x.type.dtype is DType.F32:
            return self.call(declared.LogF32(**self.lines(node)), node)
        _require_int8(node)
        source, target = quant_of(x, "the input"), quant_of(output, "the output")
        if self.rounding is Rounding.NEAREST_EVEN:
            kernel = declared.LogDequantized(
                **self.lines(node),
                exps=Packed(_real_exps(source), "exponentials"),
                input_scale=source.scale,
                scale=target.scale,
                bounds=bounds(node, UNBOUNDED, self.rounding),
            )
            return self.call(kernel, node)
        self.check_output(target, output.type.dtype)
        q, shift, inverse, inverse_shift = _log_factors(source)
        exps = _fixed_exps(source, 1.0).astype(np.int32)
        stored = declared.LogInt8(
            **self.lines(node),
            exps=Packed(exps, "exponentials"),
            multiplier=Multiplier(multiplier=q, shift=shift),
            inverse=Multiplier(multiplier=inverse, shift=inverse_shift),
            least=-_radius(shift),
        )
        return self.call(stored, node)


def _require_int8(node: Node) -> None:
    if node.input(0).type.dtype is not DType.I8 or node.output.type.dtype is not DType.I8:
        raise UnsupportedReason(f"from {node.input(0).type} to {node.output.type} is not supported, only int8")


def _wide_factor(quant: Quant, beta: float) -> tuple[int, int]:
    """Returns the multiplier from differences of int16 to steps of which 65535 are 10."""
    return quantize_multiplier(quant.scale * beta / (10.0 / 65535.0))


#: Differences from -10 to 0, sums from 1 to 2 less 1, and what is made of them, in int16. TFLite-Micro, as it is built
#: for x86-64, fills both tables in double.
_BELOW, _BEHIND, _TWICE = (Quant((n / 65535.0,), (zero,)) for n, zero in ((10.0, 32767), (1.0, -32768), (2.0, 0)))


@functools.cache
def _exp_table() -> I64:
    return table16.tabled(np.exp, _BELOW, _TWICE, np.float64)


@functools.cache
def _reciprocal_table() -> I64:
    return table16.tabled(lambda x: 1.0 / (1.0 + x), _BEHIND, _TWICE, np.float64)


def _input_factor(quant: Quant, beta: float) -> tuple[int, int]:
    """Returns the multiplier from stored differences to Q5.26."""
    return quantize_multiplier(min(beta * quant.scale * (1 << (31 - _INPUT_BITS)), (1 << 31) - 1.0))


def _radius(shift: int) -> int:
    """Returns the greatest difference of two int8 that is not negligible, 256 where none is."""
    return min(math.floor(((1 << _INPUT_BITS) - 1) * 2.0 ** (31 - _INPUT_BITS - shift)), 256)


def _log_factors(quant: Quant) -> tuple[int, int, int, int]:
    """Returns the multiplier from stored differences to Q5.26, and its inverse."""
    q, shift = _input_factor(quant, 1.0)
    return q, shift, *quantize_multiplier(2.0 ** (31 - shift) / q)


def _fixed_exps(quant: Quant, beta: float) -> I64:
    """Returns e^(-beta * scale * d) in Q0.31 for the differences d = 0, 1, .. that are not negligible.

    Negligible is what TFLite leaves out, and what is 0 in the sum's Q12.19.
    """
    q, shift = _input_factor(quant, beta)
    below = np.arange(min(_radius(shift), 255) + 1)
    exps = gemmlowp.exp_on_negative_values(multiply(-below, q, shift), _INPUT_BITS)
    return exps[rounding_shift_right(exps, _SUM_BITS) > 0]


def _real_exps(quant: Quant) -> Numbers:
    """Returns e^(-scale * d) for the differences d = 0 .. 255."""
    return np.asarray(np.exp(-np.arange(256) * quant.scale), np.float32)


@imports("tflite", "SOFTMAX")
def _softmax_from_tflite(importer: Importer) -> None:
    x, result = importer.input(0), importer.output_element()
    gives = DType.I16 if (x.type.dtype, result) == (DType.I8, DType.I16) else None
    quant = importer.model.tensors[importer.node.outputs[0]].quant
    if gives is DType.I16 and quant is not None and quant.zero_points == _SHARE.zero_points:
        # LiteRT's reference kernel does not look at the scale: its answers are the recorded ones of such a model.
        importer.model.notes.append(
            f"{importer.node.op}: the output is declared with scale {quant.scale:g} and zero point 0, but of int8 "
            "TFLite's reference kernel stores it with scale 1/65536 and zero point -32768, and so do we"
        )
    importer.emit_declared(Softmax(beta=importer.real("beta", 1.0), gives=gives), [x])


@imports("tflite", "LOG_SOFTMAX")
def _log_softmax_from_tflite(importer: Importer) -> None:
    importer.emit_declared(LogSoftmax(), [importer.input(0)])


@imports("onnx", "Softmax", "LogSoftmax")
def _from_onnx(importer: Importer) -> None:
    kind = Softmax if importer.node.op == "Softmax" else LogSoftmax
    # Before opset 13 all axes from `axis` on were one.
    flat = importer.node.version < 13
    axis, x = importer.integer("axis", 1 if flat else -1), importer.input(0)
    if x.type.dtype is DType.F64:
        importer.bind(_of_doubles(importer, x, axis, flat=flat, logarithm=kind is LogSoftmax))
        return
    importer.bind(*importer.emit(kind(axis, flat, Rounding.NEAREST_EVEN), [x]))


def _of_doubles(importer: Importer, x: Value, axis: int, *, flat: bool, logarithm: bool) -> Value:
    """Returns float64 written out: e^(x - max) / sum, or x - max - ln(sum)."""
    (first,) = axes_of([axis], len(x.shape))
    axes = tuple(range(first, len(x.shape))) if flat else (first,)
    below = map2(importer, "Sub", x, fold(importer, "Max", x, axes))
    powers = map1(importer, "Exp", below)
    total = fold(importer, "Sum", powers, axes)
    if logarithm:
        return map2(importer, "Sub", below, map1(importer, "Log", total))
    return map2(importer, "Div", powers, total)
