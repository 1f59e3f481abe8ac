"""Tensors of shapes and numbers alone, and what is written over tensors."""

from __future__ import annotations

import numpy as np

from tests.ops.aten.case import F32, Cases, K, X, Y, drawing
from tests.pt2_writer import dtype

CASES = Cases()
case, real = CASES.add, drawing(7)

case("full", lambda: np.full((2, 3), 2.5, np.float32), size=[2, 3], fill_value=2.5)
case("full", lambda: np.full((2, 3), 2, np.int64), size=[2, 3], fill_value=2)
case("zeros empty.memory_format empty", lambda: np.zeros((2, 3), np.float32), size=[2, 3], dtype=F32)
case("ones", lambda: np.ones((2, 3), np.int32), size=[2, 3], dtype=dtype("int32"))
case("zeros_like empty_like", np.zeros_like, self=X)
case("ones_like", np.ones_like, self=X)
case("full_like", lambda x: np.full_like(x, 3), self=X, fill_value=3)
case("new_zeros new_empty", lambda _: np.zeros((4,), np.float32), self=X, size=[4])
case("new_ones", lambda _: np.ones((4,), np.float32), self=X, size=[4])
case("new_full", lambda _: np.full((4,), 2, np.float32), self=X, size=[4], fill_value=2)
case("empty_permuted", lambda: np.zeros((2, 3), np.float32), size=[2, 3], physical_layout=[0, 1])
case("empty_strided", lambda: np.zeros((2, 3), np.float32), size=[2, 3], stride=[3, 1])
case("scalar_tensor", lambda: np.float32(2), s=2)
case("arange", lambda: np.arange(4), end=4)
case("arange.start", lambda: np.arange(1, 4), start=1, end=4)
case("arange.start_step", lambda: np.array([0, 0.5, 1, 1.5], np.float32), start=0, end=2, step=0.5)
case("linspace", lambda: np.linspace(0, 1, 5, dtype=np.float32), start=0, end=1, steps=5)
case("eye", lambda: np.eye(3, dtype=np.float32), n=3)
case("eye.m", lambda: np.eye(3, 2, dtype=np.float32), n=3, m=2)
case("copy", lambda _, y: y, self=X, src=Y)
case("copy_", lambda _, y: np.broadcast_to(y, (2, 3, 4)), self=X, src=real(4))
case("fill.Scalar", lambda x: np.full_like(x, 2), self=X, value=2.0)
case("fill.Tensor", lambda x: np.full_like(x, 2), self=X, value=K(np.float32(2)))
case("zero", np.zeros_like, self=X)
