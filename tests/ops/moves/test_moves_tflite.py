"""Operators that only move elements, of random shapes, equal TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.sums import samples_for

Options = tuple[str, Mapping[str, object]] | None


def operator(
    name: str, shape: tuple[int, ...], out: tuple[int, ...], *constants: object, options: Options = None
) -> tflm.Operator:
    given = [np.array(c, np.int32) for c in constants]
    tensors = [tflm.Tensor("int32", c.shape, data=c) for c in given]
    quantised = (0.5, 3)
    x, y = (tflm.Tensor("int8", s, *quantised) for s in (shape, out))
    return tflm.Operator(name, [x, *tensors], [y], options, 2)


def depth_to_space(rng: np.random.Generator) -> tflm.Operator:
    b, (h, w, c) = int(rng.integers(1, 4)), (int(v) for v in rng.integers(1, 5, 3))
    options = ("DepthToSpaceOptions", {"blockSize": b})
    return operator("DEPTH_TO_SPACE", (1, h, w, c * b * b), (1, h * b, w * b, c), options=options)


def space_to_depth(rng: np.random.Generator) -> tflm.Operator:
    b, (h, w, c) = int(rng.integers(1, 4)), (int(v) for v in rng.integers(1, 5, 3))
    options = ("SpaceToDepthOptions", {"blockSize": b})
    return operator("SPACE_TO_DEPTH", (1, h * b, w * b, c), (1, h, w, c * b * b), options=options)


def space_to_batch(rng: np.random.Generator) -> tflm.Operator:
    # Without padding: what TFLite-Micro pads with is whatever was in memory (space.py); a recorded case has some.
    blocks, out = ([int(v) for v in rng.integers(1, 4, 2)] for _ in range(2))
    image = [n * b for n, b in zip(out, blocks, strict=True)]
    c, n = (int(v) for v in rng.integers(1, 4, 2))
    return operator("SPACE_TO_BATCH_ND", (n, *image, c), (n * math.prod(blocks), *out, c), blocks, [[0, 0], [0, 0]])


def batch_to_space(rng: np.random.Generator) -> tflm.Operator:
    blocks, sizes = ([int(v) for v in rng.integers(1, 4, 2)] for _ in range(2))
    crops = [[int(v) for v in rng.integers(0, 2, 2)] for _ in blocks]
    image = [n + 3 for n in sizes]
    out = [n * b - sum(p) for n, b, p in zip(image, blocks, crops, strict=True)]
    c, n = (int(v) for v in rng.integers(1, 4, 2))
    return operator("BATCH_TO_SPACE_ND", (n * math.prod(blocks), *image, c), (n, *out, c), blocks, crops)


def mirror_pad(rng: np.random.Generator) -> tflm.Operator:
    shape = tuple(int(v) for v in rng.integers(2, 6, rng.integers(1, 5)))
    symmetric = int(rng.integers(0, 2))
    pads = [[int(v) for v in rng.integers(0, n + symmetric, 2)] for n in shape]
    out = tuple(n + sum(p) for n, p in zip(shape, pads, strict=True))
    return operator("MIRROR_PAD", shape, out, pads, options=("MirrorPadOptions", {"mode": symmetric}))


def reverse(rng: np.random.Generator) -> tflm.Operator:
    shape = tuple(int(v) for v in rng.integers(1, 6, rng.integers(1, 5)))
    axis = int(rng.integers(-len(shape), len(shape)))
    return operator("REVERSE_V2", shape, shape, [axis], options=("ReverseV2Options", {}))


@pytest.mark.parametrize(
    "draw",
    [depth_to_space, space_to_depth, space_to_batch, batch_to_space, mirror_pad, reverse],
    ids=lambda d: d.__name__,
)
def test_equals_tflite_micro(tmp_path: Path, draw: Callable[[np.random.Generator], tflm.Operator]) -> None:
    rng = np.random.default_rng(1)
    operators = [draw(rng) for _ in range(12)]
    samples = samples_for(rng, operators, 2)
    path = tmp_path / "moves.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
