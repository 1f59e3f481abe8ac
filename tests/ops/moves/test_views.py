"""Which slices are views of what they are taken from."""

from __future__ import annotations

import pytest

from ariel_build.ir import DType, Node, TensorType, Value
from ariel_build.ops.slice import Slice


@pytest.mark.parametrize(
    "dtype, shape, begin, taken, offset",
    [
        (DType.I8, (1, 36), (0, 12), (1, 12), 12),
        (DType.I8, (1, 36), (0, 10), (1, 12), None),
        (DType.I8, (1, 96), (0, 12), (1, 12), None),
        (DType.I8, (1, 96), (0, 32), (1, 12), 32),
        (DType.I8, (8, 8), (3, 0), (2, 8), 24),
        (DType.I8, (8, 8), (3, 0), (2, 4), None),
        (DType.I64, (1, 8), (0, 3), (1, 2), 24),
        (DType.F32, (1, 16), (0, 1), (1, 2), 4),
    ],
)
def test_a_word_inside_a_small_tensor_is_enough(
    dtype: DType, shape: tuple[int, ...], begin: tuple[int, ...], taken: tuple[int, ...], offset: int | None
) -> None:
    source, output = Value(TensorType(dtype, shape), "x"), Value(TensorType(dtype, taken), "y")
    node = Node(Slice(begin, taken, (1,) * len(shape)), [source], [output], "node")
    assert Slice(begin, taken, (1,) * len(shape)).aliases(node) == (
        None if offset is None else {output: (source, offset)}
    )
