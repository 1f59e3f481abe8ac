"""What elementwise operators share: broadcasting, tables, and the calls of their kernels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Packed, Source, Tiling
from ariel_build.kernels.declared import map2
from ariel_build.kernels.declared.broadcast import Broadcast
from ariel_build.kernels.declared.lookup import Table
from ariel_build.kernels.declared.quant import Multiplier
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.fixed_point import I64, Rounding, multiply, quantize_multiplier, round_away

__all__ = [
    "BYTES",
    "all_bytes",
    "broadcast_shape",
    "broadcast_type",
    "call_of",
    "dequantize",
    "lookup_call",
    "multiplier",
    "one_operand",
    "plain_call",
    "quant_of",
    "quantize",
    "rescale",
    "same_type",
    "spread_operands",
    "store_rounded",
    "two_operands",
]

#: Outer axes of the runtime's `Broadcast`.
AXES = 5
#: Types of one byte.
BYTES = (DType.I8, DType.U8)


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape to which all broadcast, by numpy's rules; raises ValueError where they do not."""
    try:
        return tuple(int(n) for n in np.broadcast_shapes(*shapes))
    except ValueError:
        raise ValueError(" and ".join(str(list(s)) for s in shapes) + " do not broadcast to one shape") from None


def broadcast_type(inputs: Sequence[TensorType | None]) -> TensorType:
    """Returns the type of an elementwise operator's output: the common element type, the shapes broadcast."""
    if len(inputs) != 2 or inputs[0] is None or inputs[1] is None:
        raise ValueError("an operator of two operands needs both")
    left, right = inputs[0], inputs[1]
    if left.dtype is not right.dtype:
        raise ValueError(f"the operands are {left.dtype.value} and {right.dtype.value}")
    return TensorType(left.dtype, broadcast_shape(left.shape, right.shape))


def same_type(inputs: Sequence[TensorType | None]) -> TensorType:
    """Returns the type of the only input."""
    if len(inputs) != 1 or inputs[0] is None:
        raise ValueError("the operator needs its input")
    return TensorType(inputs[0].dtype, inputs[0].shape)


def quant_of(value: Value, what: str) -> Quant:
    """Returns the quantisation of a tensor; UnsupportedReason where it has not one scale and zero point."""
    quant = value.type.quant
    if quant is None or not quant.per_tensor:
        raise UnsupportedReason(f"{what} is {value.type.dtype.value} without one scale and zero point")
    return quant


def dequantize(data: Array, quant: Quant) -> Numbers:
    """`f32(scale * (stored - zero_point))`, per tensor."""
    return (data.astype(np.int32) - quant.zero_point).astype(np.float32) * np.float32(quant.scale)


def quantize(real: Array, quant: Quant, dtype: DType, rounding: Rounding) -> Array:
    """`round(real / scale) + zero_point` in float32, within the type.

    DOUBLE rounds halves away from zero, NEAREST_EVEN to even.
    """
    with np.errstate(all="ignore"):
        quotient = np.asarray(real, np.float32) / np.float32(quant.scale)
    return store_rounded(quotient, quant, dtype, rounding)


def store_rounded(quotient: Array, quant: Quant, dtype: DType, rounding: Rounding) -> Array:
    """`round(quotient) + zero_point` of a float32 quotient, within the type; NaN counts as 0, in ONNX as the least."""
    even = rounding is Rounding.NEAREST_EVEN
    with np.errstate(all="ignore"):
        rounded = np.rint(quotient) if even else round_away(quotient)
    stored = np.nan_to_num(rounded.astype(np.float64), nan=-np.inf if even else 0.0) + quant.zero_point
    return np.clip(stored, *dtype.range).astype(dtype.numpy)


def rescale(value: Array, real: float) -> I64:
    """`value * real` with a quantised multiplier and double rounding, as TFLite's MultiplyByQuantizedMultiplier."""
    return multiply(value, *quantize_multiplier(real))


def multiplier(real: float) -> Multiplier:
    """Returns the `Multiplier` of the runtime crate."""
    q, shift = quantize_multiplier(real)
    return Multiplier(multiplier=q, shift=shift)


