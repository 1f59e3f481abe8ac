"""What slides a window over an image without weights."""

from __future__ import annotations

from ariel_build.ir import Node
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.fixed_point import UNBOUNDED
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.quantize.writers.elements import activation
from ariel_build.quantize.writers.writer import Writer, writes

__all__: list[str] = []


@writes(Pool2d)
def _pool(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Pool2d)  # noqa: S101 - registered for it
    op, window = node.op, node.op.window
    average = op.kind is PoolKind.AVERAGE
    if average and op.counted not in ((0, 0, 0, 0), window.padding):
        raise UnsupportedReason("an average that counts a part of the cells around the image")
    hint = writer.hint_first(node.output)
    made = writer.node(
        "AveragePool" if average else "MaxPool",
        [writer.read_first(node.input(0))],
        hint if op.clip == UNBOUNDED else f"{node.output.name or 'pool'}_cells",
        kernel_shape=window.size,
        strides=window.strides,
        dilations=None if window.dilations == (1, 1) else window.dilations,
        pads=window.padding,
        count_include_pad=int(op.counted != (0, 0, 0, 0)) if average else None,
    )
    writer.bind(node.output, activation(writer, made, op.clip, hint), first=True)
