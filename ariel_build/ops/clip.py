"""Clip: output = min(max(input, low), high); with (0, inf) it is Relu, with (0, 6) Relu6."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.kernels.declared import map1
from ariel_build.kernels.declared import quantize as rescaling
from ariel_build.kernels.declared.quant import Bounds
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.elementwise import (
    BYTES,
    all_bytes,
    call_of,
    dequantize,
    lookup_call,
    multiplier,
    one_operand,
    quant_of,
    quantize,
    rescale,
    same_type,
)
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding, stored_bounds
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1_int8 import scale_ratio
from ariel_build.ops.map2 import Map2
from ariel_build.ops.quantize import requantized
from ariel_build.ops.traits import POINTWISE, alike, clamps_nothing
from ariel_build.records import dataclass

__all__ = ["Clip", "clipped"]

_NAMES = {(0.0, math.inf): "Relu", (0.0, 6.0): "Relu6", (-1.0, 1.0): "ReluN1To1"}


@dataclass(frozen=True)
class Clip(Operator):
    """Clamps to the real bounds `clip`."""

    traits = POINTWISE
    permuted = alike

    clip: tuple[float, float] = UNBOUNDED
    rounding: Rounding = Rounding.DOUBLE

    @property
    def name(self) -> str:
        """`Relu`, `Relu6`, `ReluN1To1` or `Clip`."""
        return _NAMES.get(self.clip, "Clip")

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T -> T."""
        return [same_type(inputs)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Clamps; int8 as TFLite-Micro, or rne of the clamped real value."""
        x = inputs[0]
        assert x is not None  # noqa: S101 - infer has seen it
        if node.output.type.quant is not None and node.output.type.dtype is not DType.F32:
            return [self._stored(x, node)]
        low, high = self.clip
        if x.dtype != np.float32:
            least, greatest = DType.of(x.dtype).range
            low, high = max(low, least), min(high, greatest)
        return [np.minimum(np.maximum(x, np.asarray(low).astype(x.dtype)), np.asarray(high).astype(x.dtype))]

    def _stored(self, x: Array, node: Node) -> Array:
        quant, output = quant_of(node.input(0), "the input"), quant_of(node.output, "the output")
        dtype = node.output.type.dtype
        if self.rounding is Rounding.NEAREST_EVEN:
            low, high = (np.float32(b) for b in self.clip)
            return quantize(np.minimum(np.maximum(dequantize(x, quant), low), high), output, dtype, self.rounding)
        zero_point, factor, target, bounds = self._rescaling(node)
        wide = rescale(x.astype(np.int64) - zero_point, factor) + target
        return np.minimum(np.maximum(wide, bounds[0]), bounds[1]).astype(dtype.numpy)

    def _rescaling(self, node: Node) -> tuple[int, float, int, tuple[int, int]]:
        """Returns what TFLite makes of stored integers: zero points of input and output, factor between, bounds."""
        quant, output = quant_of(node.input(0), "the input"), quant_of(node.output, "the output")
        dtype = node.output.type.dtype
        if self.clip == (0.0, 6.0):
            # TFLite-Micro clamps the stored integers, whatever the output's quantisation.
            return 0, 1.0, 0, stored_bounds(self.clip, quant, dtype, self.rounding)
        factor = scale_ratio(quant, output, wide=dtype is DType.I16)
        return quant.zero_point, factor, output.zero_point, stored_bounds(self.clip, output, dtype, self.rounding)

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what lies within the bounds anyway."""
        return node.input(0) if clamps_nothing(self, node.output.type) else None

    def lower(self, node: Node) -> KernelCall:
        """`lookup::Table`, `quantize::Int16ToInt16` or `map1::Clip`."""
        x = node.input(0)
        if x.type.dtype in BYTES:
            return lookup_call(node, x, lambda data: self.reference([data], node)[0])
        if x.type.dtype is DType.I16 and x.type.quant is not None and self.rounding is Rounding.DOUBLE:
            zero_point, factor, target, (low, high) = self._rescaling(node)
            rescaled = rescaling.Int16ToInt16(
                **one_operand(node),
                zero_point=zero_point,
                multiplier=multiplier(factor),
                bounds=Bounds(zero_point=target, min=low, max=high),
            )
            return call_of(rescaled, node)
        if x.type.dtype is not DType.F32:
            raise UnsupportedReason(f"{self.name} of {x.type.dtype.value} is not supported")
        return call_of(map1.Clip(**one_operand(node), low=self.clip[0], high=self.clip[1]), node)


_TFLITE = {"RELU": (0.0, math.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}


@imports("tflite", *_TFLITE)
def _from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    if x.type.dtype is DType.U8 and importer.node.op == "RELU6":
        # TFLite-Micro clamps int8 without a look at the scales; uint8, which it does not have, TFLite scales.
        x = requantized(importer, x, importer.output_type().quant)
    importer.emit_declared(Clip(_TFLITE[importer.node.op]), [x])


@imports("onnx", "Relu")
def _relu_from_onnx(importer: Importer) -> None:
    importer.bind(clipped(importer, importer.input(0), (0.0, math.inf)))


@imports("onnx", "Clip")
def _clip_from_onnx(importer: Importer) -> None:
    x, low, high = importer.input(0), importer.optional_input(1), importer.optional_input(2)
    if any(bound is not None and bound.type.elements != 1 for bound in (low, high)):
        raise UnsupportedReason("a bound that is not one number is not supported")
    if any(bound is not None and bound.data is None for bound in (low, high)):
        # Known at run time only. Where the bounds cross, the upper one wins.
        for kind, bound in (("Maximum", low), ("Minimum", high)):
            if bound is not None:
                (x,) = importer.emit(Map2(kind, rounding=Rounding.NEAREST_EVEN), [x, bound])
        importer.bind(x)
        return
    # From opset 11 on the bounds are inputs.
    least, greatest = _bound(low, importer.real("min", -math.inf)), _bound(high, importer.real("max", math.inf))
    importer.bind(clipped(importer, x, (min(least, greatest), greatest)))


def clipped(importer: Importer, x: Value, clip: tuple[float, float]) -> Value:
    """Returns `x` within the bounds, which for ONNX are bounds of the integers where `x` holds integers.

    They keep their scale where the bounds of the real numbers that do the same exist, as is shown for all values.
    """
    quant, dtype = x.type.quant, x.type.dtype
    if dtype not in (DType.F32, *BYTES) and not x.is_constant:
        return _between(importer, x, clip)
    if quant is None or not quant.per_tensor or dtype not in BYTES or x.is_constant:
        return importer.emit(Clip(clip, Rounding.NEAREST_EVEN), [x])[0]
    least, greatest = dtype.range
    scale = float(np.float32(quant.scale))
    low = -math.inf if clip[0] <= least else scale * (clip[0] - quant.zero_point)
    high = math.inf if clip[1] >= greatest else scale * (clip[1] - quant.zero_point)
    op = Clip((low, high), Rounding.NEAREST_EVEN)
    every, bounds = all_bytes(dtype), (int(max(clip[0], least)), int(min(clip[1], greatest)))
    same = np.array_equal(op.reference([every], Node(op, [x], [Value(x.type)]))[0], np.clip(every, *bounds))
    if same and stored_bounds(op.clip, quant, dtype, op.rounding) == bounds:
        return importer.emit(op, [x], [quant])[0]
    return importer.emit(Clip(clip, Rounding.NEAREST_EVEN), [x])[0]


def _between(importer: Importer, x: Value, clip: tuple[float, float]) -> Value:
    """Returns plain numbers within the bounds, by the operators of two numbers; integers stand for themselves."""
    dtype = x.type.dtype
    least, greatest = dtype.range if dtype.is_integer else (-math.inf, math.inf)
    for kind, bound, beyond in (("Maximum", clip[0], clip[0] <= least), ("Minimum", clip[1], clip[1] >= greatest)):
        if not beyond:
            # A bound between two integers is the next one inside.
            inside = math.ceil(bound) if dtype.is_integer and kind == "Maximum" else bound
            number = importer.constant(np.array(math.floor(inside) if dtype.is_integer else inside, dtype.numpy))
            (x,) = importer.emit(Map2(kind, rounding=Rounding.NEAREST_EVEN), [x, number])
    return x


def _bound(value: Value | None, default: float) -> float:
    return default if value is None or value.data is None else float(value.data.reshape(-1)[0])
