"""Gather with indices that are known at build time: copies of whole slices along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, Node, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.copy import Part, copy_call, dense_strides
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.traits import MOVEMENT, Moved, Wish

__all__ = ["GatherConstant", "gathered"]

MOST_PARTS = 256


@dataclass(frozen=True)
class GatherConstant(Operator):
    """output[.., k, ..] = input[.., indices[k], ..] along `axis`."""

    traits = MOVEMENT

    axis: int
    indices: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[.., n, ..] -> [.., len(indices), ..]."""
        x = inputs[0]
        if x is None or not 0 <= self.axis < len(x.shape):
            raise ValueError(f"there is no axis {self.axis} in {x}")
        if any(not 0 <= i < x.shape[self.axis] for i in self.indices):
            raise ValueError(f"an index is outside an axis of {x.shape[self.axis]}")
        return [TensorType(x.dtype, (*x.shape[: self.axis], len(self.indices), *x.shape[self.axis + 1 :]))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Takes the slices."""
        return [np.take(np.asarray(inputs[0]), np.array(self.indices, np.int64), self.axis)]

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what is taken whole and in order."""
        return node.input(0) if self.indices == tuple(range(node.input(0).shape[self.axis])) else None

    def permuted(self, wish: Wish) -> Moved | None:
        """Takes along where the axis has gone."""
        return wish.alike(replace(self, axis=wish.perm.index(self.axis)))

    def lower(self, node: Node) -> KernelCall:
        """`copy::Copy` with a part for each run of indices that go up, or down, by one."""
        x = node.input(0)
        strides = dense_strides(x.shape)
        parts, at = [], 0
        while at < len(self.indices):
            run, step = 1, 1
            if self.indices[at + 1 : at + 2] == (self.indices[at] - 1,):
                step = -1
            while self.indices[at + run : at + run + 1] == (self.indices[at] + step * run,):
                run += 1
            shape = (*x.shape[: self.axis], run, *x.shape[self.axis + 1 :])
            place = tuple(at if k == self.axis else 0 for k in range(len(shape)))
            own = tuple(step * s if k == self.axis else s for k, s in enumerate(strides))
            parts.append(Part(x, shape, own, self.indices[at] * strides[self.axis], place))
            at += run
        if len(parts) > MOST_PARTS:
            raise UnsupportedReason(f"{len(parts)} separate runs of indices are more than {MOST_PARTS}")
        return copy_call(node.output, parts)


def gathered(importer: Importer, x: Value, indices: Sequence[npt.NDArray[np.int64]]) -> Value:
    """Returns `x` with element indices[k][i] at place i of axis k."""
    repeats = [
        len(own) // n if len(own) % n == 0 and np.array_equal(own, np.arange(len(own)) // (len(own) // n)) else 1
        for n, own in zip(x.shape, indices, strict=True)
    ]
    if max(repeats, default=1) > 1:
        apart = [d for n, r in zip(x.shape, repeats, strict=True) for d in ((n, 1) if r > 1 else (n,))]
        tiles = tuple(t for r in repeats for t in ((1, r) if r > 1 else (1,)))
        (tiled,) = importer.emit(Tile(tiles), [reshape(importer, x, apart)], [x.type.quant])
        x = reshape(importer, tiled, [n * r for n, r in zip(x.shape, repeats, strict=True)])
    for axis, own in enumerate(indices):
        if repeats[axis] == 1 and not np.array_equal(own, np.arange(x.shape[axis])):
            op = GatherConstant(axis, tuple(int(k) for k in own))
            (x,) = importer.emit(op, [x], [x.type.quant])
    return x


@imports("tflite", "GATHER")
@imports("onnx", "Gather", stored=True)
def _gather(importer: Importer) -> None:
    x = importer.input(0)
    indices = importer.constant_input(1, "the indices")
    axis = importer.integer("axis")
    if importer.integer("batch_dims"):
        raise UnsupportedReason("batch_dims are not supported")
    if not -len(x.shape) <= axis < len(x.shape):
        raise UnsupportedReason(f"axis {axis} is outside {x.type}")
    axis %= len(x.shape)
    extent = x.shape[axis]
    flat = tuple(int(i) + (extent if int(i) < 0 else 0) for i in indices.reshape(-1))
    if indices.size == 0:
        raise UnsupportedReason("there are no indices")
    (taken,) = importer.emit(GatherConstant(axis, flat), [x], [x.type.quant])
    importer.bind(reshape(importer, taken, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])))
