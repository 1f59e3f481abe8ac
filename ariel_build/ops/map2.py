"""Map2: output = activation(f(left, right)) element by element, the operands broadcast to one shape.

What TFLite computes in integers is in `map2_int8.py`; the choice of a kernel for int8 in `map2_lowering.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Kernel, KernelCall
from ariel_build.kernels.declared import map2 as declared
from ariel_build.ops import map2_int8
from ariel_build.ops.accumulate import Numbers, finish_float
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.elementwise import BYTES, broadcast_type, call_of, dequantize, quant_of, quantize, two_operands
from ariel_build.ops.fixed_point import I64, UNBOUNDED, Rounding, stored_bounds
from ariel_build.ops.map2_int8 import Operands
from ariel_build.ops.map2_lowering import lower_stored
from ariel_build.ops.traits import POINTWISE, alike

__all__ = ["Add", "Div", "Map2", "Maximum", "Minimum", "Mul", "Pow", "Prelu", "SquaredDifference", "Sub"]

#: Of which operators the runtime has an int32 kernel.
_I32 = ("Add", "Sub", "Mul", "Div", "Maximum", "Minimum")


@dataclass(frozen=True)
class Map2(Operator):
    """Base of the operators of two operands; `clip` holds the real bounds of the fused activation."""

    traits = POINTWISE
    permuted = alike

    clip: tuple[float, float] = UNBOUNDED
    rounding: Rounding = Rounding.DOUBLE

    @abstractmethod
    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Computes float32 elements."""

    def integer(self, left: Numbers, right: Numbers) -> Numbers:
        """Computes plain integers, wrapping."""
        return self.real(left, right)

    def fixed_point(self, operands: Operands) -> I64:
        """Computes int8 as TFLite does, zero point included, before it clamps."""
        raise UnsupportedReason(f"{self.name} of int8 is not a kernel of TFLite")

    @property
    def kernel(self) -> str:
        """What the kernel of float32 is called, without its type."""
        return self.name

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[a], T[b] -> T[a and b broadcast]."""
        return [broadcast_type(inputs)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Computes in the type of the operands, or as TFLite or onnxruntime compute int8."""
        left, right = inputs[0], inputs[1]
        assert left is not None and right is not None  # noqa: S101 - infer has seen them
        if left.dtype == np.float32:
            with np.errstate(all="ignore"):
                return [finish_float(self.real(left, right), self.clip)]
        if node.output.type.quant is not None:
            return [self.stored(left, right, node)]
        with np.errstate(all="ignore"):
            result = self.integer(left, right)
        least, greatest = DType.of(left.dtype).range
        return [np.clip(result, max(least, self.clip[0]), min(greatest, self.clip[1])).astype(left.dtype)]

    def stored(self, left: Array, right: Array, node: Node) -> Array:
        """Computes stored elements, for the quantisation of the node's values."""
        source = quant_of(node.input(0), "the left operand"), quant_of(node.input(1), "the right operand")
        output, dtype = quant_of(node.output, "the output"), node.output.type.dtype
        bounds = stored_bounds(self.clip, output, dtype, self.rounding)
        if self.rounding is Rounding.DOUBLE:
            operands = Operands(left.astype(np.int64), right.astype(np.int64), *source, output)
            return np.clip(self.fixed_point(operands), *bounds).astype(dtype.numpy)
        with np.errstate(all="ignore"):
            real = self.real(dequantize(left, source[0]), dequantize(right, source[1]))
        return np.clip(quantize(real, output, dtype, self.rounding), *bounds).astype(dtype.numpy)

    #: The right operand with which it does nothing, if there is one; the left one as well where `commutes`.
    neutral: ClassVar[float | None] = None
    commutes: ClassVar[bool] = False

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what meets the neutral operand: x + 0, x * 1, .."""
        left, right = node.input(0), node.input(1)
        if node.output.type.quant is not None or self.clip != UNBOUNDED or self.neutral is None:
            return None
        for x, other in ((left, right), (right, left)):
            if x is right and not self.commutes:
                continue
            if other.data is not None and x.shape == node.output.shape and bool(np.all(other.data == self.neutral)):
                return x
        return None

    def lower(self, node: Node) -> KernelCall:
        """`map2::<name>F32`, `I32`, or what `lower_stored` finds for int8."""
        dtype = node.output.type.dtype
        if dtype in BYTES:
            return lower_stored(self, node)
        low, high = self.clip
        if dtype is DType.F32:
            kernel: type[Kernel] = getattr(declared, f"{self.kernel}F32")
            return call_of(kernel.made({**two_operands(node), "min": low, "max": high}), node)
        if dtype is DType.I32 and self.name in _I32:
            least, greatest = dtype.range
            limits = {"min": int(max(low, least)), "max": int(min(high, greatest))}
            kernel = getattr(declared, f"{self.name}I32")
            return call_of(kernel.made({**two_operands(node), **limits}), node)
        raise UnsupportedReason(f"{self.name} of {dtype.value} is not supported")


@dataclass(frozen=True)
class Add(Map2):
    """left + right."""

    neutral = 0.0
    commutes = True

    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Adds."""
        return np.add(left, right)

    def fixed_point(self, operands: Operands) -> I64:
        """TFLite's ADD."""
        return map2_int8.add(operands)


