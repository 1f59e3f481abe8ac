"""Framer, Stacker: overlapping frames of a stream of int16 samples, and the last int16 features side by side.

Both keep what later frames need, and a count that tells when the first is complete. A frame that is not complete has
zeros where nothing came before it; TFLite-Micro leaves there what its memory held.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Tiling
from ariel_build.kernels.declared import signal as declared
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.signal.options import Signal, flag, keep, number
from ariel_build.records import dataclass

__all__ = ["Framer", "Stacker"]

_BOOL = TensorType(DType.BOOL, ())
_COUNT = TensorType(DType.I32, (1,))


@dataclass(frozen=True)
class Framer(Signal):
    """Frames of `size` samples, `step` apart, of each row: the first of `past` samples kept and those that come.

    Inputs: the samples, what is kept of each row, the frames until now up to `lag`. Outputs: the frames, whether all
    are complete, and what is kept then. The first `lag` frames are not complete.
    """

    size: int
    step: int
    past: int
    lag: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """i16[.., k], i16[rows, past], i32[1] -> i16[.., k / step, size], bool[], and the kept ones."""
        x = inputs[0]
        if x is None or x.dtype is not DType.I16 or not x.shape or not x.elements:
            raise ValueError(f"{x} has no rows of int16")
        if x.shape[-1] % self.step:
            raise ValueError(f"rows of {x.shape[-1]} are no multiple of `frame_step`, {self.step}")
        frames = TensorType(DType.I16, (*x.shape[:-1], x.shape[-1] // self.step, self.size))
        return [frames, _BOOL, *inputs[1:]]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """FramerEval of the source, over zeros."""
        x, past, count = (np.asarray(i) for i in inputs)
        rows = x.reshape(-1, x.shape[-1])
        stream = np.concatenate([past, rows], axis=1)
        frames = np.zeros((len(rows), x.shape[-1] // self.step, self.size), np.int16)
        missing = max(self.lag - int(count[0]), 0)
        for k in range(missing, frames.shape[1]):
            frames[:, k] = stream[:, k * self.step : k * self.step + self.size]
        now = np.minimum(count + frames.shape[1], self.lag)
        return [frames.reshape(node.output.shape), np.array(missing == 0), stream[:, x.shape[-1] :], now]

    def lower(self, node: Node) -> KernelCall:
        """`signal::Framer`: little more than copies, and one word tells of all rows, so it is one tile."""
        x, past, count = (node.input(k) for k in range(3))
        row = x.shape[-1]
        output, valid, kept, counted = map(Operand, node.outputs)
        kernel = declared.Framer(
            input=Operand(x),
            past=Operand(past),
            count=Operand(count),
            output=output,
            valid=valid,
            kept=kept,
            counted=counted,
            rows=x.type.elements // row,
            frames=row // self.step,
            size=self.size,
            step=self.step,
            history=self.past,
            lag=self.lag,
        )
        return KernelCall.of(kernel, [x, past, count], list(node.outputs), Tiling(Axis.WHOLE, 1))


@dataclass(frozen=True)
class Stacker(Signal):
    """The last `left + 1 + right` inputs side by side, anew every `step` inputs; in between, the last ones again.

    Before the first input stand copies of it. Inputs: the features, the `left + right + step - 1` before them, and how
    many inputs the newest complete stack is behind: -1 - right before the first input, -1 just before the first stack.
    Outputs: the stack (zeros before the first), whether it is new, and what is kept.
    """

    left: int
    right: int
    step: int

    @property
    def frames(self) -> int:
        """Inputs of a stack."""
        return self.left + self.right + 1

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """i16[n], i16[k, n], i32[1] -> i16[frames * n], bool[], and the kept ones."""
        x = inputs[0]
        if x is None or x.dtype is not DType.I16 or len(x.shape) != 1 or not x.elements:
            raise ValueError(f"{x} is no row of int16")
        return [TensorType(DType.I16, (self.frames * x.elements,)), _BOOL, *inputs[1:]]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """StackerEval of the source, over zeros."""
        x, past, count = (np.asarray(i) for i in inputs)
        behind = int(count[0])
        if behind == -1 - self.right:
            past = np.tile(x, (len(past), 1))
        stream = np.concatenate([past, x[None]])
        behind = behind + 1 if behind + 1 < self.step else 0
        stack = stream[len(past) + 1 - self.frames - behind :][: self.frames] if behind >= 0 else np.zeros_like(stream)
        stack = stack.reshape(-1)[: node.output.type.elements]
        return [stack, np.array(behind == 0), stream[1:], np.array([behind], np.int32)]

    def lower(self, node: Node) -> KernelCall:
        """`signal::Stacker`: little more than copies, and one word tells of them all, so it is one tile."""
        x, past, count = (node.input(k) for k in range(3))
        output, valid, kept, counted = map(Operand, node.outputs)
        kernel = declared.Stacker(
            input=Operand(x),
            past=Operand(past),
            count=Operand(count),
            output=output,
            valid=valid,
            kept=kept,
            counted=counted,
            channels=x.type.elements,
            left=self.left,
            right=self.right,
            step=self.step,
        )
        return KernelCall.of(kernel, [x, past, count], list(node.outputs), Tiling(Axis.WHOLE, 1))


def _stream(importer: Importer, op: Signal, past: TensorType, count: int) -> None:
    """Emits an operator of (input, past, count) with states for the last two."""
    history, counter = keep(importer, "past", past), keep(importer, "count", _COUNT, np.array([count], np.int32))
    inputs = [importer.input(0), history.current, counter.current]
    output, valid, history.next, counter.next = importer.emit(op, inputs)
    importer.bind(output, valid)


def _always(importer: Importer, x: Value) -> None:
    """Binds frames that nothing but the input is part of: they are always complete."""
    importer.bind(reshape(importer, x, importer.output_type().shape), importer.constant(np.array(True)))


@imports("tflite", "CUSTOM:SignalFramer")
def _framer(importer: Importer) -> None:
    x = importer.input(0)
    size, step = number(importer, "frame_size", 1, 1 << 20), number(importer, "frame_step", 1, 1 << 20)
    prefill = flag(importer, "prefill")
    if step > size:
        raise UnsupportedReason(f"`frame_step` {step} is greater than `frame_size` {size}: samples would be left out")
    if step == size:
        _always(importer, x)
        return
    # Where zeros stand in front, each frame ends with the newest sample; else the first waits for whole steps.
    waits = 0 if prefill else math.ceil(size / step) - 1
    past = size - step if prefill else waits * step
    rows = x.type.elements // max(x.shape[-1] if x.shape else 0, 1)
    _stream(importer, Framer(size, step, past, waits), TensorType(DType.I16, (rows, past)), 0)


@imports("tflite", "CUSTOM:SignalStacker")
def _stacker(importer: Importer) -> None:
    x = importer.input(0)
    left, right = (number(importer, f"stacker_{side}_context", 0, 1 << 16) for side in ("left", "right"))
    step = number(importer, "stacker_step", 1, left + right + 1)
    if number(importer, "num_channels") != x.type.elements:
        raise UnsupportedReason(f"`num_channels` is {number(importer, 'num_channels')}, its input has {x.type}")
    if left + right == 0:
        _always(importer, x)
        return
    op = Stacker(left, right, step)
    _stream(importer, op, TensorType(DType.I16, (op.frames + step - 2, x.type.elements)), -1 - right)
