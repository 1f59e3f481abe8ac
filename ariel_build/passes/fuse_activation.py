"""Clip(f(x)) -> f(x) with a fused activation, where f multiplies and accumulates, pools, or combines two operands."""

from __future__ import annotations

from dataclasses import replace

from ariel_build.ir import DType, Graph, Node
from ariel_build.ops.clip import Clip
from ariel_build.ops.fixed_point import stored_bounds
from ariel_build.ops.traits import Clamping, clamps
from ariel_build.passes.base import PassLog
from ariel_build.passes.chain import made_by
from ariel_build.passes.editor import Editor

__all__ = ["fuse_activation"]

Bounds = tuple[float, float]


def fuse_activation(graph: Graph, log: PassLog) -> bool:
    """Gives operators the bounds of the Clip (Relu, Relu6, ..) behind them, over reshapes and transposes in between."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        if not isinstance(node.op, Clip):
            continue
        source = made_by(editor, node.input(0))
        if isinstance(source, str):
            log.refused(node, source)
            continue
        op = source.op
        if not clamps(op):
            continue
        clip = combined(op.clip, node.op.clip)
        reason = refusal(source, op, node, node.op, clip)
        if reason:
            log.refused(node, reason)
        elif editor.replace(node.output, node.input(0)):
            log.rewrote(node, f"{node.op.name} is the activation of {source.origin}")
            editor.remove(node)
            source.op = replace(op, clip=clip)
    return editor.finish()


def combined(first: Bounds, second: Bounds) -> Bounds:
    """Returns the bounds that do what `first` and then `second` do."""
    low, high = (min(max(bound, second[0]), second[1]) for bound in first)
    return low, high


def refusal(source: Node, op: Clamping, node: Node, clip: Clip, bounds: Bounds) -> str:
    """Returns why an activation does not become its operand's, or an empty string."""
    type_ = node.output.type
    if type_.dtype is DType.F32:
        return ""
    quant = type_.quant
    if quant is None or not quant.per_tensor:
        return f"bounds of {type_.dtype.value} without quantisation are not fused"
    if node.input(0).type.quant != quant or source.output.type.quant != quant:
        return "it changes the scale or the zero point"
    first = stored_bounds(op.clip, quant, type_.dtype, op.rounding)
    second = stored_bounds(clip.clip, quant, type_.dtype, clip.rounding)
    both = stored_bounds(bounds, quant, type_.dtype, op.rounding)
    clamped = tuple(min(max(bound, second[0]), second[1]) for bound in first)
    return "" if both == clamped else f"stored integers would be clamped to {both}, not to {clamped}"
