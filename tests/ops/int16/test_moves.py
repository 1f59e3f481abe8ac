"""Operators that move int16 equal TFLite-Micro, whatever the scales: in numpy, and compiled for the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tests.ops import parity, tflm
from tests.ops.sums import samples_for

Shape = tuple[int, ...]


def wide(shape: Shape, scale: float = 0.01) -> tflm.Tensor:
    return tflm.Tensor("int16", shape, scale)


def numbers(*data: object) -> tflm.Tensor:
    given = np.array(data, np.int32)
    return tflm.Tensor("int32", given.shape, data=given)


def number(value: int) -> tflm.Tensor:
    return tflm.Tensor("int32", (), data=np.array(value, np.int32))


def shape_of(rng: np.random.Generator, rank: int) -> Shape:
    return tuple(int(n) for n in rng.integers(2, 6, rank))


def of(name: str, inputs: list[tflm.Tensor], outputs: list[tflm.Tensor], **fields: object) -> tflm.Operator:
    table = "".join(word.title() for word in name.split("_")) + "Options"
    return tflm.Operator(name, inputs, outputs, (table, fields))


def pad(rng: np.random.Generator) -> tflm.Operator:
    shape = shape_of(rng, int(rng.integers(1, 5)))
    pads = [[int(v) for v in rng.integers(0, 3, 2)] for _ in shape]
    x, y = wide(shape), wide(tuple(n + sum(p) for n, p in zip(shape, pads, strict=True)))
    if rng.random() < 0.5:
        return of("PAD", [x, numbers(*pads)], [y])
    value = tflm.Tensor("int16", (), 0.01, 0, np.array(rng.integers(-30_000, 30_000), np.int16))
    return tflm.Operator("PADV2", [x, numbers(*pads), value], [y], ("PadV2Options", {}))


def slice_(rng: np.random.Generator) -> tflm.Operator:
    shape = shape_of(rng, int(rng.integers(1, 5)))
    begin = [int(rng.integers(0, n)) for n in shape]
    size = [int(rng.integers(1, n - b + 1)) for n, b in zip(shape, begin, strict=True)]
    return of("SLICE", [wide(shape), numbers(*begin), numbers(*size)], [wide(tuple(size))])


def strided_slice(rng: np.random.Generator) -> tflm.Operator:
    shape = shape_of(rng, int(rng.integers(1, 5)))
    begin = [int(rng.integers(0, n)) for n in shape]
    end = [int(rng.integers(b + 1, n + 1)) for n, b in zip(shape, begin, strict=True)]
    steps = [int(rng.integers(1, 3)) for _ in shape]
    out = tuple(len(range(*each)) for each in zip(begin, end, steps, strict=True))
    return of("STRIDED_SLICE", [wide(shape), numbers(*begin), numbers(*end), numbers(*steps)], [wide(out)])


def transpose(rng: np.random.Generator) -> tflm.Operator:
    shape = shape_of(rng, int(rng.integers(2, 5)))
    perm = [int(p) for p in rng.permutation(len(shape))]
    return of("TRANSPOSE", [wide(shape), numbers(*perm)], [wide(tuple(shape[p] for p in perm))])


def concatenation(rng: np.random.Generator) -> tflm.Operator:
    shape = shape_of(rng, int(rng.integers(1, 5)))
    axis = int(rng.integers(0, len(shape)))
    shapes = [(*shape[:axis], int(rng.integers(1, 4)), *shape[axis + 1 :]) for _ in range(3)]
    out = (*shape[:axis], sum(s[axis] for s in shapes), *shape[axis + 1 :])
    # The scales differ, and nothing is made of it.
    scales = [float(np.float32(s)) for s in rng.uniform(0.001, 0.02, 3)]
    return of("CONCATENATION", [wide(s, k) for s, k in zip(shapes, scales, strict=True)], [wide(out)], axis=axis)


def split(rng: np.random.Generator) -> tflm.Operator:
    shape = shape_of(rng, int(rng.integers(1, 5)))
    axis = int(rng.integers(0, len(shape)))
    if rng.random() < 0.5:
        whole, part = ((*shape[:axis], n, *shape[axis + 1 :]) for n in (6, 2))
        return of("SPLIT", [number(axis), wide(whole)], [wide(part)] * 3, numSplits=3)
    whole, *parts = ((*shape[:axis], n, *shape[axis + 1 :]) for n in (6, 1, 5))
    return of("SPLIT_V", [wide(whole), numbers(1, 5), number(axis)], [wide(p) for p in parts], numSplits=2)


def shapes(rng: np.random.Generator) -> tflm.Operator:
    a, b, c = shape_of(rng, 3)
    return [
        of("RESHAPE", [wide((a, b, c)), numbers(a * b, c)], [wide((a * b, c))]),
        of("SQUEEZE", [wide((a, 1, b))], [wide((a, b))], squeezeDims=[1]),
        of("EXPAND_DIMS", [wide((a, b)), numbers(1)], [wide((a, 1, b))]),
    ][rng.integers(3)]


def stack(rng: np.random.Generator) -> tflm.Operator:
    shape = shape_of(rng, int(rng.integers(1, 4)))
    axis = int(rng.integers(0, len(shape) + 1))
    stacked = (*shape[:axis], 3, *shape[axis:])
    if rng.random() < 0.5:
        return of("PACK", [wide(shape)] * 3, [wide(stacked)], axis=axis, valuesCount=3)
    return of("UNPACK", [wide(stacked)], [wide(shape)] * 3, axis=axis, num=3)


def reverse(rng: np.random.Generator) -> tflm.Operator:
    shape = shape_of(rng, int(rng.integers(1, 5)))
    return tflm.Operator(
        "REVERSE_V2", [wide(shape), numbers(int(rng.integers(0, len(shape))))], [wide(shape)], ("ReverseV2Options", {})
    )


def resize(rng: np.random.Generator) -> tflm.Operator:
    n, h, w, c = shape_of(rng, 4)
    rows, columns = (int(v) for v in rng.integers(1, 9, 2))
    corners = {"alignCorners": bool(rng.random() < 0.3)}
    inputs, outputs = [wide((n, h, w, c)), numbers(rows, columns)], [wide((n, rows, columns, c))]
    return tflm.Operator("RESIZE_NEAREST_NEIGHBOR", inputs, outputs, ("ResizeNearestNeighborOptions", corners))


DRAWS: Mapping[str, Callable[[np.random.Generator], tflm.Operator]] = {
    draw.__name__: draw
    for draw in (pad, slice_, strided_slice, transpose, concatenation, split, shapes, stack, reverse, resize)
}


def test_equals_tflite_micro(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    operators = [draw(rng) for draw in DRAWS.values() for _ in range(6)]
    samples = samples_for(rng, operators, 2)
    path = tmp_path / "moves.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
