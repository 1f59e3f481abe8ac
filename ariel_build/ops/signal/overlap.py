"""OverlapAdd, Delay: frames of int16 or float32 summed where they overlap, and int16 that come out later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Tiling
from ariel_build.kernels.declared import signal as declared
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.concat import Concat
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.signal.options import Signal, keep, number
from ariel_build.ops.slice import emit_slice
from ariel_build.records import dataclass

__all__ = ["OverlapAdd"]

_KERNELS = {DType.F32: declared.OverlapAddF32, DType.I16: declared.OverlapAddInt16}


@dataclass(frozen=True)
class OverlapAdd(Signal):
    """Adds each frame to the sum, outputs the first `step` numbers of it and moves it on; int16 saturates.

    Inputs: frames of rows, and the sum that is left of each row. Outputs: the rows, and the sum that is left.
    """

    step: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[.., n, size], T[rows, size - step] -> T[.., n * step], and the sum."""
        x, rest = inputs[0], inputs[1]
        if x is None or rest is None or x.dtype not in _KERNELS or len(x.shape) < 2 or not x.elements:
            raise ValueError(f"{x} has no frames of int16 or float32")
        *outer, frames, _ = x.shape
        return [x.with_shape((*outer, frames * self.step)), rest]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """OverlapAdd of the source."""
        x, rest = np.asarray(inputs[0]), np.asarray(inputs[1])
        frames, size = x.shape[-2:]
        x = x.reshape(-1, frames, size)
        wide = np.float32 if x.dtype == np.float32 else np.int64
        rows = np.zeros((len(x), frames, self.step), x.dtype)
        for k in range(frames):
            total = np.pad(rest.astype(wide), ((0, 0), (0, self.step))) + x[:, k]
            total = total if wide is np.float32 else np.clip(total, -32768, 32767)
            rows[:, k], rest = total[:, : self.step], total[:, self.step :]
        return [rows.reshape(node.output.shape), rest.astype(x.dtype)]

    def lower(self, node: Node) -> KernelCall:
        """`signal::OverlapAdd<T>`."""
        x, rest = node.input(0), node.input(1)
        output, left = node.outputs
        frames, size = x.shape[-2:]
        rows = x.type.elements // (frames * size)
        kernel = _KERNELS[x.type.dtype](
            input=Operand(x),
            rest=Operand(rest),
            output=Operand(output),
            left=Operand(left),
            rows=rows,
            frames=frames,
            size=size,
            step=self.step,
        )
        return KernelCall.of(kernel, [x, rest], [output, left], Tiling(Axis.ROWS, rows))


@imports("tflite", "CUSTOM:SignalOverlapAdd")
def _overlap_add(importer: Importer) -> None:
    x, types = importer.input(0), {0: DType.F32, 7: DType.I16}
    if types.get(number(importer, "T")) is not x.type.dtype:
        raise UnsupportedReason(f"its option `T` is not the input's type, {x.type.dtype.value}")
    if len(x.shape) < 2:
        raise UnsupportedReason(f"{x.type} has no frames")
    step = number(importer, "frame_step", 1, x.shape[-1])
    rows = x.type.elements // max(x.shape[-1] * x.shape[-2], 1)
    if step == x.shape[-1]:  # nothing overlaps
        importer.bind(reshape(importer, x, importer.output_type().shape))
        return
    state = keep(importer, "overlap", TensorType(x.type.dtype, (rows, x.shape[-1] - step)))
    output, state.next = importer.emit(OverlapAdd(step), [x, state.current])
    importer.bind(output)


@imports("tflite", "CUSTOM:SignalDelay")
def _delay(importer: Importer) -> None:
    """A queue along the last axis: what it holds comes out first, and what came in last stays."""
    x, delay = importer.input(0), number(importer, "delay_length", 0, 1 << 24)
    if x.type.dtype is not DType.I16 or not x.shape:
        raise UnsupportedReason(f"{x.type} has no rows of int16")
    if delay == 0:
        importer.bind(importer.view(x, x.type.quant))
        return
    axis, size = len(x.shape) - 1, x.shape[-1]
    state = keep(importer, "delay", x.type.with_shape((*x.shape[:-1], delay)))

    def part(value: Value, start: int, end: int) -> Value:
        return emit_slice(importer, value, {axis: (start, end - start, 1)})

    def join(*values: Value) -> Value:
        return importer.emit(Concat(axis), values)[0]

    if delay < size:
        output = join(state.current, part(x, 0, size - delay))
        state.next = part(x, size - delay, size)
    else:
        output = part(state.current, 0, size)
        state.next = join(part(state.current, size, delay), x) if delay > size else x
    importer.bind(output)
