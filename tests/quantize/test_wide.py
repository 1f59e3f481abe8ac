"""int16 with weights of int8, where int8 loses too much: how it is chosen, written and computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.ir import Array, Quant, Value, verify
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.fixed_point import Rounding, reduced_multiplier
from ariel_build.ops.map1 import Map1
from ariel_build.ops.window import Window
from ariel_build.quantize.choice import choose, suggested
from ariel_build.quantize.constants import whole_multipliers
from ariel_build.quantize.form import Form, form_of, rewrite
from ariel_build.quantize.judge import Data
from ariel_build.quantize.ranges import range_of, wide_range_of
from ariel_build.quantize.writers import write_model
from tests.commands.conftest import Command
from tests.passes.graphs import Net
from tests.quantize.runtime import answers, needs_runtime
from tests.quantize.test_command import compiled, quanta
from tests.quantize.test_parts import samples, seen_of
from tests.zoo import FLOAT, node, onnx_file


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Returns convolutions with a sum and a maximum between them, and a dense layer: all of which int16 has."""
    rng = np.random.default_rng(7)
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"]),
        node("Conv", ["r", "d", "e"], ["k"], pads=[1, 1, 1, 1], group=6),
        node("Add", ["r", "k"], ["s"]),
        node("MaxPool", ["s"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "v", "b"], ["y"]),
    ]
    constants = {
        "w": rng.standard_normal((6, 2, 3, 3)),
        "d": rng.standard_normal((6, 1, 3, 3)),
        "e": rng.standard_normal(6),
        "v": rng.standard_normal((54, 5)),
        "b": rng.standard_normal(5),
    }
    data = {name: array.astype(np.float32) for name, array in constants.items()}
    return onnx_file(tmp_path / "net.onnx", nodes, {"x": (FLOAT, [1, 2, 6, 6])}, {"y": (FLOAT, [1, 5])}, data)


def types(path: Path) -> dict[str, set[str]]:
    """Returns in which types each operator computes."""
    found: dict[str, set[str]] = {}
    for each in compiled(path).nodes:
        found.setdefault(each.op.name, set()).add(each.output.type.dtype.value)
    return found


@needs_runtime
def test_int16_comes_before_float32(
    command: Command, network: Path, calibration: Path, inputs: Array, tmp_path: Path
) -> None:
    out, made = tmp_path / "out.onnx", tmp_path / "made.npz"
    words = ("quantize", network, "--calibration", calibration, "-o", out, "--ranges", "min-max")
    assert "compute in int16" not in command(*words).out
    answer = command(*words, "--max-drop", "0.03%")
    assert answer.code == 0, answer
    assert "compute in int16 for --max-drop" in answer.out and "stay float32" not in answer.out
    (line,) = [line for line in answer.out.splitlines() if line.startswith("signal to noise of")]
    assert float(line.split()[-2]) > -10 * np.log10(3e-4)
    assert types(out)["DepthwiseConv2d"] == {"i16"} and "f32" not in types(out)["Conv2d"]
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 21  # the first with int16
    steps = quanta(out, list(inputs))
    assert steps.max() <= 2 and np.mean(steps <= 1) >= 0.99
    assert command("run", out, "--inputs", calibration, "--outputs", made).code == 0
    interpreter = Interpreter(compiled(out))
    want = np.stack([interpreter.outputs([x])[0] for x in inputs])
    np.testing.assert_array_equal(np.load(made)["y"], want)


