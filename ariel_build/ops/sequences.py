"""ONNX's sequences of tensors, whose length and places are known while importing: no operators are left of them.

Exporters write a Python list of tensors so: a Split into a list, whose members are taken by number, changed and joined.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.concat import concat
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice

__all__: list[str] = []


@imports("onnx", "SequenceEmpty")
def _empty(importer: Importer) -> None:
    importer.attribute("dtype")
    importer.bind_sequence([])


@imports("onnx", "SequenceConstruct", stored=True)
def _construct(importer: Importer) -> None:
    importer.bind_sequence(importer.inputs())


@imports("onnx", "SplitToSequence", stored=True)
def _split(importer: Importer) -> None:
    x = importer.input(0)
    (axis,) = axes_of([importer.integer("axis")], len(x.shape))
    # Parts that are sized keep the axis, whatever this says.
    keeps = importer.integer("keepdims", 1) == 1 or importer.optional_input(1) is not None
    extent = x.shape[axis]
    if importer.optional_input(1) is not None:
        given = importer.constant_input(1, "the sizes of the parts")
        sizes = [int(n) for n in given.reshape(-1)]
        if given.ndim == 0 and sizes[0] > 0:
            sizes = [min(sizes[0], extent - at) for at in range(0, extent, sizes[0])]
    else:
        sizes = [1] * extent
    if min(sizes, default=0) < 0 or sum(sizes) != extent:
        raise UnsupportedReason(f"parts of {sizes} do not make an axis of {extent}")
    parts, at = list[Value](), 0
    for size in sizes:
        part = emit_slice(importer, x, {axis: (at, size, 1)})
        parts.append(part if keeps else reshape(importer, part, x.shape[:axis] + x.shape[axis + 1 :]))
        at += size
    importer.bind_sequence(parts)


def _place(importer: Importer, index: int, most: int) -> int:
    """Returns a place in a sequence, counted from the front, from 0 up to `most`."""
    place = int(importer.constant_input(index, "the place in a sequence").item())
    if not -most <= place <= most:
        raise UnsupportedReason(f"place {place} is outside a sequence of {len(importer.sequence(0))}")
    return place


@imports("onnx", "SequenceAt", stored=True)
def _at(importer: Importer) -> None:
    parts = importer.sequence(0)
    place = _place(importer, 1, len(parts))
    if place == len(parts):
        raise UnsupportedReason(f"place {place} is outside a sequence of {len(parts)}")
    importer.bind(parts[place])


@imports("onnx", "SequenceInsert", stored=True)
def _insert(importer: Importer) -> None:
    parts = list(importer.sequence(0))
    place = len(parts) if importer.optional_input(2) is None else _place(importer, 2, len(parts))
    parts.insert(place, importer.input(1))
    importer.bind_sequence(parts)


@imports("onnx", "SequenceErase", stored=True)
def _erase(importer: Importer) -> None:
    parts = list(importer.sequence(0))
    place = len(parts) - 1 if importer.optional_input(1) is None else _place(importer, 1, len(parts))
    if place == len(parts) or not parts:
        raise UnsupportedReason(f"place {place} is outside a sequence of {len(parts)}")
    del parts[place]
    importer.bind_sequence(parts)


@imports("onnx", "SequenceLength")
def _length(importer: Importer) -> None:
    importer.bind(importer.constant(np.array(len(importer.sequence(0)), np.int64)))


@imports("onnx", "ConcatFromSequence", stored=True)
def _concat(importer: Importer) -> None:
    parts = importer.sequence(0)
    if not parts or any(len(v.shape) != len(parts[0].shape) for v in parts):
        raise UnsupportedReason(f"a sequence of {[str(v.type) for v in parts]} cannot be joined")
    rank, new = len(parts[0].shape), importer.integer("new_axis") == 1
    (axis,) = axes_of([importer.integer("axis")], rank + new)
    if new:
        parts = [reshape(importer, v, (*v.shape[:axis], 1, *v.shape[axis:])) for v in parts]
    importer.bind(concat(importer, [v for v in parts if v.type.elements] or parts[:1], axis))
