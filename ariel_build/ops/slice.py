"""Slice: output[i] = input[begin + i * step], and the operators that are slices in disguise: Split, Unpack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, Node, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.boxes import Boxed, boxed
from ariel_build.ops.copy import Part, copy_call, dense_strides
from ariel_build.ops.importer import Importer, Unsized
from ariel_build.ops.indices import indices_input
from ariel_build.ops.reshape import reshape
from ariel_build.ops.shorter import Axes, Mixed
from ariel_build.ops.traits import MOVEMENT, Moved, Wish
from ariel_build.records import dataclass

__all__ = ["ALIGNMENT", "Slice"]

#: What the arena's regions are aligned to, and the bytes of a word.
ALIGNMENT, _WORD = 16, 4
#: Bytes of a tensor that may stay alive for a part of it.
_SMALL = 64


@dataclass(frozen=True)
class Slice(Operator):
    """Takes `shape` elements from `begin` on along each axis, `steps` apart; steps may be negative."""

    traits = MOVEMENT

    begin: tuple[int, ...]
    shape: tuple[int, ...]
    steps: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[..] -> T[shape]."""
        x = inputs[0]
        if x is None or not len(x.shape) == len(self.begin) == len(self.shape) == len(self.steps):
            raise ValueError(f"a slice over {len(self.begin)} axes does not fit {x}")
        for extent, first, count, step in zip(x.shape, self.begin, self.shape, self.steps, strict=True):
            last = first + (count - 1) * step
            if count < 0 or (count and not (0 <= first < extent and 0 <= last < extent)):
                raise ValueError(f"the slice {first}..{last} leaves an axis of {extent}")
        return [TensorType(x.dtype, self.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Indexes axis by axis."""
        x = np.asarray(inputs[0])
        for axis, (first, count, step) in enumerate(zip(self.begin, self.shape, self.steps, strict=True)):
            x = np.take(x, [first + k * step for k in range(count)], axis)
        return [x]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Takes the dimension whole, or of its first part alone, which is always there."""
        x, found = node.input(0), dict(given[0])
        for axis, bound in given[0].items():
            begin, count, step = self.begin[axis], self.shape[axis], self.steps[axis]
            if (begin, count, step) == (0, x.shape[axis], 1):
                continue
            if max(begin, begin + (count - 1) * step) >= x.shape[axis] // bound.most:
                raise Mixed("it takes a part of it, or turns it round")
            del found[axis]
        return [found]

    def last_axis(self, node: Node) -> int | None:
        """Returns the axis of which it takes the last element, all others being whole."""
        whole = node.input(0).shape
        cut = [k for k, extent in enumerate(whole) if (self.begin[k], self.shape[k], self.steps[k]) != (0, extent, 1)]
        if len(cut) == 1 and (self.begin[cut[0]], self.shape[cut[0]]) == (whole[cut[0]] - 1, 1):
            return cut[0]
        return None

    def aliases(self, node: Node) -> dict[Value, tuple[Value, int]] | None:
        """A run of whole leading rows is a view, where it begins at a multiple of the arena's alignment.

        Of a small tensor, as the gates of one step are, also where it begins with a word: the whole stays alive for it.
        """
        x = node.input(0)
        if x.is_constant:
            return None
        start = sum(b * s for b, s in zip(self.begin, dense_strides(x.shape), strict=True)) * x.type.dtype.bytes
        lead = next((k for k, n in enumerate(self.shape) if n != 1), len(self.shape))
        dense = all(
            step == 1 and (k <= lead or count == extent)
            for k, (step, count, extent) in enumerate(zip(self.steps, self.shape, x.shape, strict=True))
        )
        unit = _WORD if x.type.bytes <= _SMALL else ALIGNMENT
        return {node.output: (x, start)} if dense and start % max(unit, x.type.dtype.bytes) == 0 else None

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what is taken whole."""
        return node.input(0) if self.shape == node.input(0).shape and all(s == 1 for s in self.steps) else None

    def permuted(self, wish: Wish) -> Moved | None:
        """Permutes the ranges."""
        begin, shape, steps = (tuple(part[p] for p in wish.perm) for part in (self.begin, self.shape, self.steps))
        return wish.alike(Slice(begin, shape, steps))

    def lower(self, node: Node) -> KernelCall:
        """`copy::Copy` with the strides of the steps."""
        x = node.input(0)
        strides = dense_strides(x.shape)
        start = sum(b * s for b, s in zip(self.begin, strides, strict=True))
        steps = tuple(step * s for step, s in zip(self.steps, strides, strict=True))
        return copy_call(node.output, [Part(x, self.shape, steps, start)])


def bounds(start: int, stop: int, step: int, extent: int) -> tuple[int, int]:
    """Returns (first, count) of a Python slice over an axis of `extent` elements."""
    indices = range(*slice(start, stop, step).indices(extent))
    return (indices[0] if indices else 0), len(indices)


def emit_slice(importer: Importer, x: Value, axes: dict[int, tuple[int, int, int]]) -> Value:
    """Returns `x` with (first, count, step) taken along some axes."""
    whole = [axes.get(k, (0, extent, 1)) for k, extent in enumerate(x.shape)]
    begin, shape, steps = (tuple(part[k] for part in whole) for k in range(3))
    if shape == x.shape and all(s == 1 for s in steps):
        return x
    return importer.emit(Slice(begin, shape, steps), [x], [x.type.quant])[0]


@imports("tflite", "SLICE")
def _slice_from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    start, extents = importer.input(1), importer.input(2)
    if start.data is None or extents.data is None:
        tensor = importer.model.tensors[importer.node.outputs[0]]
        known = None if extents.data is None else tuple(int(n) for n in extents.data.reshape(-1))
        if known is not None and min(known, default=0) < 0:
            known = None
        if known is None and tensor.placeholder:
            # What reads it may know what it stands for (`tensor_lists`).
            importer.unsized[importer.node.outputs[0]] = Unsized(x, start, extents)
            return
        # As many as the file declares; TFLite-Micro cannot resize either.
        op = Boxed(importer.output_type().shape if known is None else known)
        importer.bind(boxed(importer, op, x, (indices_input(importer, 1, "the begin"), None, None)))
        return
    begin = importer.constant_input(1, "the begin").reshape(-1)
    size = importer.constant_input(2, "the size").reshape(-1)
    shape = tuple(x.shape[k] - int(b) if s == -1 else int(s) for k, (b, s) in enumerate(zip(begin, size, strict=True)))
    importer.emit_declared(Slice(tuple(int(b) for b in begin), shape, (1,) * len(shape)), [x])


@imports("tflite", "STRIDED_SLICE")
def _strided_slice_from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    begin_mask, end_mask, shrink_mask, offset = (
        importer.integer(name) for name in ("begin_mask", "end_mask", "shrink_axis_mask", "offset")
    )
    if importer.integer("ellipsis_mask") or importer.integer("new_axis_mask"):
        raise UnsupportedReason("ellipsis_mask and new_axis_mask are not supported")
    if any(importer.input(k).data is None for k in (1, 2)):
        _strided_at_run_time(importer, x, begin_mask, shrink_mask)
        return
    begin, end, strides = (
        importer.constant_input(k, what).reshape(-1) for k, what in ((1, "begin"), (2, "end"), (3, "strides"))
    )
    axes = {}
    if len(begin) > len(x.shape) or not len(begin) == len(end) == len(strides):
        raise UnsupportedReason("begin, end and strides do not fit the input's axes")
    for axis, extent in enumerate(x.shape[: len(begin)]):
        step = int(strides[axis])
        if step == 0:
            raise UnsupportedReason("a stride is 0")
        if shrink_mask >> axis & 1:
            # A masked begin is the first element of an axis that shrinks, too; it has no stride but 1.
            first = 0 if begin_mask >> axis & 1 else int(begin[axis]) + (extent if begin[axis] < 0 else 0)
            axes[axis] = (first, 1, 1)
            continue
        start = None if begin_mask >> axis & 1 else int(begin[axis])
        stop = None if end_mask >> axis & 1 else int(end[axis])
        if offset and stop is not None and start is not None:
            stop += start
        indices = range(*slice(start, stop, step).indices(extent))
        axes[axis] = (indices[0] if indices else 0, len(indices), step)
    importer.bind(reshape(importer, emit_slice(importer, x, axes), importer.output_type().shape))


def _strided_at_run_time(importer: Importer, x: Value, begin_mask: int, shrink_mask: int) -> None:
    """Begins where the run time says; how many elements there are, the file declares: TFLite-Micro cannot resize."""
    begin = indices_input(importer, 1, "begin")
    strides = [int(s) for s in importer.constant_input(3, "strides").reshape(-1)]
    declared, rank, named = importer.output_type().shape, len(x.shape), begin.type.elements
    if begin.shape != (len(strides),) or named > rank or 0 in strides:
        raise UnsupportedReason("begin, end and strides do not fit the input's axes")
    kept = iter(declared)
    shape = tuple(1 if k < named and shrink_mask >> k & 1 else next(kept, 0) for k in range(rank))
    if next(kept, None) is not None:
        raise UnsupportedReason(f"{list(declared)} does not fit {x.type} with the axes that shrink")
    # An axis that begins with its first element, whatever is said, is not named; backwards with the last one.
    masked = [begin_mask >> k & 1 and not shrink_mask >> k & 1 for k in range(named)]
    if any(m and s < 0 for m, s in zip(masked, strides, strict=True)):
        raise UnsupportedReason("a negative stride with a masked begin is only supported where begin is a constant")
    if any(m and s != 1 for m, s in zip(masked, strides, strict=True)):
        raise UnsupportedReason("a stride with a masked begin is only supported where begin is a constant")
    axes = [rank if m else k for k, m in enumerate(masked)]
    y = boxed(importer, Boxed(shape, wraps=True), x, (begin, axes, strides))
    importer.bind(reshape(importer, y, declared))


@imports("tflite", "REVERSE_V2")
def _reverse_from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    axes = axes_of(importer.constant_input(1, "the axes").reshape(-1).tolist(), len(x.shape))
    importer.bind(emit_slice(importer, x, {axis: (x.shape[axis] - 1, x.shape[axis], -1) for axis in axes}))


@imports("tflite", "SPLIT")
def _split_from_tflite(importer: Importer) -> None:
    axis = int(importer.constant_input(0, "the axis").reshape(()))
    x = importer.input(1)
    count = _parts(importer, "num_splits")
    _check_axis(x, axis)
    _split(importer, x, axis, [x.shape[axis] // max(1, count)] * count)


@imports("tflite", "SPLIT_V")
def _split_v_from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    sizes = [int(s) for s in importer.constant_input(1, "the sizes").reshape(-1)]
    axis = int(importer.constant_input(2, "the axis").reshape(()))
    _parts(importer, "num_splits")
    _check_axis(x, axis)
    _split(importer, x, axis, [x.shape[axis] - sum(s for s in sizes if s >= 0) if s < 0 else s for s in sizes])


@imports("tflite", "UNPACK")
def _unpack_from_tflite(importer: Importer) -> None:
    x = importer.input(0)
    axis = importer.integer("axis")
    _check_axis(x, axis)
    axis %= len(x.shape)
    if _parts(importer, "num") != x.shape[axis]:
        raise UnsupportedReason(f"{len(importer.node.outputs)} parts do not make an axis of {x.shape[axis]}")
    parts = [emit_slice(importer, x, {axis: (k, 1, 1)}) for k in range(len(importer.node.outputs))]
    importer.bind(*(reshape(importer, p, importer.output_type(k).shape) for k, p in enumerate(parts)))


@imports("onnx", "Split", stored=True)
def _split_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    axis = importer.integer("axis")
    _check_axis(x, axis)
    count, extent = _parts(importer, "num_outputs"), x.shape[axis]
    given = importer.attribute("split") is not None or importer.optional_input(1) is not None
    if given and importer.attribute("num_outputs") is not None:
        raise UnsupportedReason("both num_outputs and the sizes of the parts are given")
    if importer.attribute("split") is not None:
        sizes = list(importer.integers("split"))
    elif importer.optional_input(1) is not None and importer.input(1).data is None:
        shapes = [importer.declared_shape("the size of a part", k) for k in range(count)]
        sizes = [shape[axis] if len(shape) == len(x.shape) else -1 for shape in shapes]
    elif importer.optional_input(1) is not None:
        sizes = [int(s) for s in importer.constant_input(1, "the sizes").reshape(-1)]
    else:
        each = -(-extent // max(1, count))
        sizes = [min(each, extent - k * each) for k in range(count)]
        if importer.node.version < 18 and sizes[-1:] != [each]:
            raise UnsupportedReason(f"an axis of {extent} cannot be cut into {count} equal parts")
    _split(importer, x, axis, sizes)


def _check_axis(x: Value, axis: int) -> None:
    if not -len(x.shape) <= axis < len(x.shape):
        raise UnsupportedReason(f"axis {axis} is outside {x.type}")


def _parts(importer: Importer, attribute: str) -> int:
    """Returns how many parts there are: one for each output, which the attribute counts, too."""
    count = len(importer.node.outputs)
    if importer.integer(attribute, count) != count:
        raise UnsupportedReason(f"{attribute} is {importer.integer(attribute)}, but it has {count} outputs")
    return count


def _split(importer: Importer, x: Value, axis: int, sizes: Sequence[int]) -> None:
    axis %= len(x.shape)
    if sum(sizes) != x.shape[axis] or len(sizes) != len(importer.node.outputs) or min(sizes, default=0) < 0:
        raise UnsupportedReason(f"parts of {list(sizes)} do not make an axis of {x.shape[axis]}")
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    importer.bind(*(emit_slice(importer, x, {axis: (b, n, 1)}) for b, n in zip(starts, sizes, strict=True)))


def _slice_at_run_time(importer: Importer, x: Value) -> None:
    shape = importer.declared_shape("where the slice is")
    starts, axes, steps = (
        indices_input(importer, 1, "the starts"),
        importer.optional_input(3),
        importer.optional_input(4),
    )
    importer.bind(boxed(importer, Boxed(shape, wraps=True), x, (starts, axes, steps)))


@imports("onnx", "Slice", stored=True)
def _slice_from_onnx(importer: Importer) -> None:
    x = importer.input(0)
    if importer.attribute("starts") is not None:
        starts, ends = importer.integers("starts"), importer.integers("ends")
        axes = importer.integers("axes", range(len(starts)))
        steps: Sequence[int] = (1,) * len(starts)
    elif any(v is not None and v.data is None for v in map(importer.optional_input, range(1, 5))):
        _slice_at_run_time(importer, x)
        return
    else:
        starts, ends = (
            tuple(int(v) for v in importer.constant_input(k, w).reshape(-1)) for k, w in ((1, "starts"), (2, "ends"))
        )
        given = importer.optional_input(3)
        axes = (
            tuple(range(len(starts)))
            if given is None
            else tuple(int(v) for v in importer.constant_input(3, "axes").reshape(-1))
        )
        given = importer.optional_input(4)
        steps = (
            (1,) * len(starts)
            if given is None
            else tuple(int(v) for v in importer.constant_input(4, "steps").reshape(-1))
        )
    taken = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step == 0 or not -len(x.shape) <= axis < len(x.shape):
            raise UnsupportedReason(f"axis {axis} with step {step} does not fit {x.type}")
        along = axis % len(x.shape)
        first, count = bounds(
            start, end if step > 0 or end >= -x.shape[along] else -x.shape[along] - 1, step, x.shape[along]
        )
        taken[along] = (first, count, step)
    importer.bind(emit_slice(importer, x, taken))