def test_what_int16_does_not_mend_stays_float32_besides(
    command: Command, network: Path, calibration: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.onnx"
    words = ("quantize", network, "--calibration", calibration, "-o", out, "--ranges", "min-max")
    answer = command(*words, "--max-drop", "0.005%")  # less than rounded weights make
    assert answer.code == 0, answer
    assert "compute in int16 for --max-drop" in answer.out and "stay float32 for --max-drop" in answer.out
    found = types(out)
    assert "f32" in set().union(*found.values()) and "i16" in found["Add"]


def between(net: Net) -> tuple[Data, Form, Value, Value]:
    """Returns tanh, which int16 has not, and a layer, both of an int16 of which another layer makes int8."""
    x = net.input(1, 6, 6, 2)
    y = net.add(Conv2d(Window((1, 1))), x, net.weights(4, 1, 1, 2), net.weights(4))
    a = net.add(Conv2d(Window((1, 1))), y, net.weights(4, 1, 1, 4), net.weights(4))
    t = net.add(Map1("Tanh", rounding=Rounding.NEAREST_EVEN), y)
    b = net.add(Conv2d(Window((1, 1))), t, net.weights(4, 1, 1, 4), net.weights(4))
    data = samples(net.graph(a, b), 30)
    seen = seen_of(data)
    choice = choose(data.graph, suggested(data.graph))
    quants = {v: range_of(seen[v], "min-max") for v in choice.quantised()}
    return data, form_of(data.graph, choice, quants, wide={y: wide_range_of(seen[y])}), y, a


def test_what_is_between_int16_and_int8_is_rounded_as_often_as_the_file_says() -> None:
    data, found, y, a = between(Net())
    assert list(found.narrowed) == [y] and list(found.finer) == [a]
    written = rewrite(found)
    verify(written)
    mine = data.outputs(found)
    for k in range(data.count):
        theirs: list[Numbers] = list(Interpreter(written).outputs([data.arrays[0][k]]))
        for got, want in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(got[k], want, rtol=1e-6, atol=1e-6)


@needs_runtime
def test_onnxruntime_answers_so_as_well(tmp_path: Path) -> None:
    data, found, _, _ = between(Net())
    path = tmp_path / "out.onnx"
    path.write_bytes(write_model(rewrite(found)).SerializeToString())
    kinds = {(n.op.name, n.input(0).type.dtype.value) for n in compiled(path).nodes}
    assert {("Conv2d", "i8"), ("Conv2d", "i16"), ("Quantize", "i8")} <= kinds and ("Conv2d", "f32") not in kinds
    graph, steps = compiled(path), []
    scales = [found.quants[v].scale for v in data.graph.outputs]
    for x in data.arrays[0]:
        pairs = zip(Interpreter(graph).outputs([x]), answers(path.read_bytes(), [x]), scales, strict=True)
        steps += [np.rint(np.abs(mine - theirs) / scale) for mine, theirs, scale in pairs]
    assert np.max(steps) <= 2 and np.mean(np.array(steps) <= 1) >= 0.99


def qdq(path: Path, scales: Sequence[float], zero_point: int = 0, weight_scale: float = 0.01) -> Path:
    """Writes a dense layer between int16, as other tools may."""
    rng = np.random.default_rng(5)
    constants: dict[str, Array] = {
        "z": np.array(zero_point, np.int16),
        "sx": np.array(scales[0], np.float32),
        "sy": np.array(scales[1], np.float32),
        "w": rng.integers(-127, 128, (4, 8)).astype(np.int8),
        "sw": np.array(weight_scale, np.float32),
        "zw": np.array(0, np.int8),
    }
    nodes = [
        node("QuantizeLinear", ["x", "sx", "z"], ["xq"]),
        node("DequantizeLinear", ["xq", "sx", "z"], ["xr"]),
        node("DequantizeLinear", ["w", "sw", "zw"], ["wr"]),
        node("Gemm", ["xr", "wr"], ["s"], transB=1),
        node("QuantizeLinear", ["s", "sy", "z"], ["yq"]),
        node("DequantizeLinear", ["yq", "sy", "z"], ["y"]),
    ]
    return onnx_file(path, nodes, {"x": (FLOAT, [1, 8])}, {"y": (FLOAT, [1, 4])}, constants, opset=21)


@needs_runtime
@pytest.mark.parametrize(
    "scales, zero_point, weight_scale, dtype",
    [
        ((2**-13, 2**-10), 0, 2**-7, "i16"),
        ((1.1e-4, 9.7e-4), 0, 0.0101, "f32"),  # no multiplier of 16 bits holds the quotient
        ((2**-13, 2**-10), 5, 2**-7, "f32"),
    ],
)
def test_int16_of_other_tools_is_computed_where_multipliers_hold_its_scales(
    scales: tuple[float, float], zero_point: int, weight_scale: float, dtype: str, tmp_path: Path
) -> None:
    path = qdq(tmp_path / "m.onnx", scales, zero_point, weight_scale)
    assert types(path)["FullyConnected"] == {dtype}
    samples = [np.random.default_rng(k).standard_normal((1, 8)).astype(np.float32) for k in range(40)]
    assert quanta(path, samples).max() <= 1


def test_scales_of_weights_make_whole_multipliers() -> None:
    x, y = Quant((3.1e-4,), (0,)), Quant((7.7e-4,), (0,))
    scales = np.random.default_rng(0).uniform(1e-3, 1e-1, 200)
    found = whole_multipliers(scales, x, y).astype(np.float32).astype(np.float64)
    assert np.all(found >= scales * (1 - 1e-6)) and np.all(found <= scales * (1 + 2**-14) * (1 + 1e-6))
    for real in found * x.scale / y.scale:
        factor, shift = reduced_multiplier(real)
        assert factor * 2.0 ** (shift - 15) == pytest.approx(real, rel=2**-22)
