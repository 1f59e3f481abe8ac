"""Conv(Pad(x)) -> Conv with a padded window: the border costs no copy."""

from __future__ import annotations

from dataclasses import replace

from ariel_build.ir import DType, Graph, Node
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.dynamic_quantize import is_hybrid
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor

__all__ = ["fuse_padding"]


def fuse_padding(graph: Graph, log: PassLog) -> bool:
    """Gives convolutions the padding of their image."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        op = node.op
        if not isinstance(op, Conv2d | DepthwiseConv2d | Pool2d):
            continue
        pad = editor.producer(node.input(0))
        if pad is None or not isinstance(pad.op, Pad):
            continue
        reason = refusal(node, pad)
        if reason or isinstance(op, Pool2d):
            log.refused(node, reason)
            continue
        (top, bottom), (left, right) = pad.op.pads[1:3]
        before = op.window.padding
        padding = (before[0] + top, before[1] + left, before[2] + bottom, before[3] + right)
        log.rewrote(node, f"took over the padding of {pad.origin}")
        editor.substitute(
            node, replace(op, window=replace(op.window, padding=padding)), [pad.input(0), *node.inputs[1:]]
        )
    return editor.finish()


def refusal(node: Node, pad: Node) -> str:
    """Returns why a window does not take over the padding in front of it, or an empty string."""
    assert isinstance(pad.op, Pad)  # noqa: S101 - the caller has looked
    source, image = pad.input(0).type, pad.output.type
    if isinstance(node.op, Pool2d):
        return "the cells around the image of a pool do not exist, those of Pad do"
    if is_hybrid(node.inputs):
        return "what is quantised at run time cannot be padded by a constant"
    if source.quant != image.quant:
        return "Pad changes the quantisation"
    if pad.op.pads[0] != (0, 0) or pad.op.pads[3] != (0, 0):
        return "Pad adds images or channels"
    if min(min(p) for p in pad.op.pads) < 0:
        return "Pad crops"
    zero = 0 if image.dtype is DType.F32 or image.quant is None else image.quant.zero_point
    if pad.op.value != zero:
        return f"the border holds {pad.op.value:g}, which does not mean 0"
    return ""
