"""What moves elements and computes nothing."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Node
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.concat import Concat
from ariel_build.ops.copy import Copy
from ariel_build.ops.gather import GatherConstant
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.slice import Slice
from ariel_build.ops.transpose import Transpose
from ariel_build.quantize.writers.writer import FIRST, LAST, Writer, writes

__all__: list[str] = []

#: Where the axes of an image stand with channels first.
_PLACE = {0: 0, 1: 2, 2: 3, 3: 1}


def _integers(writer: Writer, numbers: object, hint: str) -> str:
    return writer.constant(np.array(numbers, np.int64), hint)


def _is_first(writer: Writer, node: Node) -> bool:
    """Whether all that a node moves are images that stand with channels first in the file, and only so."""
    images = [v for v in node.inputs if v is not None and not v.is_constant]
    return bool(images) and all(
        len(v.shape) == 4 and writer.has(v, first=True) and not writer.has(v, first=False) for v in images
    )


@writes(Reshape)
def _reshape(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Reshape)  # noqa: S101 - registered for it
    x, output = node.input(0), node.output
    if len(output.shape) == 4 and _is_moved_one(x.shape, output.shape):
        # [N, 1, H, W] -> [N, H, W, 1]: the same image, of one channel.
        writer.bind(output, writer.read(x), first=True)
        return
    writer.write(output, "Reshape", [writer.read(x), _integers(writer, output.shape, "shape")])


def _is_moved_one(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    return len(before) == 4 and before[1] == 1 and after[3] == 1 and before == tuple(after[k] for k in FIRST)


@writes(Transpose)
def _transpose(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Transpose)  # noqa: S101 - registered for it
    x, output = node.input(0), node.output
    if node.op.perm == LAST:
        writer.bind(output, writer.read(x), first=True)
    elif node.op.perm == FIRST and writer.has(x, first=True):
        writer.bind(output, writer.read_first(x))
    else:
        writer.write(output, "Transpose", [writer.read(x)], perm=node.op.perm)


@writes(Copy)
def _copy(writer: Writer, node: Node) -> None:
    writer.write(node.output, "Identity", [writer.read(node.input(0))])


@writes(Slice)
def _slice(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Slice)  # noqa: S101 - registered for it
    op, first = node.op, _is_first(writer, node)
    ends = []
    for begin, count, step in zip(op.begin, op.shape, op.steps, strict=True):
        end = begin + (count - 1) * step + (1 if step > 0 else -1)
        # Before the first element: only a number that no axis reaches says so.
        ends.append(end if end >= 0 else -(1 << 31))
    axes = [_PLACE[k] if first else k for k in range(len(op.begin))]
    x = writer.read_first(node.input(0)) if first else writer.read(node.input(0))
    parts = [
        _integers(writer, numbers, hint)
        for numbers, hint in ((op.begin, "starts"), (ends, "ends"), (axes, "axes"), (op.steps, "steps"))
    ]
    writer.write(node.output, "Slice", [x, *parts], first=first)


@writes(Concat)
def _concat(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Concat)  # noqa: S101 - registered for it
    first = _is_first(writer, node) and all(v is None or len(v.shape) == 4 for v in node.inputs)
    parts = [writer.read_first(v) if first else writer.read(v) for v in node.inputs if v is not None]
    writer.write(node.output, "Concat", parts, first=first, axis=_PLACE[node.op.axis] if first else node.op.axis)


@writes(Pad)
def _pad(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Pad)  # noqa: S101 - registered for it
    op, x, first = node.op, node.input(0), _is_first(writer, node)
    pads = [op.pads[k] for k in FIRST] if first else op.pads
    name = writer.read_first(x) if first else writer.read(x)
    numbers = _integers(writer, [*(before for before, _ in pads), *(after for _, after in pads)], "pads")
    value = writer.constant(np.array(op.value, x.type.dtype.numpy), "border")
    writer.write(node.output, "Pad", [name, numbers, value], first=first)


@writes(GatherConstant)
def _gather(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, GatherConstant)  # noqa: S101 - registered for it
    first = _is_first(writer, node)
    x = writer.read_first(node.input(0)) if first else writer.read(node.input(0))
    axis = _PLACE[node.op.axis] if first else node.op.axis
    writer.write(node.output, "Gather", [x, _integers(writer, node.op.indices, "indices")], first=first, axis=axis)


@writes(Tile)
def _tile(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Tile)  # noqa: S101 - registered for it
    if node.input(0).is_constant:
        raise UnsupportedReason("it repeats a constant")
    first = _is_first(writer, node)
    x = writer.read_first(node.input(0)) if first else writer.read(node.input(0))
    repeats = [node.op.repeats[k] for k in FIRST] if first else node.op.repeats
    writer.write(node.output, "Tile", [x, _integers(writer, repeats, "repeats")], first=first)
