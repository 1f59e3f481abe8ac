"""Best: the index of the greatest, or least, element along an axis; Top: the best elements, in order, with indices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Tiling
from ariel_build.kernels.declared import index as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.importer import Importer
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reinterpret import Reinterpret
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, apart, one_only
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["Best", "Top", "lanes"]


def lanes(shape: Sequence[int], axis: int) -> declared.Lanes:
    """Returns a tensor around an axis."""
    return declared.Lanes(outer=math.prod(shape[:axis]), extent=shape[axis], inner=math.prod(shape[axis + 1 :]))


class _Comparing(Operator):
    """What both have in common."""

    #: Which axis is looked along.
    axis: int

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Compares along another axis."""
        axes = apart(one_only(given), [self.axis], "it compares along it")
        if len(node.output.shape) < len(node.input(0).shape):
            axes = {k - (k > self.axis): bound for k, bound in axes.items()}
        return [axes] * len(node.outputs)

    def on_signed(self) -> Operator | str:
        """The order stays."""
        return self


def _kernel(prefix: str, dtype: DType) -> type[Kernel]:
    kernel: type[Kernel] | None = getattr(declared, f"{prefix}{dtype.value.upper()}", None)
    if kernel is None:
        raise UnsupportedReason(f"the order of {dtype.value} is not supported")
    return kernel


@dataclass(frozen=True)
class Best(_Comparing):
    """The int32 index of the greatest (`least`: least) element along `axis`, which goes; of equal ones the first."""

    axis: int
    least: bool = False
    last: bool = False

    @property
    def name(self) -> str:
        """As TFLite and ONNX name it."""
        return "ArgMin" if self.least else "ArgMax"

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[a, n, b] -> i32[a, b]."""
        x = inputs[0]
        if x is None or not 0 <= self.axis < len(x.shape) or not x.elements:
            raise ValueError(f"there is no axis {self.axis} with elements in {x}")
        return [TensorType(DType.I32, (*x.shape[: self.axis], *x.shape[self.axis + 1 :]))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Compares one element after the other; what is no number is never better."""
        x: Numbers = np.moveaxis(np.asarray(inputs[0]), self.axis, 0)
        best, place = x[0], np.zeros(x.shape[1:], np.int32)
        for k in range(1, len(x)):
            better = x[k] < best if self.least else x[k] > best
            better |= self.last & (x[k] == best)
            best, place = np.where(better, x[k], best), np.where(better, k, place)
        return [np.asarray(place, np.int32)]

    def lower(self, node: Node) -> KernelCall:
        """`index::BestF32` and its kin."""
        x, output = node.input(0), node.output
        fields = {
            "input": Operand(x),
            "output": Operand(output),
            "lanes": lanes(x.shape, self.axis),
            "least": self.least,
            "last": self.last,
        }
        kernel = _kernel("Best", x.type.dtype).made(fields)
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ELEMENTS, output.type.elements))


@dataclass(frozen=True)
class Top(_Comparing):
    """The `count` greatest (`least`: least) elements along `axis`, the best first, and their int32 indices."""

    axis: int
    count: int
    least: bool = False

    @property
    def name(self) -> str:
        """As TFLite and ONNX name it."""
        return "TopK"

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[a, n, b] -> T[a, count, b], i32[a, count, b]."""
        x = inputs[0]
        if x is None or not 0 <= self.axis < len(x.shape) or not 0 < self.count <= x.shape[self.axis]:
            raise ValueError(f"there are no {self.count} elements along axis {self.axis} of {x}")
        shape = (*x.shape[: self.axis], self.count, *x.shape[self.axis + 1 :])
        return [TensorType(x.dtype, shape), TensorType(DType.I32, shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Sorts; of equal elements the first comes first, what is no number comes last."""
        x: Numbers = np.moveaxis(np.asarray(inputs[0]), self.axis, -1)
        if x.dtype.kind == "f":
            keys: Numbers = x if self.least else -x
        else:
            wide = x.astype(np.int64)
            keys = wide if self.least else ~wide
        order = np.argsort(keys, axis=-1, kind="stable")[..., : self.count]
        values = np.take_along_axis(x, order, -1)
        return [np.moveaxis(values, -1, self.axis), np.moveaxis(order, -1, self.axis).astype(np.int32)]

    def lower(self, node: Node) -> KernelCall:
        """`index::TopF32` and its kin."""
        x, (values, places) = node.input(0), node.outputs
        found = lanes(x.shape, self.axis)
        fields = {
            "input": Operand(x),
            "output": Operand(values),
            "places": Operand(places),
            "lanes": found,
            "count": self.count,
            "least": self.least,
        }
        kernel = _kernel("Top", x.type.dtype).made(fields)
        return KernelCall.of(kernel, [x], [values, places], Tiling(Axis.ROWS, found.outer))


