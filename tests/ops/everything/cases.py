"""Random small models of nearly every operator of TFLite, in any element type: what the oracles run, we run alike.

A generator yields what a file could say, whether a kernel takes it or not: the oracles decide which of it means
something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array
from tests.ops.tflm import Operator, Tensor

__all__ = ["FAMILIES", "TYPES", "Case", "cases"]

#: The element types, and what holds them; those of `STORED` have a scale.
TYPES: Mapping[str, type[Any]] = {
    "float32": np.float32,
    "int8": np.int8,
    "uint8": np.uint8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "bool": np.bool_,
}
STORED = ("int8", "uint8", "int16")
Numbers = npt.NDArray[Any]
Shape = tuple[int, ...]
Options = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    """An operator, and what its inputs that are no constants get, inference by inference."""

    operator: Operator
    samples: Sequence[Sequence[Array]]


@dataclass
class Draw:
    """Chances, and tensors made of them."""

    rng: np.random.Generator
    dtype: str

    def count(self, least: int, most: int) -> int:
        return int(self.rng.integers(least, most + 1))

    def chance(self, part: float = 0.5) -> bool:
        return bool(self.rng.random() < part)

    def shape(self, least: int = 1, most: int = 4) -> Shape:
        return tuple(self.count(1, 5) for _ in range(self.count(least, most)))

    def tensor(self, shape: Sequence[int], dtype: str = "", scale: float = 0.0) -> Tensor:
        """Returns a tensor with a scale and a zero point, where its type has them."""
        dtype = dtype or self.dtype
        if dtype not in STORED:
            return Tensor(dtype, tuple(shape))
        zero = 0 if dtype == "int16" else self.count(-60, 60) + (128 if dtype == "uint8" else 0)
        drawn = scale or 2.0 ** self.rng.uniform(-7, -1) / (256 if dtype == "int16" else 1)
        return Tensor(dtype, tuple(shape), float(np.float32(drawn)), zero)

    def fixed(self, shape: Sequence[int], scale: float, zero: int) -> Tensor:
        """Returns an output whose scale TFLite fixes; the zero point is that of int8."""
        scales = {"int8": (scale, zero), "uint8": (scale, zero + 128), "int16": (2.0**-15, 0)}
        return Tensor(self.dtype, tuple(shape), *scales.get(self.dtype, (None, 0)))

    def data(self, tensor: Tensor) -> Numbers:
        """Returns elements: any that there are, small ones where they have no scale, or only the two extremes."""
        kind, shape = TYPES[tensor.dtype], tensor.shape
        if tensor.dtype == "float32":
            return np.asarray(self.rng.normal(0, 2, shape), kind)
        if tensor.dtype == "bool":
            return np.asarray(self.rng.random(shape) < 0.5)
        info = np.iinfo(kind)
        if tensor.scale is None:
            return np.asarray(self.rng.integers(max(-100, info.min), 100, shape), kind)
        if self.chance(0.1):
            return np.asarray(self.rng.choice(np.array([info.min, info.max], kind), shape))
        return np.asarray(self.rng.integers(info.min, info.max, shape, endpoint=True), kind)

    def constant(self, tensor: Tensor) -> Tensor:
        return replace(tensor, data=self.data(tensor))

    def case(
        self,
        op: str,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[Tensor],
        options: tuple[str, Mapping[str, Any]] | None = None,
        version: int = 2,
        given: Mapping[int, Array] | None = None,
    ) -> Case:
        """Returns a case; `given` are elements of inputs that must not be any."""
        known = given or {}
        sample = [
            known[k] if k in known else self.data(t)
            for k, t in enumerate(inputs)
            if t is not None and t.data is None and not t.variable
        ]
        return Case(Operator(op, inputs, outputs, options, version), [sample])

    def broadcast(self, shape: Shape) -> tuple[Shape, Shape, Shape]:
        """Returns two shapes, and what they broadcast to."""

        def cut(whole: Shape) -> Shape:
            thin = tuple(1 if self.chance(0.3) else n for n in whole)
            return thin[self.count(0, len(thin)) if self.chance(0.4) else 0 :]

        a, b = (cut(shape) if self.chance(0.4) else shape for _ in range(2))
        return a, b, tuple(np.broadcast_shapes(a, b))


def ints(*numbers: int, dtype: str = "int32") -> Tensor:
    return Tensor(dtype, (len(numbers),), data=np.array(numbers, TYPES[dtype]))


def scalar(number: int) -> Tensor:
    return Tensor("int32", (), data=np.array(number, np.int32))


def functions(draw: Draw) -> Iterator[Case]:
    """Functions of one number, and of rows."""
    names: tuple[str, ...] = (
        "ABS",
        "CEIL",
        "COS",
        "ELU",
        "EXP",
        "FLOOR",
        "GELU",
        "HARD_SWISH",
        "LEAKY_RELU",
        "LOG",
        "LOGICAL_NOT",
        "NEG",
    )
    names += ("RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "ROUND", "SIGN", "SIN", "SQUARE", "ZEROS_LIKE")
    options: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "LEAKY_RELU": ("LeakyReluOptions", {"alpha": float(draw.rng.choice([0.125, 1.5, -0.25]))}),
        "GELU": ("GeluOptions", {"approximate": draw.chance()}),
    }
    for op in names:
        x = draw.tensor(draw.shape())
        y = x if draw.chance() else draw.tensor(x.shape)
        positive = np.abs(draw.data(x)) if op == "LOG" and draw.dtype == "float32" else draw.data(x)
        yield draw.case(op, [x], [y], options.get(op), 1 if op == "ELU" else 2, {0: positive})
    for op in ("SQRT", "RSQRT"):
        # Numbers that have a root.
        x = draw.tensor(draw.shape())
        zero = 0 if x.scale is None else x.zero_point
        above = np.maximum(draw.data(x), np.asarray(zero + 1, TYPES[draw.dtype]))
        yield draw.case(
            op, [x], [draw.tensor(x.shape, scale=0.001 if draw.dtype == "int16" else 0.0)], None, 2, {0: above}
        )
    for op, scale, zero, settings in (
        ("LOGISTIC", 1 / 256, -128, None),
        ("TANH", 1 / 128, 0, None),
        ("SOFTMAX", 1 / 256, -128, ("SoftmaxOptions", {"beta": float(draw.rng.choice([0.5, 1.0, 2.0]))})),
        ("LOG_SOFTMAX", 1 / 16, 127, ("LogSoftmaxOptions", {})),
        ("L2_NORMALIZATION", 1 / 128, 0, ("L2NormOptions", {"fusedActivationFunction": 0})),
    ):
        x = draw.tensor(draw.shape(1, 4))
        yield draw.case(op, [x], [draw.fixed(x.shape, scale, zero)], settings)


def pairs(draw: Draw) -> Iterator[Case]:
    """Operators of two numbers, broadcast."""
    arithmetic = {op: f"{op.capitalize()}Options" for op in ("ADD", "SUB", "MUL", "DIV")}
    relations = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "LOGICAL_AND", "LOGICAL_OR")
    others = ("MAXIMUM", "MINIMUM", "POW", "FLOOR_DIV", "FLOOR_MOD", "SQUARED_DIFFERENCE", "PRELU", "BITWISE_XOR")
    for op in (*arithmetic, *relations, *others):
        a, b, c = draw.broadcast(draw.shape())
        left, right, out = draw.tensor(a), draw.tensor(b), draw.tensor(c)
        options: tuple[str, Mapping[str, Any]] | None = None
        if op in arithmetic:
            options = (arithmetic[op], {"fusedActivationFunction": draw.count(0, 3)})
        if op in ("ADD", "SUB") and options is not None:
            options = (options[0], {**options[1], "potScaleInt16": False})
        if op in ("MAXIMUM", "MINIMUM"):
            right, out = replace(left, shape=b), replace(left, shape=c)
        if op in relations:
            out = Tensor("bool", c)
        if op == "PRELU":
            left = replace(left, shape=c)
            right = Tensor("int8", b, 0.01, 3) if draw.dtype == "int16" else right
        given = draw.data(right)
        if op in ("DIV", "FLOOR_DIV", "FLOOR_MOD") and draw.dtype != "bool":
            zero = 0 if right.scale is None else right.zero_point
            given = np.where(given == zero, given + 1, given).astype(given.dtype)
        if draw.chance(0.25):
            right = replace(right, data=given)
        yield draw.case(op, [left, right], [out], options, 1 if op == "PRELU" else 2, {1: given})


def reductions(draw: Draw) -> Iterator[Case]:
    """Reductions, the best one along an axis, and running sums."""
    for op in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_ALL", "REDUCE_ANY"):
        x, keep = draw.tensor(draw.shape(1, 5)), draw.chance()
        rank = len(x.shape)
        axes = sorted(int(a) for a in draw.rng.choice(rank, draw.count(1, rank), replace=False))
        shape = tuple(1 if k in axes else n for k, n in enumerate(x.shape) if keep or k not in axes)
        same = op in ("REDUCE_MAX", "REDUCE_MIN") or draw.chance(0.3)
        out = replace(x, shape=shape) if same else draw.tensor(shape)
        named = ints(*(a - rank if draw.chance(0.3) else a for a in axes))
        yield draw.case(op, [x, named], [out], ("ReducerOptions", {"keepDims": keep}))
    for op, table in (("ARG_MAX", "ArgMaxOptions"), ("ARG_MIN", "ArgMinOptions")):
        x = draw.tensor(draw.shape())
        axis = draw.count(0, len(x.shape) - 1)
        kind, number = ("int64", 4) if draw.chance(0.3) else ("int32", 2)
        out = Tensor(kind, x.shape[:axis] + x.shape[axis + 1 :])
        yield draw.case(op, [x, scalar(axis)], [out], (table, {"outputType": number}))
    x = draw.tensor(draw.shape())
    order = {"exclusive": draw.chance(), "reverse": draw.chance()}
    along = scalar(draw.count(-len(x.shape), len(x.shape) - 1))
    yield draw.case("CUMSUM", [x, along], [draw.tensor(x.shape)], ("CumsumOptions", order))


def boxes(draw: Draw) -> Iterator[Case]:
    """What takes a part, adds a border, or puts elements in another order."""
    x = draw.tensor(draw.shape(1, 5))
    order = [int(a) for a in draw.rng.permutation(len(x.shape))]
    moved = replace(x, shape=tuple(x.shape[a] for a in order))
    yield draw.case("TRANSPOSE", [x, ints(*order)], [moved], ("TransposeOptions", {}))
    wide = "int64" if draw.chance(0.3) else "int32"
    x = draw.tensor(draw.shape())
    pads = draw.rng.integers(0, 3, (len(x.shape), 2))
    padded = replace(x, shape=tuple(n + int(p.sum()) for n, p in zip(x.shape, pads, strict=True)))
    border = Tensor(wide, pads.shape, data=pads.astype(TYPES[wide]))
    yield draw.case("PAD", [x, border], [padded], ("PadOptions", {}))
    value = draw.constant(replace(x, shape=(1,)))
    yield draw.case("PADV2", [x, border, value], [padded], ("PadV2Options", {}))
    mode = draw.count(0, 1)
    pads = np.array([[draw.count(0, n - 1 + mode) for _ in range(2)] for n in x.shape])
    padded = replace(x, shape=tuple(n + int(p.sum()) for n, p in zip(x.shape, pads, strict=True)))
    border = Tensor(wide, pads.shape, data=pads.astype(TYPES[wide]))
    yield draw.case("MIRROR_PAD", [x, border], [padded], ("MirrorPadOptions", {"mode": mode}))
    x = draw.tensor(draw.shape(1, 5))
    begin = [draw.count(0, n - 1) for n in x.shape]
    size = [draw.count(1, n - b) for n, b in zip(x.shape, begin, strict=True)]
    open_ = [-1 if b + s == n and draw.chance() else s for n, b, s in zip(x.shape, begin, size, strict=True)]
    ranges = [ints(*begin, dtype=wide), ints(*open_, dtype=wide)]
    yield draw.case("SLICE", [x, *ranges], [replace(x, shape=tuple(size))], ("SliceOptions", {}))
    yield from _strided(draw)
    x = draw.tensor(draw.shape(1, 5))
    yield draw.case("REVERSE_V2", [x, ints(draw.count(0, len(x.shape) - 1))], [x], ("ReverseV2Options", {}))


def _strided(draw: Draw) -> Iterator[Case]:
    x = draw.tensor(draw.shape(1, 5))
    masks = [draw.count(0, 3), draw.count(0, 3), draw.count(0, 3) if draw.chance(0.4) else 0]
    begin, end, strides, taken = [], [], [], []
    for axis, extent in enumerate(x.shape):
        begins, ends, shrinks = (bool(mask >> axis & 1) for mask in masks)
        step = 1 if shrinks else int(draw.rng.choice([1, 1, 2, -1, -2]))
        first = draw.count(0, extent - 1)
        last = draw.count(first + 1, extent) if step > 0 else draw.count(-extent - 1, first - extent - 1)
        begin.append(first)
        end.append(last)
        strides.append(step)
        whole = slice(None if begins else first, None if ends or last < -extent else last, step)
        taken.append((0 if begins else first) if shrinks else whole)
    shape = np.empty(x.shape)[tuple(taken)].shape
    named = {
        "beginMask": masks[0],
        "endMask": masks[1],
        "shrinkAxisMask": masks[2],
        "ellipsisMask": 0,
        "newAxisMask": 0,
    }
    if 0 not in shape:
        numbers = [ints(*begin), ints(*end), ints(*strides)]
        out = replace(x, shape=shape)
        yield draw.case("STRIDED_SLICE", [x, *numbers], [out], ("StridedSliceOptions", named))


def joins(draw: Draw) -> Iterator[Case]:
    """What joins tensors, divides one, repeats it, or gives it another shape."""
    shape = draw.shape(1, 5)
    axis = draw.count(0, len(shape) - 1)
    x = draw.tensor(shape)

    def along(count: int) -> Tensor:
        return replace(x, shape=(*shape[:axis], count, *shape[axis + 1 :]))

    counts = [draw.count(1, 3) for _ in range(draw.count(2, 4))]
    parts = [draw.constant(along(n)) if k and draw.chance(0.3) else along(n) for k, n in enumerate(counts)]
    named = {"axis": axis if draw.chance() else axis - len(shape), "fusedActivationFunction": 0}
    yield draw.case("CONCATENATION", parts, [along(sum(counts))], ("ConcatenationOptions", named))
    outputs, split = [along(n) for n in counts], ("SplitVOptions", {"numSplits": len(counts)})
    sizes = [-1, *counts[1:]] if draw.chance(0.3) else counts
    yield draw.case("SPLIT_V", [along(sum(counts)), ints(*sizes), scalar(axis)], outputs, split)
    number = draw.count(1, 3)
    equal = [x] * number
    split = ("SplitOptions", {"numSplits": number})
    yield draw.case("SPLIT", [scalar(axis), along(number * shape[axis])], [replace(x) for _ in equal], split)
    parts = [replace(x) for _ in equal]
    stacked = replace(x, shape=(*shape[:axis], number, *shape[axis:]))
    if len(shape) < 5:
        yield draw.case("PACK", parts, [stacked], ("PackOptions", {"axis": axis, "valuesCount": number}))
        yield draw.case("UNPACK", [stacked], parts, ("UnpackOptions", {"axis": axis, "num": number}))
        yield draw.case("EXPAND_DIMS", [x, scalar(axis)], [replace(stacked, shape=(*shape[:axis], 1, *shape[axis:]))])
    yield draw.case("RESHAPE", [x, ints(-1)], [replace(x, shape=(int(np.prod(shape)),))], ("ReshapeOptions", {}))
    a, _, c = draw.broadcast(draw.shape(1, 5))
    x = draw.tensor(a)
    yield draw.case("BROADCAST_TO", [x, ints(*c)], [replace(x, shape=c)], ("BroadcastToOptions", {}))
    x = draw.tensor(draw.shape())
    times = [draw.count(1, 3) for _ in x.shape]
    tiled = replace(x, shape=tuple(n * m for n, m in zip(x.shape, times, strict=True)))
    yield draw.case("TILE", [x, ints(*times)], [tiled], ("TileOptions", {}))
    summands = [replace(draw.tensor(shape), scale=x.scale, zero_point=x.zero_point) for _ in range(draw.count(2, 3))]
    yield draw.case("ADD_N", summands, [draw.tensor(shape)], ("AddNOptions", {}))
    a, b, c = draw.broadcast(draw.shape())
    condition, _, out = draw.broadcast(c)
    out = tuple(np.broadcast_shapes(a, b, condition))
    sides = [replace(x, shape=a), replace(x, shape=b)]
    options: Options = ("SelectV2Options", {})
    yield draw.case("SELECT_V2", [Tensor("bool", condition), *sides], [replace(x, shape=out)], options)


def indices(draw: Draw) -> Iterator[Case]:
    """What is found at indices, constant ones or not."""
    for kind in ("int32", "int64", "int16"):
        number = np.int16 if kind == "int16" else TYPES[kind]
        x = draw.tensor(draw.shape())
        axis = draw.count(0, len(x.shape) - 1)
        batch = draw.count(0, axis) if draw.chance(0.3) else 0
        shape = x.shape[:batch] + draw.shape(0, 2)
        at = np.asarray(draw.rng.integers(0, x.shape[axis], shape), number)
        places = Tensor(kind, shape, data=at if draw.chance() else None)
        out = replace(x, shape=x.shape[:axis] + shape[batch:] + x.shape[axis + 1 :])
        options: Options = ("GatherOptions", {"axis": axis, "batchDims": batch})
        yield draw.case("GATHER", [x, places], [out], options, 2, {1: at})
        depth, lead = draw.count(1, len(x.shape)), draw.shape(0, 2)
        at = np.stack([np.asarray(draw.rng.integers(0, n, lead), number) for n in x.shape[:depth]], axis=-1)
        places = Tensor(kind, at.shape, data=at if draw.chance() else None)
        out = replace(x, shape=lead + x.shape[depth:])
        yield draw.case("GATHER_ND", [x, places], [out], ("GatherNdOptions", {}), 2, {1: at})
    x = draw.tensor(draw.shape())
    update = replace(x, shape=tuple(draw.count(1, n) for n in x.shape))
    start = np.array([draw.count(-1, n) for n in x.shape], np.int32)
    begin = Tensor("int32", start.shape)
    options = ("DynamicUpdateSliceOptions", {})
    yield draw.case("DYNAMIC_UPDATE_SLICE", [x, update, begin], [x], options, 2, {2: start})


def images(draw: Draw) -> Iterator[Case]:
    """Pixels that move, sizes that change, and pools, of several images."""
    n, h, w, c, b = (draw.count(1, 3) for _ in range(5))
    flat = draw.tensor((n, h * b, w * b, c))
    deep = replace(flat, shape=(n, h, w, c * b * b))
    yield draw.case("SPACE_TO_DEPTH", [flat], [deep], ("SpaceToDepthOptions", {"blockSize": b}))
    yield draw.case("DEPTH_TO_SPACE", [deep], [flat], ("DepthToSpaceOptions", {"blockSize": b}))
    apart = replace(flat, shape=(n * b * b, h, w, c))
    crops = Tensor("int32", (2, 2), data=np.zeros((2, 2), np.int32))
    yield draw.case("SPACE_TO_BATCH_ND", [flat, ints(b, b), crops], [apart], ("SpaceToBatchNDOptions", {}))
    yield draw.case("BATCH_TO_SPACE_ND", [apart, ints(b, b), crops], [flat], ("BatchToSpaceNDOptions", {}))
    for op, table in (
        ("RESIZE_BILINEAR", "ResizeBilinearOptions"),
        ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
    ):
        mode, size = draw.count(0, 2), (draw.count(1, 6), draw.count(1, 6))
        options: Options = (table, {"alignCorners": mode == 1, "halfPixelCenters": mode == 2})
        yield draw.case(op, [flat, ints(*size)], [replace(flat, shape=(n, *size, c))], options)
    for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
        window = Slide.drawn(draw, dilated=False)
        x = draw.tensor((n, window.height, window.width, c))
        pool = {"filterHeight": window.size[0], "filterWidth": window.size[1]}
        options = ("Pool2DOptions", {**window.options, **pool, "fusedActivationFunction": draw.count(0, 3)})
        yield draw.case(op, [x], [replace(x, shape=(n, *window.out, c))], options)


@dataclass(frozen=True)
class Slide:
    """A window over an image: SAME (0) or VALID (1) padding."""

    height: int
    width: int
    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: int
    padding: int

    @classmethod
    def drawn(cls, draw: Draw, *, dilated: bool = True) -> Slide:
        size, stride = (draw.count(1, 3), draw.count(1, 3)), (draw.count(1, 2), draw.count(1, 2))
        return cls(
            draw.count(5, 8), draw.count(5, 8), size, stride, draw.count(1, 2) if dilated else 1, draw.count(0, 1)
        )

    @property
    def options(self) -> Mapping[str, Any]:
        return {"padding": self.padding, "strideH": self.stride[0], "strideW": self.stride[1]}

    @property
    def out(self) -> tuple[int, int]:
        def count(extent: int, size: int, stride: int) -> int:
            room = extent - 1 if self.padding == 0 else extent - (size - 1) * self.dilation - 1
            return room // stride + 1

        pairs_ = zip((self.height, self.width), self.size, self.stride, strict=True)
        made = [count(*each) for each in pairs_]
        return made[0], made[1]


def products(draw: Draw) -> Iterator[Case]:
    """Convolutions of all kinds, and products of matrices."""
    biases = {"float32": "float32", "int8": "int32", "uint8": "int32", "int16": "int64"}
    if draw.dtype not in biases:
        return
    for per_channel in (True, False):
        for kind in ("int8", "int4") if draw.dtype in ("int8", "int16") else (draw.dtype,):
            yield from _products(draw, kind, biases[draw.dtype], per_channel=per_channel and draw.dtype != "uint8")
    ends = {"int8": 4.0, "uint8": 4.0, "int16": 0.25}.get(draw.dtype, 0.0)
    for constant in (False, True):
        a, b, c = draw.broadcast(draw.shape(1, 2))
        m, k, n = (draw.count(1, 7) for _ in range(3))
        turned = draw.chance(), draw.chance()
        x = draw.tensor((*a, *((k, m) if turned[0] else (m, k))))
        y = draw.tensor((*b, *((n, k) if turned[1] else (k, n))))
        options: Options = (
            "BatchMatMulOptions",
            {"adjX": turned[0], "adjY": turned[1], "asymmetricQuantizeInputs": False},
        )
        out = draw.tensor((*c, m, n), scale=ends)
        yield draw.case("BATCH_MATMUL", [x, draw.constant(y) if constant else y], [out], options)


def _products(draw: Draw, kind: str, bias: str, *, per_channel: bool) -> Iterator[Case]:
    ends = {"int8": 2.0 ** draw.rng.uniform(-3, 2), "uint8": 1.0, "int16": 2.0 ** draw.rng.uniform(-9, -4)}

    def weights(shape: Shape, axis: int) -> Tensor:
        count = shape[axis] if per_channel else 1
        scales = [float(np.float32(2.0 ** draw.rng.uniform(-8, -4))) for _ in range(count)]
        if kind == "float32":
            return Tensor(kind, shape, data=draw.rng.normal(size=shape).astype(np.float32))
        if kind == "uint8":
            return Tensor(
                kind, shape, scales[0], draw.count(90, 170), draw.rng.integers(0, 256, shape).astype(np.uint8)
            )
        reach = 7 if kind == "int4" else 127
        data = draw.rng.integers(-reach, reach + 1, shape).astype(np.int8)
        if kind == "int4":
            flat = np.append(data.reshape(-1), np.zeros(data.size % 2, np.int8)).astype(np.uint8)
            data = ((flat[0::2] & 15) | (flat[1::2] << 4)).view(np.int8)
        return Tensor(kind, shape, scales if per_channel else scales[0], 0, data, axis)

    def biases(x: Tensor, filter_: Tensor, count: int) -> list[Tensor | None]:
        if draw.chance(0.3):
            return [None]
        if bias == "float32":
            return [Tensor(bias, (count,), data=draw.rng.normal(size=count).astype(np.float32))]
        scales = [
            float(s)
            for s in np.float32(np.max(x.scale or 1.0)) * np.atleast_1d(np.array(filter_.scale or 1.0, np.float32))
        ]
        data = np.asarray(draw.rng.integers(-3000, 3000, count), TYPES[bias])
        return [Tensor(bias, (count,), scales if len(scales) > 1 else scales[0], 0, data)]

    def layer(op: str, x: Tensor, filter_: Tensor, out: Shape, options: tuple[str, Mapping[str, Any]]) -> Case:
        end = draw.tensor(out, scale=ends.get(draw.dtype, 0.0))
        known = (options[0], {**options[1], "fusedActivationFunction": draw.count(0, 3)})
        return draw.case(op, [x, filter_, *biases(x, filter_, out[-1])], [end], known, 4)

    lead, depth, count = draw.shape(1, 3), draw.count(1, 20), draw.count(1, 9)
    x, keep = draw.tensor((*lead, depth)), draw.chance()
    rows: Shape = lead if keep else (int(np.prod(lead)),)
    options: Options = ("FullyConnectedOptions", {"keepNumDims": keep})
    yield layer("FULLY_CONNECTED", x, weights((count, depth), 0), (*rows, count), options)
    window, n, groups, depth = Slide.drawn(draw), draw.count(1, 3), draw.count(1, 2), draw.count(1, 5)
    dilations = {"dilationHFactor": window.dilation, "dilationWFactor": window.dilation}
    count = groups * draw.count(1, 4)
    x = draw.tensor((n, window.height, window.width, groups * depth))
    filter_ = weights((count, *window.size, depth), 0)
    options = ("Conv2DOptions", {**window.options, **dilations})
    yield layer("CONV_2D", x, filter_, (n, *window.out, count), options)
    factor = draw.count(1, 3)
    x = draw.tensor((n, window.height, window.width, depth))
    filter_ = weights((1, *window.size, depth * factor), 3)
    options = ("DepthwiseConv2DOptions", {**window.options, **dilations, "depthMultiplier": factor})
    yield layer("DEPTHWISE_CONV_2D", x, filter_, (n, *window.out, depth * factor), options)
    h, w = draw.count(1, 4), draw.count(1, 4)
    small = draw.tensor((n, h, w, depth))
    (kh, kw), (sh, sw) = window.size, window.stride
    out = (n, h * sh, w * sw, count) if window.padding == 0 else (n, (h - 1) * sh + kh, (w - 1) * sw + kw, count)
    filter_ = weights((count, kh, kw, depth), 0)
    end = draw.tensor(out, scale=ends.get(draw.dtype, 0.0))
    options = ("TransposeConvOptions", {**window.options, "fusedActivationFunction": draw.count(0, 3)})
    last = [b for b in biases(small, filter_, count) if b is not None]
    yield draw.case("TRANSPOSE_CONV", [ints(*out), filter_, small, *last], [end], options, 3)


def conversions(draw: Draw) -> Iterator[Case]:
    """From each type to each."""
    for other in TYPES:
        x = draw.tensor(draw.shape())
        x = replace(x, scale=0.01) if draw.dtype == "int32" else x
        y = draw.tensor(x.shape, other)
        yield draw.case("QUANTIZE", [x], [y], ("QuantizeOptions", {}))
        if other == "float32":
            yield draw.case("DEQUANTIZE", [x], [y], ("DequantizeOptions", {}))
        plain = Tensor(draw.dtype, x.shape)
        known = {} if draw.dtype != "float32" else {0: np.asarray(draw.rng.uniform(0, 100, x.shape), np.float32)}
        yield draw.case("CAST", [plain], [Tensor(other, x.shape)], ("CastOptions", {}), 2, known)


FAMILIES: Sequence[Callable[[Draw], Iterator[Case]]] = (
    functions,
    pairs,
    reductions,
    boxes,
    joins,
    indices,
    images,
    products,
    conversions,
)


def cases(dtype: str, seed: int) -> list[Case]:
    """Returns a case of each operator on elements of a type."""
    return [case for k, family in enumerate(FAMILIES) for case in family(Draw(np.random.default_rng([seed, k]), dtype))]
