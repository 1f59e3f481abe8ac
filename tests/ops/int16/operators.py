"""An operator of each kernel of int16, one after another, for tests of boards and of generated modules."""

from __future__ import annotations

import numpy as np

from tests.ops import tflm

__all__ = ["every_operator"]

ONE = 2.0**-15
REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
POOLS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")
FUNCTIONS = ("ABS", "EXP", "LOGISTIC", "RELU", "RSQRT", "TANH")


def wide(*shape: int, scale: float = 0.001) -> tflm.Tensor:
    return tflm.Tensor("int16", shape, scale)


def axes(*data: int) -> tflm.Tensor:
    return tflm.Tensor("int32", (len(data),), data=np.array(data, np.int32))


def every_operator() -> list[tflm.Operator]:
    """Returns an operator of each int16 kernel that no other test runs on a board."""
    image, pooled = wide(1, 7, 6, 5), wide(1, 4, 3, 5)
    window = {"padding": 0, "strideH": 2, "strideW": 2, "filterHeight": 3, "filterWidth": 3}
    slopes = tflm.Tensor("int8", (5,), 0.01, 3, np.array([-90, -1, 0, 40, 127], np.int8))
    row, other = wide(3, 40), wide(40, scale=0.0004)
    product = wide(2, 5, 7, scale=0.05)
    fine = tflm.Tensor("int8", (3, 40), 0.1, -7)
    return [
        *(tflm.Operator(name, [image], [pooled], ("Pool2DOptions", window)) for name in POOLS),
        *(tflm.Operator(name, [image, axes(1, 3)], [wide(1, 6)], ("ReducerOptions", {})) for name in REDUCTIONS),
        *(tflm.Operator(name, [row], [wide(3, 40, scale=ONE)]) for name in FUNCTIONS),
        tflm.Operator("BATCH_MATMUL", [wide(2, 5, 9), wide(9, 7)], [product], ("BatchMatMulOptions", {})),
        tflm.Operator("PRELU", [image, slopes], [image]),
        tflm.Operator("SQUARED_DIFFERENCE", [row, other], [wide(3, 40, scale=0.05)], ("SquaredDifferenceOptions", {})),
        tflm.Operator("EQUAL", [row, other], [tflm.Tensor("bool", (3, 40))], ("EqualOptions", {})),
        tflm.Operator("LESS", [row, other], [tflm.Tensor("bool", (3, 40))], ("LessOptions", {})),
        tflm.Operator("QUANTIZE", [row], [fine], ("QuantizeOptions", {})),
        tflm.Operator("SOFTMAX", [row], [wide(3, 40, scale=ONE)], ("SoftmaxOptions", {"beta": 1.0})),
        tflm.Operator("PAD", [row, tflm.Tensor("int32", (2, 2), data=np.ones((2, 2), np.int32))], [wide(5, 42)]),
    ]
