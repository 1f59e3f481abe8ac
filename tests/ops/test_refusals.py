"""What sums of products refuse, and in which words."""

from __future__ import annotations

import numpy as np
import pytest

from ariel_build.ir import DType, Quant, TensorType
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fold import Fold
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.window import Window

I8, I16, I32, F32, BOOL = DType.I8, DType.I16, DType.I32, DType.F32, DType.BOOL
IMAGE, FILTER = TensorType(I8, (1, 5, 5, 4)), TensorType(I8, (6, 3, 3, 4))
CONV = Conv2d(Window((3, 3)))


def per_axis(axis: int, count: int) -> Quant:
    return Quant((0.5,) * count, (0,) * count, axis)


@pytest.mark.parametrize(
    "op, inputs, words",
    [
        (CONV, [IMAGE, TensorType(I8, (6, 5, 3, 4))], "filter is 5 x 3, the window 3 x 3"),
        (CONV, [TensorType(I8, (1, 2, 5, 4)), FILTER], "does not fit 2"),
        (Conv2d(Window((3, 3)), 3), [IMAGE, FILTER], "do not divide"),
        (CONV, [TensorType(I16, IMAGE.shape), TensorType(I16, FILTER.shape)], "an input of i16 with a filter of i16"),
        (CONV, [IMAGE, TensorType(F32, FILTER.shape)], "an input of i8 with a filter of f32"),
        (CONV, [IMAGE, FILTER, TensorType(F32, (6,))], r"the bias is f32\[6\], not i32\[6\]"),
        (CONV, [IMAGE, FILTER, TensorType(I32, (5,))], r"the bias is i32\[5\], not i32\[6\]"),
        (CONV, [IMAGE, TensorType(I8, FILTER.shape, per_axis(3, 4))], "along axis 3"),
        (DepthwiseConv2d(Window((3, 3))), [IMAGE, TensorType(I8, (1, 3, 3, 6))], "6 filters are no multiple of 4"),
        (DepthwiseConv2d(Window((3, 3))), [IMAGE, TensorType(I8, (2, 3, 3, 4))], "does not fit the window"),
        (FullyConnected(), [TensorType(F32, (2, 7)), TensorType(F32, (3, 4))], "rows of 4 elements do not divide"),
        (FullyConnected(keep_dims=True), [TensorType(F32, (4, 2)), TensorType(F32, (3, 4))], "rows of 4 elements"),
        (BatchMatMul(), [TensorType(F32, (2, 3)), TensorType(F32, (4, 5))], "cannot be multiplied"),
        (BatchMatMul(), [TensorType(F32, (2, 2, 3)), TensorType(F32, (5, 3, 4))], "do not broadcast"),
        (BatchMatMul(), [TensorType(BOOL, (2, 3)), TensorType(BOOL, (3, 5))], "elements of bool"),
        (Pool2d(PoolKind.MAX, Window((2, 2), padding=(2, 0, 0, 0))), [IMAGE], "lie outside"),
        (Fold("Sum", (4,)), [IMAGE], "do not fit"),
        (Fold("Sum", (0,)), [TensorType(BOOL, (2, 3))], "a sum of booleans is not defined"),
    ],
)
def test_refuses(
    op: Conv2d | DepthwiseConv2d | FullyConnected | BatchMatMul | Pool2d | Fold, inputs: list[TensorType], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        op.infer(inputs)


def test_a_pool_may_lean_over_the_edge() -> None:
    """Windows that read one cell at least are fine."""
    op = Pool2d(PoolKind.AVERAGE, Window((3, 3), (2, 2), padding=(2, 2, 2, 2)))
    assert op.infer([IMAGE]) == [TensorType(I8, (1, 4, 4, 4))]


def test_a_window_of_one_cell_is_pointwise() -> None:
    assert Window((1, 1), (2, 2)).is_pointwise
    assert not Window((1, 1), padding=(0, 1, 0, 0)).is_pointwise
    assert np.prod(Window((3, 5)).size) == Window((3, 5)).taps