def all_bytes(dtype: DType) -> Array:
    """Returns the 256 values of a type of one byte in the order of their bits: the index of a table."""
    return np.arange(256, dtype=np.uint8).view(dtype.numpy)


class OneOperand(TypedDict):
    """What all kernels from one input to one output have."""

    input: Operand
    output: Operand
    elements: int


class TwoOperands(TypedDict):
    """What all kernels of two operands have: each a region or a constant, spread over the output."""

    left: Source
    right: Source
    output: Operand
    broadcast: Broadcast


def one_operand(node: Node) -> OneOperand:
    """Returns the fields of a kernel from the node's input to its output, element by element."""
    return {"input": Operand(node.input(0)), "output": Operand(node.output), "elements": node.output.type.elements}


def two_operands(node: Node) -> TwoOperands:
    """Returns the fields of a kernel of the node's two operands, broadcast over its output."""
    return spread_operands(node.input(0), node.input(1), node.output)


def spread_operands(left: Value, right: Value, output: Value) -> TwoOperands:
    """Returns the fields of a kernel of two operands, broadcast over an output."""
    spread = _spread(left.shape, right.shape, output.shape)
    return {"left": Source(left), "right": Source(right), "output": Operand(output), "broadcast": spread}


def call_of(kernel: Kernel, node: Node) -> KernelCall:
    """Returns the call of a kernel that computes the node's output element by element."""
    inputs = list(dict.fromkeys(v for v in node.inputs if v is not None and not v.is_constant))
    return KernelCall.of(kernel, inputs, [node.output], Tiling(Axis.ELEMENTS, node.output.type.elements))


def plain_call(function: str, node: Node, operands: TwoOperands) -> KernelCall:
    """Returns `map2::Plain<type>` of plain numbers: `function` of the operands."""
    kernel: type[Kernel] = getattr(map2, f"Plain{node.output.type.dtype.value.capitalize()}")
    return call_of(kernel.made({**operands, "function": map2.Function(function)}), node)


def lookup_call(node: Node, x: Value, function: Callable[[Array], Array]) -> KernelCall:
    """Returns `lookup::Table` from x to the node's output: the table of `function` over all bytes.

    `function` takes and returns stored elements.
    """
    output = node.output
    table = np.ascontiguousarray(function(all_bytes(x.type.dtype)), output.type.dtype.numpy).view(np.uint8)
    count = output.type.elements
    kernel = Table(input=Operand(x), output=Operand(output), elements=count, table=Packed(table, "table"))
    return KernelCall.of(kernel, [x], [output], Tiling(Axis.ELEMENTS, count))


def _spread(left: tuple[int, ...], right: tuple[int, ...], output: tuple[int, ...]) -> Broadcast:
    """Returns the `Broadcast` of the runtime crate, axes merged as far as both operands are dense over them."""
    axes: list[tuple[int, int, int]] = []
    for count, *steps in zip(output, _strides(left, output), _strides(right, output), strict=True):
        if count == 1:
            continue
        if axes and all(axes[-1][1 + k] == count * steps[k] for k in range(2)):
            axes[-1] = (axes[-1][0] * count, steps[0], steps[1])
        else:
            axes.append((count, steps[0], steps[1]))
    run = axes.pop() if axes else (1, 1, 1)
    if len(axes) > AXES:
        shapes = f"{list(left)} and {list(right)}"
        raise UnsupportedReason(f"{shapes} broadcast over {len(axes) + 1} separate axes, more than {AXES + 1}")
    axes = [(1, 0, 0)] * (AXES - len(axes)) + axes
    a, b, c, d, e = axes
    return Broadcast(
        elements=math.prod(output),
        run=run[0],
        steps=(run[1], run[2]),
        counts=(a[0], b[0], c[0], d[0], e[0]),
        left=(a[1], b[1], c[1], d[1], e[1]),
        right=(a[2], b[2], c[2], d[2], e[2]),
    )


def _strides(shape: tuple[int, ...], output: tuple[int, ...]) -> list[int]:
    """Returns the stride of a dense operand along each axis of the output, 0 where it is repeated."""
    padded = (1,) * (len(output) - len(shape)) + shape
    return [0 if n == 1 else math.prod(padded[k + 1 :]) for k, n in enumerate(padded)]
