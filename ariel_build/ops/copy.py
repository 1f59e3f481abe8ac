"""Copy: output = input, and the one kernel behind every operator that only moves elements.

`copy_call` turns a set of strided parts into a call of `copy::Copy`: transposes, slices, concatenations, padding and
broadcasts are all parts of an output with strides over an input.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Source, Tiling, Variant
from ariel_build.kernels.declared import copy as declared
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.traits import MOVEMENT, alike
from ariel_build.records import dataclass

__all__ = ["Copy", "Part", "copy_call", "dense_strides"]

#: Axes of a move inside one row of the output.
INNER = 5


@dataclass(frozen=True)
class Copy(Operator):
    """output = input."""

    traits = replace(MOVEMENT, pointwise=True)
    permuted = alike

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T -> T."""
        return [inputs[0]]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Returns the input."""
        assert inputs[0] is not None  # noqa: S101 - infer has seen it
        return [inputs[0]]

    def passed_on(self, node: Node) -> Value | None:
        """Copies what it is given."""
        return node.input(0)

    def lower(self, node: Node) -> KernelCall:
        """`copy::Copy` of everything; a constant that is one number all over is written as that."""
        x = node.input(0)
        if x.data is not None and x.data.size and x.data.tobytes() == x.data.reshape(-1)[:1].tobytes() * x.data.size:
            return copy_call(node.output, [], x.data.reshape(-1)[0])
        return copy_call(node.output, [Part(x, x.shape, dense_strides(x.shape))])


@dataclass(frozen=True)
class Part:
    """A box of the output that is filled from `value`.

    The box begins at `at` and has `shape`, one entry per output axis. Its element i comes from element
    `start + sum(i[k] * strides[k])` of the value; a stride of 0 repeats, a negative one reverses.
    """

    value: Value
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    start: int = 0
    at: tuple[int, ...] = ()


def dense_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Returns the strides, in elements, of a dense tensor in C order."""
    return tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))


def copy_call(output: Value, parts: Sequence[Part], fill: Array | None = None) -> KernelCall:
    """Returns the call that writes `fill` (one element) wherever no part does, and the parts over it.

    Cut into tiles along the first output axis that is not 1.
    """
    shape = output.shape
    lead = next((k for k, n in enumerate(shape) if n != 1), 0) if len(shape) > 1 else 0
    rows = shape[lead] if len(shape) > lead + 1 else 1
    row = math.prod(shape) // max(rows, 1)
    moves = [_move(output, part, lead, rows) for part in parts if math.prod(part.shape)]
    kernel = declared.Copy(
        output=Operand(output),
        element=output.type.dtype.bytes,
        rows=rows,
        row=row,
        fill=_pattern(fill, output.type.dtype.bytes),
        moves=tuple(moves),
    )
    inputs = list(dict.fromkeys(p.value for p in parts))
    return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ROWS, rows))


def _pattern(fill: Array | None, size: int) -> Variant:
    if fill is None or not size:
        return Variant("Fill::Nothing")
    data = np.asarray(fill).reshape(()).tobytes()
    return Variant(f"Fill::Element([{', '.join(str(b) for b in data.ljust(8, bytes(1)))}])")


def _move(output: Value, part: Part, lead: int, rows: int) -> declared.Move:
    """Returns the `Move` of a part; the axes inside a row are merged where both sides are dense over them."""
    strides = dense_strides(output.shape)
    at = part.at or (0,) * len(output.shape)
    first_inner = lead + 1 if rows > 1 else lead
    axes = [
        (part.shape[k], part.strides[k], strides[k])
        for k in range(first_inner, len(output.shape))
        if part.shape[k] != 1
    ]
    merged: list[tuple[int, int, int]] = []
    for count, source, target in axes:
        if merged and merged[-1][1] == count * source and merged[-1][2] == count * target:
            merged[-1] = (merged[-1][0] * count, source, target)
        else:
            merged.append((count, source, target))
    if len(merged) > INNER:
        raise UnsupportedReason(f"moves elements over {len(merged)} separate axes, more than {INNER}")
    merged = [(1, 0, 0)] * (INNER - len(merged)) + merged
    with_rows = rows > 1
    return declared.Move(
        input=Source(part.value),
        input_start=part.start,
        input_row=part.strides[lead] if with_rows else 0,
        first=at[lead] if with_rows else 0,
        rows=part.shape[lead] if with_rows else 1,
        output_start=sum(a * s for a, s in zip(at[first_inner:], strides[first_inner:], strict=True)),
        counts=_five(m[0] for m in merged),
        input_strides=_five(m[1] for m in merged),
        output_strides=_five(m[2] for m in merged),
    )


def _five(numbers: Iterable[int]) -> tuple[int, int, int, int, int]:
    """Returns a number for each axis of a move."""
    a, b, c, d, e = numbers
    return (a, b, c, d, e)
