"""What ONNX operators do with stored integers: they act on the integers, whatever scale others read those with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx.reference
import pytest
from onnx import helper

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array, DType, Quant, TensorType, Value
from ariel_build.lower import lower
from ariel_build.passes import optimize
from tests import zoo
from tests.ops import parity
from tests.ops.stored_integers.chains import Chain, model_of, random_chain

COUNT = 400


def oracle(path: Path, sample: Sequence[Array]) -> list[Array]:
    """Returns onnxruntime's answer; that of ONNX's own reference where onnxruntime lacks a kernel for bytes."""
    runtime = pytest.importorskip("onnxruntime")
    try:
        return parity.onnxruntime_answers(path, [sample])[0]
    except runtime.capi.onnxruntime_pybind11_state.NotImplemented:
        model = onnx.load(path)
        names = [i.name for i in model.graph.input]
        return list(onnx.reference.ReferenceEvaluator(model).run(None, dict(zip(names, sample, strict=True))))


def answers(path: Path, sample: Sequence[Array]) -> list[list[Array]]:
    """Returns what the graph gives as imported, and after the passes; UnsupportedError where it cannot be compiled."""
    graph, _ = import_file(path)
    before = Interpreter(graph).outputs(sample)
    optimize(graph)
    after = Interpreter(graph).outputs(sample)
    lower(graph)
    return [before, after]


def test_random_chains_act_on_the_integers(tmp_path: Path) -> None:
    """Each chain gives what onnxruntime gives, or is refused; few are."""
    path = tmp_path / "chain.onnx"
    refused: dict[str, int] = {}
    right: list[Chain] = []
    for seed in range(COUNT):
        chain = random_chain(seed, f"n{seed}")
        path.write_bytes(model_of([chain]))
        sample = [chain.sample()]
        try:
            got = answers(path, sample)
        except UnsupportedError as error:
            kind = error.diagnostics[0].message.partition(":")[0]
            refused[kind] = refused.get(kind, 0) + 1
            continue
        want = oracle(path, sample)
        for what, ours in zip(("imported", "optimised"), got, strict=True):
            parity.agree([ours], [want], f"seed {seed}, {what}, {chain.kinds}", rtol=1e-6, atol=0)
        right.append(chain)
    assert len(right) > 0.75 * COUNT, refused

    # The kernels: as many as a model of several outputs holds at once.
    some = right[:48]
    path.write_bytes(model_of(some))
    sample = [chain.sample() for chain in some]
    want = [oracle(one(tmp_path, chain), [data])[0] for chain, data in zip(some, sample, strict=True)]
    parity.agree(parity.host(path, [sample]), [want], "kernels", rtol=1e-6, atol=0)


def one(folder: Path, chain: Chain) -> Path:
    """Writes the model of one chain."""
    path = folder / "one.onnx"
    path.write_bytes(model_of([chain]))
    return path


def test_the_type_of_a_value_cannot_change() -> None:
    value = Value(TensorType(DType.I8, (3,)))
    with pytest.raises(AttributeError):
        value.type = TensorType(DType.I8, (3,), Quant((0.5,), (0,)))  # type: ignore[misc]


def quantised(*middle: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Returns nodes between QuantizeLinear and DequantizeLinear."""
    first = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])
    return [first, *middle, helper.make_node("DequantizeLinear", [middle[-1].output[0], "s", "z"], ["y"])]


CONSTANTS: dict[str, npt.ArrayLike] = {"s": np.float32(0.05), "z": np.int8(3)}


