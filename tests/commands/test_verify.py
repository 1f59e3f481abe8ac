"""`verify`: who judged is said, layers are held against the oracle, and what is wrong is found where it begins."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from ariel_build.answers import layers, oracle
from ariel_build.answers.samples import random_samples
from ariel_build.commands import verify
from ariel_build.driver import import_file
from ariel_build.ir import Array, DType, Graph, Quant, TensorType, Value
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.passes import optimize
from tests.commands.conftest import Command
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS

micro = pytest.mark.skipif(importlib.util.find_spec("tflite_micro") is None, reason="no tflite-micro")
runtime = pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="no onnxruntime")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Returns a float network in NCHW: what is compiled has other axes, and fewer operators."""
    rng = np.random.default_rng(7)
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "v"], ["y"]),
    ]
    constants = {
        "w": rng.standard_normal((5, 3, 3, 3)).astype(np.float32),
        "v": rng.standard_normal((45, 4)).astype(np.float32),
    }
    return onnx_file(tmp_path / "network.onnx", nodes, {"x": (FLOAT, [1, 3, 6, 6])}, {"y": (FLOAT, [1, 4])}, constants)


@runtime
def test_the_oracle_that_answered_is_named(flip: Path, command: Command) -> None:
    answer = command("verify", flip, "--samples", "2")
    assert answer.code == 0, answer
    assert answer.out.splitlines()[-1].startswith("agrees with onnxruntime 1.")


