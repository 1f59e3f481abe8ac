"""Weights of 4 bits in dense layers and pointwise convolutions: how they are chosen, written and computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.ir import Array, DType, TensorType, Value
from ariel_build.kernels import LayerCall
from ariel_build.kernels.layer import Int4
from ariel_build.lower.lowering import lower
from ariel_build.quantize.constants import int4_weights
from tests.commands.conftest import Command
from tests.quantize.runtime import needs_runtime
from tests.quantize.test_command import compiled, quanta
from tests.zoo import FLOAT, node, onnx_file


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Returns a convolution of 3x3, two pointwise ones, one with strides, and two dense layers."""
    rng = np.random.default_rng(8)
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["r"]),
        node("Conv", ["r", "p"], ["b"], strides=[2, 2]),
        node("Conv", ["b", "q"], ["c"]),
        node("Flatten", ["c"], ["f"]),
        node("Gemm", ["f", "v", "d"], ["g"]),
        node("Relu", ["g"], ["h"]),
        node("MatMul", ["h", "u"], ["y"]),
    ]
    shapes = {"w": (6, 2, 3, 3), "p": (9, 6, 1, 1), "q": (3, 9, 1, 1), "v": (27, 10), "d": (10,), "u": (10, 5)}
    data = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return onnx_file(tmp_path / "net.onnx", nodes, {"x": (FLOAT, [1, 2, 6, 6])}, {"y": (FLOAT, [1, 5])}, data)


def packed(path: Path) -> list[tuple[int, ...]]:
    """Returns the shapes of the weights of the file that have 4 bits."""
    tensors = onnx.load(path).graph.initializer
    return sorted(tuple(t.dims) for t in tensors if t.data_type == onnx.TensorProto.INT4 and len(t.dims) > 1)


@needs_runtime
def test_the_file_has_them_and_onnxruntime_answers_as_our_kernels_do(
    command: Command, network: Path, calibration: Path, inputs: Array, tmp_path: Path
) -> None:
    out, made = tmp_path / "out.onnx", tmp_path / "made.npz"
    answer = command("quantize", network, "--calibration", calibration, "-o", out, "--weights-bits", "4")
    assert answer.code == 0, answer
    assert "int8 by int4" in answer.out
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 21  # the first with int4
    # That of 3x3 keeps 8 bits.
    assert packed(out) == [(3, 9, 1, 1), (5, 10), (9, 6, 1, 1), (10, 27)]
    calls = [c.layer for c in lower(compiled(out)).calls if isinstance(c, LayerCall)]
    assert sum(isinstance(layer, Int4) for layer in calls) == 4
    steps = quanta(out, list(inputs))
    assert steps.max() <= 2 and np.mean(steps <= 1) >= 0.99
    assert command("run", out, "--inputs", calibration, "--outputs", made).code == 0
    interpreter = Interpreter(compiled(out))
    want = np.stack([interpreter.outputs([x])[0] for x in inputs])
    np.testing.assert_array_equal(np.load(made)["y"], want)


def test_a_budget_gives_8_bits_before_int16(command: Command, network: Path, calibration: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    words = ("quantize", network, "--calibration", calibration, "-o", out, "--ranges", "min-max", "--weights-bits", "4")
    loose, tight, tighter = (command(*words, "--max-drop", drop) for drop in ("50%", "0.3%", "0.03%"))
    assert "for --max-drop" not in loose.out
    assert "layers have weights of 8 bits for --max-drop" in tight.out and "int16" not in tight.out
    assert "layers have weights of 8 bits for --max-drop" in tighter.out and "compute in int16" in tighter.out
    assert packed(out) == []


def test_scales_err_least() -> None:
    rng = np.random.default_rng(9)
    data = rng.standard_normal((8, 200)).astype(np.float32)
    data[:, 0] = 6  # whose range would leave few steps for all others
    filter_ = Value(TensorType(DType.F32, data.shape), "w", data)

    def error(weights: Value, energy: Array | None = None) -> float:
        assert weights.data is not None
        wrong = (weights.data.astype(np.float64) - data) ** 2
        return float((wrong if energy is None else wrong * energy.astype(np.float64)).sum())

    plain = int4_weights(filter_, 0)
    assert plain.stored is not None and plain.stored.data is not None
    least = np.float32(6 / 7)
    by_range = np.clip(np.rint(data / least), -8, 7) * least
    assert error(plain) < 0.8 * float(((by_range.astype(np.float64) - data) ** 2).sum())
    assert plain.stored.data.min() >= -8 and plain.stored.data.max() <= 7
    # Where that one input is great, its weight is what counts.
    energy = np.ones(200)
    energy[0] = 1e3
    heavy = int4_weights(filter_, 0, energy)
    assert error(heavy, energy) < error(plain, energy)
