"""Feed: what writes an input whose rows come one by one (`stream = true`), as the planner and its checker see it.

It is a call like any other, of one unit for each row: so the input may roll, and no row is read before it was given.
Whoever has the rows writes them where it says; the kernel itself computes nothing (`ariel-ml-rs/src/stream.rs`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ariel_build.ir import Value
from ariel_build.kernels.call import KernelCall, Tiling
from ariel_build.kernels.kernel import Access, Axis, Kernel, Operand

__all__ = ["Feed", "feed", "row_of"]


class Feed(Kernel):
    """Rows of an input, each of `row` bytes, that are given one by one, from the first on."""

    ROOMS = ("stream",)
    PATHS: ClassVar[Mapping[tuple[str, ...], str]] = {(): "stream::Feed"}
    ACCESS = Access.UNITS
    ELEMENTS: ClassVar[Mapping[str, str]] = {"output": "u8"}
    output: Operand
    row: int


def feed(value: Value) -> KernelCall:
    """Returns the call that stands for those who give the rows of `value`."""
    rows = value.shape[_axis(value)]
    return KernelCall.of(
        Feed(output=Operand(value), row=value.type.bytes // rows),
        [],
        [value],
        Tiling(Axis.ROWS, rows),
        label="feed_0",
        origin=value.name,
        summary=f"rows of {value.type}, as they are given",
    )


def row_of(value: Value) -> Value:
    """Returns a row of an input: as a tensor of its own, of the same encoding."""
    return Value(value.type.with_shape(value.shape[_axis(value) + 1 :] or (1,)), value.name)


def _axis(value: Value) -> int:
    """Returns the axis of rows: the first of more than one element; behind a batch of one, and maybe one channel."""
    return next(axis for axis, extent in enumerate(value.shape) if extent > 1)
