"""Col2Im: image[at + tap] += column[tap, at]: columns of blocks are added where they lie; importers only."""

from __future__ import annotations

import itertools
import math

from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.formula import map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.window import Span

__all__: list[str] = []

#: Taps for which nodes are made.
MOST_TAPS = 256


@imports("onnx", "Col2Im")
def _from_onnx(importer: Importer) -> None:
    """For each tap: its columns with zeros between them, where the stride is more than 1, and around them."""
    x = real_input(importer)
    image = [int(n) for n in importer.constant_input(1, "the shape of the image").reshape(-1)]
    block = [int(n) for n in importer.constant_input(2, "the shape of a block").reshape(-1)]
    rank, taps = len(image), math.prod(block)
    strides, dilations = (importer.integers(name, (1,) * rank) for name in ("strides", "dilations"))
    pads = importer.integers("pads", (0,) * 2 * rank)
    if not rank or not len(block) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank:
        raise UnsupportedReason("image, block, strides, dilations or pads do not have one entry per axis")
    if min(*image, *block, *strides, *dilations) < 1 or min(pads) < 0 or taps > MOST_TAPS:
        raise UnsupportedReason(f"a block {block} in an image {image} is not supported")
    spans = [Span(*axis) for axis in zip(block, strides, dilations, pads[:rank], pads[rank:], strict=True)]
    places = [span.count(extent) for span, extent in zip(spans, image, strict=True)]
    if len(x.shape) != 3 or x.shape[1] % taps or x.shape[2] != math.prod(places):
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
    importer.bind(total)
