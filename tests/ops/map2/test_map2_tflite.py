"""ADD, SUB, MUL and their like equal TFLite-Micro: for every pair of int8, and broadcast over random shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.ir import Array
from tests.ops import parity, tflm
from tests.ops.sums import samples_for

#: NONE, RELU, RELU_N1_TO_1, RELU6 of the schema.
ACTIVATIONS = (0, 1, 2, 3)
INT8 = ("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "PRELU", "DIV", "MAXIMUM", "MINIMUM")
FUSED = ("ADD", "SUB", "MUL", "DIV")

EVERY = np.arange(-128, 128, dtype=np.int8)


def options(op: str, activation: int) -> tuple[str, dict[str, int]] | None:
    name = f"{op.capitalize()}Options"
    return (name, {"fusedActivationFunction": activation}) if op in FUSED else None


def quantisations(rng: np.random.Generator, op: str, index: int) -> list[tuple[float, int]]:
    """Returns scales and zero points of left, right and output; every fourth has scales whose sums are exact halves."""
    left = 10 ** rng.uniform(-3, 0)
    right = left * 10 ** rng.uniform(-1, 1)
    if index % 4 == 0:
        left, right = 2.0**-5, 2.0**-5
    wanted = {
        "MUL": left * right * 10 ** rng.uniform(0.5, 3),
        "SQUARED_DIFFERENCE": max(left, right) ** 2 * 10 ** rng.uniform(0.5, 3),
        "PRELU": left * 10 ** rng.uniform(-0.5, 0.5),
        "DIV": left / right * 10 ** rng.uniform(-2, 1),
    }
    out = wanted.get(op, max(left, right) * (2.0 if index % 4 == 0 else 10 ** rng.uniform(-0.3, 0.6)))
    zeros = rng.integers(-128, 128, 3) // (8 if index % 2 else 1)
    return [(float(np.float32(s)), int(z)) for s, z in zip((left, right, out), zeros, strict=True)]


def pairs(rng: np.random.Generator, op: str, right: Array, cases: int) -> tuple[list[tflm.Operator], list[Array]]:
    """Returns operators that combine all int8 with those in `right`, and the sample that they take."""
    operators: list[tflm.Operator] = []
    sample: list[Array] = []
    for index in range(cases):
        (a, za), (b, zb), (c, zc) = quantisations(rng, op, index)
        # What division by 0 gives is not defined.
        column = np.where(right == zb, np.int8(zb - 1 if zb > 0 else zb + 1), right) if op == "DIV" else right
        tensors = [tflm.Tensor("int8", (256, 1), a, za), tflm.Tensor("int8", (1, len(right)), b, zb)]
        output = tflm.Tensor("int8", (256, len(right)), c, zc)
        operators.append(
            tflm.Operator(op, tensors, [output], options(op, ACTIVATIONS[index % 4] if op != "DIV" else 0))
        )
        sample += [EVERY.reshape(256, 1), column.astype(np.int8).reshape(1, -1)]
    return operators, sample


@pytest.mark.parametrize("op", INT8)
def test_every_pair_of_int8(tmp_path: Path, op: str) -> None:
    operators, sample = pairs(np.random.default_rng(INT8.index(op)), op, EVERY, 6)
    path = tmp_path / "pairs.tflite"
    want = parity.tflite(path, operators, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")


def test_many_pairs_on_the_host(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    operators: list[tflm.Operator] = []
    sample: list[Array] = []
    for op in INT8:
        some = rng.permutation(EVERY)[:16]
        more = pairs(rng, op, some, 5)
        operators += more[0]
        sample += more[1]
    path = tmp_path / "pairs.tflite"
    want = parity.tflite(path, operators, [sample])
    parity.agree(parity.host(path, [sample]), want, "host")


def shapes(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Returns the shapes of two operands that broadcast, and of the result."""
    full = tuple(int(n) for n in rng.integers(1, 6, int(rng.integers(1, 5))))
    left, right = (tuple(1 if rng.random() < 0.35 else n for n in full) for _ in range(2))
    if rng.random() < 0.3:
        right = right[int(rng.integers(0, len(right))) :]
    if rng.random() < 0.3:
        left = right = full
    return left, right, tuple(int(n) for n in np.broadcast_shapes(left, right))


def test_plain_integers(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    operators: list[tflm.Operator] = []
    sample: list[Array] = []
    for op in ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"):
        left, right, out = shapes(rng)
        tensors = [tflm.Tensor("int32", left), tflm.Tensor("int32", right)]
        operators.append(tflm.Operator(op, tensors, [tflm.Tensor("int32", out)], options(op, 0), 1))
        sample += [rng.integers(-50_000, 50_000, left).astype(np.int32), rng.integers(1, 900, right).astype(np.int32)]
    path = tmp_path / "integers.tflite"
    want = parity.tflite(path, operators, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "host")


@pytest.mark.parametrize("real", [False, True], ids=["int8", "float32"])
def test_broadcasts(tmp_path: Path, real: bool) -> None:
    rng = np.random.default_rng(7)
    operators = []
    for index in range(48):
        op = str(rng.choice(["ADD", "SUB", "MUL", "MAXIMUM", "SQUARED_DIFFERENCE"]))
        left, right, out = shapes(rng)
        table = options(op, int(rng.choice(ACTIVATIONS)))
        constant = rng.random() < 0.4
        if real:
            data: Array | None = rng.normal(0, 1, right).astype(np.float32) if constant else None
            tensors = [tflm.Tensor("float32", left), tflm.Tensor("float32", right, data=data)]
            output = tflm.Tensor("float32", out)
        else:
            (a, za), (b, zb), (c, zc) = quantisations(rng, op, index)
            data = parity.stored(rng, right) if constant else None
            tensors = [tflm.Tensor("int8", left, a, za), tflm.Tensor("int8", right, b, zb, data)]
            output = tflm.Tensor("int8", out, c, zc)
        operators.append(tflm.Operator(op, tensors, [output], table, 1 if real else 2))
    samples = samples_for(rng, operators)
    path = tmp_path / "broadcasts.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "host")
