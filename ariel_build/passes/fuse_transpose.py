"""BatchMatMul(Transpose(x), Transpose(y)) -> BatchMatMul that reads x and y where they lie.

The kernels walk over both sides by strides; the fast ones want the terms of the left side to follow one another, and of
the right side the terms or the columns. Other transposes stay.
"""

from __future__ import annotations

from dataclasses import replace

from ariel_build.ir import Graph
from ariel_build.ops.batch_matmul import BATCH_AXES, BatchMatMul
from ariel_build.ops.permutation import Perm, compose, identity
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor
from ariel_build.passes.region import transpose_of

__all__ = ["fuse_transpose"]


def fuse_transpose(graph: Graph, log: PassLog) -> bool:
    """Gives products the permutations of their operands."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        if not isinstance(node.op, BatchMatMul):
            continue
        op, inputs = node.op, list(node.inputs)
        for side, (key, own) in enumerate((("x_perm", op.x_perm), ("y_perm", op.y_perm))):
            producer = editor.producer(node.input(side))
            perm = transpose_of(producer)
            if producer is None or perm is None:
                continue
            both = compose(perm, own or identity(len(perm)))
            if len(node.output.shape) > BATCH_AXES + 2 or not _is_near(node.op, side, both):
                log.refused(node, "what it multiplies would not lie side by side")
                continue
            op, inputs[side] = replace(op, **{key: both}), producer.input(0)  # type: ignore[arg-type]
        if op is not node.op:
            log.rewrote(node, "reads its operands as they lie")
            editor.substitute(node, op, inputs)
    return editor.finish()


def _is_near(op: BatchMatMul, side: int, perm: Perm) -> bool:
    """Whether the axis along which elements follow one another is one that the kernels read so."""
    last = perm.index(len(perm) - 1) - len(perm)
    return last == (-2 if op.adj_x else -1) if side == 0 else last >= -2
