"""Quotients that are rounded, and shifts."""

from __future__ import annotations

import numpy as np

from tests.ops.aten.case import WHOLE, Cases, K, drawing

CASES = Cases()
case, real = CASES.add, drawing(25)
DIVISORS = np.array([3, -2, 1, -5], np.int32)

case("floor_divide", lambda x, y: x // y, self=WHOLE, other=DIVISORS)
case("floor_divide.Scalar", lambda x: x // 3, self=WHOLE, other=3)
case("div.Tensor_mode", lambda x: x // DIVISORS, self=WHOLE, other=K(DIVISORS), rounding_mode="floor")
case("div.Scalar_mode", lambda x: x // -2, self=WHOLE, other=-2, rounding_mode="floor")
case("__lshift__.Scalar bitwise_left_shift.Tensor_Scalar", lambda x: x << 3, self=WHOLE, other=3)
case("__rshift__.Scalar bitwise_right_shift.Tensor_Scalar", lambda x: x >> 2, self=WHOLE, other=2)
SHIFT = K(np.array(1, np.int32))
case("__lshift__.Tensor bitwise_left_shift.Tensor", lambda x: x << 1, self=WHOLE, other=SHIFT)
case("__rshift__.Tensor bitwise_right_shift.Tensor", lambda x: x >> 1, self=WHOLE, other=SHIFT)
