"""int8 functions of one number equal TFLite-Micro for all 256 inputs, at random scales."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.ir import Array
from tests.ops import parity, tflm

EVERY = np.arange(-128, 128, dtype=np.int8)
OPERATORS = ("ABS", "ELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "RELU", "RELU6", "RSQRT", "TANH")
CASES = 60


def random_operator(rng: np.random.Generator, op: str, index: int) -> tflm.Operator:
    scale, out = 10 ** rng.uniform(-3.5, 0.3, 2)
    zero, zero_out = (int(z) for z in rng.integers(-128, 128, 2))
    if index % 4 == 0:
        out = scale
    table: tuple[str, dict[str, Any]] | None = None
    if op == "LOGISTIC":
        out, zero_out = 1 / 256, -128
    elif op == "TANH":
        out, zero_out = 1 / 128, 0
    elif op == "RSQRT":
        # TFLite-Micro stops at negative inputs.
        zero, out = -128, 10 ** rng.uniform(-3, 1.5)
    elif op == "HARD_SWISH":
        # It refuses outputs that are finer, and shifts by more than 15 bits where they are much coarser.
        out = scale * rng.uniform(1 / 128, 100)
    elif op == "LEAKY_RELU":
        table = ("LeakyReluOptions", {"alpha": float(np.float32(rng.uniform(-0.5, 1.5)))})
    tensors = [tflm.Tensor("int8", (1, 256), float(np.float32(scale)), zero)]
    return tflm.Operator(op, tensors, [tflm.Tensor("int8", (1, 256), float(np.float32(out)), zero_out)], table)


@pytest.mark.parametrize("op", OPERATORS)
def test_every_int8(tmp_path: Path, op: str) -> None:
    rng = np.random.default_rng(OPERATORS.index(op))
    operators = [random_operator(rng, op, k) for k in range(CASES)]
    sample: list[Array] = [EVERY.reshape(1, 256)] * CASES
    path = tmp_path / "functions.tflite"
    want = parity.tflite(path, operators, [sample])
    parity.agree(parity.reference(path, [sample]), want, op)


def test_tables_on_the_host(tmp_path: Path) -> None:
    rng = np.random.default_rng(30)
    operators = [random_operator(rng, op, k) for op in OPERATORS for k in range(3)]
    sample: list[Array] = [rng.permutation(EVERY).reshape(1, 256) for _ in operators]
    path = tmp_path / "functions.tflite"
    want = parity.tflite(path, operators, [sample])
    parity.agree(parity.host(path, [sample]), want, "host")


FLOATS = ("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC")
MORE_FLOATS = ("NEG", "RELU", "RELU6", "ROUND", "SIN", "SQUARE", "TANH")


def test_float32(tmp_path: Path) -> None:
    rng = np.random.default_rng(31)
    operators, sample = [], []
    for op in (*FLOATS, *MORE_FLOATS, "LOG", "RSQRT", "SQRT"):
        table = ("LeakyReluOptions", {"alpha": 0.3}) if op == "LEAKY_RELU" else None
        operators.append(
            tflm.Operator(op, [tflm.Tensor("float32", (3, 50))], [tflm.Tensor("float32", (3, 50))], table, 1)
        )
        data = np.exp(rng.normal(0, 3, (3, 50))) if op in ("LOG", "RSQRT", "SQRT") else rng.normal(0, 4, (3, 50))
        sample.append(np.asarray(data, np.float32))
    path = tmp_path / "floats.tflite"
    samples: list[list[Array]] = [list(sample)]
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "host")
