"""Moves between an image's pixels and its channels, or the batch; importers only, onto reshapes and transposes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

__all__: list[str] = []


def _moved(importer: Importer, x: Value, apart: Sequence[int], order: Sequence[int], shape: Sequence[int]) -> Value:
    """Returns `x`, its axes split into `apart`, put in another order, and joined to `shape`."""
    return reshape(importer, transpose(importer, reshape(importer, x, apart), tuple(order)), shape)


def _block(importer: Importer, name: str, axes: int) -> int:
    """Returns the side of a block of pixels; refuses what is not an image."""
    block, x = importer.integer(name), importer.input(0)
    if len(x.shape) != axes or block < 1:
        raise UnsupportedReason(f"{x.type} has no blocks of {block} x {block} pixels")
    return block


def _divided(extents: Sequence[int], divisors: Sequence[int]) -> list[int]:
    if any(d < 1 or n % d for n, d in zip(extents, divisors, strict=True)):
        raise UnsupportedReason(f"extents of {list(extents)} cannot be divided by {list(divisors)}")
    return [n // d for n, d in zip(extents, divisors, strict=True)]


@imports("tflite", "DEPTH_TO_SPACE")
def _depth_to_space(importer: Importer) -> None:
    x, b = importer.input(0), _block(importer, "block_size", 4)
    n, h, w, channels = x.shape
    (c,) = _divided([channels], [b * b])
    importer.bind(_moved(importer, x, (n, h, w, b, b, c), (0, 1, 3, 2, 4, 5), (n, h * b, w * b, c)))


@imports("tflite", "SPACE_TO_DEPTH")
def _space_to_depth(importer: Importer) -> None:
    x, b = importer.input(0), _block(importer, "block_size", 4)
    n, *image, c = x.shape
    h, w = _divided(image, [b, b])
    importer.bind(_moved(importer, x, (n, h, b, w, b, c), (0, 1, 3, 2, 4, 5), (n, h, w, b * b * c)))


def _mode(importer: Importer) -> str:
    """Returns which of block and channels comes first in the channels of ONNX."""
    mode = importer.text("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise UnsupportedReason(f"mode `{mode}` is not known")
    return mode


@imports("onnx", "DepthToSpace", stored=True)
def _depth_to_space_from_onnx(importer: Importer) -> None:
    x, b = importer.input(0), _block(importer, "blocksize", 4)
    n, channels, h, w = x.shape
    (c,) = _divided([channels], [b * b])
    mode = importer.text("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise UnsupportedReason(f"mode `{mode}` is not known")
    apart, order = (
        ((n, b, b, c, h, w), (0, 3, 4, 1, 5, 2)) if mode == "DCR" else ((n, c, b, b, h, w), (0, 1, 4, 2, 5, 3))
    )
    importer.bind(_moved(importer, x, apart, order, (n, c, h * b, w * b)))


@imports("onnx", "SpaceToDepth", stored=True)
def _space_to_depth_from_onnx(importer: Importer) -> None:
    x, b = importer.input(0), _block(importer, "blocksize", 4)
    n, c, *image = x.shape
    h, w = _divided(image, [b, b])
    order = (0, 3, 5, 1, 2, 4) if _mode(importer) == "DCR" else (0, 1, 3, 5, 2, 4)
    importer.bind(_moved(importer, x, (n, c, h, b, w, b), order, (n, c * b * b, h, w)))


def _blocks(importer: Importer, what: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Returns the extents of a block along the axes behind the batch, and what is added or cut off around them."""
    blocks = [int(b) for b in importer.constant_input(1, "the block's shape").reshape(-1)]
    around = importer.constant_input(2, what).reshape(-1).tolist()
    pairs = [(int(a), int(b)) for a, b in zip(around[::2], around[1::2], strict=True)]
    x = importer.input(0)
    if len(pairs) != len(blocks) or not 1 <= len(blocks) < len(x.shape) or min(blocks) < 1 or min(map(min, pairs)) < 0:
        raise UnsupportedReason(f"blocks of {blocks} with {what} {pairs} do not fit {x.type}")
    return blocks, pairs


@imports("tflite", "SPACE_TO_BATCH_ND")
def _space_to_batch(importer: Importer) -> None:
    x = importer.input(0)
    blocks, pads = _blocks(importer, "the padding")
    if any(pad != (0, 0) for pad in pads):
        # What TFLite-Micro pads with it reads from memory that is no longer its own: 0 where nothing else was there.
        # uint8, which only TFLite knows, is padded with its zero point.
        rest, quant = len(x.shape) - 1 - len(pads), x.type.quant
        number = quant.zero_point if quant is not None and x.type.dtype is DType.U8 else 0
        (x,) = importer.emit(Pad(((0, 0), *pads, *[(0, 0)] * rest), number), [x], [quant])
    k = len(blocks)
    (n, *image), tail = x.shape[: k + 1], x.shape[k + 1 :]
    sizes = _divided(image, blocks)
    apart = [n, *(d for pair in zip(sizes, blocks, strict=True) for d in pair), *tail]
    order = [*range(2, 2 * k + 1, 2), 0, *range(1, 2 * k, 2), *range(2 * k + 1, len(apart))]
    importer.bind(_moved(importer, x, apart, order, (n * math.prod(blocks), *sizes, *tail)))


@imports("tflite", "BATCH_TO_SPACE_ND")
def _batch_to_space(importer: Importer) -> None:
    x = importer.input(0)
    blocks, crops = _blocks(importer, "the crops")
    k = len(blocks)
    (batch, *image), tail = x.shape[: k + 1], x.shape[k + 1 :]
    (n,) = _divided([batch], [math.prod(blocks)])
    apart = [*blocks, n, *image, *tail]
    order = [k, *(axis for pair in zip(range(k + 1, 2 * k + 1), range(k), strict=True) for axis in pair)]
    order += range(2 * k + 1, len(apart))
    grown = [m * b for m, b in zip(image, blocks, strict=True)]
    whole = _moved(importer, x, apart, order, (n, *grown, *tail))
    kept = {axis + 1: (a, m - a - b, 1) for axis, (m, (a, b)) in enumerate(zip(grown, crops, strict=True))}
    if any(count < 1 for _, count, _ in kept.values()):
        raise UnsupportedReason(f"nothing is left of {grown} without the crops {crops}")
    importer.bind(emit_slice(importer, whole, kept))
