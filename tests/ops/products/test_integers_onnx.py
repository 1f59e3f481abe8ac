"""MatMulInteger, ConvInteger, and MatMul of plain integers: the node tests of `onnx`, and random ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import node_suite, parity
from tests.ops.qdq import Builder


def test_node_suite(tmp_path: Path) -> None:
    node_suite.judge(node_suite.cases("MatMulInteger", "ConvInteger"), tmp_path, right=3)


def given(model: Builder, shape: tuple[int, ...], dtype: type[np.generic]) -> str:
    """Adds an input of plain integers."""
    name = f"in{len(model.inputs)}"
    model.inputs.append((name, dtype, shape))
    return name


def random_product(model: Builder, rng: np.random.Generator) -> None:
    rows, depth, columns = (int(n) for n in rng.integers(1, 9, 3))
    batch = (int(rng.integers(1, 4)),) if rng.random() < 0.5 else ()
    left, right = (rng.choice(np.array([np.int8, np.uint8], object)) for _ in range(2))
    right_shape = (depth, columns)
    known = rng.random() < 0.5
    y = model.constant(rng.integers(0, 127, right_shape).astype(right)) if known else given(model, right_shape, right)
    zeros = [model.constant(np.array(rng.integers(0, 100)).astype(kind)) for kind in (left, right)]
    if rng.random() < 0.5:
        zeros[1] = model.constant(rng.integers(0, 100, columns).astype(right))
    x = given(model, (*batch, rows, depth), left)
    model.outputs.append((model.op("MatMulInteger", [x, y, *zeros]), np.int32))


def random_convolution(model: Builder, rng: np.random.Generator) -> None:
    groups, depth, each = (int(n) for n in rng.integers(1, 4, 3))
    window, strides = (tuple(int(n) for n in rng.integers(1, 4, 2)) for _ in range(2))
    x = given(
        model, (1, groups * depth, *(int(k + n) for k, n in zip(window, rng.integers(0, 5, 2), strict=True))), np.uint8
    )
    filter_ = model.constant(rng.integers(0, 255, (groups * each, depth, *window)).astype(np.uint8))
    zeros = [model.constant(np.uint8(rng.integers(0, 255))) for _ in range(2)]
    pads = [int(rng.integers(0, k)) for k in (*window, *window)]
    made = model.op("ConvInteger", [x, filter_, *zeros], strides=strides, pads=pads, group=groups)
    model.outputs.append((made, np.int32))


def test_equals_onnxruntime(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(61), Builder()
    for _ in range(16):
        random_product(model, rng)
    for _ in range(8):
        random_convolution(model, rng)
    parity.onnx_agrees(model.write(tmp_path / "integers.onnx"), model.samples(rng))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32])
def test_plain_integers_wrap(dtype: type[np.generic], tmp_path: Path) -> None:
    rng, model = np.random.default_rng(62), Builder()
    for shapes in (((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 1, 3), (2, 3, 2))):
        ends = [given(model, shape, dtype) for shape in shapes]
        model.outputs.append((model.op("MatMul", ends), dtype))
    matrix = model.constant(rng.integers(0, 9, (4, 3)).astype(dtype))
    model.outputs.append((model.op("MatMul", [given(model, (2, 4), dtype), matrix]), dtype))
    path, samples = model.write(tmp_path / "integers.onnx"), model.samples(rng)
    numbers = [[np.asarray(x) for x in sample] for sample in samples]
    want = [
        [
            *(np.matmul(s[2 * k], s[2 * k + 1]) for k in range(3)),
            np.matmul(s[6], numpy_helper.to_array(model.constants[0])),
        ]
        for s in numbers
    ]
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_refuses_other_zero_points(tmp_path: Path) -> None:
    model = Builder()
    ends = [given(model, (2, 3), np.int8), given(model, (3, 2), np.int8), model.constant(np.uint8(3))]
    model.outputs.append((model.op("MatMulInteger", ends), np.int32))
    with pytest.raises(UnsupportedError, match="with that zero point"):
        import_file(model.write(tmp_path / "m.onnx"))
