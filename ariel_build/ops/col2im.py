"""Col2Im: image[at + tap] += column[tap, at]: columns of blocks are added where they lie; importers only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from ariel_build.ir import Value
from ariel_build.ops.alternatives import MOST, by_numbers
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.formula import map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape
from ariel_build.ops.sizes import sizes_input
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.window import Span

__all__: list[str] = []

#: Taps for which nodes are made.
MOST_TAPS = 256
#: Axes of an image whose blocks have a shape that is computed at run time.
MOST_AXES = 3


@imports("onnx", "Col2Im")
def _from_onnx(importer: Importer) -> None:
    x = real_input(importer)
    image = sizes_input(importer, 1, "the shape of the image", lambda shape: shape[2:])
    given, rank = importer.input(2), len(image)
    strides, dilations = (importer.integers(name, (1,) * rank) for name in ("strides", "dilations"))
    pads = importer.integers("pads", (0,) * 2 * rank)
    if not rank or given.shape != (rank,) or len(strides) != rank or len(dilations) != rank or len(pads) != 2 * rank:
        raise UnsupportedReason("image, block, strides, dilations or pads do not have one entry per axis")
    if min(*image, *strides, *dilations) < 1 or min(pads) < 0 or len(x.shape) != 3:
        raise UnsupportedReason(f"columns {x.type} of an image {image} are not supported")
    spread = list(zip(strides, dilations, pads[:rank], pads[rank:], strict=True))
    if given.data is not None:
        block = tuple(int(n) for n in given.data.reshape(-1))
        importer.bind(_added(importer, x, image, [Span(n, *axis) for n, axis in zip(block, spread, strict=True)]))
        return
    taps = x.shape[1] // max(importer.declared_shape("the shape of a block")[1], 1)
    made: dict[tuple[int, ...], Value] = {}
    for block in _blocks(taps, rank):
        spans = [Span(n, *axis) for n, axis in zip(block, spread, strict=True)]
        room = all(s.extent <= n + s.before + s.after for s, n in zip(spans, image, strict=True))
        if room and math.prod(_places(spans, image)) == x.shape[2] and len(made) <= MOST:
            made[block] = _added(importer, x, image, spans)
    importer.bind(by_numbers(importer, given, taps, made))


def _blocks(taps: int, rank: int) -> list[tuple[int, ...]]:
    """Returns the shapes of a block of so many taps."""
    if not 0 < taps <= MOST_TAPS or rank > MOST_AXES:
        raise UnsupportedReason(
            f"the shape of a block of {taps} taps is computed at run time; only a constant is supported"
        )
    if rank == 1:
        return [(taps,)]
    return [(n, *rest) for n in range(1, taps + 1) if taps % n == 0 for rest in _blocks(taps // n, rank - 1)]


def _places(spans: Sequence[Span], image: Sequence[int]) -> list[int]:
    """Returns the places of a block along each axis."""
    return [span.count(extent) for span, extent in zip(spans, image, strict=True)]


def _added(importer: Importer, x: Value, image: Sequence[int], spans: Sequence[Span]) -> Value:
    """For each tap: its columns with zeros between them, where the stride is more than 1, and around them."""
    block, places = [span.size for span in spans], _places(spans, image)
    taps = math.prod(block)
    if min(block) < 1 or taps > MOST_TAPS:
        raise UnsupportedReason(f"a block {block} in an image {list(image)} is not supported")
    if x.shape[1] % taps or x.shape[2] != math.prod(places):
        raise UnsupportedReason(f"{x.type} does not hold columns of {taps} taps at {math.prod(places)} places")
    batch, channels = x.shape[0], x.shape[1] // taps
    columns = reshape(importer, x, (batch, channels, taps, *places))
    total = None
    for index, tap in enumerate(itertools.product(*(range(n) for n in block))):
        own = reshape(importer, emit_slice(importer, columns, {2: (index, 1, 1)}), (batch, channels, *places))
        for axis, (at, span, extent) in enumerate(zip(tap, spans, image, strict=True), 2):
            front, behind, count = own.shape[:axis], own.shape[axis + 1 :], own.shape[axis]
            if span.stride > 1:
                own = reshape(importer, own, (*front, count, 1, *behind))
                apart = [(0, 0)] * len(own.shape)
                apart[axis + 1] = (0, span.stride - 1)
                (own,) = importer.emit(Pad(tuple(apart)), [own])
                own = reshape(importer, own, (*front, count * span.stride, *behind))
            first = at * span.dilation - span.before
            ends = [(0, 0)] * len(own.shape)
            ends[axis] = (first, extent - first - own.shape[axis])
            if ends[axis] != (0, 0):
                (own,) = importer.emit(Pad(tuple(ends)), [own])
        total = own if total is None else map2(importer, "Add", total, own)
    assert total is not None  # noqa: S101 - there are taps
    return total
