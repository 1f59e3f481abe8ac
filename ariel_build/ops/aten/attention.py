"""ATen's attention: softmax(q k^T * scale + mask) v, for each head."""

from __future__ import annotations

import math

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.aten.elementwise import where
from ariel_build.ops.aten.layers import product_of
from ariel_build.ops.base import UnsupportedReason

__all__: list[str] = []


def _attended(call: Call) -> Value:
    q, k, v = (call.tensor(name) for name in ("query", "key", "value"))
    if call.real("dropout_p", 0.0) != 0.0:
        raise UnsupportedReason("it drops at random: call model.eval() before torch.export.export")
    if min(len(t.shape) for t in (q, k, v)) < 2 or q.type.dtype is not DType.F32:
        raise UnsupportedReason(f"{q.type} is not supported, only float32 with at least 2 axes")
    scale = call.real("scale") if call.has("scale") else 1.0 / math.sqrt(q.shape[-1])
    if call.has("enable_gqa") and call.flag("enable_gqa"):
        k, v = (_repeated(call, t, q.shape[-3]) for t in (k, v))
    scores = product_of(call, call.mul(q, scale), k)
    mask = call.optional("attn_mask")
    causal = call.flag("is_causal")
    if causal:
        hidden = np.triu(np.full((q.shape[-2], k.shape[-2]), -np.inf, np.float32), 1)
        scores = call.add(scores, call.constant(hidden))
    if mask is not None and mask.type.dtype is DType.BOOL:
        if mask.data is not None:
            mask = call.constant(np.where(mask.data, 0.0, -np.inf).astype(np.float32))
            scores = call.add(scores, mask)
        else:
            scores = where(call, mask, scores, -math.inf)
    elif mask is not None:
        scores = call.add(scores, mask)
    return call.onnx("MatMul", call.onnx("Softmax", scores, axis=-1), v)


def _repeated(call: Call, x: Value, heads: int) -> Value:
    """Returns keys or values with each head as often as queries share it."""
    own = x.shape[-3] if len(x.shape) >= 3 else 0
    if not own or heads % own:
        raise UnsupportedReason(f"{heads} heads cannot share {own}")
    if own == heads:
        return x
    *lead, _, rows, depth = x.shape
    apart = call.reshape(x, (*lead, own, 1, rows, depth))
    wide = call.onnx("Expand", apart, [*lead, own, heads // own, rows, depth])
    return call.reshape(wide, (*lead, heads, rows, depth))


@aten("scaled_dot_product_attention.default")
def _attention(call: Call) -> Value:
    return _attended(call)


@aten("_scaled_dot_product_flash_attention_for_cpu.default", "_scaled_dot_product_attention_math.default")
def _flash(call: Call) -> list[Value | None]:
    if call.wants(1):
        raise UnsupportedReason("the logarithms of its sums are not supported as an output")
    return [_attended(call)]
