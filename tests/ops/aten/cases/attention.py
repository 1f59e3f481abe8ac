"""Attention: softmax(q k^T * scale + mask) v, for each head."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.aten.case import Cases, K, Numbers, drawing, soft

CASES = Cases()
case, real = CASES.add, drawing(12)

Q, KEYS, VALUES = real(1, 2, 5, 4), real(1, 2, 5, 4), real(1, 2, 5, 4)


def attended(q: Numbers, k: Numbers, x: Numbers, mask: Any = 0.0, scale: float = 0.5) -> Numbers:  # noqa: ANN401 - numbers
    return soft(q @ k.swapaxes(-1, -2) * scale + mask, -1) @ x


CAUSAL = np.triu(np.full((5, 5), -np.inf), 1)
HEADS = {"query": Q, "key": KEYS, "value": VALUES}
case("scaled_dot_product_attention", attended, **HEADS)
case(
    "scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_attention_math",
    lambda q, k, x: attended(q, k, x, CAUSAL, 0.3),
    **HEADS,
    is_causal=True,
    scale=0.3,
)
case("scaled_dot_product_attention", lambda q, k, x: attended(q, k, x, CAUSAL), **HEADS, attn_mask=K(CAUSAL == 0))
case("scaled_dot_product_attention", attended, **HEADS, attn_mask=real(5, 5))
case(
    "scaled_dot_product_attention",
    lambda q, k, x: attended(q, np.repeat(k, 2, 1), np.repeat(x, 2, 1)),
    query=real(1, 4, 5, 4),
    key=KEYS,
    value=VALUES,
    enable_gqa=True,
)
