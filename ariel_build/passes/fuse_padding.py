"""Conv(Pad(x)) -> Conv with a padded window: the border costs no copy.

A reshape in between that only adds or drops axes of 1, as that of a one-dimensional convolution does, goes in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ariel_build.ir import DType, Graph, Node, TensorType, Value
from ariel_build.ops.dynamic_quantize import is_hybrid
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.window import is_windowed
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor, operator

__all__ = ["fuse_padding"]

Pads = Sequence[tuple[int, int]]


def fuse_padding(graph: Graph, log: PassLog) -> bool:
    """Gives convolutions the padding of their image."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        op = node.op
        if not is_windowed(op):
            continue
        pad = editor.producer(node.input(0))
        reshape = pad if pad is not None and isinstance(pad.op, Reshape) else None
        if reshape is not None:
            pad = editor.producer(reshape.input(0))
        if pad is None or not isinstance(pad.op, Pad):
            continue
        pads = spread(pad.op.pads, pad.output.shape, node.input(0).shape)
        reason = refusal(node, pad, reshape, pads)
        if reason or pads is None:
            log.refused(node, reason)
            continue
        source = pad.input(0)
        if reshape is not None:
            type_ = node.input(0).type
            shape = tuple(n - before - after for n, (before, after) in zip(type_.shape, pads, strict=True))
            source = Value(TensorType(type_.dtype, shape, type_.quant), source.name, origin=source.origin)
            editor.add(Node(Reshape(shape), [pad.input(0)], [source], reshape.origin), node)
        own, ((top, bottom), (left, right)) = op.window.padding, pads[1:3]
        window = replace(op.window, padding=(own[0] + top, own[1] + left, own[2] + bottom, own[3] + right))
        log.rewrote(node, f"took over the padding of {pad.origin}")
        editor.substitute(node, replace(op, window=window), [source, *node.inputs[1:]])
    return editor.finish()


def spread(pads: Pads, old: Sequence[int], new: Sequence[int]) -> Pads | None:
    """Returns the padding of each axis of `new`, a reshape of `old` that adds or drops axes of 1; None of any other."""
    larger = [k for k, n in enumerate(old) if n != 1]
    if [old[k] for k in larger] != [n for n in new if n != 1]:
        return None
    if any(p != (0, 0) for k, p in enumerate(pads) if k not in larger):
        return None
    rest = iter(larger)
    return [(0, 0) if n == 1 else pads[next(rest)] for n in new]


def refusal(node: Node, pad: Node, reshape: Node | None, pads: Pads | None) -> str:
    """Returns why a window does not take over the padding in front of it, or an empty string."""
    assert isinstance(pad.op, Pad)  # noqa: S101 - the caller has looked
    source, image = pad.input(0).type, pad.output.type
    if not operator(node).traits.bordered:
        return "the cells around its image do not count as 0, those of Pad do"
    if is_windowed(op := node.op) and op.window.size == (1, 1):
        return "a window of one cell reads none of the padding"
    if is_hybrid(node.inputs):
        return "what is quantised at run time cannot be padded by a constant"
    if source.quant != image.quant or (reshape is not None and reshape.output.type.quant != image.quant):
        return "the quantisation changes on the way"
    if pads is None:
        return "the reshape behind Pad merges or splits its axes"
    if pads[0] != (0, 0) or pads[3] != (0, 0):
        return "Pad adds images or channels"
    if min(min(p) for p in pads) < 0:
        return "Pad crops"
    zero = 0 if image.dtype is DType.F32 or image.quant is None else image.quant.zero_point
    if pad.op.value != zero:
        return f"the border holds {pad.op.value:g}, which does not mean 0"
    return ""
