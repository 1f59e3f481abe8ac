"""Boxed: a box of the input that begins where numbers of the run time say: slices and borders whose shape is declared.

Element c of the output along an axis is element first + c * step of the input. Beyond the edges stands the nearest
element, a value, the input in a mirror, or the input again. So a slice whose numbers ask for less than the declared
shape repeats the elements at the edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import index as declared
from ariel_build.kernels.declared.index import Beyond
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.cast import cast
from ariel_build.ops.fixed_point import I64
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import AXES, TYPES, is_wide, six
from ariel_build.ops.traits import MOVEMENT, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["Beyond", "Boxed", "Numbers", "boxed"]


@dataclass(frozen=True)
class Boxed(Operator):
    """Inputs: the data; starts, axes and steps, a number each for some axes; the element beyond the edges.

    With `borders`, starts are widths of borders in front of the data. Negative starts count from the end where they
    `wrap`.
    """

    traits = MOVEMENT
    passed_on = never
    permuted = keeps_axes

    shape: tuple[int, ...]
    beyond: Beyond = Beyond.EDGE
    wraps: bool = False
    borders: bool = False

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[..], i[n], i[n], i[n], T[] -> T[shape]."""
        x, starts, axes, steps, value = inputs
        if x is None or starts is None or axes is None or steps is None or value is None:
            raise ValueError("an operand is missing")
        if len(x.shape) != len(self.shape) or not x.elements or not math.prod(self.shape):
            raise ValueError(f"a box of {list(self.shape)} does not fit {x}")
        if len(starts.shape) != 1 or not starts.shape == axes.shape == steps.shape:
            raise ValueError("there are not as many starts, axes and steps")
        if starts.dtype not in TYPES or not starts.dtype is axes.dtype is steps.dtype:
            raise ValueError(f"starts are {starts}, not i32 or i64")
        if value.dtype is not x.dtype or value.elements != 1:
            raise ValueError(f"{value} is no element of {x}")
        return [TensorType(x.dtype, self.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Takes along one axis after the other."""
        x, starts, axes, steps, value = (np.asarray(i) for i in inputs)
        numbers = [(0, 1)] * x.ndim
        near = np.iinfo(np.int32)
        for start, axis, step in zip(
            *(np.clip(n.astype(np.int64), near.min, near.max).tolist() for n in (starts, axes, steps)), strict=True
        ):
            place = axis + x.ndim if axis < 0 else axis
            if not 0 <= place < x.ndim:
                continue
            extent = x.shape[place]
            wrapped = start + extent if start < 0 and self.wraps else start
            first = -start if self.borders else min(max(wrapped, 0), extent - 1 if step < 0 else extent)
            numbers[place] = (first, step)
        beyond: npt.NDArray[np.bool_] = np.zeros((), np.bool_)
        for axis, (first, step) in enumerate(numbers):
            places = first + np.arange(self.shape[axis], dtype=np.int64) * step
            inside, found = self._inside(places, x.shape[axis])
            x = np.take(x, found, axis)
            shape = [1] * x.ndim
            shape[axis] = -1
            beyond = beyond | ~inside.reshape(shape)
        return [np.where(beyond & (self.beyond is Beyond.VALUE), value.reshape(()), x).astype(x.dtype)]

    def _inside(self, places: I64, extent: int) -> tuple[npt.NDArray[np.bool_], I64]:
        """Returns whether places along an axis are inside, and what is read there."""
        inside = (places >= 0) & (places < extent)
        if self.beyond is Beyond.MIRROR:
            period = 2 * (extent - 1)
            at = places % period if period else np.zeros_like(places)
            return inside, np.where(at >= extent, period - at, at)
        if self.beyond is Beyond.AGAIN:
            return inside, places % extent
        return inside, np.clip(places, 0, extent - 1)

    def lower(self, node: Node) -> KernelCall:
        """`index::Boxed`."""
        x, starts, axes, steps, value = (node.input(k) for k in range(5))
        if len(x.shape) > AXES:
            raise UnsupportedReason(f"{len(x.shape)} axes are more than {AXES}")
        counts = six(self.shape)
        kernel = declared.Boxed(
            data=Source(x),
            starts=Source(starts),
            axes=Source(axes),
            steps=Source(steps),
            value=Source(value),
            output=Operand(node.output),
            element=x.type.dtype.bytes,
            extents=six(x.shape),
            counts=counts,
            rank=len(x.shape),
            named=starts.type.elements,
            wide=is_wide(starts),
            wraps=self.wraps,
            borders=self.borders,
            beyond=self.beyond,
        )
        inputs = list(dict.fromkeys(v for v in (x, starts, axes, steps, value) if not v.is_constant))
        return KernelCall.of(kernel, inputs, [node.output], Tiling(Axis.ROWS, math.prod(counts[:-1])))


#: Numbers of an operator: a value, or what is known.
Numbers = Value | Sequence[int]


def boxed(
    importer: Importer,
    op: Boxed,
    x: Value,
    numbers: tuple[Value, Numbers | None, Numbers | None],
    value: Value | None = None,
) -> Value:
    """Returns the box of `x`; `numbers` are starts, axes (all where there are none) and steps (1)."""
    starts, axes, steps = numbers
    count, dtype = starts.type.elements, starts.type.dtype

    def known(numbers: Numbers | None, default: Sequence[int]) -> Value:
        if isinstance(numbers, Value):
            return cast(importer, numbers, dtype)
        return importer.constant(np.array(default if numbers is None else numbers, dtype.numpy))

    given = [starts, known(axes, range(count)), known(steps, [1] * count)]
    if value is None:
        value = importer.constant(np.zeros((), x.type.dtype.numpy))
    element = importer.view(value, x.type.quant)
    return importer.emit(op, [x, *given, element], [x.type.quant])[0]
