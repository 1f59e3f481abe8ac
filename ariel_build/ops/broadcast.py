"""Broadcast: the input repeated along axes, to a shape (Expand) or a number of times (Tile)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.boxes import Beyond, Boxed
from ariel_build.ops.copy import Part, copy_call, dense_strides
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, apart
from ariel_build.ops.traits import MOVEMENT, Moved, Wish
from ariel_build.records import dataclass

__all__ = ["Tile", "filled"]


@dataclass(frozen=True)
class Tile(Operator):
    """Repeats the whole input `repeats[k]` times along axis k."""

    traits = MOVEMENT

    repeats: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[n, ..] -> [n * repeats, ..]."""
        x = inputs[0]
        if x is None or len(x.shape) != len(self.repeats) or min(self.repeats, default=1) < 1:
            raise ValueError(f"repeats {list(self.repeats)} do not fit {x}")
        return [TensorType(x.dtype, tuple(n * r for n, r in zip(x.shape, self.repeats, strict=True)))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Tiles."""
        return [np.tile(np.asarray(inputs[0]), self.repeats)]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Repeats other axes."""
        return [apart(given[0], [k for k, times in enumerate(self.repeats) if times != 1], "it repeats it")]

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what stands there once."""
        return node.input(0) if all(r == 1 for r in self.repeats) else None

    def permuted(self, wish: Wish) -> Moved | None:
        """Permutes the repetitions."""
        return wish.alike(Tile(tuple(self.repeats[p] for p in wish.perm)))

    def lower(self, node: Node) -> KernelCall:
        """`copy::Copy`: a stride of 0 repeats an axis of 1; a longer axis needs a part for each repetition.

        Where these are many, `index::Boxed`, which begins again at each edge.
        """
        x = node.input(0)
        strides = dense_strides(x.shape)
        shape, steps = list(x.shape), list(strides)
        places: list[tuple[int, ...]] = [(0,) * len(shape)]
        for axis, repeat in enumerate(self.repeats):
            if x.shape[axis] == 1:
                shape[axis], steps[axis] = repeat, 0
            else:
                extent = x.shape[axis]
                places = [(*p[:axis], k * extent, *p[axis + 1 :]) for p in places for k in range(repeat)]
        if len(places) > MOST_PARTS:
            first, along, step = (Value(TensorType(DType.I32, (1,)), "", np.array([n], np.int32)) for n in (0, 0, 1))
            op = Boxed(node.output.shape, Beyond.AGAIN)
            return op.lower(Node(op, [x, first, along, step, x], node.outputs, node.origin))
        return copy_call(node.output, [Part(x, tuple(shape), tuple(steps), 0, at) for at in places])


MOST_PARTS = 256


def filled(importer: Importer, one: Value, shape: Sequence[int]) -> Value:
    """Returns a tensor of one element, whose axes are of 1, repeated to a shape."""
    if all(n == 1 for n in shape):
        return one
    return importer.emit(Tile(tuple(shape)), [one], [one.type.quant])[0]


@imports("tflite", "TILE")
@imports("onnx", "Tile", stored=True)
def _tile(importer: Importer) -> None:
    x = importer.input(0)
    if importer.model.format == "onnx" and importer.input(1).data is None:
        shape = importer.declared_shape("how often it repeats")
        if len(shape) != len(x.shape) or any(not n or d % n for d, n in zip(shape, x.shape, strict=True)):
            raise UnsupportedReason(f"{x.type} does not repeat to {list(shape)}")
        repeats = tuple(d // n for d, n in zip(shape, x.shape, strict=True))
    else:
        repeats = tuple(int(r) for r in importer.constant_input(1, "the repeats").reshape(-1))
    importer.bind(*importer.emit(Tile(repeats), [x], [x.type.quant]))


@imports("tflite", "BROADCAST_TO")
@imports("onnx", "Expand", stored=True)
def _expand(importer: Importer) -> None:
    x = importer.input(0)
    if importer.model.format == "onnx" and importer.input(1).data is None:
        target = list(importer.declared_shape("the shape"))
    else:
        target = [int(d) for d in importer.constant_input(1, "the shape").reshape(-1)]
    try:
        shape = np.broadcast_shapes(x.shape, tuple(target))
    except ValueError:
        raise UnsupportedReason(f"{x.type} does not broadcast to {target}") from None
    wide = reshape(importer, x, (1,) * (len(shape) - len(x.shape)) + x.shape)
    repeats = tuple(n // m if m else 1 for n, m in zip(shape, wide.shape, strict=True))
    importer.bind(*importer.emit(Tile(repeats), [wide], [x.type.quant]) if any(r != 1 for r in repeats) else [wide])
