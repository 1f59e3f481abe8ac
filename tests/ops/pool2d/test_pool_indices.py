"""Indices of MaxPool, and MaxUnpool, against onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity
from tests.zoo import FLOAT, INT64, node, onnx_file

#: Shape and attributes.
POOLS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 7), {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}),
    ((1, 2, 6, 5), {"kernel_shape": [2, 3], "pads": [1, 0, 0, 2]}),
    ((2, 2, 6, 5), {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1, "storage_order": 1}),
    ((1, 3, 7, 6), {"kernel_shape": [2, 2], "dilations": [2, 3], "auto_pad": "VALID"}),
    ((1, 2, 5, 5), {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    ((1, 2, 4, 3, 5), {"kernel_shape": [2, 2, 3], "strides": [2, 1, 1], "pads": [0, 1, 1, 0, 0, 1]}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int8])
def test_indices(dtype: type[np.generic], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes, inputs, sample = [], {}, []
    for index, (shape, attributes) in enumerate(POOLS):
        nodes.append(node("MaxPool", [f"x{index}"], [f"y{index}", f"i{index}"], **attributes))
        inputs[f"x{index}"] = (kind, shape)
        # Few different numbers: of equal ones the first counts.
        sample.append(np.asarray(rng.integers(-4 if kind != onnx.TensorProto.UINT8 else 0, 5, shape), dtype))
    outputs: dict[str, Any] = {}
    for index in range(len(POOLS)):
        outputs |= {f"y{index}": (kind, None), f"i{index}": (INT64, None)}
    path = onnx_file(tmp_path / "pools.onnx", nodes, inputs, outputs)
    want = parity.onnxruntime_answers(path, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    if dtype in (np.float32, np.float64):
        parity.agree(parity.host(path, [sample]), want, "kernels")


def write_unpool(path: Path, shape: Sequence[int], whole: Sequence[int], **attributes: Any) -> Path:  # noqa: ANN401
    nodes = [node("MaxUnpool", ["x", "i"], ["y"], **attributes)]
    return onnx_file(path, nodes, {"x": (FLOAT, shape), "i": (INT64, shape)}, {"y": (FLOAT, whole)})


def test_unpool(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for shape, whole, attributes in (
        ((1, 2, 3, 4), (1, 2, 6, 8), {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ((2, 1, 5), (2, 1, 9), {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}),
    ):
        path = write_unpool(tmp_path / "m.onnx", shape, whole, **attributes)
        size, count = int(np.prod(whole)), int(np.prod(shape))
        indices = rng.permutation(size)[:count].reshape(shape)
        samples: list[list[Array]] = [[rng.normal(0, 1, shape).astype(np.float32), indices.astype(np.int64)]]
        want = parity.onnxruntime_answers(path, samples)
        parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


@pytest.mark.parametrize(
    "attributes, words",
    [
        ({"kernel_shape": [2]}, "do not fit"),
        ({"kernel_shape": [1, 1], "pads": [4, 0, 0, 0]}, "comes to an image"),
    ],
)
def test_refuses(attributes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=words):
        parity.reference(write_unpool(tmp_path / "m.onnx", (1, 1, 3, 3), (1, 1, 6, 6), **attributes), [])