#: The first bit of 64.
_FIRST = np.array(1 << 63, np.uint64)
#: Unsigned integers whose order is that of wider ones.
_WIDER = {DType.U16: DType.I32, DType.U32: DType.I64}


def _ordered(importer: Importer, x: Value) -> Value:
    """Returns numbers of a type that has kernels, in the same order."""
    if x.type.dtype is DType.U64:
        # With the first bit the other way round they are int64.
        flipped = importer.emit(Map2("BitXor"), [x, importer.constant(_FIRST)])
        return importer.emit(Reinterpret(DType.I64), flipped)[0]
    return cast(importer, x, _WIDER[x.type.dtype]) if x.type.dtype in _WIDER else x


def _best(importer: Importer, axis: int, *, last: bool = False) -> Value:
    x = importer.input(0)
    if x.type.dtype is DType.BOOL:
        # Booleans are bytes of 0 and 1.
        x = cast(importer, x, DType.I8)
    (axis,) = axes_of([axis], len(x.shape))
    least = importer.node.op.upper().replace("_", "") == "ARGMIN"
    return importer.emit(Best(axis, least, last), [_ordered(importer, x)])[0]


@imports("tflite", "ARG_MAX", "ARG_MIN", harmless={"output_type": "the output is declared with a type"})
def _from_tflite(importer: Importer) -> None:
    (axis,) = importer.constant_input(1, "the axis").reshape(-1).tolist()
    importer.bind(cast(importer, _best(importer, axis), importer.output_type().dtype))


@imports("onnx", "ArgMax", "ArgMin")
def _from_onnx(importer: Importer) -> None:
    x, axis = importer.input(0), importer.integer("axis")
    found = cast(importer, _best(importer, axis, last=bool(importer.integer("select_last_index"))), DType.I64)
    if importer.integer("keepdims", 1):
        (axis,) = axes_of([axis], len(x.shape))
        found = reshape(importer, found, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    importer.bind(found)


def _top(importer: Importer, axis: int, count: int, dtype: DType, *, least: bool) -> None:
    x = importer.input(0)
    (axis,) = axes_of([axis], len(x.shape))
    ordered = _ordered(importer, x)
    values, places = importer.emit(Top(axis, count, least), [ordered], [ordered.type.quant, None])
    if x.type.dtype is DType.U64:
        (bits,) = importer.emit(Reinterpret(DType.U64), [values])
        (values,) = importer.emit(Map2("BitXor"), [bits, importer.constant(_FIRST)])
    importer.bind(cast(importer, values, x.type.dtype), cast(importer, places, dtype))


@imports("tflite", "TOPK_V2")
def _top_from_tflite(importer: Importer) -> None:
    count = int(importer.constant_input(1, "the count").reshape(()))
    _top(importer, -1, count, importer.output_type(1).dtype, least=False)


@imports("onnx", "TopK", harmless={"sorted": "those that may come in any order come sorted, too"})
def _top_from_onnx(importer: Importer) -> None:
    axis = importer.integer("axis", -1)
    if len(importer.node.inputs) < 2:
        count = importer.integer("k")
    elif importer.input(1).data is not None:
        count = int(importer.constant_input(1, "the count").reshape(-1)[0])
    else:
        count = importer.declared_shape("the count")[axis]
    _top(importer, axis, count, DType.I64, least=not importer.integer("largest", 1))
