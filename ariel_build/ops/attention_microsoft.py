"""Attention of com.microsoft, as onnxruntime's optimiser writes it: softmax(q k^T * scale + masks) v for each head.

Importers only, onto products, a softmax and sums; Attention projects its input first, QAttention in stored integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.compare import Compare
from ariel_build.ops.concat import concat
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.formula import map2, real_input
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.integers_onnx import scaled_product
from ariel_build.ops.matmul import product
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.softmax import Softmax
from ariel_build.ops.transpose import transpose

__all__: list[str] = []

#: What is added to a score that a mask hides, where the node does not say.
_HIDDEN = -10000.0


def part(importer: Importer, x: Value, axis: int, start: int, stop: int) -> Value:
    """Returns what lies from `start` to `stop` along an axis."""
    return emit_slice(importer, x, {axis % len(x.shape): (start, stop - start, 1)})


def _heads(importer: Importer, x: Value, count: int) -> Value:
    """[B, S, H * D] -> [B, H, S, D]."""
    if len(x.shape) != 3 or count < 1 or x.shape[2] % count:
        raise UnsupportedReason(f"{x.type} does not divide into {count} heads, only [batch, rows, heads * depth] does")
    batch, rows, width = x.shape
    return transpose(importer, reshape(importer, x, (batch, rows, count, width // count)), (0, 2, 1, 3))


def _refuse(importer: Importer, **inputs: int) -> None:
    """Refuses a node that has one of these inputs."""
    for name, index in inputs.items():
        if importer.optional_input(index) is not None:
            raise UnsupportedReason(f"the input `{name}` (input {index}) is not supported")


def _mask(importer: Importer, mask: Value, keys: int) -> Value:
    """Returns what a mask adds to the scores [B, H, S, T]: it is [B, T], [B, S, T], or [B], how many keys there are."""
    *lead, last = mask.shape
    if len(mask.shape) == 1:
        places = importer.constant(np.arange(keys, dtype=mask.type.dtype.numpy))
        (seen,) = importer.emit(Compare("Less"), [places, reshape(importer, mask, (last, 1, 1, 1))])
    elif len(mask.shape) in (2, 3) and last == keys:
        shape = (lead[0], 1, lead[1] if len(lead) > 1 else 1, last)
        nothing = importer.constant(np.zeros((), mask.type.dtype.numpy))
        (seen,) = importer.emit(Compare("Greater"), [reshape(importer, mask, shape), nothing])
    else:
        raise UnsupportedReason(f"a mask {mask.type} is not supported for {keys} keys")
    zero, hidden = (
        importer.constant(np.array(number, np.float32)) for number in (0.0, importer.real("mask_filter_value", _HIDDEN))
    )
    return select(importer, seen, zero, hidden)


def _bind(importer: Importer, qkv: Sequence[Value], mask: int, bias: int | None, present: Sequence[Value]) -> None:
    """Binds the attention of heads [B, H, S, D]; `mask` and `bias` are the inputs of the node that say what is seen."""
    q, k, v = qkv
    if q.shape[-1] != k.shape[-1] or k.shape[2] != v.shape[2]:
        raise UnsupportedReason(f"queries {q.type}, keys {k.type} and values {v.type} do not fit together")
    rows, keys = q.shape[2], k.shape[2]
    importer.asked.add("mask_filter_value")  # Where there is no mask, there is nothing to fill.
    # 0 stands for the default.
    scale = importer.real("scale") or 1.0 / math.sqrt(q.shape[-1])
    scores = map2(importer, "Mul", product(importer, q, transpose(importer, k, (0, 1, 3, 2))), scale)
    if importer.integer("unidirectional"):
        later = np.triu(np.full((rows, keys), -np.inf, np.float32), keys - rows + 1)
        scores = map2(importer, "Add", scores, importer.constant(later))
    given = importer.optional_input(mask)
    if given is not None:
        batch = given.shape[0] if given.shape else 0
        if batch != q.shape[0]:
            raise UnsupportedReason(f"a mask {given.type} is not supported for a batch of {q.shape[0]}")
        scores = map2(importer, "Add", scores, _mask(importer, given, keys))
    if bias is not None and importer.optional_input(bias) is not None:
        scores = map2(importer, "Add", scores, real_input(importer, bias))
    (weights,) = importer.emit(Softmax(-1, False, Rounding.NEAREST_EVEN), [scores])
    y = transpose(importer, product(importer, weights, v), (0, 2, 1, 3))
    importer.bind(reshape(importer, y, (*y.shape[:2], y.shape[2] * y.shape[3])), *present)


def _projected(importer: Importer, qkv: Value, sizes: Sequence[int], mask: int, bias: int | None, past: int) -> None:
    """Attends to what is projected side by side, [B, S, Dq + Dk + Dv], behind the past [2, B, H, P, D]."""
    heads = importer.integer("num_heads")
    if sum(sizes) != qkv.shape[-1]:
        raise UnsupportedReason(f"{qkv.type} is not queries, keys and values of {list(sizes)}")
    q, k, v = (_heads(importer, part(importer, qkv, -1, sum(sizes[:n]), sum(sizes[: n + 1])), heads) for n in range(3))
    before = importer.optional_input(past)
    if before is not None:
        if len(before.shape) != 5 or before.shape[0] != 2:
            raise UnsupportedReason(f"a past of {before.type} is not supported, only [2, batch, heads, rows, depth]")
        old = [reshape(importer, part(importer, before, 0, n, n + 1), before.shape[1:]) for n in (0, 1)]
        k, v = (concat(importer, [o, new], 2) for o, new in zip(old, (k, v), strict=True))
    wanted = any(importer.model.tensors[key].name for key in importer.node.outputs[1:])
    present = [concat(importer, [reshape(importer, x, (1, *x.shape)) for x in (k, v)], 0)] if wanted else []
    _bind(importer, (q, k, v), mask, bias, present)


def _thirds(x: Value) -> tuple[int, int, int]:
    """Returns the widths of queries, keys and values that nobody tells: alike."""
    return (x.shape[-1] // 3,) * 3


@imports("onnx", "com.microsoft:Attention")
def _attention(importer: Importer) -> None:
    _refuse(importer, past_sequence_length=6)
    qkv = product(importer, real_input(importer), real_input(importer, 1))
    if importer.optional_input(2) is not None:
        qkv = map2(importer, "Add", qkv, real_input(importer, 2))
    _projected(importer, qkv, importer.integers("qkv_hidden_sizes") or _thirds(qkv), 3, 5, 4)


@imports("onnx", "com.microsoft:QAttention")
def _stored_attention(importer: Importer) -> None:
    zeros = importer.optional_input(6), importer.optional_input(7)
    scale = map2(importer, "Mul", real_input(importer, 3), real_input(importer, 4))
    qkv = scaled_product(importer, (importer.input(0), importer.input(1)), zeros, scale)
    qkv = map2(importer, "Add", qkv, real_input(importer, 2))
    _projected(importer, qkv, _thirds(qkv), 5, None, 8)


@imports("onnx", "com.microsoft:MultiHeadAttention")
def _heads_attention(importer: Importer) -> None:
    _refuse(importer, past_sequence_length=8, cache_indirection=9)
    heads = importer.integer("num_heads")
    sides = [real_input(importer, n) for n in range(3)]
    bias = importer.optional_input(3)
    if bias is not None:
        widths = [side.shape[-1] for side in sides]
        if any(len(side.shape) != 3 for side in sides) or bias.shape != (sum(widths),):
            raise UnsupportedReason(f"a bias {bias.type} does not fit {', '.join(str(side.type) for side in sides)}")
        sides = [
            map2(importer, "Add", side, part(importer, bias, 0, sum(widths[:n]), sum(widths[: n + 1])))
            for n, side in enumerate(sides)
        ]
    # Keys and values of an encoder may come with their heads apart.
    q, k, v = (side if n and len(side.shape) == 4 else _heads(importer, side, heads) for n, side in enumerate(sides))
    k, v = (
        x if importer.optional_input(n) is None else concat(importer, [real_input(importer, n), x], 2)
        for n, x in ((6, k), (7, v))
    )
    if any(importer.model.tensors[key].name for key in importer.node.outputs[3:]):
        raise UnsupportedReason("the products of queries and keys (output 3) are not supported")
    _bind(importer, (q, k, v), 4, 5, (k, v))


@imports(
    "onnx", "com.microsoft:RotaryEmbedding", harmless={"scale": "onnxruntime does not read it: the tables are scaled"}
)
def _rotary(importer: Importer) -> None:
    """Pairs of numbers, turned by the angle of their place: (a, b) -> (a cos - b sin, b cos + a sin)."""
    x, at = real_input(importer), importer.input(1)
    tables = [real_input(importer, n) for n in (2, 3)]
    half = tables[0].shape[-1]
    if importer.integer("is_packed_batching"):
        raise UnsupportedReason("packed batches are not supported")
    apart = len(x.shape) == 4
    heads = importer.integer("num_heads") or x.shape[-1] // (2 * half)
    rows = x if apart else _heads(importer, x, heads)
    turned = importer.integer("rotary_embedding_dim") or rows.shape[-1]
    if turned != 2 * half or turned > rows.shape[-1]:
        raise UnsupportedReason(f"tables of {half} angles do not turn {turned} numbers of {rows.type}")
    if at.type.elements == 1:
        steps = np.arange(rows.shape[2], dtype=at.type.dtype.numpy)
        at = map2(importer, "Add", reshape(importer, at, (1, 1)), importer.constant(steps))
    angles = [importer.emit(Gather(axis=0, batch=0, wraps=True), [table, at])[0] for table in tables]
    cos, sin = (reshape(importer, a, (a.shape[0], 1, *a.shape[1:])) for a in angles)
    mixed = bool(importer.integer("interleaved"))
    if mixed:
        a, b = (emit_slice(importer, rows, {3: (n, half, 2)}) for n in (0, 1))
    else:
        a, b = (part(importer, rows, 3, n * half, (n + 1) * half) for n in (0, 1))
    products = [map2(importer, "Mul", side, factor) for side, factor in ((a, cos), (b, sin), (b, cos), (a, sin))]
    ends = [map2(importer, "Sub", *products[:2]), map2(importer, "Add", *products[2:])]
    if mixed:
        pairs = concat(importer, [reshape(importer, end, (*end.shape, 1)) for end in ends], 4)
        ends = [reshape(importer, pairs, (*a.shape[:3], turned))]
    if turned < rows.shape[-1]:
        ends.append(part(importer, rows, 3, turned, rows.shape[-1]))
    y = concat(importer, ends, 3) if len(ends) > 1 else ends[0]
    importer.bind(y if apart else reshape(importer, transpose(importer, y, (0, 2, 1, 3)), x.shape))
