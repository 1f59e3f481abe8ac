"""Quantize(Dequantize(x)) -> x, flip(flip(x)) -> x: what is stored again as it was stored has not changed.

Exact: `rne(f32(s * (x - z)) / s)` is x - z for all integers of 16 bits. Dequantize(Quantize(x)) is not: it rounds.
Where scales differ by a rounding error only, integers may all stay as they are, too: then a view of them with the new
scale does.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Graph, Node
from ariel_build.ops.elementwise import BYTES, all_bytes
from ariel_build.ops.quantize import Dequantize, Quantize, is_flip
from ariel_build.ops.reshape import Reshape
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor

__all__ = ["cancel_quantize"]


def cancel_quantize(graph: Graph, log: PassLog) -> bool:
    """Lets the readers of a pair that gives back its input read that input."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        if not isinstance(node.op, Quantize):
            continue
        first = editor.producer(node.input(0))
        if first is not None and (isinstance(first.op, Dequantize) or (_flips(first) and _flips(node))):
            reason = refusal(first, node)
            if not reason and not editor.replace(node.output, first.input(0)):
                reason = "its result is an output of the model, its input another one or an input"
            if reason:
                log.refused(node, reason)
                continue
            log.rewrote(node, f"undoes {first.origin}")
            editor.remove(node)
        elif keeps_integers(node, node.op):
            log.rewrote(node, "gives the same integers another scale")
            editor.substitute(node, Reshape(node.output.shape), node.inputs)
    return editor.finish()


def _flips(node: Node) -> bool:
    return isinstance(node.op, Quantize) and is_flip(node.input(0).type, node.output.type)


def refusal(first: Node, node: Node) -> str:
    """Returns why a pair does not give back its input, or an empty string."""
    x, y = first.input(0).type, node.output.type
    if x.dtype is DType.I32:
        return "float32 does not hold all integers of 32 bits"
    return "" if x == y else f"{x} is stored again as {y}"


def keeps_integers(node: Node, op: Quantize) -> bool:
    """Whether Quantize of bytes gives each of the 256 values back, whatever scale they have then."""
    x, y = node.input(0).type, node.output.type
    if x.dtype not in BYTES or y.dtype is not x.dtype or not (x.quant and y.quant):
        return False
    if not (x.quant.per_tensor and y.quant.per_tensor) or x.quant.zero_point != y.quant.zero_point:
        return False
    every = all_bytes(x.dtype)
    return bool(np.array_equal(op.reference([every], node)[0], every))
