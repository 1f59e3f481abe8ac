"""LSTM, GRU and RNN of random shapes and attributes are those of onnxruntime: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_FUNCTIONS = {"LSTM": 3, "GRU": 2, "RNN": 1}
#: Activations, and how many parameters they have.
_ACTIVATIONS = {
    "Sigmoid": 0,
    "Tanh": 0,
    "Relu": 0,
    "Softsign": 0,
    "Softplus": 0,
    "LeakyRelu": 1,
    "Elu": 1,
    "ThresholdedRelu": 1,
    "HardSigmoid": 2,
    "Affine": 2,
    "ScaledTanh": 2,
}
_BOUNDED = ("Sigmoid", "Tanh", "Softsign", "HardSigmoid")


def random_node(rng: np.random.Generator, op: str, index: int) -> tuple[onnx.NodeProto, list[onnx.TensorProto], Array]:
    """Returns a node, its constants, and an example of its input."""
    steps, batch = int(rng.integers(1, 7)), int(rng.choice([1, 1, 2, 3]))
    depth, units = int(rng.integers(1, 20)), int(rng.integers(1, 18))
    direction = str(rng.choice(["forward", "reverse", "bidirectional"]))
    directions, rows = (2 if direction == "bidirectional" else 1), _GATES[op] * units
    attributes: dict[str, Any] = {"direction": direction, "hidden_size": units}
    if rng.random() < 0.4:
        names = [str(a) for a in rng.choice(list(_ACTIVATIONS), directions * _FUNCTIONS[op])]
        if op != "RNN":
            # A gate without bounds makes sequences that end in infinities.
            names[:: _FUNCTIONS[op]] = [str(a) for a in rng.choice(_BOUNDED, directions)]
        attributes["activations"] = names
        for most, key in ((1, "activation_alpha"), (2, "activation_beta")):
            parameters = rng.uniform(0.1, 0.6, sum(_ACTIVATIONS[name] >= most for name in names))
            attributes |= {key: parameters.tolist()} if len(parameters) else {}
    if op == "GRU":
        attributes["linear_before_reset"] = int(rng.integers(0, 2))
    if rng.random() < 0.2:
        attributes["clip"] = 0.7
    constants: list[onnx.TensorProto] = []

    def add(*shape: int, data: Array | None = None) -> str:
        values = rng.normal(0, 0.2, shape).astype(np.float32) if data is None else data
        constants.append(numpy_helper.from_array(values, f"n{index}_{len(constants)}"))
        return constants[-1].name

    given = [f"x{index}", add(directions, rows, depth), add(directions, rows, units), "", "", ""]
    if rng.random() < 0.7:
        given[3] = add(directions, 2 * rows)
    if rng.random() < 0.3:
        given[4] = add(data=rng.integers(1, steps + 1, batch).astype(np.int32))
    if rng.random() < 0.5:
        given[5] = add(directions, batch, units)
    if op == "LSTM":
        given += [add(directions, batch, units) if rng.random() < 0.5 else ""]
        given += [add(directions, 3 * units) if rng.random() < 0.3 else ""]
    wanted = [f"{o}{index}" if rng.random() < 0.7 else "" for o in ("y", "h", "c")[: 3 if op == "LSTM" else 2]]
    wanted[int(rng.integers(len(wanted)))] = f"last{index}"
    node = helper.make_node(op, given, wanted, **attributes)
    return node, constants, rng.normal(0, 1, (steps, batch, depth)).astype(np.float32)


@pytest.mark.parametrize("op", _GATES)
def test_equals_onnxruntime(tmp_path: Path, op: str) -> None:
    rng = np.random.default_rng(6)
    made = [random_node(rng, op, index) for index in range(32)]
    samples = [[rng.normal(0, spread, x.shape).astype(np.float32) for _, _, x in made] for spread in (1.0, 4.0)]
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [node for node, _, _ in made],
        "layers",
        [helper.make_tensor_value_info(f"x{k}", float32, x.shape) for k, (_, _, x) in enumerate(made)],
        [helper.make_tensor_value_info(name, float32, None) for node, _, _ in made for name in node.output if name],
        [constant for _, constants, _ in made for constant in constants],
    )
    path = tmp_path / "layers.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("op", _GATES)
def test_weights_and_lengths_at_run_time(tmp_path: Path, op: str) -> None:
    """All that is constant elsewhere is an input, other numbers in each inference."""
    rng = np.random.default_rng(16)
    made = [random_node(rng, op, index) for index in range(12)]
    for index, (node, _, _) in enumerate(made):
        if op == "LSTM" and index % 4 == 0:
            node.attribute.append(helper.make_attribute("input_forget", 1))
    constants = [numpy_helper.to_array(constant) for _, own, _ in made for constant in own]
    names = [constant.name for _, own, _ in made for constant in own]
    samples: list[list[Array]] = []
    for spread in (1.0, 0.7):
        drawn = [rng.normal(0, 1, x.shape).astype(np.float32) for _, _, x in made]
        given = [c if c.dtype == np.int32 else c * np.float32(spread) for c in constants]
        samples.append([*drawn, *(np.maximum(c - 1, 1) if c.dtype == np.int32 and spread < 1 else c for c in given)])
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [node for node, _, _ in made],
        "layers",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for name, x in zip([*(f"x{k}" for k in range(len(made))), *names], samples[0], strict=True)
        ],
        [helper.make_tensor_value_info(name, float32, None) for node, _, _ in made for name in node.output if name],
    )
    path = tmp_path / "layers.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


def test_too_many_steps_with_weights_at_run_time_are_refused(tmp_path: Path) -> None:
    float32 = onnx.TensorProto.FLOAT
    shapes = {"x": (65, 1, 2), "w": (1, 3, 2), "r": (1, 3, 3)}
    graph = helper.make_graph(
        [helper.make_node("RNN", ["x", "w", "r"], ["y"], hidden_size=3)],
        "layer",
        [helper.make_tensor_value_info(name, float32, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("y", float32, None)],
    )
    path = tmp_path / "layer.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    with pytest.raises(UnsupportedError, match="65 steps in 1 directions with weights or lengths"):
        parity.reference(path, [])
