"""Softmax(c * x) -> Softmax(x) with beta' = beta * c, for a number c > 0: its kernel multiplies anyway.

Attention divides its scores by the root of their depth in front of the softmax. A negative number would make the
greatest score the least, and is left.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ariel_build.ir import DType, Graph
from ariel_build.ops.fixed_point import UNBOUNDED
from ariel_build.ops.map2 import Map2
from ariel_build.ops.softmax import Softmax
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor

__all__ = ["fold_scale"]

#: Greatest factor that is taken over.
MOST = 2.0**64


def fold_scale(graph: Graph, log: PassLog) -> bool:
    """Gives each Softmax of float32 the number that its input is multiplied by, or divided by."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        if not isinstance(node.op, Softmax) or node.input(0).type.dtype is not DType.F32:
            continue
        source = editor.producer(node.input(0))
        if source is None or not isinstance(source.op, Map2) or source.op.kind not in ("Mul", "Div"):
            continue
        left, right = source.input(0), source.input(1)
        x, number = (right, left) if left.is_constant and source.op.kind == "Mul" else (left, right)
        if (
            number.data is None
            or number.data.size != 1
            or x.shape != source.output.shape
            or source.op.clip != UNBOUNDED
        ):
            log.refused(node, "its input is not a tensor times a number")
            continue
        factor = float(np.float32(number.data.reshape(())))
        times = factor if source.op.kind == "Mul" else 1 / factor if factor else 0.0
        beta = node.op.beta * times
        # A product that is too large or too small for float32 is infinite or 0, in front of Softmax as well.
        if not (MOST >= times >= 1 / MOST and MOST >= beta >= 1 / MOST):
            log.refused(node, f"its input is scaled by {factor:g}")
            continue
        log.rewrote(node, f"beta is {beta:g}")
        editor.substitute(node, replace(node.op, beta=float(np.float32(beta))), [x])
    return editor.finish()