def test_a_clip_of_integers_becomes_the_activation_of_a_layer(tmp_path: Path) -> None:
    """Brevitas's form below 8 bits costs nothing: the layer's own bounds do it."""
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["fx"]),
        helper.make_node("DequantizeLinear", ["w", "s", "wz"], ["fw"]),
        helper.make_node("Conv", ["fx", "fw"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["q"]),
        helper.make_node("Clip", ["q", "low", "high"], ["k"]),
        helper.make_node("DequantizeLinear", ["k", "s", "z"], ["y"]),
    ]
    rng = np.random.default_rng(1)
    # With scales that are powers of two no sum is rounded, in real numbers or in integers.
    constants: dict[str, npt.ArrayLike] = {
        "s": np.float32(0.0625),
        "z": np.int8(3),
        "w": rng.integers(-8, 8, (4, 3, 1, 1)).astype(np.int8),
        "wz": np.int8(0),
        "low": np.int8(-8),
        "high": np.int8(7),
    }
    path = zoo.onnx_file(
        tmp_path / "m.onnx", nodes, {"x": (zoo.INT8, [1, 3, 5, 5])}, {"y": (zoo.FLOAT, [1, 4, 5, 5])}, constants
    )
    graph, _ = import_file(path)
    optimize(graph)
    assert "Clip" not in [n.op.name for n in graph.nodes]
    sample = [rng.integers(-128, 128, (1, 3, 5, 5)).astype(np.int8)]
    parity.agree(answers(path, sample), [oracle(path, sample)] * 2, "clip")


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul"])
def test_arithmetic_of_two_stored_tensors_wraps(kind: str, tmp_path: Path) -> None:
    """It is that of the integers, not that of the real numbers."""
    nodes = quantised(helper.make_node(kind, ["q", "q2"], ["c"]))
    nodes.insert(1, helper.make_node("QuantizeLinear", ["x2", "s", "z"], ["q2"]))
    inputs = {"x": (zoo.FLOAT, [64]), "x2": (zoo.FLOAT, [64])}
    path = zoo.onnx_file(tmp_path / "m.onnx", nodes, inputs, {"y": (zoo.FLOAT, [64])}, CONSTANTS)
    rng = np.random.default_rng(3)
    sample = [rng.normal(0, 3, 64).astype(np.float32) for _ in range(2)]
    parity.agree(answers(path, sample), [oracle(path, sample)] * 2, kind)


@pytest.mark.parametrize("kind", ["Equal", "Greater", "LessOrEqual"])
def test_comparisons_are_of_the_integers(kind: str, tmp_path: Path) -> None:
    """Two scales: the integers are compared all the same."""
    nodes = [
        helper.make_node("QuantizeLinear", ["a", "s", "z"], ["qa"]),
        helper.make_node("QuantizeLinear", ["b", "s2", "z2"], ["qb"]),
        helper.make_node(kind, ["qa", "qb"], ["y"]),
    ]
    constants: dict[str, npt.ArrayLike] = {**CONSTANTS, "s2": np.float32(0.0001), "z2": np.int8(-5)}
    inputs = {"a": (zoo.FLOAT, [64]), "b": (zoo.FLOAT, [64])}
    path = zoo.onnx_file(tmp_path / "m.onnx", nodes, inputs, {"y": (onnx.TensorProto.BOOL, [64])}, constants)
    rng = np.random.default_rng(3)
    sample = [rng.normal(0, 3, 64).astype(np.float32), rng.normal(0, 0.006, 64).astype(np.float32)]
    parity.agree(answers(path, sample), [oracle(path, sample)] * 2, kind)


def test_an_input_has_the_scale_with_which_it_is_read(tmp_path: Path) -> None:
    """Whoever reads the integers themselves before reads them all the same."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["y"]),
        helper.make_node("Identity", ["x"], ["same"]),
    ]
    outputs = {"r": (zoo.INT8, [8]), "y": (zoo.FLOAT, [8]), "same": (zoo.INT8, [8])}
    path = zoo.onnx_file(tmp_path / "m.onnx", nodes, {"x": (zoo.INT8, [8])}, outputs, CONSTANTS)
    graph, _ = import_file(path)
    assert graph.inputs[0].type.quant == Quant((float(np.float32(0.05)),), (3,))
    sample = [np.arange(-4, 4, dtype=np.int8)]
    parity.agree(answers(path, sample), [oracle(path, sample)] * 2, "input")


def test_one_tensor_may_be_read_with_two_scales(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["a"]),
        helper.make_node("DequantizeLinear", ["q", "s2", "z"], ["b"]),
    ]
    outputs = {"a": (zoo.FLOAT, [8]), "b": (zoo.FLOAT, [8])}
    constants: dict[str, npt.ArrayLike] = {**CONSTANTS, "s2": np.float32(0.5)}
    path = zoo.onnx_file(tmp_path / "m.onnx", nodes, {"x": (zoo.FLOAT, [8])}, outputs, constants)
    sample = [np.linspace(-3, 3, 8).astype(np.float32)]
    parity.agree(answers(path, sample), [oracle(path, sample)] * 2, "two scales")
