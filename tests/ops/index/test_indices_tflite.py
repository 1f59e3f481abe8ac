"""Gathers, choices, running sums and their kin equal TFLite-Micro, or LiteRT where it has no such kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ariel_build.ir import Array
from tests.ops import parity, tflm

#: An operator, and elements for its inputs.
Drawn = tuple[tflm.Operator, list[Array]]

Draw = Callable[[np.random.Generator], Drawn]

QUANT = (0.5, 3)


def shape_of(rng: np.random.Generator, most: int = 4) -> tuple[int, ...]:
    return tuple(int(v) for v in rng.integers(1, 6, rng.integers(1, most + 1)))


def tensor(dtype: str, shape: tuple[int, ...], data: Array | None = None) -> tflm.Tensor:
    scale, zero = QUANT if dtype == "int8" else (None, 0)
    return tflm.Tensor(dtype, shape, scale, zero, data)


def elements(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> Array:
    if dtype == "float32":
        return rng.normal(size=shape).astype(np.float32)
    return (
        rng.integers(0, 2, shape).astype(np.bool_) if dtype == "bool" else rng.integers(-128, 128, shape).astype(dtype)
    )


def either(rng: np.random.Generator) -> str:
    return "float32" if rng.random() < 0.5 else "int8"


def gather(rng: np.random.Generator) -> Drawn:
    shape, dtype = shape_of(rng), either(rng)
    batch = int(rng.integers(0, len(shape)))
    axis = int(rng.integers(batch, len(shape)))
    own = (*shape[:batch], *shape_of(rng, 2))
    given = rng.integers(0, shape[axis], own).astype(np.int32)
    out = (*shape[:axis], *own[batch:], *shape[axis + 1 :])
    options = ("GatherOptions", {"axis": axis, "batchDims": batch})
    operator = tflm.Operator("GATHER", [tensor(dtype, shape), tensor("int32", own)], [tensor(dtype, out)], options, 5)
    return operator, [elements(rng, dtype, shape), given]


def gather_nd(rng: np.random.Generator) -> Drawn:
    shape, dtype = shape_of(rng), either(rng)
    depth = int(rng.integers(1, len(shape) + 1))
    own = shape_of(rng, 2)
    given = np.stack([rng.integers(0, n, own) for n in shape[:depth]], -1).astype(np.int32)
    out = (*own, *shape[depth:])
    inputs = [tensor(dtype, shape), tensor("int32", given.shape)]
    operator = tflm.Operator("GATHER_ND", inputs, [tensor(dtype, out)], ("GatherNdOptions", {}), 3)
    return operator, [elements(rng, dtype, shape), given]


def embedding_lookup(rng: np.random.Generator) -> Drawn:
    rows, columns, count = (int(v) for v in rng.integers(1, 7, 3))
    data = elements(rng, "float32", (rows, columns))
    inputs = [tensor("int32", (count,)), tensor("float32", data.shape, data)]
    operator = tflm.Operator("EMBEDDING_LOOKUP", inputs, [tensor("float32", (count, columns))], None, 3)
    return operator, [rng.integers(0, rows, count).astype(np.int32)]


def select_v2(rng: np.random.Generator) -> Drawn:
    out, dtype = shape_of(rng), either(rng)
    shapes = [tuple(1 if rng.random() < 0.3 else n for n in out) for _ in range(3)]
    types = ["bool", dtype, dtype]
    inputs = [tensor(t, s) for t, s in zip(types, shapes, strict=True)]
    made = tensor(dtype, tuple(int(n) for n in np.broadcast_shapes(*shapes)))
    operator = tflm.Operator("SELECT_V2", inputs, [made], ("SelectV2Options", {}), 1)
    return operator, [elements(rng, t, s) for t, s in zip(types, shapes, strict=True)]


def best(rng: np.random.Generator) -> Drawn:
    shape, dtype = shape_of(rng), either(rng)
    axis = int(rng.integers(-len(shape), len(shape)))
    name = "MAX" if rng.random() < 0.5 else "MIN"
    out = tuple(n for k, n in enumerate(shape) if k != axis % len(shape))
    inputs = [tensor(dtype, shape), tensor("int32", (), np.array(axis, np.int32))]
    options = (f"Arg{name.title()}Options", {"outputType": 2})
    operator = tflm.Operator(f"ARG_{name}", inputs, [tensor("int32", out)], options, 2)
    return operator, [elements(rng, dtype, shape) // 40 if dtype == "int8" else elements(rng, dtype, shape)]


def running(rng: np.random.Generator) -> Drawn:
    shape = tuple(int(v) for v in rng.integers(1, 40, rng.integers(1, 4)))
    dtype, axis = either(rng), int(rng.integers(-len(shape), len(shape)))
    ends = [
        tflm.Tensor(dtype, shape)
        if dtype == "float32"
        else tflm.Tensor(dtype, shape, float(np.float32(rng.uniform(0.01, 2))), int(rng.integers(-128, 128)))
        for _ in range(2)
    ]
    inputs = [ends[0], tensor("int32", (1,), np.array([axis], np.int32))]
    options = ("CumsumOptions", {name: bool(rng.random() < 0.5) for name in ("exclusive", "reverse")})
    return tflm.Operator("CUMSUM", inputs, ends[1:], options, 1), [elements(rng, dtype, shape)]


def update_slice(rng: np.random.Generator) -> Drawn:
    shape, dtype = shape_of(rng), either(rng)
    own = tuple(int(rng.integers(1, n + 1)) for n in shape)
    # TFLite-Micro moves a box that would leave the operand inside, too.
    start = rng.integers(-3, 9, len(shape)).astype(np.int32)
    inputs = [tensor(dtype, shape), tensor(dtype, own), tensor("int32", (len(shape),))]
    operator = tflm.Operator("DYNAMIC_UPDATE_SLICE", inputs, [tensor(dtype, shape)], None, 1)
    return operator, [elements(rng, dtype, shape), elements(rng, dtype, own), start]


def reduce_all(rng: np.random.Generator, name: str = "REDUCE_ALL") -> Drawn:
    shape, keep = shape_of(rng), bool(rng.random() < 0.5)
    axes = rng.permutation(len(shape))[: int(rng.integers(1, len(shape) + 1))]
    out = tuple(1 if k in axes else n for k, n in enumerate(shape) if keep or k not in axes)
    inputs = [tensor("bool", shape), tensor("int32", (len(axes),), axes.astype(np.int32))]
    operator = tflm.Operator(name, inputs, [tensor("bool", out)], ("ReducerOptions", {"keepDims": keep}), 1)
    return operator, [rng.random(shape) < (0.9 if name == "REDUCE_ALL" else 0.1)]


def reduce_any(rng: np.random.Generator) -> Drawn:
    return reduce_all(rng, "REDUCE_ANY")


def broadcast_args(rng: np.random.Generator) -> Drawn:
    out = rng.integers(1, 6, int(rng.integers(1, 5))).astype(np.int32)
    other = np.where(rng.random(len(out)) < 0.4, 1, out).astype(np.int32)[int(rng.integers(0, len(out))) :]
    inputs = [tensor("int32", out.shape), tensor("int32", other.shape)]
    return tflm.Operator("BROADCAST_ARGS", inputs, [tensor("int32", out.shape)], None, 1), [out, other]


def slice_(rng: np.random.Generator) -> Drawn:
    shape, dtype = shape_of(rng), either(rng)
    begin = np.array([rng.integers(0, n) for n in shape], np.int32)
    size = np.array([rng.integers(1, n - b + 1) for n, b in zip(shape, begin, strict=True)], np.int32)
    inputs = [tensor(dtype, shape), tensor("int32", begin.shape), tensor("int32", size.shape, size)]
    made = [tensor(dtype, tuple(int(s) for s in size))]
    return tflm.Operator("SLICE", inputs, made, ("SliceOptions", {}), 3), [elements(rng, dtype, shape), begin]


def strided_slice(rng: np.random.Generator) -> Drawn:
    shape, dtype = shape_of(rng), either(rng)
    begin = np.array([rng.integers(0, n) for n in shape], np.int32)
    end = np.array([rng.integers(b + 1, n + 1) for n, b in zip(shape, begin, strict=True)], np.int32)
    strides = rng.integers(1, 3, len(shape)).astype(np.int32)
    shrink = int(rng.integers(0, 1 << len(shape)))
    out = tuple(
        -(-int(e - b) // int(s))
        for k, (b, e, s) in enumerate(zip(begin, end, strides, strict=True))
        if not shrink >> k & 1
    )
    # Some from the end.
    begin = np.where(rng.random(len(shape)) < 0.3, begin - np.array(shape), begin).astype(np.int32)
    numbers = [tensor("int32", begin.shape), tensor("int32", end.shape), tensor("int32", end.shape, strides)]
    options = ("StridedSliceOptions", {"shrinkAxisMask": shrink})
    operator = tflm.Operator("STRIDED_SLICE", [tensor(dtype, shape), *numbers], [tensor(dtype, out)], options, 4)
    return operator, [elements(rng, dtype, shape), begin, end]


def scatter_nd(rng: np.random.Generator) -> Drawn:
    shape, dtype = shape_of(rng), str(rng.choice(["float32", "int32", "int8"]))
    depth = int(rng.integers(1, len(shape) + 1))
    own = shape_of(rng, 2)
    given = np.stack([rng.integers(0, n, own) for n in shape[:depth]], -1).astype(np.int32)
    updates = (*own, *shape[depth:])
    known = tensor("int32", (len(shape),), np.array(shape, np.int32))
    inputs = [tensor("int32", given.shape), tflm.Tensor(dtype, updates), known]
    operator = tflm.Operator("SCATTER_ND", inputs, [tflm.Tensor(dtype, shape)], ("ScatterNdOptions", {}), 1)
    return operator, [given, (rng.integers(-9, 9, updates)).astype(dtype)]


def one_hot(rng: np.random.Generator) -> Drawn:
    shape, depth = shape_of(rng, 3), int(rng.integers(1, 7))
    axis = int(rng.integers(-1, len(shape) + 1))
    at = len(shape) if axis < 0 else axis
    numbers = [np.array(depth, np.int32), np.array(2.5, np.float32), np.array(-1, np.float32)]
    known = [tflm.Tensor(n.dtype.name, (), data=n) for n in numbers]
    out = tensor("float32", (*shape[:at], depth, *shape[at:]))
    operator = tflm.Operator("ONE_HOT", [tensor("int32", shape), *known], [out], ("OneHotOptions", {"axis": axis}), 1)
    return operator, [rng.integers(-2, depth + 2, shape).astype(np.int32)]


def top(rng: np.random.Generator) -> Drawn:
    shape, dtype = shape_of(rng), either(rng)
    count = int(rng.integers(1, shape[-1] + 1))
    out = (*shape[:-1], count)
    inputs = [tensor(dtype, shape), tensor("int32", (), np.array(count, np.int32))]
    made = [tensor(dtype, out), tensor("int32", out)]
    return tflm.Operator("TOPK_V2", inputs, made, ("TopKV2Options", {}), 2), [elements(rng, dtype, shape)]


def reverse_sequence(rng: np.random.Generator) -> Drawn:
    shape = tuple(int(v) for v in rng.integers(1, 6, rng.integers(2, 5)))
    time, batch = (int(v) for v in rng.permutation(len(shape))[:2])
    inputs = [tensor("float32", shape), tensor("int32", (shape[batch],))]
    options = ("ReverseSequenceOptions", {"seqDim": time, "batchDim": batch})
    operator = tflm.Operator("REVERSE_SEQUENCE", inputs, [tensor("float32", shape)], options, 1)
    return operator, [elements(rng, "float32", shape), rng.integers(1, shape[time] + 1, shape[batch]).astype(np.int32)]


def select(rng: np.random.Generator) -> Drawn:
    shape = shape_of(rng)
    rows = shape[:1] if rng.random() < 0.5 else shape
    inputs = [tensor("bool", rows), *[tensor("int8", shape)] * 2]
    operator = tflm.Operator("SELECT", inputs, [tensor("int8", shape)], ("SelectOptions", {}), 2)
    return operator, [rng.random(rows) < 0.5, *(elements(rng, "int8", shape) for _ in range(2))]


MICRO = [
    *(gather, gather_nd, embedding_lookup, select_v2, best, running, update_slice, reduce_all, broadcast_args, slice_),
]
LITE = [strided_slice, scatter_nd, one_hot, top, reverse_sequence, select, reduce_any]


def drawn(
    draws: Sequence[Callable[[np.random.Generator], Drawn]], count: int
) -> tuple[list[tflm.Operator], list[Array]]:
    """Returns some of each operator, and a sample for all of them."""
    rng = np.random.default_rng(17)
    pairs = [draw(rng) for draw in draws for _ in range(count)]
    return [operator for operator, _ in pairs], [np.asarray(x) for _, inputs in pairs for x in inputs]


def test_equals_tflite_micro(tmp_path: Path) -> None:
    operators, sample = drawn(MICRO, 6)
    path = tmp_path / "micro.tflite"
    want = parity.tflite(path, operators, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "kernels")


def test_equals_litert(tmp_path: Path) -> None:
    operators, sample = drawn(LITE, 5)
    path = tmp_path / "lite.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "kernels")


def test_numbers_far_outside_touch_nothing_else(tmp_path: Path) -> None:
    """Kernels clamp as the references do, which index numpy arrays."""
    rng = np.random.default_rng(18)
    draws = (gather, gather_nd, update_slice, slice_, strided_slice, scatter_nd)
    pairs = [draw(rng) for draw in draws for _ in range(3)]
    sample = []
    for _, inputs in pairs:
        far = [rng.choice(np.array([-(1 << 31), -7, 7, (1 << 31) - 1], np.int32), x.shape) for x in inputs]
        sample += [f if x.dtype == np.int32 else x for f, x in zip(far, inputs, strict=True)]
    path = tmp_path / "far.tflite"
    path.write_bytes(tflm.models([operator for operator, _ in pairs]))
    parity.agree(parity.host(path, [sample]), parity.reference(path, [sample]), "kernels")
