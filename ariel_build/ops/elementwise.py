"""What elementwise operators share: broadcasting, tables, and the calls of their kernels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import Axis, Field, KernelCall, Nested, Operand, Packed, Reads, Tiling
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.fixed_point import I64, Rounding, multiply, quantize_multiplier, round_away

__all__ = [
    "BYTES",
    "all_bytes",
    "binary_call",
    "broadcast_shape",
    "broadcast_type",
    "dequantize",
    "lookup_call",
    "multiplier",
    "quant_of",
    "quantize",
    "rescale",
    "same_type",
    "store_rounded",
    "unary_call",
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


def multiplier(real: float) -> Nested:
    """Returns the `Multiplier` of the runtime crate."""
    q, shift = quantize_multiplier(real)
    return Nested("Multiplier", {"multiplier": q, "shift": shift})


def all_bytes(dtype: DType) -> Array:
    """Returns the 256 values of a type of one byte in the order of their bits: the index of a table."""
    return np.arange(256, dtype=np.uint8).view(dtype.numpy)


def unary_call(kernel: str, node: Node, fields: Mapping[str, Field]) -> KernelCall:
    """Returns the call of a kernel from one input to one output, element by element."""
    x, output = node.input(0), node.output
    count = output.type.elements
    common: dict[str, Field] = {"input": Operand(x), "output": Operand(output), "elements": count}
    in_place = ((0, 0),) if x.type.bytes == output.type.bytes else ()
    tiling = Tiling(Axis.ELEMENTS, count)
    reads = (Reads("same"),)
    return KernelCall(kernel, common | dict(fields), [x], [output], tiling, in_place=in_place, reads=reads)


def lookup_call(node: Node, x: Value, function: Callable[[Array], Array]) -> KernelCall:
    """Returns `lookup::Table` from x to the node's output: the table of `function` over all bytes.

    `function` takes and returns stored elements.
    """
    output = node.output
    table = np.ascontiguousarray(function(all_bytes(x.type.dtype)), output.type.dtype.numpy).view(np.uint8)
    fields: dict[str, Field] = {
        "input": Operand(x),
        "output": Operand(output),
        "elements": output.type.elements,
        "table": Packed(table, "table"),
    }
    tiling = Tiling(Axis.ELEMENTS, output.type.elements)
    return KernelCall("lookup::Table", fields, [x], [output], tiling, in_place=((0, 0),), reads=(Reads("same"),))


def binary_call(kernel: str, node: Node, fields: Mapping[str, Field], room: str = "map2") -> KernelCall:
    """Returns the call of a kernel of two operands, each a region or a constant, spread over the output.

    It may work in place over an operand that is not broadcast and has elements of the output's size.
    """
    left, right, output = node.input(0), node.input(1), node.output
    common: dict[str, Field] = {
        "left": Nested("Source", {"value": Operand(left)}),
        "right": Nested("Source", {"value": Operand(right)}),
        "output": Operand(output),
        "broadcast": _spread(left.shape, right.shape, output.shape, room),
    }
    inputs = list(dict.fromkeys(v for v in (left, right) if not v.is_constant))
    in_place = tuple((k, 0) for k, v in enumerate(inputs) if v.type.bytes == output.type.bytes)
    tiling = Tiling(Axis.ELEMENTS, output.type.elements)
    reads = tuple(Reads("same" if v.shape == output.shape else "whole") for v in inputs)
    return KernelCall(
        f"{room}::{kernel}", common | dict(fields), inputs, [output], tiling, in_place=in_place, reads=reads
    )


def _spread(left: tuple[int, ...], right: tuple[int, ...], output: tuple[int, ...], room: str) -> Nested:
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
    return Nested(
        f"{room}::Broadcast",
        {
            "elements": math.prod(output),
            "run": run[0],
            "steps": (run[1], run[2]),
            "counts": tuple(a[0] for a in axes),
            "left": tuple(a[1] for a in axes),
            "right": tuple(a[2] for a in axes),
        },
    )


def _strides(shape: tuple[int, ...], output: tuple[int, ...]) -> list[int]:
    """Returns the stride of a dense operand along each axis of the output, 0 where it is repeated."""
    padded = (1,) * (len(output) - len(shape)) + shape
    return [0 if n == 1 else math.prod(padded[k + 1 :]) for k, n in enumerate(padded)]
