"""Quantize(f(Dequantize(x), ..)) -> f on int16 with weights of int8, where the result is int16.

The kernels are TFLite's, whose multipliers have 16 bits and whose zero points are 0. They give what onnxruntime gives,
or the next integer, where the scales are such that these multipliers hold their quotients; elsewhere float32 stays.
A byte among operands is s * (q - z) = (s / 128) * (128 * (q - z)): an int16, exactly. Where only the result is a byte,
float32 stays, too: no kernel rounds once from sums of int16 to int8.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Graph, Node, Quant, TensorType, Value
from ariel_build.ops import Operator
from ariel_build.ops.accumulate import accumulator_scales
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.fixed_point import Rounding, reduced_multiplier
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor, operator
from ariel_build.passes.fuse_qdq import dequantized
from ariel_build.passes.stored_constants import stored_filter, stored_operand

__all__ = ["STEPS", "fits_multiplier", "fuse_wide_qdq"]

#: Steps of int16 in one of a byte: the 255 steps on either side of a zero point fit.
STEPS = 128
#: A quotient of scales is held by a multiplier that errs by no more, relatively: a thirtieth of a step at most.
_TOLERANCE = 2.0**-20
_WIDE = (DType.I8, DType.I16)


def fuse_wide_qdq(graph: Graph, log: PassLog) -> bool:
    """Computes float operators in int16 between Dequantize and a Quantize to int16."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        op, last = operator(node), editor.sole_reader(node.output) if len(node.outputs) == 1 else None
        if not op.traits.real or isinstance(op, Quantize | Dequantize):
            continue
        if last is None or not isinstance(last.op, Quantize) or last.op.dtype is not DType.I16:
            continue
        sources = [dequantized(editor, v) for v in node.inputs]
        types = [last.output.type, *(v.type for v in sources if v is not None and not v.is_constant)]
        if len(types) < 2:
            continue
        reason = _refusal(node, last, types)
        made = reason or _computed(node, last, sources)
        if isinstance(made, str):
            log.refused(node, made)
            continue
        for v, twin in zip(sources, made.inputs, strict=True):
            if v is not None and twin is not None and v is not twin and not twin.is_constant:
                editor.add(Node(Quantize(DType.I16), [v], [twin], node.origin), last)
        log.rewrote(node, f"{op.name} computes int16")
        editor.add(made, last)
        editor.remove(last)
    return editor.finish()


def _refusal(node: Node, last: Node, types: list[TensorType]) -> str:
    """Returns why a node is not computed in int16, as far as types tell."""
    if {getattr(last.op, "rounding", None), getattr(node.op, "rounding", None)} != {Rounding.NEAREST_EVEN}:
        return "TFLite rounds otherwise"
    for type_ in types:
        if type_.dtype not in _WIDE:
            return f"it has {type_.dtype.value} next to int16"
        if type_.quant is None or not type_.quant.per_tensor:
            return "a tensor is quantised per axis"
        if type_.dtype is DType.I16 and type_.quant.zero_point:
            return "a zero point of int16 is not 0"
    return ""


def _computed(node: Node, last: Node, sources: list[Value | None]) -> Node | str:
    """Returns the node on int16, or why there is none."""
    op = operator(node)
    wide, channels = op.on_wide(), op.traits.channels
    if wide is None:
        return f"{op.name} of int16 is not computed as onnxruntime does"
    inputs: list[Value | None] = []
    for k, (v, source) in enumerate(zip(node.inputs, sources, strict=True)):
        operand: Value | str | None
        if v is None:
            operand = None
        elif source is not None and not source.is_constant:
            operand = _widened(source)
        elif not v.is_constant:
            return f"operand {k} is computed as float32"
        elif channels is not None and k == 1:
            operand = stored_filter(v, channels)
        elif channels is not None and k == 2:
            operand = _bias(v, inputs[0], inputs[1])
        elif channels is not None:
            return f"operand {k} is a constant"
        else:
            stored = stored_operand(v)
            operand = stored if isinstance(stored, str) else _widened(stored)
        if isinstance(operand, str):
            return operand
        inputs.append(operand)
    made = Node(wide, inputs, last.outputs, node.origin)
    return _lowers(wide, made) or made


def _widened(value: Value) -> Value:
    """Returns a byte as int16, one that is int16 as it is; constants are computed."""
    quant = value.type.quant
    if value.type.dtype is DType.I16 or quant is None:
        return value
    fine = Quant((quant.scale / STEPS,), (0,))
    data = None if value.data is None else ((value.data.astype(np.int64) - quant.zero_point) * STEPS).astype(np.int16)
    return Value(TensorType(DType.I16, value.shape, fine), value.name, data, value.origin)


def _bias(bias: Value, x: Value | None, filter_: Value | None) -> Value | str:
    """Returns a bias in units of the accumulator of 64 bits."""
    x_quant, filter_quant = (None if v is None else v.type.quant for v in (x, filter_))
    if bias.data is None or x_quant is None or filter_quant is None:
        return "the bias is computed at run time"
    units = x_quant.scale * np.broadcast_to(np.array(filter_quant.scales), bias.shape)
    steps = np.rint(bias.data.astype(np.float64) / units)
    if not np.all(np.abs(steps) < 1 << 46):
        return "the bias does not fit 46 bits in units of the accumulator"
    quant = Quant(tuple(float(u) for u in units), (0,) * len(units), 0)
    return Value(TensorType(DType.I64, bias.shape, quant), bias.name, steps.astype(np.int64), bias.origin)


def _lowers(op: Operator, node: Node) -> str:
    """Returns why no kernel computes the node within a step, or an empty string."""
    try:
        op.infer([None if v is None else v.type for v in node.inputs])
        op.lower(node)
        if op.traits.channels is not None and not all(map(fits_multiplier, accumulator_scales(node, Rounding.DOUBLE))):
            return "16 bits do not hold the quotients of its scales"
    except (ValueError, UnsupportedReason) as reason:
        return str(reason)
    return ""


def fits_multiplier(real: float) -> bool:
    """Whether TFLite's multiplier of 16 bits holds a quotient of scales."""
    factor, shift = reduced_multiplier(real)
    return real > 0 and abs(factor * 2.0 ** (shift - 15) / real - 1) <= _TOLERANCE
