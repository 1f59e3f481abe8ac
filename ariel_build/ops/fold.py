"""Fold: output[kept] = mean, sum, maximum, minimum or product of input over the reduced axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Packed, Tiling
from ariel_build.kernels.declared import fold as declared_fold
from ariel_build.kernels.declared.quant import DoubleRounding, DoubleRounding16, Multiplier, NearestEven
from ariel_build.kernels.packing import double_rounding
from ariel_build.ops.accumulate import Numbers, bounds
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.cast import Cast
from ariel_build.ops.cut import as_stored, cut, neutral
from ariel_build.ops.fixed_point import (
    I64,
    UNBOUNDED,
    Rounding,
    multiply,
    quantize_multiplier,
    reduced_multiplier,
    requantize,
    wrap32,
)
from ariel_build.ops.fold_rows import FOLDS, FoldRow
from ariel_build.ops.importer import Importer
from ariel_build.ops.map2 import Map2
from ariel_build.ops.permutation import Perm
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.rows import called, named
from ariel_build.ops.shorter import Axes, Bound, Mixed, apart
from ariel_build.ops.traits import Moved, Traits, Wish
from ariel_build.records import dataclass

__all__ = ["Fold", "ascending"]

#: Stored integers of which kernels choose, and how their kernels' names end.
_STORED = {DType.I8: "Int8", DType.I16: "Int16"}
#: Groups of neighbouring axes, kept and reduced in turn, that the kernel walks.
GROUPS = 3
#: Powers of two that TFLite multiplies 64 bits by at most.
MOST_FACTOR_SHIFT = 7
#: Bytes of integers that hold the count of a mean, whatever it is.
_LEAST_MEAN = 4


@dataclass(frozen=True)
class Fold(Operator):
    """Reduces `axes` (counted from the front, ascending); each stays as an axis of 1 with `keep_dims`."""

    traits = Traits(moves=False, pointwise=False, real=True, reads_scaled=False)

    kind: str
    axes: tuple[int, ...]
    keep_dims: bool = False
    rounding: Rounding = Rounding.DOUBLE

    @property
    def name(self) -> str:
        """`ReduceMean`, `ReduceSum`, .."""
        return f"Reduce{self.kind}"

    @property
    def row(self) -> FoldRow:
        """All that there is to say of the reduction."""
        return FOLDS[self.kind]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[a, b, c] -> [a, c] or [a, 1, c]."""
        x = inputs[0]
        if x is None or list(self.axes) != sorted(set(self.axes)) or any(not 0 <= a < len(x.shape) for a in self.axes):
            raise ValueError(f"the axes {list(self.axes)} do not fit {x}")
        if x.dtype is DType.BOOL and not self.row.chooses:
            raise ValueError(f"a {self.row.about.lower()} of booleans is not defined")
        shape = [1 if k in self.axes else d for k, d in enumerate(x.shape) if self.keep_dims or k not in self.axes]
        return [TensorType(x.dtype, tuple(shape))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Sums integers in int64, floats in float32 in the order of the elements."""
        x: Numbers = np.asarray(inputs[0])
        type_ = node.output.type
        row = self.row
        if row.chooses:
            # What is not a number is passed over; where nothing else is there, what the fold begins with remains.
            start = self._start if type_.dtype.is_real else self._end_of(type_.dtype)
            most = row.ufunc.reduce(x, axis=self.axes, keepdims=True, initial=start)
            return [np.asarray(most, x.dtype).reshape(type_.shape)]
        if type_.dtype.is_real:
            return [self._real(x).reshape(type_.shape)]
        total = np.sum(x.astype(np.int64), axis=self.axes, keepdims=self.keep_dims)
        if type_.quant is None:
            return [self._integer(x, total)]
        if not self.row.of_bytes:
            return [self._product(x.astype(np.int64), node)]
        quant_x, quant_y = _quants(node)
        count = self._count(x.shape)
        total = wrap32(np.asarray(total - quant_x.zero_point * count))
        if self.rounding is Rounding.NEAREST_EVEN:
            stored = requantize(total, self._real_scale(node, count), self.rounding)
        else:
            stored = multiply(total, *self._multiplier(node, count))
        low, high = type_.dtype.range
        return [np.clip(stored + quant_y.zero_point, low, high).astype(x.dtype)]

    @property
    def _start(self) -> float:
        """What a maximum or minimum of float32 begins with: TFLite's finite numbers, or infinity."""
        return self.row.finite if self.rounding is Rounding.DOUBLE else self.row.start

    def _end_of(self, dtype: DType) -> int:
        """The least integer for a maximum, the greatest for a minimum: what remains of none."""
        return (0, 1)[self.row.operator == "<"] if dtype is DType.BOOL else dtype.range[self.row.operator == "<"]

    def _integer(self, x: Numbers, total: Numbers) -> Numbers:
        """Returns the sum or product of plain integers, which wrap; a mean truncates."""
        if not self.row.of_bytes:
            return np.asarray(self.row.ufunc.reduce(x, axis=self.axes, keepdims=self.keep_dims, dtype=x.dtype))
        wrapped = np.asarray(total).astype(x.dtype).astype(np.int64 if x.dtype.kind == "i" else np.uint64)
        if self.row.divides:
            count = wrapped.dtype.type(max(self._count(x.shape), 1))
            wrapped = np.sign(wrapped) * (np.abs(wrapped) // count)
        return np.asarray(wrapped).astype(x.dtype)

    def _real(self, x: Numbers) -> Numbers:
        """Folds element after element, as the reference kernels do: the sum of floats depends on the order."""
        kept = [k for k in range(x.ndim) if k not in self.axes]
        rows = np.transpose(x, [*kept, *self.axes]).reshape(*(x.shape[k] for k in kept), self._count(x.shape))
        if not rows.shape[-1]:
            with np.errstate(invalid="ignore"):
                start = np.asarray(self.row.start, x.dtype) / x.dtype.type(0 if self.row.divides else 1)
            return np.full(rows.shape[:-1], start, x.dtype)
        acc = self.row.ufunc.accumulate(rows, axis=-1, dtype=x.dtype)[..., -1]
        return np.asarray(acc / x.dtype.type(rows.shape[-1]) if self.row.divides else acc, x.dtype)

    def _product(self, x: I64, node: Node) -> Array:
        """Returns TFLite's product of stored integers, in the order of the elements: scaled after each factor."""
        quant_x, quant_y = _quants(node)
        type_, (q, shift) = node.output.type, self._factor(node)

        def scaled(value: I64) -> I64:
            return wrap32((value * q + (np.int64(1) << (14 - shift))) >> (15 - shift))

        kept = [k for k in range(x.ndim) if k not in self.axes]
        rows = np.transpose(x, [*kept, *self.axes]).reshape(-1, self._count(x.shape)) - quant_x.zero_point
        acc = rows[:, 0]
        for k in range(1, rows.shape[1]):
            acc = scaled(acc * rows[:, k])
        stored = np.clip(scaled(acc) + quant_y.zero_point, *type_.dtype.range)
        return stored.astype(type_.dtype.numpy).reshape(type_.shape)

    def _factor(self, node: Node) -> tuple[int, int]:
        """Returns the multiplier of each product: scale_x by the root of scale_y whose power is their count."""
        quant_x, quant_y = _quants(node)
        count = self._count(node.input(0).shape)
        pair = reduced_multiplier(quant_x.scale / quant_y.scale ** (1.0 / count))
        if pair[1] > MOST_FACTOR_SHIFT:
            raise UnsupportedReason(f"a product of {node.input(0).type} as {node.output.type} is out of range")
        return pair

    def _count(self, shape: tuple[int, ...]) -> int:
        return math.prod(shape[a] for a in self.axes)

    def _multiplier(self, node: Node, count: int) -> tuple[int, int]:
        """Returns the multiplier of the sum: scale_x / scale_y, with TFLite's 1 / count worked into it for a mean.

        shift = floor(log2 count), at most 32 and 31 + exponent; q' = (q << shift) / count, truncated.
        """
        quant_x, quant_y = _quants(node)
        q, exponent = quantize_multiplier(quant_x.scale / quant_y.scale)
        if not self.row.divides:
            return q, exponent
        shift = min(count.bit_length() - 1, 32, 31 + exponent)
        return (q << shift) // count, exponent - shift

    def _real_scale(self, node: Node, count: int) -> npt.NDArray[np.float64]:
        """Returns the float32 factor of the sum that onnxruntime's rounding takes."""
        quant_x, quant_y = _quants(node)
        divisor = np.float32(count if self.row.divides else 1) * np.float32(quant_y.scale)
        return np.array([np.float32(quant_x.scale) / divisor], np.float64)

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Reduces other axes."""
        axes = apart(given[0], self.axes, "it reduces it")
        return [axes if self.keep_dims else {k - sum(a < k for a in self.axes): bound for k, bound in axes.items()}]

    def counted_nodes(self, node: Node, given: Sequence[Axes], count: Callable[[Bound], Value]) -> list[Node] | None:
        """Reduces what there is; a mean divides by how many there are."""
        bounds = {axis: given[0][axis] for axis in self.axes if axis in given[0]}
        if not bounds:
            return None
        x, nodes = node.input(0), list[Node]()
        if self.row.divides and x.type.dtype is not DType.F32:
            raise Mixed(
                f"its count is a part of the multiplier of a mean of {x.type.dtype.value}, only float32 has it apart"
            )
        if x.type.quant is not None and not (self.row.chooses or self.row.of_bytes):
            raise Mixed("each factor of a product of quantised numbers is scaled by a root of their count")
        start = self._start if x.type.dtype.is_real else self._end_of(x.type.dtype)
        fill = as_stored(x, start) if self.row.chooses else neutral(x, self.row.start)
        value = x
        for axis, bound in bounds.items():
            made, value = cut(value, axis, bound, fill, count)
            nodes += made
        if not self.row.divides:
            return [*nodes, Node(self, [value], node.outputs, node.origin)]
        real, others = TensorType(DType.F32, ()), self._count(x.shape) // math.prod(b.most for b in bounds.values())
        total, size = Value(node.output.type), Value(real, "others", np.array(others, np.float32))
        nodes.append(Node(replace(self, kind="Sum"), [value], [total], node.origin))
        for bound in bounds.values():
            one, there, product = Value(TensorType(DType.I32, ())), Value(real), Value(real)
            nodes.append(Node(Reshape(()), [count(bound)], [one], node.origin))
            nodes.append(Node(Cast(DType.F32), [one], [there], node.origin))
            nodes.append(Node(Map2("Mul"), [size, there], [product], node.origin))
            size = product
        return [*nodes, Node(Map2("Div"), [total, size], node.outputs, node.origin)]

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what has one element along each axis."""
        return node.input(0) if all(node.input(0).shape[a] == 1 for a in self.axes) else None

    def permuted(self, wish: Wish) -> Moved | None:
        """Reduces where the axes have gone."""
        x = wish.node.input(0).type
        if x.quant is not None and not (self.row.chooses or self.row.of_bytes):
            # The product is rounded after each factor: the order of the elements counts.
            return None
        rank = len(x.shape)
        kept = [k for k in range(rank) if k not in self.axes]
        before: Perm = wish.perm
        after: Perm = wish.perm
        if not self.keep_dims and wish.at_output:
            # The reduced axes stay where they are.
            slots = iter([kept[p] for p in after])
            before = tuple(next(slots) if k in kept else k for k in range(rank))
        elif not self.keep_dims:
            after = tuple(kept.index(p) for p in before if p in kept)
        axes = tuple(sorted(before.index(a) for a in self.axes))
        return Moved(replace(self, axes=axes), (before,), (after,))

    @property
    def chooses(self) -> bool:
        """Maxima and minima do."""
        return self.row.chooses

    def lower(self, node: Node) -> KernelCall:
        """`fold::MaxInt8`, `fold::SumStored`, `fold::SumF32`, .. by kind and element type."""
        x, output = node.input(0), node.output
        dtype = x.type.dtype
        if not x.type.elements:
            raise UnsupportedReason(f"{x.type} has no elements")
        fields = {"input": Operand(x), "output": Operand(output), "walk": self._walk(x.shape)}
        kernel: Kernel
        if dtype is DType.F32:
            start = {self.row.bound: self._start} if self.row.chooses else {}
            kernel = getattr(declared_fold, f"{self.kind}F32").made({**fields, **start})
        elif dtype in _STORED and self.row.chooses:
            if x.type.quant is not None and _quants(node)[0] != _quants(node)[1]:
                raise UnsupportedReason("input and output differ in scale or zero point")
            kernel = getattr(declared_fold, f"{self.kind}{_STORED[dtype]}").made(fields)
        elif dtype in self._summed and x.type.quant is not None and self.row.of_bytes:
            quant_x, _ = _quants(node)
            count = self._count(x.shape)
            requantize: NearestEven | DoubleRounding | DoubleRounding16
            if self.rounding is Rounding.NEAREST_EVEN:
                scales = self._real_scale(node, count).astype(np.float32)
                requantize = NearestEven(scales=Packed(scales, "scales"))
            else:
                pair = np.array([self._multiplier(node, count)], np.int32)
                wide = DoubleRounding16(multipliers=Packed(pair, "multipliers"))
                requantize = wide if dtype is DType.I16 else double_rounding(pair)
            kernel = declared_fold.SumStored(
                input=Operand(x),
                output=Operand(output),
                walk=self._walk(x.shape),
                requantize=requantize,
                offset=int(wrap32(np.asarray(-quant_x.zero_point * count))),
                bounds=bounds(node, UNBOUNDED, self.rounding),
            )
        elif dtype in _STORED and x.type.quant is not None and self.rounding is Rounding.DOUBLE:
            q, shift = self._factor(node)
            more = {
                "zero_point": _quants(node)[0].zero_point,
                "factor": Multiplier(multiplier=q, shift=shift),
                "bounds": bounds(node, UNBOUNDED, self.rounding),
            }
            kernel = getattr(declared_fold, f"{self.kind}{_STORED[dtype]}").made({**fields, **more})
        elif x.type.quant is None and not dtype.is_half and not (self.row.divides and dtype.bytes < _LEAST_MEAN):
            plain: type[Kernel] = getattr(declared_fold, f"Plain{'U8' if dtype is DType.BOOL else dtype.value.upper()}")
            kernel = plain.made({**fields, "reduction": declared_fold.Reduction(self.kind)})
        else:
            raise UnsupportedReason(f"{self.kind.lower()} of {x.type} is not supported")
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ELEMENTS, output.type.elements))

    @property
    def _summed(self) -> tuple[DType, ...]:
        """Stored integers whose sums there are kernels for: int16 with TFLite's rounding only."""
        return (DType.I8, DType.I16) if self.rounding is Rounding.DOUBLE else (DType.I8,)

    def _walk(self, shape: tuple[int, ...]) -> declared_fold.Walk:
        """Returns the extents and strides of the kept and of the reduced groups of axes."""
        groups: list[tuple[bool, int, int]] = []
        for axis, extent in enumerate(shape):
            if extent == 1:
                continue
            reduced, stride = axis in self.axes, math.prod(shape[axis + 1 :])
            if groups and groups[-1][0] == reduced:
                groups[-1] = (reduced, groups[-1][1] * extent, stride)
            else:
                groups.append((reduced, extent, stride))
        fields: dict[str, tuple[int, ...]] = {}
        for name, flag in (("kept", False), ("reduced", True)):
            own = [(extent, stride) for reduced, extent, stride in groups if reduced is flag]
            if len(own) > GROUPS:
                raise UnsupportedReason(f"{len(own)} separate groups of {name} axes are more than {GROUPS}")
            own = [(1, 0)] * (GROUPS - len(own)) + own
            fields[name] = tuple(extent for extent, _ in own)
            fields[f"{name}_strides"] = tuple(stride for _, stride in own)
        return declared_fold.Walk.made(fields)


def _quants(node: Node) -> tuple[Quant, Quant]:
    """Returns the quantisation of input and output, which must be per tensor."""
    x, y = node.input(0).type.quant, node.output.type.quant
    if x is None or y is None or not (x.per_tensor and y.per_tensor):
        raise UnsupportedReason("input and output must be quantised per tensor")
    return x, y


_TFLITE = called(FOLDS.values(), "tflite")


@imports("tflite", *_TFLITE)
def _from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    axes = ascending(importer.constant_input(1, "the axes").reshape(-1).tolist(), len(x.shape))
    row, _ = named(importer, _TFLITE[importer.node.op])
    if not (row.chooses or row.of_bytes or x.type.dtype in _STORED) and x.type.quant is not None:
        raise UnsupportedReason(f"a {row.about.lower()} of {x.type.dtype.value} is not supported")
    importer.emit_declared(Fold(row.name, axes, bool(importer.attribute("keep_dims", False))), [x])


def ascending(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Returns axes counted from the front, ascending, each once."""
    return tuple(sorted(set(axes_of(axes, rank, each_once=False))))
