"""Pad: the input with a border of one value; borders that mirror or repeat the input are gathered from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.boxes import Beyond, Boxed, boxed
from ariel_build.ops.copy import Part, copy_call, dense_strides
from ariel_build.ops.elementwise import BYTES, dequantize, quantize
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.gather import gathered
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import indices_input
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, apart, one_only
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.traits import MOVEMENT, Moved, Wish
from ariel_build.records import dataclass

__all__ = ["Pad"]


@dataclass(frozen=True)
class Pad(Operator):
    """Adds (before, after) elements along each axis; negative numbers crop. `value` is a stored element."""

    traits = MOVEMENT

    pads: tuple[tuple[int, int], ...]
    value: float = 0.0

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[n, ..] -> [before + n + after, ..]."""
        x = inputs[0]
        if x is None or len(x.shape) != len(self.pads):
            raise ValueError(f"{len(self.pads)} pairs of padding do not fit {x}")
        shape = tuple(b + n + a for n, (b, a) in zip(x.shape, self.pads, strict=True))
        if (
            any(n < 1 or n + min(b, 0) < 1 or n + min(a, 0) < 1 for n, (b, a) in zip(x.shape, self.pads, strict=True))
            or min(shape, default=1) < 1
        ):
            raise ValueError(f"{x} padded by {list(self.pads)} has no elements")
        return [TensorType(x.dtype, shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Pads, then crops."""
        x = np.asarray(inputs[0])
        out = np.pad(x, [(max(b, 0), max(a, 0)) for b, a in self.pads], constant_values=self.value)
        crop = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(out.shape, self.pads, strict=True))
        return [out[crop]]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Pads other axes."""
        return [apart(one_only(given), [k for k, pad in enumerate(self.pads) if pad != (0, 0)], "it pads it")]

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what gets no border."""
        return node.input(0) if all(p == (0, 0) for p in self.pads) else None

    def permuted(self, wish: Wish) -> Moved | None:
        """Permutes the borders."""
        return wish.alike(replace(self, pads=tuple(self.pads[p] for p in wish.perm)))

    def on_signed(self) -> Operator | str:
        """Moves the border's value as the zero point moves."""
        return replace(self, value=self.value - 128)

    def on_stored(self, quant: Quant, dtype: DType, rounding: Rounding) -> tuple[Operator, str]:
        """Stores the border's value."""
        value = quantize(np.array(self.value, np.float32), quant, dtype, rounding)
        exact = float(dequantize(value, quant)) == self.value
        return replace(self, value=float(value)), "" if exact else f"the border {self.value:g}"

    def lower(self, node: Node) -> KernelCall:
        """`copy::Copy` that fills the output first."""
        x = node.input(0)
        strides = dense_strides(x.shape)
        shape = tuple(n + min(b, 0) + min(a, 0) for n, (b, a) in zip(x.shape, self.pads, strict=True))
        start = sum(max(-b, 0) * s for (b, _), s in zip(self.pads, strides, strict=True))
        at = tuple(max(b, 0) for b, _ in self.pads)
        fill = np.array(self.value, x.type.dtype.numpy)
        grows = shape != node.output.shape
        return copy_call(node.output, [Part(x, shape, strides, start, at)], fill if grows else None)


def _pairs(flat: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple((int(flat[2 * k]), int(flat[2 * k + 1])) for k in range(len(flat) // 2))


@imports("tflite", "PAD", "PADV2")
def _from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    pads = _pairs(importer.constant_input(1, "the padding").reshape(-1).tolist())
    quant = x.type.quant
    # Of int16 TFLite-Micro pads with 0, as the zero point should be.
    is_byte = x.type.dtype in BYTES
    value = float(quant.zero_point) if quant is not None and quant.per_tensor and is_byte else 0.0
    if importer.node.op == "PADV2":
        # The value is stored in the output's quantisation already.
        value = float(importer.constant_input(2, "the value").reshape(()))
    importer.emit_declared(Pad(pads, value), [x])


def _bordered(importer: Importer, x: Value, pads: Sequence[tuple[int, int]], mode: str) -> Value:
    """Returns `x` with borders of its own elements; a negative pad crops. `mode` is numpy's word."""
    indices = []
    for extent, (before, after) in zip(x.shape, pads, strict=True):
        most = {"edge": MOST_PAD, "wrap": MOST_PAD, "symmetric": extent, "reflect": extent - 1}[mode]
        if max(before, after) > most or extent + min(before, 0) + min(after, 0) < 1:
            raise UnsupportedReason(f"an axis of {extent} cannot be padded by {before} and {after} in mode `{mode}`")
        kept = np.arange(max(-before, 0), extent - max(-after, 0))
        indices.append(np.pad(kept, (max(before, 0), max(after, 0)), mode))  # type: ignore[call-overload]
    return gathered(importer, x, indices)


#: What no border on a microcontroller exceeds, but a damaged file may.
MOST_PAD = 1 << 16


@imports("tflite", "MIRROR_PAD")
def _mirrored(importer: Importer) -> None:
    pads = _pairs(importer.constant_input(1, "the padding").reshape(-1).tolist())
    x, mode = importer.input(0), importer.text("mode", "REFLECT")
    if len(pads) != len(x.shape) or mode not in ("REFLECT", "SYMMETRIC"):
        raise UnsupportedReason(f"{len(pads)} pairs of padding in mode {mode} do not fit {x.type}")
    importer.bind(_bordered(importer, x, pads, mode.lower()))


_BEYOND = {"constant": Beyond.VALUE, "edge": Beyond.EDGE, "reflect": Beyond.MIRROR, "wrap": Beyond.AGAIN}


def _at_run_time(importer: Importer, x: Value, mode: str) -> None:
    """Borders whose widths in front are read when the model runs; those behind follow from the declared shape."""
    shape = importer.declared_shape("the padding")
    pads, value, axes = (
        indices_input(importer, 1, "the padding"),
        importer.optional_input(2),
        importer.optional_input(3),
    )
    count = pads.type.elements // 2
    if pads.shape != (2 * count,) or count != (len(x.shape) if axes is None else axes.type.elements):
        raise UnsupportedReason(f"pads {pads.type} do not fit {x.type}")
    front = emit_slice(importer, pads, {0: (0, count, 1)})
    op = Boxed(shape, _BEYOND[mode], borders=True)
    importer.bind(boxed(importer, op, x, (front, axes, None), None if value is None else reshape(importer, value, ())))


@imports("onnx", "Pad")
def _from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    mode = importer.text("mode", "constant")
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise UnsupportedReason(f"mode `{mode}` is not known")
    if importer.attribute("pads") is not None:
        flat, value = importer.integers("pads"), importer.real("value")
    elif any(v is not None and v.data is None for v in map(importer.optional_input, range(1, 4))):
        _at_run_time(importer, x, mode)
        return
    else:
        flat = tuple(int(v) for v in importer.constant_input(1, "the padding").reshape(-1))
        given = importer.optional_input(2)
        value = 0.0 if given is None else float(importer.constant_input(2, "the value").reshape(()))
    rank = len(x.shape)
    axes: Sequence[int] = range(rank)
    if importer.optional_input(3) is not None:
        axes = axes_of(importer.constant_input(3, "the axes").reshape(-1).tolist(), rank)
    if len(flat) != 2 * len(axes):
        raise UnsupportedReason(f"{len(flat)} pads do not fit {len(axes)} axes")
    pads = [(0, 0)] * rank
    for index, axis in enumerate(axes):
        pads[axis] = (flat[index], flat[index + len(axes)])
    if mode != "constant":
        importer.bind(_bordered(importer, x, pads, mode))
        return
    if x.type.dtype is not DType.F32 and value != int(value):
        raise UnsupportedReason("the padding value is not an integer")
    if any(p != (0, 0) for p in pads):
        importer.bind(*importer.emit(Pad(tuple(pads), value), [x], [x.type.quant]))
    else:
        importer.bind(x)
