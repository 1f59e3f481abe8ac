"""Scales at run time, along axes and for blocks, and integer products: what onnxruntime gives, to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from ariel_build.ir import Array
from tests.ops import parity
from tests.zoo import FLOAT, node, onnx_file

Numbers = npt.NDArray[Any]
STORED = (np.int8, np.uint8, np.int16, np.uint16)


def write(path: Path, seed: int) -> list[Array]:
    """Writes a model of QuantizeLinear and DequantizeLinear, scales as inputs; returns a sample."""
    rng = np.random.default_rng(seed)
    nodes: list[onnx.NodeProto] = []
    inputs: dict[str, tuple[int, list[int]]] = {}
    outputs: dict[str, tuple[int, list[int]]] = {}
    sample: list[Array] = []

    def given(data: Array) -> str:
        name = f"x{len(inputs)}"
        inputs[name] = (helper.np_dtype_to_tensor_dtype(data.dtype), list(data.shape))
        sample.append(data)
        return name

    for dtype in STORED:
        info = np.iinfo(dtype)
        for axis, block in ((None, 0), (1, 0), (-1, 0), (1, 2), (2, 3)):
            shape = (2, 6, 5)
            scales: tuple[int, ...] = () if axis is None else (shape[axis],)
            if block and axis is not None:
                scales = tuple(-(-n // block) if k == axis else n for k, n in enumerate(shape))
            scale = rng.choice(np.array([0.5, 0.03125, 0.02, 0.7, 1.0], np.float32), scales).astype(np.float32)
            zero = rng.integers(info.min, info.max + 1, scales).astype(dtype)
            x = (rng.normal(0, 40, shape) * (100 if info.bits > 8 else 1)).astype(np.float32)
            x[0, 0] = [1e30, -1e30, 0.25, -0.75, np.inf]
            attributes: dict[str, Any] = {} if axis is None else {"axis": axis}
            attributes |= {"block_size": block} if block else {}
            pair = [given(scale), given(zero)]
            for kind, data in (
                ("QuantizeLinear", x),
                ("DequantizeLinear", rng.integers(info.min, info.max + 1, shape).astype(dtype)),
            ):
                out = f"y{len(outputs)}"
                nodes.append(node(kind, [given(data), *pair], [out], **attributes))
                type_ = FLOAT if kind[0] == "D" else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
                outputs[out] = (type_, list(shape))
    onnx_file(path, nodes, inputs, outputs, opset=21)
    return sample


@pytest.mark.parametrize("seed", range(4))
def test_quantisation(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "scales.onnx"
    sample = write(path, seed)
    want = parity.onnxruntime_answers(path, [sample])
    parity.agree(parity.reference(path, [sample], optimized=True), want, "reference", rtol=1e-6, atol=0)
    if seed == 0:
        parity.agree(parity.host(path, [sample]), want, "host", rtol=1e-6, atol=0)


def test_dynamic_layers(tmp_path: Path) -> None:
    """A float layer as onnxruntime's dynamic quantiser writes it, deeper than float32 sums at once."""
    rng = np.random.default_rng(8)
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node("MatMulInteger", ["q", "w", "z", "wz"], ["sums"]),
        node("Cast", ["sums"], ["real"], to=FLOAT),
        node("Mul", ["s", "ws"], ["factor"]),
        node("Mul", ["real", "factor"], ["y"]),
        node("ConvInteger", ["image", "filter", "iz", "fz"], ["conv"], pads=[1, 1, 1, 1]),
    ]
    constants: dict[str, Numbers] = {
        "w": rng.integers(-128, 128, (700, 6)).astype(np.int8),
        "wz": rng.integers(-5, 5, 6).astype(np.int8),
        "ws": np.array(0.01, np.float32),
        "filter": rng.integers(0, 256, (4, 40, 3, 3)).astype(np.uint8),
        "fz": np.array(120, np.uint8),
        "iz": np.array(7, np.uint8),
    }
    inputs = {"x": (FLOAT, [3, 700]), "image": (TensorProto.UINT8, [1, 40, 5, 4])}
    outputs = {"y": (FLOAT, [3, 6]), "z": (TensorProto.UINT8, []), "conv": (TensorProto.INT32, [1, 4, 5, 4])}
    path = onnx_file(tmp_path / "dynamic.onnx", nodes, inputs, outputs, constants)
    image = rng.integers(0, 256, (1, 40, 5, 4)).astype(np.uint8)
    samples: list[list[Array]] = [
        [rng.normal(0, 3, (3, 700)).astype(np.float32), image],
        [np.zeros((3, 700), np.float32), np.full_like(image, 255)],
    ]
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-6)
    parity.agree(parity.host(path, samples), want, "host", rtol=1e-6)


def test_weights_of_four_bits(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    stored = rng.integers(-8, 8, (5, 4))
    weights = helper.make_tensor("w", TensorProto.INT4, (5, 4), stored.reshape(-1).tolist())
    scales = rng.uniform(0.1, 1, 4).astype(np.float32)
    graph = helper.make_graph(
        [node("DequantizeLinear", ["w", "s"], ["real"], axis=1), node("MatMul", ["x", "real"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", FLOAT, [2, 5])],
        [helper.make_tensor_value_info("y", FLOAT, [2, 4])],
        [weights, onnx.numpy_helper.from_array(scales, "s")],
    )
    path = tmp_path / "small.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    x = rng.normal(0, 1, (2, 5)).astype(np.float32)
    want: Numbers = x @ (stored * scales)
    parity.agree(parity.reference(path, [[x]]), [[want]], "reference")
    parity.agree(parity.host(path, [[x]]), [[want]], "host")


def test_convolutions(tmp_path: Path) -> None:
    """QLinearConv with filters, scales and zero points as inputs, one for all or one for each filter."""
    rng = np.random.default_rng(9)
    nodes: list[onnx.NodeProto] = []
    inputs: dict[str, tuple[int, Sequence[int]]] = {}
    outputs: dict[str, tuple[int, Sequence[int]]] = {}
    sample: list[Array] = []
    for index, (dtype, each, group) in enumerate(
        (dtype, each, group) for dtype in (np.int8, np.uint8) for each in (False, True) for group in (1, 2)
    ):
        info, count = np.iinfo(dtype), (6,) if each else ()
        given: list[Array] = [
            rng.integers(info.min, info.max + 1, (2, 4, 5, 6)).astype(dtype),
            np.array(0.03, np.float32),
            np.array(3, dtype),
            rng.integers(info.min, info.max + 1, (6, 4 // group, 3, 2)).astype(dtype),
            np.asarray(rng.uniform(0.01, 0.03, count), np.float32),
            np.full(count, 0 if dtype is np.int8 else 120, dtype),
            np.array(0.2, np.float32),
            np.array(7, dtype),
            rng.integers(-4000, 4000, 6).astype(np.int32),
        ]
        names = [f"x{len(sample) + k}" for k in range(len(given))]
        sample += given
        inputs |= {n: (helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in zip(names, given, strict=True)}
        nodes.append(node("QLinearConv", names, [f"y{index}"], group=group, strides=[1, 2], pads=[1, 0, 0, 1]))
        outputs[f"y{index}"] = (helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), (2, 6, 4, 3))
    path = onnx_file(tmp_path / "convolutions.onnx", nodes, inputs, outputs)
    want = parity.onnxruntime_answers(path, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "kernels")
