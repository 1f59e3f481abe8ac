"""Pool2d: output[y, x, c] = maximum, or average, of the cells of channel c under the window at (y, x)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, image_tiling
from ariel_build.kernels.declared import pool2d as declared
from ariel_build.ops.accumulate import FINITE, Numbers, bounds, finish_float, tflite_clip
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.batches import declared_image_by_image, each_image
from ariel_build.ops.cast import Cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding, stored_bounds
from ariel_build.ops.formula import map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1 import Map1
from ariel_build.ops.nchw import channels_first, channels_last, from_nhwc, to_nhwc
from ariel_build.ops.norms import powers, root
from ariel_build.ops.pool_indices import places_of_maxima, pooled_doubles
from ariel_build.ops.quantize import Quantize
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, one_only
from ariel_build.ops.traits import Traits, clamps_nothing, keeps_axes
from ariel_build.ops.transpose import transpose
from ariel_build.ops.window import Span, Window, image, onnx_spans, patches, tflite_window, window_of
from ariel_build.records import dataclass

__all__ = ["Pool2d", "PoolKind", "pool", "pooled"]

Padding = tuple[int, int, int, int]


class PoolKind(Enum):
    """What a window makes of its cells."""

    MAX = "Max"
    AVERAGE = "Average"


@dataclass(frozen=True)
class Pool2d(Operator):
    """Maximum or average over a window of an NHWC image.

    `counted` (top, left, bottom, right) is the part of the padding whose zeros count in an average; the other cells
    outside the image do not exist. `by_columns` sums each column of a window first, and then the columns, where int8 is
    averaged by way of float32 (NEAREST_EVEN): the order decides about halves.
    """

    traits = Traits(moves=False, pointwise=False, real=True, reads_scaled=False, by_image=True)
    permuted = keeps_axes

    kind: PoolKind
    window: Window
    counted: Padding = (0, 0, 0, 0)
    by_columns: bool = False
    clip: tuple[float, float] = UNBOUNDED
    rounding: Rounding = Rounding.DOUBLE

    @property
    def name(self) -> str:
        """`MaxPool2d` or `AveragePool2d`."""
        return f"{self.kind.value}Pool2d"

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """[N, H, W, C] -> [N, H', W', C]."""
        x = inputs[0]
        if x is None or len(x.shape) != 4:
            raise ValueError("the image must have 4 axes")
        batch, height, width, channels = x.shape
        size = self.window.output_size(height, width)
        for axis, extent in enumerate((height, width)):
            before, pitch, taps = self.window.padding[axis], self.window.strides[axis], self.window.extent(axis)
            if before >= taps or (size[axis] - 1) * pitch - before >= extent:
                raise ValueError(f"some windows of {taps} lie outside the {extent} cells of the image")
        return [TensorType(x.dtype, (batch, *size, channels))]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Images of a batch are computed apart, and what a window of one element sees."""
        return [self.window.shorter(one_only(given))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Gathers all patches; averages in int64 or float32."""
        x: Numbers = np.asarray(inputs[0])
        type_ = node.output.type
        integer = type_.dtype is not DType.F32
        if self.kind is PoolKind.MAX:
            least = type_.dtype.range[0] if integer else -np.inf
            cells = patches(self.window, x, least)
            if not integer:
                # What is not a number is passed over; where nothing else is there, the least that there can be remains.
                return [finish_float(np.fmax.reduce(cells, axis=3, initial=-np.inf), self._real_bounds())]
            most = cells.max(axis=3)
            low, high = self._stored_bounds(type_)
            return [np.clip(most.astype(np.int64), low, high).astype(x.dtype)]
        counts = self._counts(x.shape[1], x.shape[2])[None, :, :, None]
        if not integer:
            total = patches(self.window, x, 0).sum(axis=3, dtype=np.float32)
            return [finish_float(total / counts.astype(np.float32), self.clip)]
        zero_x, scale_x = _affine(node.input(0).type.quant)
        zero_y, scale_y = _affine(type_.quant)
        low, high = self._stored_bounds(type_)
        wide = x.astype(np.int64)
        if self.rounding is Rounding.DOUBLE:
            acc = patches(self.window, wide, 0).sum(axis=3)
            half = np.where(acc > 0, counts // 2, -(counts // 2))
            # Truncating division, as C's.
            mean = np.sign(acc) * (np.abs(acc + half) // counts)
            return [np.clip(mean, low, high).astype(x.dtype)]
        real = (wide - zero_x).astype(np.float32) * np.float32(scale_x)
        mean = self._ordered_sum(patches(self.window, real, 0)) / counts.astype(np.float32)
        stored = np.rint(mean / np.float32(scale_y)).astype(np.int64) + zero_y
        return [np.clip(stored, low, high).astype(x.dtype)]

    def _ordered_sum(self, cells: Numbers) -> Numbers:
        """Returns the sums over the taps of [N, y, x, taps, C] in the order in which onnxruntime adds floats."""
        height, width = self.window.size
        cells = cells.reshape(*cells.shape[:3], height, width, cells.shape[4])
        total = np.zeros((*cells.shape[:3], cells.shape[5]), np.float32)
        if not self.by_columns:
            for tap_y in range(height):
                for tap_x in range(width):
                    total = total + cells[:, :, :, tap_y, tap_x]
            return total
        for tap_x in range(width):
            column = np.zeros_like(total)
            for tap_y in range(height):
                column = column + cells[:, :, :, tap_y, tap_x]
            total = total + column
        return total

    def _counts(self, height: int, width: int) -> npt.NDArray[np.int64]:
        """Returns how many cells each window averages, [rows, columns]."""
        sides = []
        for axis, extent in enumerate((height, width)):
            size = self.window.output_size(height, width)[axis]
            taps = np.arange(self.window.size[axis]) * self.window.dilations[axis]
            cells = np.arange(size)[:, None] * self.window.strides[axis] + taps - self.window.padding[axis]
            inside = (cells >= -self.counted[axis]) & (cells < extent + self.counted[axis + 2])
            sides.append(inside.sum(axis=1))
        return np.asarray(np.outer(sides[0], sides[1]), np.int64)

    def _real_bounds(self) -> tuple[float, float]:
        """Returns the bounds of float32; a maximum of TFLite is finite."""
        low, high = self.clip
        if self.kind is PoolKind.MAX and self.rounding is Rounding.DOUBLE:
            return max(low, FINITE[0]), min(high, FINITE[1])
        return low, high

    def _stored_bounds(self, type_: TensorType) -> tuple[int, int]:
        """Returns the bounds of the output; a maximum of plain integers has its type's."""
        if type_.quant is None:
            return type_.dtype.range
        return stored_bounds(self.clip, type_.quant, type_.dtype, self.rounding)

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what windows of one cell leave as it is."""
        plain = self.window.is_pointwise and self.window.strides == (1, 1)
        return node.input(0) if plain and clamps_nothing(self, node.output.type) else None

    @property
    def chooses(self) -> bool:
        """A maximum does."""
        return self.kind is PoolKind.MAX

    def on_wide(self) -> Operator | None:
        """A maximum, and an average that keeps its scale."""
        return replace(self, rounding=Rounding.DOUBLE)

    def on_signed(self) -> Operator | str:
        """TFLite's average is one of integers; that of an odd number of cells has no halves to round."""
        halves = self.window.size[0] * self.window.size[1] % 2 == 0 or any(self.window.padding)
        if self.kind is PoolKind.AVERAGE and self.rounding is Rounding.DOUBLE and halves:
            return "TFLite's average rounds stored integers away from 0"
        return super().on_signed()

    def lower(self, node: Node) -> KernelCall:
        """`pool2d::MaxInt8`, `MaxInt16`, `MaxF32`, `AverageInt8`, `AverageInt16`, `AverageReal` or `AverageF32`."""
        x, output = node.input(0), node.output
        tiling = image_tiling(image(output), 4)
        kernel = self._real(x, output, tiling.axis) if x.type.dtype is DType.F32 else self._stored(node, tiling.axis)
        return KernelCall.of(kernel, [x], [output], tiling)

    def _real(self, x: Value, output: Value, axis: Axis) -> Kernel:
        low, high = self._real_bounds()
        window = self.window.kernel()
        if self.kind is PoolKind.MAX:
            return declared.MaxF32(input=image(x), output=image(output), window=window, min=low, max=high, axis=axis)
        return declared.AverageF32(
            input=image(x),
            output=image(output),
            window=window,
            counted=self.counted,
            min=low,
            max=high,
            axis=axis,
        )

    def _stored(self, node: Node, axis: Axis) -> Kernel:
        x, output, window = node.input(0), node.output, self.window.kernel()
        wide = x.type.dtype is DType.I16
        is_real = self.kind is PoolKind.AVERAGE and self.rounding is Rounding.NEAREST_EVEN
        if x.type.dtype is not DType.I8 and (is_real or not wide):
            raise UnsupportedReason(f"element type {x.type.dtype.value} is not supported")
        if is_real:
            zero_x, scale_x = _affine(x.type.quant)
            return declared.AverageReal(
                input=image(x),
                output=image(output),
                window=window,
                counted=self.counted,
                by_columns=self.by_columns,
                input_zero_point=zero_x,
                input_scale=scale_x,
                output_scale=_affine(output.type.quant)[1],
                bounds=bounds(node, self.clip, self.rounding),
                axis=axis,
            )
        if not _same_affine(x.type.quant, output.type.quant):
            raise UnsupportedReason("input and output differ in scale or zero point")
        low, high = self._stored_bounds(output.type)
        if self.kind is PoolKind.MAX:
            most = declared.MaxInt16 if wide else declared.MaxInt8
            return most(input=image(x), output=image(output), window=window, min=low, max=high, axis=axis)
        average = declared.AverageInt16 if wide else declared.AverageInt8
        return average(
            input=image(x),
            output=image(output),
            window=window,
            counted=self.counted,
            min=low,
            max=high,
            axis=axis,
        )


def _affine(quant: Quant | None) -> tuple[int, float]:
    """Returns zero point and scale; integers without quantisation stand for themselves."""
    return (0, 1.0) if quant is None else (quant.zero_point, quant.scale)


def _same_affine(a: Quant | None, b: Quant | None) -> bool:
    """Whether stored integers mean the same on both sides, within TFLite's tolerance."""
    (zero_a, scale_a), (zero_b, scale_b) = _affine(a), _affine(b)
    return zero_a == zero_b and abs(scale_a - scale_b) <= 1e-6


@imports("tflite", "MAX_POOL_2D", "AVERAGE_POOL_2D")
def _from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    size = (importer.integer("filter_height"), importer.integer("filter_width"))
    kind = PoolKind.MAX if importer.node.op == "MAX_POOL_2D" else PoolKind.AVERAGE
    window = tflite_window(importer, size, x.type)
    op = Pool2d(kind, window, clip=tflite_clip(importer))
    if x.type.dtype is DType.U8 and isinstance(op.on_signed(), str):
        # As int16 the integers are what they are as uint8, so that halves round alike.
        (wide,) = importer.emit(Cast(DType.I16), [x], [x.type.quant])
        mean = each_image(importer, op, [wide], importer.output_type().quant)
        importer.bind(*importer.emit(Cast(DType.U8), [mean], [importer.output_type().quant]))
        return
    declared_image_by_image(importer, op, [x])


@imports("tflite", "L2_POOL_2D")
def _l2_from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    if x.type.dtype is not DType.F32:
        raise UnsupportedReason(f"{x.type} is not supported, only float32")
    size = (importer.integer("filter_height"), importer.integer("filter_width"))
    clip = tflite_clip(importer)
    (squares,) = importer.emit(Map1("Square"), [x])
    mean = each_image(importer, Pool2d(PoolKind.AVERAGE, tflite_window(importer, size, x.type)), [squares])
    (root,) = importer.emit(Map1("Sqrt"), [mean])
    importer.bind(root if clip == UNBOUNDED else importer.emit(Clip(clip), [root])[0])


@imports(
    "onnx",
    "MaxPool",
    "AveragePool",
    "com.microsoft:NhwcMaxPool",
    harmless={"storage_order": "it is that of the output `Indices`"},
)
def _from_onnx(importer: Importer) -> None:
    x = channels_first(importer, importer.input(0))
    if importer.node.op == "AveragePool" and x.type.dtype not in (DType.F32, DType.F64):
        raise UnsupportedReason(f"{x.type} is not supported, only floats")
    indices: list[Value] = []
    if len(importer.node.outputs) > 1:
        by_columns = bool(importer.integer("storage_order"))
        indices = [places_of_maxima(importer, x, _spans(importer, x.shape[2:])[0], by_columns=by_columns)]
    if x.type.dtype is DType.F64:
        spans, counted = _spans(importer, x.shape[2:])
        y = pooled_doubles(importer, x, spans, counted if importer.node.op == "AveragePool" else None)
        importer.bind(y, *indices)
        return
    # A maximum of stored integers has their scale.
    kind, quant = (PoolKind.MAX, x.type.quant) if importer.node.op.endswith("MaxPool") else (PoolKind.AVERAGE, None)
    if x.type.dtype is DType.U8 and quant is None:
        # Plain bytes are compared as the int8 that lie as they do: those of the same numbers with another zero point.
        (signed,) = importer.emit(Quantize(DType.I8, Rounding.NEAREST_EVEN), [importer.view(x, _PLAIN)], [_SIGNED])
        y = pool(importer, signed, kind, _SIGNED)
        (back,) = importer.emit(Quantize(DType.U8, Rounding.NEAREST_EVEN), [y], [_PLAIN])
        importer.bind(channels_last(importer, importer.view(back, None)), *indices)
        return
    # Up to the opset in which averages learnt dilations, onnxruntime adds floats by columns where strides are small.
    y = pool(importer, x, kind, quant, by_columns=importer.node.version < 19)
    importer.bind(channels_last(importer, y), *indices)


#: The numbers that uint8 stands for by itself, and int8 that lies as it does.
_PLAIN, _SIGNED = Quant((1.0,), (0,)), Quant((1.0,), (-128,))


def pool(importer: Importer, x: Value, kind: PoolKind, quant: Quant | None, *, by_columns: bool = False) -> Value:
    """Returns an ONNX pool of an image [N, C, ..], whose result is quantised by `quant`."""
    spans, counted = _spans(importer, x.shape[2:])
    return pooled(importer, x, kind, spans, counted, quant, by_columns=by_columns)


def _spans(importer: Importer, spatial: tuple[int, ...]) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Returns the window of an ONNX pool, and with what of its padding counts."""
    spans = onnx_spans(importer, importer.integers("kernel_shape"), spatial)
    counted = spans if importer.integer("count_include_pad") else tuple(replace(s, before=0, after=0) for s in spans)
    if importer.integer("ceil_mode"):
        spans = tuple(_ceil(s, extent) for s, extent in zip(spans, spatial, strict=True))
    return spans, counted


def pooled(
    importer: Importer,
    x: Value,
    kind: PoolKind,
    spans: Sequence[Span],
    counted: Sequence[Span],
    quant: Quant | None = None,
    *,
    by_columns: bool = False,
) -> Value:
    """Returns the maxima or averages of windows over an image [N, C, ..]; what of their padding counts is `counted`'s.

    Maxima, and means of as many numbers each, are made axis by axis: three axes are two windows one after the other,
    all other axes being channels.
    """
    if len(spans) <= 2:
        window, whole = window_of(spans), window_of(counted)
        by_columns = by_columns and kind is PoolKind.AVERAGE and window.strides[1] <= 2
        op = Pool2d(kind, window, whole.padding, by_columns, rounding=Rounding.NEAREST_EVEN)
        return from_nhwc(importer, each_image(importer, op, [to_nhwc(importer, x)], quant), len(x.shape))
    if kind is PoolKind.AVERAGE and quant is not None:
        raise UnsupportedReason("an average of stored integers over more than two axes is not supported")
    order = tuple(range(len(x.shape)))
    for first in range(2, len(x.shape), 2):
        axes = tuple(range(first, min(first + 2, len(x.shape))))
        # The window's axes in front, all others are channels.
        order_now = (*axes, *(a for a in range(len(x.shape)) if a not in axes))
        x = transpose(importer, x, tuple(order.index(a) for a in order_now))
        order = order_now
        window, whole = (window_of([own[a - 2] for a in axes]) for own in (spans, counted))
        op = Pool2d(kind, window, whole.padding, rounding=Rounding.NEAREST_EVEN)
        height, width = x.shape[: len(axes)] if len(axes) == 2 else (1, x.shape[0])
        image_ = reshape(importer, x, (1, height, width, x.type.elements // (height * width)))
        (y,) = importer.emit(op, [image_], [quant])
        x = reshape(importer, y, (*y.shape[3 - len(axes) : 3], *x.shape[len(axes) :]))
    return transpose(importer, x, tuple(order.index(a) for a in range(len(x.shape))))


def _ceil(span: Span, extent: int) -> Span:
    """Returns the window with padding added behind, so that a last, partial window counts.

    One that would begin behind the image and its padding in front does not.
    """
    room = extent + span.before + span.after - span.extent
    count = -(-room // span.stride) + 1
    if (count - 1) * span.stride >= extent + span.before:
        count -= 1
    return replace(span, after=max((count - 1) * span.stride + span.extent - extent - span.before, 0))


@imports("onnx", "LpPool")
def _lp_from_onnx(importer: Importer) -> None:
    """`(sum of |x|^p)^(1 / p)`: the sum is an average of all cells of the window, those of the padding included."""
    x, p = real_input(importer), importer.integer("p", 2)
    spatial = x.shape[2:]
    spans = onnx_spans(importer, importer.integers("kernel_shape"), spatial)
    if importer.integer("ceil_mode"):
        spans = tuple(_ceil(s, extent) for s, extent in zip(spans, spatial, strict=True))
    mean = pooled(importer, powers(importer, x, p), PoolKind.AVERAGE, spans, spans)
    importer.bind(root(importer, map2(importer, "Mul", mean, float(math.prod(s.size for s in spans))), p))


@imports("onnx", "GlobalMaxPool")
def _global_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    spans = [Span(extent) for extent in x.shape[2:]]
    if not spans:
        raise UnsupportedReason(f"{x.type} is no image")
    importer.bind(pooled(importer, x, PoolKind.MAX, spans, spans, x.type.quant))
