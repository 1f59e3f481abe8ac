"""What `made` has for kernels of few operators: marks, signals, activations quantised at run time, and the like."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ariel_build.ir import Array, DType, Quant, TensorType
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.detection import DetectionPostprocess
from ariel_build.ops.dynamic_quantize import DynamicQuantize
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.lstm import Lstm
from ariel_build.ops.map2 import Map2
from ariel_build.ops.map2_rows import MAP2
from ariel_build.ops.marks import Found, OneHot, Triangle
from ariel_build.ops.ml import forest
from ariel_build.ops.ml.encoding import Positions
from ariel_build.ops.ml.trees import TreeKeys, TreeLeaves
from ariel_build.ops.quantize import Quantize
from ariel_build.ops.roi_align import RoiAlign
from ariel_build.ops.signal.bands import FilterBank
from ariel_build.ops.signal.fft import Irfft, Rfft
from ariel_build.ops.signal.frames import Framer, Stacker
from ariel_build.ops.signal.overlap import OverlapAdd
from ariel_build.ops.soft_suppression import NonMaxSuppression
from ariel_build.ops.suppression import Suppress
from ariel_build.ops.window import Window
from tools.costs.wanted import Wanted

__all__ = ["rare"]

#: Quantisations of which no integer formula makes sums of one another.
_ONE, _OTHER, _SUM = Quant((0.05,), (3,)), Quant((0.0317,), (-5,)), Quant((0.0731,), (9,))
#: Elements of rows whose sums with weights of four bits may be too large for kernels of Arm.
_DEEPEST = 4096


def rare() -> Iterator[Wanted]:
    """Yields nodes of all of them."""
    yield from _marks()
    yield from _signals()
    yield from _hybrids()
    yield from _packed()
    yield from _rescaled()
    yield from _lstms()
    for count in (8, 40, 200):
        boxes, scores = TensorType(DType.F32, (1, count, 4)), TensorType(DType.F32, (1, count, 3))
        op = DetectionPostprocess(5, 3, 0.3, 0.5, (10.0, 10.0, 5.0, 5.0))
        yield Wanted(op, (boxes, scores, TensorType(DType.F32, (count, 4))), None, (2,))
    yield from _boxes()
    yield from _places()
    yield from _forests()


def _packed() -> Iterator[Wanted]:
    """Layers whose weights have four bits: rows of several depths, and images."""
    rng, weight, x = np.random.default_rng(6), Quant((0.02,), (0,), None, 4), _ONE
    bias = Quant((x.scale * 0.02,), (0,))
    for rounding in (Rounding.DOUBLE, Rounding.NEAREST_EVEN):
        for shape, count in (
            *(((1, depth), count) for depth, count in ((16, 64), (64, 16), (128, 32), (248, 4))),
            *(((1, depth), count) for depth, count in ((260, 20), (400, 8), (640, 16), (1000, 4))),
            # What has no proof, the portable kernel computes on all cores.
            *(((1, depth), count) for depth, count in ((4200, 4), (4400, 9), (5000, 3))),
            *(
                ((1, side, side, depth), count)
                for side, depth, count in ((8, 64, 32), (8, 8, 64), (8, 128, 4), (3, 32, 16))
            ),
        ):
            depth = shape[-1]
            filter_ = (count, depth) if len(shape) == 2 else (count, 1, 1, depth)
            types = (
                TensorType(DType.I8, shape, x),
                TensorType(DType.I8, filter_, weight),
                TensorType(DType.I32, (count,), bias),
            )
            op = FullyConnected(rounding=rounding) if len(shape) == 2 else Conv2d(Window((1, 1)), rounding=rounding)
            stored = rng.integers(-8, 8, filter_) if depth < _DEEPEST else np.full(filter_, 7)
            yield Wanted(op, types, _OTHER, (1, 2), {1: stored.astype(np.int8)})


def _forests() -> Iterator[Wanted]:
    """Trees of nodes of one word: the ranks of features, and the leaves."""
    rng = np.random.default_rng(5)
    for features, trees, depth in ((6, 40, 6), (20, 80, 5), (12, 60, 8)):
        builder = forest.Builder(wide=False)

        def grown(left: int, features: int = features, builder: forest.Builder = builder) -> int:
            if left == 0:
                return builder.leaf(int(rng.integers(4)))
            cut = builder.cut(float(rng.integers(-12, 12)) / 8)
            return builder.at_most(int(rng.integers(features)), False, cut, grown(left - 1), grown(left - 1))

        packed = builder.pack([grown(depth) for _ in range(trees)])
        cuts = packed.thresholds.astype(np.int32)
        keys = TreeKeys(tuple(slot.feature for slot in packed.slots), len(packed.slots), packed.starts)
        taken = TensorType(DType.F32, (1, features)), TensorType(DType.I32, cuts.shape)
        yield Wanted(keys, taken, None, (1,), {1: cuts})
        (made,) = (t for t in keys.infer(list(taken)) if t is not None)
        tables = [TensorType(DType.I32, table.shape) for table in (packed.nodes, packed.roots)]
        leaves = TreeLeaves(len(packed.leaves), packed.paired, packed.short)
        yield Wanted(leaves, (made, *tables), None, (1, 2), {1: packed.nodes, 2: packed.roots})


def _boxes() -> Iterator[Wanted]:
    """Boxes that hide each other, and regions of images."""
    for count in (8, 20, 60):
        boxes, scores = TensorType(DType.F32, (1, count, 4)), TensorType(DType.F32, (1, 2, count))
        limits = TensorType(DType.I64, ()), TensorType(DType.F32, ()), TensorType(DType.F32, ())
        told: dict[int, Array] = {2: np.array(5, np.int64), 3: np.array(0.5, np.float32), 4: np.array(-9.0, np.float32)}
        yield Wanted(Suppress(2 * count), (boxes, scores, *limits), None, (2, 3, 4), told)
        own = replace(boxes, shape=(count, 4)), replace(scores, shape=(count,))
        for sigma in (0.0, 0.5):
            yield Wanted(NonMaxSuppression(6, -9.0, 0.5, sigma), own)
        image, numbers = TensorType(DType.F32, (1, 3, count, count)), TensorType(DType.I64, (4,))
        regions = TensorType(DType.F32, (4, 4))
        corners = np.array([[0, 0, count - 1, count - 1]] * 4, np.float32)
        for size in ((2, 2), (3, 5)):
            kept: dict[int, Array] = {1: corners, 2: np.zeros(4, np.int64)}
            yield Wanted(RoiAlign(size, samples=2), (image, regions, numbers), None, (1, 2), kept)


def _places() -> Iterator[Wanted]:
    """Integers that are looked for in tables."""
    for count, length in ((8, 5), (40, 30), (300, 12)):
        for dtype in (DType.I32, DType.I64):
            keys = np.arange(length, dtype=dtype.numpy) * 3
            given = TensorType(dtype, (count,)), TensorType(dtype, (length,))
            yield Wanted(Positions(), given, None, (1,), {1: keys})


def _marks() -> Iterator[Wanted]:
    for rows, row in ((2, 8), (6, 20), (20, 31)):
        for dtype in (DType.F32, DType.I8):
            table = TensorType(dtype, (2,))
            yield Wanted(OneHot(1, row, wraps=True), (TensorType(DType.I32, (rows,)), table))
            yield Wanted(Triangle(upper=True), (TensorType(dtype, (rows, row)), TensorType(DType.I32, ())))
        yield Wanted(Found(row), (TensorType(DType.BOOL, (rows, row)),))


def _signals() -> Iterator[Wanted]:
    for length, rows in ((64, 1), (128, 2), (512, 1)):
        for dtype in (DType.I16, DType.I32, DType.F32):
            yield Wanted(Rfft(length), (TensorType(dtype, (rows, length)),))
            yield Wanted(Irfft(length), (TensorType(dtype, (rows, length + 2)),))
        step = length // 2
        for dtype in (DType.I16, DType.F32):
            frames, rest = TensorType(dtype, (rows, 2, length)), TensorType(dtype, (rows, length))
            yield Wanted(OverlapAdd(step), (frames, rest))
            yield Wanted(OverlapAdd(step), (frames, replace(rest, shape=(rows, step))))
        count = TensorType(DType.I32, ())
        for past in (step, length):
            kept = TensorType(DType.I16, (rows, past))
            for lag in (0, 1):
                yield Wanted(Framer(length, step, past, lag), (TensorType(DType.I16, (rows, length)), kept, count))
        row = TensorType(DType.I16, (length,))
        for before in (2 * length, 3 * length):
            yield Wanted(Stacker(1, 1, 1), (row, TensorType(DType.I16, (before // length, length)), count))
            yield Wanted(Stacker(2, 0, 1), (row, TensorType(DType.I16, (before // length, length)), count))
        bands = length // 8
        table, edges = TensorType(DType.I16, (length,)), TensorType(DType.I16, (bands + 1,))
        given = (TensorType(DType.U32, (length,)), table, table, edges, edges, edges)
        wide = length // (bands + 1)
        starts = np.arange(bands + 1, dtype=np.int16) * wide
        segments = {3: starts, 4: starts, 5: np.full(bands + 1, wide, np.int16)}
        for least in (0, -50):
            weights = np.arange(least, least + length, dtype=np.int16)
            found = {1: weights, 2: weights, **segments}
            yield Wanted(FilterBank(bands), given, None, (1, 2, 3, 4, 5), found)


def _hybrids() -> Iterator[Wanted]:
    """Layers of int8 weights whose activations become int8 while the model runs."""
    for side, depth in ((4, 4), (6, 8), (8, 16)):
        yield Wanted(DynamicQuantize(symmetric=True), (TensorType(DType.F32, (side, depth)),))
        flat = Quant((0.02,), (0,))
        weights = TensorType(DType.I8, (depth + 2, 3, 3, depth), flat)
        bias, fixed = TensorType(DType.F32, (depth + 2,)), (1, 2)
        image, found = TensorType(DType.I8, (1, side, side, depth)), TensorType(DType.F32, (1, 2))
        yield Wanted(Conv2d(Window((3, 3))), (image, weights, bias, found), None, fixed)
        own = (image, replace(weights, shape=(1, 3, 3, depth)), replace(bias, shape=(depth,)), found)
        yield Wanted(DepthwiseConv2d(Window((3, 3))), own, None, fixed)
        rows = (replace(image, shape=(side, depth)), replace(weights, shape=(depth + 2, depth)), bias)
        yield Wanted(FullyConnected(keep_dims=True), (*rows, replace(found, shape=(side, 2))), None, fixed)


def _rescaled() -> Iterator[Wanted]:
    """Elements between scales that have little to do with each other."""
    fine = Quant((0.0011,), (0,))
    types = [TensorType(DType.I8, (), _ONE), TensorType(DType.I16, (), fine), TensorType(DType.I32, (), fine)]
    for shape in ((16,), (5, 20), (3, 8, 30)):
        for type_, to in itertools.product([*types, TensorType(DType.F32, ())], types):
            for rounding in Rounding:
                yield Wanted(Quantize(to.dtype, rounding), (replace(type_, shape=shape),), to.quant)
        for kind, rounding, spread in itertools.product(MAP2, Rounding, (shape, shape[-1:])):
            for scale in (1.0, 0.271, 0.0173):
                other = replace(_OTHER, scales=(_OTHER.scale * scale,))
                pair = TensorType(DType.I8, shape, _ONE), TensorType(DType.I8, spread, other)
                yield Wanted(Map2(kind, rounding=rounding), pair, _SUM)
                yield Wanted(Map2(kind, rounding=rounding), pair, replace(_SUM, scales=(_SUM.scale * scale,)))
        flipped = replace(_ONE, zero_points=(_ONE.zero_point + 128,))
        yield Wanted(Quantize(DType.U8), (TensorType(DType.I8, shape, _ONE),), flipped)


def _lstms() -> Iterator[Wanted]:
    flat, wide = Quant((0.01,), (0,)), Quant((2.0**-12,), (0,))
    for steps, depth, units in ((1, 4, 5), (3, 8, 16), (8, 12, 24)):
        for dtype, sums in ((DType.I8, DType.I32), (DType.I16, DType.I64)):
            x, h = TensorType(dtype, (1, steps, depth), flat), TensorType(dtype, (1, units), flat)
            weights = [TensorType(DType.I8, (units, deep), flat) for deep in (*[depth] * 4, *[units] * 4)]
            given = (x, h, TensorType(DType.I16, (1, units), wide), *weights, *[TensorType(sums, (units,))] * 4)
            yield Wanted(Lstm(), given, (flat, flat, wide), tuple(range(3, 15)))