@pytest.mark.parametrize("words", [(), ("--per-layer",)])
def test_our_own_reference_is_never_passed_off_as_the_oracle(
    words: tuple[str, ...], flip: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        assert name == "onnxruntime"

    monkeypatch.setattr(importlib.util, "find_spec", absent)
    answer = command("verify", flip, "--samples", "2", *words)
    assert answer.code == 0, answer
    last = answer.out.splitlines()[-1]
    assert last == "agrees with our own reference only: onnxruntime is not installed: pip install onnxruntime"


@micro
def test_an_oracle_that_cannot_run_the_model_is_said_to(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    # A model that aborts it takes its own process down, not ours.
    program = "import os; os.abort()"
    broken = {"tflite": oracle._Oracle("tflite_micro", "TFLite-Micro", "tflite-micro", "", program)}
    monkeypatch.setattr(oracle, "_ORACLES", broken)
    answer = command("verify", DIGITS, "--samples", "1")
    assert answer.code == 0, answer
    assert answer.out.splitlines()[-1].startswith("agrees with our own reference only: TFLite-Micro cannot run this")


@micro
def test_every_layer_of_a_tflite_model_is_judged_by_tflite_micro(command: Command) -> None:
    answer = command("verify", DIGITS, "--samples", "1", "--per-layer")
    assert answer.code == 0, answer
    assert answer.out.splitlines()[-1].startswith("agrees with TFLite-Micro")
    assert answer.out.count("TFLite-Micro") == 10 + 1
    assert "DepthwiseConv2d, operator 1 (DEPTHWISE_CONV_2D)" in answer.out
    assert "our own reference" not in answer.out


@runtime
def test_every_layer_of_an_onnx_model_is_judged_by_onnxruntime(network: Path, command: Command) -> None:
    answer = command("verify", network, "--samples", "2", "--per-layer")
    assert answer.code == 0, answer
    assert answer.out.splitlines()[-1].startswith("agrees with onnxruntime")
    judged = [line for line in answer.out.splitlines() if "NaN and infinities in" not in line]
    assert not any("our own reference" in line for line in judged)
    assert "f32[1, 6, 6, 5]" in answer.out  # the file has it as [1, 5, 6, 6]


def _wrong(op: type[Conv2d | FullyConnected], monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the oracle's answers compared with a reference and with Rust that have a filter negated."""
    real = import_file

    def flawed(path: Path, *_: object, **__: object) -> object:
        graph, source = real(path)
        for made in graph.nodes:
            if isinstance(made.op, op):
                old = made.input(1)
                assert old.data is not None
                made.inputs[1] = Value(old.type, old.name, np.negative(old.data.astype(np.float32)), old.origin)
        return graph, source

    monkeypatch.setattr("ariel_build.driver.import_file", flawed)
    monkeypatch.setattr(verify, "import_file", flawed)


@runtime
@pytest.mark.parametrize(
    "op, first", [(Conv2d, "Conv2d, node 0 (Conv)"), (FullyConnected, "FullyConnected, node 4 (Gemm)")]
)
def test_the_first_layer_that_parts_is_named(
    op: type[Conv2d | FullyConnected], first: str, network: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An importer that errs makes reference and Rust alike: only the oracle can tell, and where."""
    _wrong(op, monkeypatch)
    answer = command("verify", network, "--samples", "2", "--per-layer")
    assert answer.code == 1, answer
    last = answer.out.splitlines()[-1]
    assert last.startswith("DISAGREES with onnxruntime")
    assert f": {first} " in last
    assert " is the first to part, " in last
    assert "the worst by " in last


@runtime
def test_a_permuted_layer_is_compared_in_its_own_order(network: Path) -> None:
    imported, _ = import_file(network)
    graph, _ = import_file(network)
    optimize(graph)
    samples = random_samples(graph.inputs, 2)
    conv = next(made.output for made in graph.nodes if isinstance(made.op, Conv2d))
    theirs = layers.evaluate(imported, samples)
    (found,) = layers.counterparts([conv], layers.evaluate(graph, samples), imported, theirs, 2)
    # Its activation is fused: it is the tensor behind that, not the one of the operator's name.
    assert found is not None
    assert found.key == "r"
    assert found.axes == (0, 2, 3, 1)
    answer = oracle.ask(network, imported, samples, ["r"])
    assert isinstance(answer, oracle.Answer)
    seen = found.seen(answer.inner["r"], conv)
    assert seen.shape == (2, 1, 6, 6, 5)
    np.testing.assert_array_equal(seen[1, 0, 2, 3], answer.inner["r"][1, 0, :, 2, 3])


def _pair(a: TensorType, b: TensorType, x: Array, y: Array) -> layers.Counterpart | None:
    """Returns what `counterparts` finds for a layer with elements `x` in a file whose one tensor has `y`."""
    layer, tensor = Value(a, "layer"), Value(b, "tensor")
    imported = Graph("m", [], [], [], tensors={"t0": tensor})
    (found,) = layers.counterparts([layer], {layer: x}, imported, {tensor: y}, 0)
    return found


def test_types_and_elements_decide_what_is_a_counterpart() -> None:
    scale, other = Quant((0.5,), (-128,)), Quant((0.25,), (-128,))
    stored = np.arange(-128, -122, dtype=np.int8).reshape(1, 2, 3)
    i8 = TensorType(DType.I8, (2, 3), scale)
    assert _pair(i8, i8, stored, stored) is not None
    assert _pair(i8, i8, stored, stored + np.int8(1)) is None
    assert _pair(i8, TensorType(DType.I8, (2, 3), other), stored, stored) is None
    assert _pair(i8, TensorType(DType.I8, (2, 3)), stored, stored) is None
    assert _pair(i8, TensorType(DType.I8, (7,), scale), stored, np.zeros((1, 7), np.int8)) is None
    # uint8 of the file is int8 with another zero point.
    unsigned = (stored.astype(np.int16) + 128).astype(np.uint8)
    found = _pair(i8, TensorType(DType.U8, (2, 3), Quant((0.5,), (0,))), stored, unsigned)
    assert found is not None
    assert found.offset == -128
    turned = _pair(i8, TensorType(DType.I8, (3, 2), scale), stored, stored.transpose(0, 2, 1))
    assert turned is not None
    assert turned.axes == (1, 0)


def test_how_far_is_too_far() -> None:
    quantised = Value(TensorType(DType.I8, (2,), Quant((0.5,), (0,))), "q")
    index, real = Value(TensorType(DType.I64, (2,)), "i"), Value(TensorType(DType.F32, (2,)), "f")
    want = np.array([[1.0, 100.0]])
    assert layers.tolerance(quantised, want, 2).tolist() == [[2.0, 2.0]]
    assert layers.tolerance(quantised, want, 0).tolist() == [[0.0, 0.0]]
    assert layers.tolerance(index, want, 2).tolist() == [[0.0, 0.0]]
    assert layers.tolerance(real, want, 2, step=0.5)[0, 0] == pytest.approx(1.0 + 1.1e-4)


@pytest.mark.parametrize("got, different", [(100.009, 0), (100.02, 1), (np.nan, 1), (np.inf, 1)])
def test_floats_agree_within_an_order_of_sums(got: float, different: int) -> None:
    value = Value(TensorType(DType.F32, (2,)), "f")
    mine, want = (np.array([[1.0, last]], np.float32) for last in (got, 100.0))
    row = verify.compare(value, "f", mine, verify.Judged(want, "x"), 0)
    assert (row.different, row.elements) == (different, 2)
    assert row.holds == (different == 0)
