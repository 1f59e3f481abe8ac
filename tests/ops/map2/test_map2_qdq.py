"""Add, Sub, Mul and their like between DequantizeLinear and QuantizeLinear equal onnxruntime for every pair of int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.ir import Array, DType, Node
from ariel_build.ops.map2 import Map2
from ariel_build.passes import optimize
from tests.ops import parity
from tests.ops.qdq import Builder

OPERATORS = ("Add", "Sub", "Mul", "Div", "Max", "Min")
EVERY = np.arange(-128, 128, dtype=np.int8)


def scales(rng: np.random.Generator, op: str) -> tuple[float, float, float]:
    left = 10 ** rng.uniform(-3, 0)
    right = left * 10 ** rng.uniform(-1, 1)
    out = max(left, right) * 10 ** rng.uniform(-0.3, 0.6)
    if op == "Mul":
        out = left * right * 10 ** rng.uniform(1.2, 2.5)
    if op == "Div":
        out = left / right * 10 ** rng.uniform(-2, 1)
    return left, right, out


def model(path: Path, op: str, cases: list[tuple[float, float, float]], zeros: list[list[int]]) -> Builder:
    builder = Builder()
    for (left, right, out), (zl, zr, zo) in zip(cases, zeros, strict=True):
        a = builder.input((256, 1), (left, zl))
        b = builder.input((1, 256), (right, zr))
        builder.output(builder.op(op, [a, b]), (out, zo))
    builder.write(path)
    return builder


def binary_nodes(path: Path) -> list[Node]:
    """Returns the int8 operators of the optimised graph."""
    graph, _ = import_file(path)
    optimize(graph)
    return [n for n in graph.nodes if isinstance(n.op, Map2)]


def pairs(rng: np.random.Generator, op: str) -> tuple[list[tuple[float, float, float]], list[list[int]]]:
    """Returns scales, random ones and powers of two, and zero points."""
    cases = [scales(rng, op) for _ in range(5)]
    # Powers of two: every second sum is an exact half, which no integer formula rounds to even.
    cases.append({"Mul": (2.0**-5, 2.0**-6, 2.0**-5)}.get(op, (2.0**-5, 2.0**-6, 2.0**-4)))
    return cases, [[int(z) for z in rng.integers(-20, 20, 3)] for _ in cases]


def check(got: list[Array], want: list[Array], right: list[Array], zeros: list[list[int]], op: str) -> None:
    for k, (ours, theirs) in enumerate(zip(got, want, strict=True)):
        # What division by 0 gives is not defined.
        defined = np.ravel(right[k] != zeros[k][1]) | (op != "Div")
        np.testing.assert_array_equal(ours[:, defined], theirs[:, defined], f"{op} {k}")


@pytest.mark.parametrize("op", OPERATORS)
def test_every_pair_of_int8(tmp_path: Path, op: str) -> None:
    cases, zeros = pairs(np.random.default_rng(OPERATORS.index(op)), op)
    path = tmp_path / "pairs.onnx"
    model(path, op, cases, zeros)
    sample: list[Array] = [EVERY.reshape(256, 1), EVERY.reshape(1, 256)] * len(cases)
    (want,) = parity.onnxruntime_answers(path, [sample])
    graph, _ = import_file(path)
    optimize(graph)
    assert all(n.output.type.dtype is DType.I8 for n in graph.nodes), "not in integers"
    check(Interpreter(graph).outputs(sample), want, sample[1::2], zeros, op)


def test_many_pairs_on_the_host(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    builder, sample, zeros = Builder(), [], []
    for op in OPERATORS:
        cases, points = pairs(rng, op)
        for (left, right, out), (zl, zr, zo) in zip(cases, points, strict=True):
            a, b = builder.input((256, 1), (left, zl)), builder.input((1, 24), (right, zr))
            builder.output(builder.op(op, [a, b]), (out, zo))
            sample += [EVERY.reshape(256, 1), rng.permutation(EVERY)[:24].reshape(1, 24)]
        zeros += points
    path = builder.write(tmp_path / "pairs.onnx")
    (want,) = parity.onnxruntime_answers(path, [sample])
    (got,) = parity.host(path, [sample])
    for k, op in enumerate(OPERATORS):
        part = slice(k * 6, k * 6 + 6)
        check(got[part], want[part], sample[1::2][part], zeros[part], op)


def test_sums_and_products_are_one_multiplication(tmp_path: Path) -> None:
    """Scales as calibration gives them have an integer formula; only exact halves need float32."""
    rng = np.random.default_rng(11)
    for op in ("Add", "Sub", "Mul"):
        cases = [scales(rng, op) for _ in range(12)]
        path = tmp_path / f"{op}.onnx"
        model(path, op, cases, [[int(z) for z in rng.integers(-20, 20, 3)] for _ in cases])
        kernels = [n.op.lower(n).kernel.path for n in binary_nodes(path) if isinstance(n.op, Map2)]
        assert kernels.count(f"map2::{'Product' if op == 'Mul' else 'Linear'}") >= 11, kernels


def test_uint8(tmp_path: Path) -> None:
    """Models that are quantised to uint8 run in int8, with their own types outside."""
    rng = np.random.default_rng(13)
    builder = Builder()
    for index, (op, out) in enumerate({"Add": (0.11, 131), "Mul": (0.4, 120), "Sub": (0.09, 90)}.items()):
        x, y = (builder.input((2, 9), (0.05 + index / 100, z), np.uint8) for z in (140, 117))
        builder.output(builder.op(op, [x, y]), out, np.uint8)
    for op, out in {
        "Sigmoid": (1 / 256, 0),
        "Softmax": (1 / 256, 0),
        "Relu": (0.03, 0),
        "Tanh": (1 / 128, 128),
    }.items():
        builder.output(builder.op(op, [builder.input((2, 9), (0.06, 125), np.uint8)]), out, np.uint8)
    path = builder.write(tmp_path / "unsigned.onnx")
    samples = builder.samples(rng)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "host")


def test_a_constant_operand(tmp_path: Path) -> None:
    """A constant vector is stored as integers, a constant number becomes a table."""
    rng = np.random.default_rng(12)
    builder = Builder()
    for op in ("Add", "Sub", "Mul", "Div", "Max", "Pow"):
        x = builder.input((3, 7), (0.04, -3))
        vector = builder.weights(rng.integers(20, 90, 7).astype(np.int8), [0.03])
        number = builder.weights(np.array(50, np.int8), [0.04])
        power = (0.05, -100) if op == "Pow" else (0.11, 4)
        if op != "Pow":
            builder.output(builder.op(op, [x, vector]), power)
        builder.output(builder.op(op, [x, number] if op != "Pow" else [builder.op("Abs", [x]), number]), power)
    path = builder.write(tmp_path / "constants.onnx")
    samples = builder.samples(rng)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.host(path, samples), want, "host")