@dataclass(frozen=True)
class Sub(Map2):
    """left - right."""

    neutral = 0.0

    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Subtracts."""
        return np.subtract(left, right)

    def fixed_point(self, operands: Operands) -> I64:
        """TFLite's SUB."""
        return map2_int8.subtract(operands)


@dataclass(frozen=True)
class Mul(Map2):
    """left * right."""

    neutral = 1.0
    commutes = True

    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Multiplies."""
        return np.multiply(left, right)

    def fixed_point(self, operands: Operands) -> I64:
        """TFLite's MUL."""
        return map2_int8.multiply(operands)


@dataclass(frozen=True)
class Div(Map2):
    """left / right; of integers rounded towards zero."""

    neutral = 1.0

    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Divides."""
        return np.divide(left, right)

    def integer(self, left: Numbers, right: Numbers) -> Numbers:
        """Divides towards zero; by zero it gives 0."""
        divisor = np.where(right == 0, 1, right)
        quotient = np.abs(left) // np.abs(divisor) * np.sign(left) * np.sign(divisor)
        return np.where(right == 0, 0, quotient)

    def fixed_point(self, operands: Operands) -> I64:
        """TFLite's DIV."""
        return map2_int8.divide(operands)


@dataclass(frozen=True)
class Maximum(Map2):
    """max(left, right)."""

    @property
    def kernel(self) -> str:
        """TFLite's has its own way with what is not a number."""
        return "Greater" if self.rounding is Rounding.DOUBLE else self.name

    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Returns the greater ones; of what is not a number, TFLite's right operand, or the number that is none."""
        if self.rounding is Rounding.DOUBLE:
            return np.where(left > right, left, right)
        return np.maximum(left, right)

    def fixed_point(self, operands: Operands) -> I64:
        """TFLite compares the stored integers, whatever their scales."""
        return np.maximum(operands.left, operands.right)


@dataclass(frozen=True)
class Minimum(Map2):
    """min(left, right)."""

    @property
    def kernel(self) -> str:
        """TFLite's has its own way with what is not a number."""
        return "Lesser" if self.rounding is Rounding.DOUBLE else self.name

    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Returns the lesser ones; of what is not a number, TFLite's right operand, or the number that is none."""
        if self.rounding is Rounding.DOUBLE:
            return np.where(left < right, left, right)
        return np.minimum(left, right)

    def fixed_point(self, operands: Operands) -> I64:
        """TFLite compares the stored integers, whatever their scales."""
        return np.minimum(operands.left, operands.right)


@dataclass(frozen=True)
class SquaredDifference(Map2):
    """(left - right)^2."""

    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Squares the difference."""
        return np.square(np.subtract(left, right))

    def fixed_point(self, operands: Operands) -> I64:
        """TFLite's SQUARED_DIFFERENCE."""
        return map2_int8.squared_difference(operands)


@dataclass(frozen=True)
class Pow(Map2):
    """left ^ right."""

    neutral = 1.0

    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Computes in double, rounded once."""
        return np.power(left.astype(np.float64), right.astype(np.float64)).astype(np.float32)

    def integer(self, left: Numbers, right: Numbers) -> Numbers:
        """Computes in double, which is exact up to 2^53."""
        return np.power(left.astype(np.float64), right.astype(np.float64))


@dataclass(frozen=True)
class Prelu(Map2):
    """left where it is not negative, else left * right."""

    def real(self, left: Numbers, right: Numbers) -> Numbers:
        """Scales the negative ones."""
        return np.where(left < 0, left * right, left)

    def fixed_point(self, operands: Operands) -> I64:
        """TFLite's PRELU."""
        return map2_int8.prelu(operands)
