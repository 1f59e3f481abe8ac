"""Softmax and its logarithm: int8 bit for bit as TFLite-Micro, QDQ as onnxruntime, float32 within the tolerance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity, tflm
from tests.ops.qdq import Builder

OUTPUT = {"SOFTMAX": (1 / 256, -128), "LOG_SOFTMAX": (1 / 16, 127)}


def random_operator(rng: np.random.Generator, op: str) -> tflm.Operator:
    shape = (int(rng.integers(1, 9)), int(rng.choice([1, 2, 3, 10, 12, 100, 250])))
    scale, zero = float(np.float32(10 ** rng.uniform(-4, 1))), int(rng.integers(-128, 128))
    table: tuple[str, dict[str, Any]] | None = None
    if op == "SOFTMAX":
        table = ("SoftmaxOptions", {"beta": float(rng.choice([0.5, 1.0, 2.0]))})
    return tflm.Operator(
        op, [tflm.Tensor("int8", shape, scale, zero)], [tflm.Tensor("int8", shape, *OUTPUT[op])], table
    )


def stored(rng: np.random.Generator, shape: tuple[int, ...], kind: int) -> Array:
    """Returns random elements, elements that are all close to each other, or one that stands out."""
    if kind == 0:
        return rng.integers(-128, 128, shape).astype(np.int8)
    if kind == 1:
        return np.clip(rng.normal(rng.integers(-100, 100), 5, shape), -128, 127).astype(np.int8)
    data = np.full(shape, -128, np.int8)
    data[..., 0] = 127
    return data


@pytest.mark.parametrize("op", list(OUTPUT))
def test_int8(tmp_path: Path, op: str) -> None:
    rng = np.random.default_rng(50)
    operators = [random_operator(rng, op) for _ in range(60)]
    samples = [[stored(rng, o.inputs[0].shape, k) for o in operators if o.inputs[0] is not None] for k in range(3)]
    path = tmp_path / "softmax.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "host")


@pytest.mark.parametrize("quantised, opset", [(False, 11), (False, 19), (True, 19)])
def test_onnx(tmp_path: Path, quantised: bool, opset: int) -> None:
    """Along any axis; before opset 13 over all axes from the given one on."""
    rng = np.random.default_rng(51)
    builder = Builder()
    for _ in range(24):
        rank = int(rng.integers(1, 5))
        shape = tuple(int(n) for n in rng.integers(1, 8, rank))
        kind = "Softmax" if rng.random() < 0.6 else "LogSoftmax"
        given = (float(10 ** rng.uniform(-3, -0.5)), int(rng.integers(-128, 128))) if quantised else None
        made: tuple[float, int] | None = None
        if quantised:
            made = (1 / 256, -128) if kind == "Softmax" else (float(10 ** rng.uniform(-2, -0.5)), 127)
        axis = int(rng.integers(0 if opset < 13 else -rank, rank))
        builder.output(builder.op(kind, [builder.input(shape, given)], axis=axis), made)
    path = builder.write(tmp_path / "softmax.onnx", opset=opset)
    samples = builder.samples(rng)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.host(path, samples), want, "host")


def test_another_output_scale_is_refused(tmp_path: Path) -> None:
    """TFLite-Micro takes 1/256 and -128 only, and so do we, with the reason."""
    shape = (1, 4)
    file = tflm.model("SOFTMAX", [tflm.Tensor("int8", shape, 0.1, 0)], [tflm.Tensor("int8", shape, 0.01, -128)])
    path = tmp_path / "odd.tflite"
    path.write_bytes(file)
    from tools.recorded.crate import compiled  # noqa: PLC0415

    with pytest.raises(UnsupportedError, match="1/256"):
        compiled(path)
