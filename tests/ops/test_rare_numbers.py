"""NaN, infinities, zeros below zero and subnormal numbers, operator by operator: reference, kernels and oracle agree.

Where an oracle has no answer of its own (its maxima depend on the place of a NaN and on the width of its vectors), what
docs/supported-ops.md promises is tested instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers.samples import RARE, rare_samples
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.ir import Array
from tests.ops import parity, tflm
from tests.zoo import FLOAT, INT8, node, onnx_file

#: Each with each, among common numbers.
NUMBERS = np.concatenate([RARE, np.array([1, -1, 0.5, 7], np.float32)])
LEFT, RIGHT = (x.reshape(1, -1).copy() for x in np.meshgrid(NUMBERS, NUMBERS))
BINARY = ("Max", "Min", "Add", "Sub", "Mul", "Div", "PRelu")
UNARY: dict[str, dict[str, Any]] = {
    "Relu": {}, "Clip": {}, "Abs": {}, "Neg": {}, "Sign": {}, "Floor": {}, "Ceil": {}, "Round": {}, "Sqrt": {},
    "Sigmoid": {}, "Tanh": {}, "Exp": {}, "Log": {}, "Erf": {}, "Softplus": {}, "Softsign": {}, "HardSwish": {},
    "HardSigmoid": {}, "LeakyRelu": {"alpha": 0.5}, "Elu": {}, "Selu": {}, "ThresholdedRelu": {}, "Reciprocal": {},
    "Sin": {}, "Cos": {}, "Softmax": {"axis": 1}, "ReduceSum": {}, "ReduceMean": {"axes": [1]},
}  # fmt: skip
TFLITE_BINARY = ("MAXIMUM", "MINIMUM", "PRELU", "SQUARED_DIFFERENCE")
TFLITE_UNARY = ("RELU", "RELU6", "ABS", "NEG", "LOGISTIC", "TANH", "EXP", "LOG", "ELU", "FLOOR", "CEIL", "SIN", "COS")


def test_onnx_agrees_with_onnxruntime(tmp_path: Path) -> None:
    """All operators side by side; a subnormal result that one of them makes zero is close enough."""
    pair, one = [1, LEFT.size], [1, NUMBERS.size]
    nodes = [node(op, ["a", "b"], [f"{op}_y"]) for op in BINARY]
    nodes += [
        node(op, ["x", *(["low", "high"] if op == "Clip" else [])], [f"{op}_y"], **more) for op, more in UNARY.items()
    ]
    outputs = {f"{op}_y": (FLOAT, pair) for op in BINARY}
    outputs |= {f"{op}_y": (FLOAT, [1, 1] if op.startswith("Reduce") else one) for op in UNARY}
    inputs = {"a": (FLOAT, pair), "b": (FLOAT, pair), "x": (FLOAT, one)}
    bounds: dict[str, Array] = {"low": np.array(-2, np.float32), "high": np.array(2, np.float32)}
    path = onnx_file(tmp_path / "m.onnx", nodes, inputs, outputs, bounds)
    few = np.resize(np.array([1, np.inf, -0.0, 1e-40], np.float32), NUMBERS.shape)
    parity.onnx_agrees(path, [[LEFT, RIGHT, NUMBERS.reshape(1, -1)], [RIGHT, LEFT, few.reshape(1, -1)]])


def test_quantised_onnx_agrees_with_onnxruntime(tmp_path: Path) -> None:
    """NaN becomes the least stored integer, infinities the ends of the range; int8 between floats."""
    shape = [1, NUMBERS.size]
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["y"])]
    constants: dict[str, Array] = {"s": np.array(0.5, np.float32), "z": np.array(3, np.int8)}
    path = onnx_file(tmp_path / "m.onnx", nodes, {"x": (FLOAT, shape)}, {"y": (INT8, shape)}, constants)
    parity.onnx_agrees(path, [[NUMBERS.reshape(1, -1)]])


def test_tflite_agrees_with_tflite_micro(tmp_path: Path) -> None:
    pair, one = (1, LEFT.size), (1, NUMBERS.size)

    def real(shape: tuple[int, ...]) -> tflm.Tensor:
        return tflm.Tensor("float32", shape)

    operators = [tflm.Operator(op, [real(pair)] * 2, [real(pair)], None, 1) for op in TFLITE_BINARY]
    operators += [tflm.Operator(op, [real(one)], [real(one)], None, 1) for op in TFLITE_UNARY]
    axis = tflm.Tensor("int32", (1,), data=np.array([1], np.int32))
    keep = ("ReducerOptions", {"keepDims": True})
    pool = ("Pool2DOptions", {"filterHeight": 1, "filterWidth": 2, "strideH": 1, "strideW": 1, "padding": 1})
    operators += [
        tflm.Operator(op, [real(pair), axis], [real((1, 1))], keep, 1) for op in ("REDUCE_MAX", "REDUCE_MIN", "MEAN")
    ]
    operators += [tflm.Operator("MAX_POOL_2D", [real((1, 1, 9, 2))], [real((1, 1, 8, 2))], pool, 1)]
    rng = np.random.default_rng(0)
    samples: list[list[Array]] = []
    for rare in (NUMBERS, np.array([np.nan], np.float32), np.array([-np.inf, np.nan], np.float32)):
        sample: list[Array] = []
        for _ in TFLITE_BINARY:
            sample += [LEFT, RIGHT]
        sample += [NUMBERS.reshape(1, -1) for _ in TFLITE_UNARY]
        sample += [rng.choice(rare, pair) for _ in range(3)] + [rng.choice(rare, (1, 1, 9, 2))]
        samples.append(sample)
    path = tmp_path / "m.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_maxima_of_onnx_pass_over_what_is_not_a_number(tmp_path: Path) -> None:
    """Wherever it stands; where nothing else is there, minus infinity remains (of a minimum, infinity)."""
    shape = [1, 1, 2, 8]
    ends = {"pool": (FLOAT, [1, 1, 1, 4]), "most": (FLOAT, [1, 1, 2, 1]), "least": (FLOAT, [1, 1, 2, 1])}
    nodes = [
        node("MaxPool", ["x"], ["pool"], kernel_shape=[2, 2], strides=[2, 2]),
        node("ReduceMax", ["x"], ["most"], axes=[3]),
        node("ReduceMin", ["x"], ["least"], axes=[3]),
    ]
    path = onnx_file(tmp_path / "m.onnx", nodes, {"x": (FLOAT, shape)}, ends)
    rng = np.random.default_rng(1)
    samples: list[list[Array]] = [[rng.choice(NUMBERS, shape)] for _ in range(20)]
    samples.append([np.full(shape, np.nan, np.float32)])
    want = []
    for (x,) in samples:
        windows = x.reshape(2, 4, 2).transpose(1, 0, 2).reshape(4, 4)
        most, least = np.fmax.reduce(x, axis=3, initial=-np.inf), np.fmin.reduce(x, axis=3, initial=np.inf)
        want.append([np.fmax.reduce(windows, axis=1, initial=-np.inf), most, least])
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


@pytest.mark.parametrize("kind, count", [(FLOAT, 2), (INT8, 0)])
def test_samples_of_rare_numbers_hold_them(kind: int, count: int, tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "m.onnx", [node("Identity", ["x"], ["y"])], {"x": (kind, [400])}, {"y": (kind, [400])})
    compiled = compile_model(path, ModelOptions(path), boards.load("generic"), "m")
    samples = rare_samples(compiled.graph.inputs)
    assert samples.count == count
    if count:
        many = samples.arrays[0][1]
        tiny = (many != 0) & (np.abs(many) < np.finfo(np.float32).tiny)
        for found in (np.isnan(many), many == np.inf, many == -np.inf, tiny, (many == 0) & np.signbit(many)):
            assert found.any()
        assert np.isfinite(many).sum() > 300
