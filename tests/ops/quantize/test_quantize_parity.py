"""Quantize and Dequantize: TFLite's roundings and onnxruntime's, stored constants, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array, DType, Quant
from tests.ops import parity, tflm
from tests.ops.qdq import Builder
from tests.zoo import FLOAT, INT8, node, onnx_file

EVERY = np.arange(-128, 128, dtype=np.int8)


def reals(rng: np.random.Generator, scale: float, furthest: float, count: int = 600) -> Array:
    """Returns random numbers and all halves of steps, and numbers far outside."""
    halves = (np.arange(-300, 300) * 0.5).astype(np.float32) * np.float32(scale)
    far = np.array([furthest, -furthest, 1e5, -1e5, 0.0, -0.0], np.float32)
    return np.concatenate([halves, far, rng.normal(0, 100 * scale, count).astype(np.float32)])


def test_tflite(tmp_path: Path) -> None:
    rng = np.random.default_rng(60)
    operators, sample = [], []
    for index in range(12):
        scale, out = (float(np.float32(s)) for s in 10 ** rng.uniform(-3, 0, 2))
        zero, zero_out = (int(z) for z in rng.integers(-128, 128, 2))
        scale = 0.25 if index == 0 else scale
        # Beyond int32 TFLite's conversion is undefined.
        data = reals(rng, scale, 1e6)
        stored = tflm.Tensor("int8", (256,), scale, zero)
        operators.append(
            tflm.Operator(
                "QUANTIZE", [tflm.Tensor("float32", data.shape)], [tflm.Tensor("int8", data.shape, scale, zero)]
            )
        )
        operators.append(tflm.Operator("QUANTIZE", [stored], [tflm.Tensor("int8", (256,), out, zero_out)]))
        operators.append(tflm.Operator("QUANTIZE", [stored], [tflm.Tensor("uint8", (256,), scale, zero + 128)]))
        operators.append(tflm.Operator("QUANTIZE", [stored], [tflm.Tensor("uint8", (256,), out, zero_out + 128)]))
        operators.append(tflm.Operator("DEQUANTIZE", [stored], [tflm.Tensor("float32", (256,))]))
        sample += [data, EVERY, EVERY, EVERY, EVERY]
        unsigned, wide = tflm.Tensor("uint8", (256,), scale, zero + 128), tflm.Tensor("int16", (256,), scale)
        operators.append(tflm.Operator("QUANTIZE", [unsigned], [tflm.Tensor("int8", (256,), out, zero_out)]))
        operators.append(tflm.Operator("QUANTIZE", [unsigned], [tflm.Tensor("int8", (256,), scale, zero)]))
        operators.append(tflm.Operator("DEQUANTIZE", [unsigned], [tflm.Tensor("float32", (256,))]))
        operators.append(tflm.Operator("DEQUANTIZE", [wide], [tflm.Tensor("float32", (256,))]))
        bytes_ = EVERY.view(np.uint8)
        sample += [bytes_, bytes_, bytes_, rng.integers(-32768, 32768, 256).astype(np.int16)]
    path = tmp_path / "quantise.tflite"
    want = parity.tflite(path, operators, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference", rtol=0, atol=0)
    parity.agree(parity.host(path, [sample]), want, "host", rtol=0, atol=0)


def test_onnx(tmp_path: Path) -> None:
    rng = np.random.default_rng(61)
    builder, sample = Builder(), []
    for index in range(8):
        scale = float(np.float32(10 ** rng.uniform(-3, 0))) if index else 0.25
        for dtype in (np.int8, np.uint8):
            zero = int(rng.integers(-100, 100)) + (128 if dtype is np.uint8 else 0)
            data = reals(rng, scale, 1e30)
            builder.output(builder.input(data.shape), (scale, zero), dtype)
            builder.output(builder.input((256,), (scale, zero), dtype))
            sample += [data, EVERY.view(np.uint8).view(dtype)]
            # From one quantisation to another.
            builder.output(builder.input((256,), (scale, zero), dtype), (scale * 0.7, zero), dtype)
            sample.append(EVERY.view(np.uint8).view(dtype))
    path = builder.write(tmp_path / "quantise.onnx")
    want = parity.onnxruntime_answers(path, [sample])
    parity.agree(parity.host(path, [sample]), want, "host", rtol=0, atol=0)


def test_a_dequantised_constant_remembers_how_it_was_stored(tmp_path: Path) -> None:
    builder = Builder()
    data = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    builder.output(builder.op("Add", [builder.input((3, 4)), builder.weights(data, [0.1, 0.2, 0.3], 0, 2)]))
    graph, _ = import_file(builder.write(tmp_path / "constant.onnx"))
    (add,) = graph.nodes
    constant = add.input(1)
    assert constant.type.dtype is DType.F32
    assert constant.stored is not None
    scales = tuple(float(np.float32(s)) for s in (0.1, 0.2, 0.3))
    assert constant.stored.type.quant == Quant(scales, (2, 2, 2), 0)
    np.testing.assert_array_equal(constant.stored.data, data)
    want = (data.astype(np.float32) - 2) * np.array(scales, np.float32).reshape(3, 1)
    np.testing.assert_array_equal(constant.data, want)


@pytest.mark.parametrize(
    "scale, zero, reason",
    [
        ([0.1, 0.2], [0, 0], "2 scales do not fit axis 1"),
        (-1.0, 0, "not a positive number"),
        (float("nan"), 0, "not a positive number"),
        ([[0.1, 0.2]], [[0, 0]], "without blocks are not supported"),
    ],
)
def test_refusals_name_the_reason(tmp_path: Path, scale: object, zero: object, reason: str) -> None:
    path = onnx_file(
        tmp_path / "odd.onnx",
        [node("DequantizeLinear", ["x", "s", "z"], ["y"])],
        {"x": (INT8, [2, 3])},
        {"y": (FLOAT, [2, 3])},
        {"s": np.array(scale, np.float32), "z": np.array(zero, np.int8)},
    )
    with pytest.raises(UnsupportedError, match=reason):
        import_file(path)
