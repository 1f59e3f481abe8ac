"""Quantize(f(Dequantize(x), ..)) -> f on stored integers, with onnxruntime's rounding.

ONNX describes quantised operators as float operators between DequantizeLinear and QuantizeLinear. What they mean is
`rne(f(sx * (x - zx)) / sy) + zy`; operators whose attribute `rounding` is NEAREST_EVEN compute that from stored
integers: sums of products as `rne(f32(acc) * (sx * sw / sy)) + zy`. TFLite's QUANTIZE and DEQUANTIZE round otherwise:
they stay.
"""

from __future__ import annotations

from ariel_build.ir import DType, Graph, Node, Value
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor, operator
from ariel_build.passes.stored_constants import stored_bias, stored_filter, stored_operand

__all__ = ["dequantized", "fuse_qdq"]


def fuse_qdq(graph: Graph, log: PassLog) -> bool:
    """Computes float operators between Dequantize and Quantize in integers."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        op = operator(node)
        if not op.traits.real or not any(dequantized(editor, v) for v in node.inputs):
            continue
        # A Quantize of what Dequantize gives is the operator itself: it changes scale and zero point.
        last = node if isinstance(op, Quantize) else editor.sole_reader(node.output)
        reason = refusal(node, last)
        if reason or last is None:
            log.refused(node, reason)
            continue
        inputs = operands(editor, node, op.traits.channels, last)
        if isinstance(inputs, str):
            log.refused(node, inputs)
            continue
        if op.chooses and inputs[0] is not None and inputs[0].type.quant != last.output.type.quant:
            # It compares integers of one scale.
            rescale = Quantize(last.output.type.dtype, Rounding.NEAREST_EVEN)
            inputs[0] = editor.emit(rescale, [inputs[0]], last, quant=last.output.type.quant)
        log.rewrote(node, f"{op.name} computes {last.output.type.dtype.value}")
        new = Node(op, inputs, last.outputs, node.origin)
        editor.add(new, last)
        editor.remove(last)
    return editor.finish()


def dequantized(editor: Editor, value: Value | None) -> Value | None:
    """Returns the stored integers of which a value is the real numbers, or None where it is not so made."""
    source = None if value is None else editor.producer(value)
    return source.input(0) if source is not None and isinstance(source.op, Dequantize) else None


def refusal(node: Node, last: Node | None) -> str:
    """Returns why a node is not computed in integers, as far as that does not depend on its operands."""
    if last is None or not isinstance(last.op, Quantize):
        return "its result is used as float32"
    if last.output.type.dtype is not DType.I8:
        return f"its result is stored as {last.output.type.dtype.value}"
    if {last.op.rounding, getattr(node.op, "rounding", None)} != {Rounding.NEAREST_EVEN}:
        return "TFLite rounds otherwise"
    if last.output.type.quant is None or not last.output.type.quant.per_tensor:
        return "its result is quantised per axis"
    return ""


def operands(editor: Editor, node: Node, channels: int | None, last: Node) -> list[Value | None] | str:
    """Returns the operands of a node as stored integers, or why one cannot be had so.

    `channels` is the axis of the filter that counts the output's, where the node is such a layer.
    """
    result: list[Value | None] = []
    for k, v in enumerate(node.inputs):
        stored = dequantized(editor, v)
        operand: Value | str | None = stored
        if v is None:
            operand = None
        elif stored is None and not v.is_constant:
            return f"operand {k} is computed as float32"
        elif stored is None and channels is not None:
            x, filter_ = result[0], result[1] if k == 2 else None
            if k == 1:
                operand = stored_filter(v, channels)
            elif k == 2 and x is not None and filter_ is not None:
                operand = stored_bias(v, x.type.quant, filter_.type.quant, last.output.type.quant)
        elif stored is None:
            operand = stored_operand(v)
        if isinstance(operand, str):
            return operand
        if operand is not None and k < 2 and operand.type.dtype is not DType.I8:
            return f"operand {k} is stored as {operand.type.dtype.value}"
        result.append(operand)
    return result
