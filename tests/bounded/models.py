"""Models with a free dimension, which a test bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from onnx import NodeProto

from tests.zoo import FLOAT, INT64, Ends, node, onnx_file

__all__ = ["MODELS"]

Array = np.ndarray


def _random(seed: int, *shape: int) -> Array:
    return (np.random.default_rng(seed).standard_normal(shape) / 2).astype(np.float32)


def _mlp(path: Path) -> Path:
    nodes = [
        node("Gemm", ["x", "w", "b"], ["h"], transB=1),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["s"]),
        node("Softmax", ["s"], ["y"], axis=-1),
    ]
    constants = {"w": _random(1, 12, 7), "b": _random(2, 12), "v": _random(3, 12, 5)}
    return onnx_file(path, nodes, {"x": (FLOAT, ["n", 7])}, {"y": (FLOAT, ["n", 5])}, constants)


def _recurrent(kind: str, direction: str = "forward") -> Callable[[Path], Path]:
    gates, directions = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind], 2 if direction == "bidirectional" else 1

    def write(path: Path) -> Path:
        units, depth = 6, 5
        outputs = ["every", "last", "cell"][: 3 if kind == "LSTM" else 2]
        nodes = [
            node("Tanh", ["x"], ["x1"]),
            node(kind, ["x1", "w", "r", "b"], outputs, hidden_size=units, direction=direction),
            node("Add", ["every", "last4"], ["y"]),
            node("Unsqueeze", ["last", "zero"], ["last4"]),
        ]
        nodes[2], nodes[3] = nodes[3], nodes[2]
        constants = {
            "w": _random(1, directions, gates * units, depth),
            "r": _random(2, directions, gates * units, units),
            "b": _random(3, directions, 2 * gates * units),
            "zero": np.array([0], np.int64),
        }
        ends: Ends = {name: (FLOAT, [directions, 1, units]) for name in outputs[1:]}
        made: Ends = {"y": (FLOAT, ["n", directions, 1, units]), **ends}
        return onnx_file(path, nodes, {"x": (FLOAT, ["n", 1, depth])}, made, constants)

    return write


def _elementwise(path: Path) -> Path:
    """Two inputs, views, a transpose, a constant for each element of the dimension."""
    nodes = [
        node("Mul", ["x", "scale"], ["m"]),
        node("Add", ["m", "z"], ["a"]),
        node("Reshape", ["a", "six"], ["s"]),
        node("Sigmoid", ["s"], ["g"]),
        node("Reshape", ["g", "back"], ["t"]),
        node("Transpose", ["t"], ["u"], perm=[0, 2, 1]),
        node("Concat", ["u", "u"], ["c"], axis=1),
        node("Slice", ["c", "one", "five", "axis"], ["y"]),
        node("LayerNormalization", ["a", "gain"], ["n1"], axis=-1),
        node("ReduceMax", ["n1"], ["top"], axes=[1], keepdims=0),
    ]
    constants = {
        "scale": _random(1, 3, 1),
        "gain": np.ones(4, np.float32),
        "six": np.array([-1, 6], np.int64),
        "back": np.array([-1, 3, 4], np.int64),
        "one": np.array([1], np.int64),
        "five": np.array([5], np.int64),
        "axis": np.array([1], np.int64),
    }
    inputs: Ends = {"x": (FLOAT, ["n", 3, 4]), "z": (FLOAT, ["n", 1, 4])}
    return onnx_file(path, nodes, inputs, {"y": (FLOAT, ["n", 4, 3]), "top": (FLOAT, ["n", 4])}, constants)


def _positions(path: Path) -> Path:
    """An embedding, and numbers of positions, which the file computes of the shape."""
    nodes = [
        node("Gather", ["table", "x"], ["e"], axis=0),
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "one"], ["length"], axis=0),
        node("Range", ["zero", "length", "step"], ["numbers"]),
        node("Gather", ["places", "numbers"], ["p"], axis=0),
        node("Add", ["e", "p"], ["y"]),
    ]
    constants = {
        "table": _random(1, 11, 4),
        "places": _random(2, 40, 4),
        "one": np.array(1, np.int64),
        "zero": np.array(0, np.int64),
        "step": np.array(1, np.int64),
    }
    return onnx_file(path, nodes, {"x": (INT64, [1, "n"])}, {"y": (FLOAT, [1, "n", 4])}, constants)


def _reduced(path: Path) -> Path:
    """Mean, sum, maximum, minimum and product along the dimension, with others and alone."""
    kinds = ["Mean", "Max", "Min", "Prod"]
    nodes = [
        node("Mul", ["x", "w"], ["m"]),
        node("ReduceSum", ["m", "axes"], ["ySum"], keepdims=0),
        *(node(f"Reduce{kind}", ["m"], [f"y{kind}"], keepdims=0, axes=[1]) for kind in kinds),
    ]
    outputs: Ends = {f"y{kind}": (FLOAT, [1, 4]) for kind in ("Sum", *kinds)}
    nodes.append(node("ReduceMean", ["m"], ["all"], axes=[1, 2], keepdims=1))
    nodes.append(node("Sub", ["m", "all"], ["y"]))
    constants = {"w": _random(1, 4), "axes": np.array([1], np.int64)}
    return onnx_file(path, nodes, {"x": (FLOAT, [1, "n", 4])}, {**outputs, "y": (FLOAT, [1, "n", 4])}, constants)


def _attention(path: Path) -> Path:
    nodes = [
        node("MatMul", ["x", "wq"], ["q"]),
        node("MatMul", ["x", "wk"], ["k"]),
        node("MatMul", ["x", "wv"], ["v"]),
        node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["s"]),
        node("Softmax", ["s"], ["p"], axis=-1),
        node("MatMul", ["p", "v"], ["y"]),
    ]
    constants = {name: _random(k, 4, 4) for k, name in enumerate(("wq", "wk", "wv"))}
    return onnx_file(path, nodes, {"x": (FLOAT, [1, "n", 4])}, {"y": (FLOAT, [1, "n", 4])}, constants)


def _windows(path: Path) -> Path:
    """Convolutions over the dimension, of which what is in front is made an axis of an image."""
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        node("Conv", ["t", "w", "b"], ["c"], pads=[1, 1], kernel_shape=[3]),
        node("Relu", ["c"], ["r"]),
        node("Conv", ["r", "v"], ["d"], pads=[2, 2], kernel_shape=[3], dilations=[2], group=6),
        node("Transpose", ["d"], ["y"], perm=[0, 2, 1]),
        node("GlobalAveragePool", ["d"], ["mean"]),
    ]
    constants = {"w": _random(1, 6, 4, 3), "b": _random(2, 6), "v": _random(3, 6, 1, 3)}
    outputs: Ends = {"y": (FLOAT, [1, "n", 6]), "mean": (FLOAT, [1, 6, 1])}
    return onnx_file(path, nodes, {"x": (FLOAT, [1, "n", 4])}, outputs, constants)


def _ends(path: Path) -> Path:
    """The first and the last of what there is."""
    nodes = [
        node("Tanh", ["x"], ["t"]),
        node("Gather", ["t", "minus"], ["last"], axis=1),
        node("Slice", ["t", "minuses", "end", "ones"], ["kept"]),
        node("Gather", ["t", "zero"], ["first"], axis=1),
        node("Reshape", ["t", "rows"], ["r"]),
        node("Gather", ["r", "minus"], ["half"], axis=0),
        node("Sub", ["t", "kept"], ["y"]),
    ]
    constants = {
        "minus": np.array(-1, np.int64),
        "zero": np.array(0, np.int64),
        "minuses": np.array([-1], np.int64),
        "end": np.array([2**62], np.int64),
        "ones": np.array([1], np.int64),
        "rows": np.array([-1, 2], np.int64),
    }
    outputs: Ends = {name: (FLOAT, [1, 4]) for name in ("last", "first")}
    whole: Ends = {"half": (FLOAT, [2]), "kept": (FLOAT, [1, 1, 4]), "y": (FLOAT, [1, "n", 4])}
    return onnx_file(path, nodes, {"x": (FLOAT, [1, "n", 4])}, {**outputs, **whole}, constants)


def _images(path: Path) -> Path:
    """A batch of images of sizes that are aligned and that are not, through all that windows are slid for."""
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["c"], ["r"]),
        node("Conv", ["r", "u"], ["d"], pads=[1, 1, 1, 1], group=6),
        node("Add", ["d", "r"], ["a"]),
        node("AveragePool", ["a"], ["m"], kernel_shape=[2, 2], pads=[1, 1, 0, 0]),
        node("ConvTranspose", ["m", "t"], ["e"], strides=[2, 2], output_padding=[1, 1]),
        node("MaxPool", ["e"], ["p"], kernel_shape=[3, 3], strides=[3, 3]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "v"], ["g"], transB=1),
        node("Softmax", ["g"], ["y"], axis=-1),
        node("Resize", ["m", "", "scales"], ["large"], mode="linear"),
        node("GlobalAveragePool", ["large"], ["mean"]),
    ]
    constants = {
        "w": _random(1, 6, 3, 3, 3),
        "b": _random(2, 6),
        "u": _random(3, 6, 1, 3, 3),
        "t": _random(4, 6, 2, 2, 2),
        "v": _random(5, 5, 8),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    outputs: Ends = {"y": (FLOAT, ["n", 5]), "mean": (FLOAT, ["n", 6, 1, 1])}
    return onnx_file(path, nodes, {"x": (FLOAT, ["n", 3, 5, 5])}, outputs, constants)


def _stored_images(path: Path) -> Path:
    """The same of bytes: QuantizeLinear and DequantizeLinear around each operator, filters with a scale for each."""
    nodes: list[NodeProto] = []
    constants: dict[str, Array] = {}

    def scaled(name: str, scale: float, zero: int) -> str:
        constants[f"{name}_s"], constants[f"{name}_z"] = np.array(scale, np.float32), np.array(zero, np.int8)
        ends = [f"{name}_s", f"{name}_z"]
        nodes.append(node("QuantizeLinear", [name, *ends], [f"{name}_q"]))
        nodes.append(node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_d"]))
        return f"{name}_d"

    def filters(name: str, seed: int, *shape: int) -> str:
        rng = np.random.default_rng(seed)
        constants[f"{name}_q"] = rng.integers(-127, 128, shape).astype(np.int8)
        constants[f"{name}_s"] = rng.uniform(0.004, 0.008, shape[0]).astype(np.float32)
        constants[f"{name}_z"] = np.zeros(shape[0], np.int8)
        nodes.append(node("DequantizeLinear", [f"{name}_q", f"{name}_s", f"{name}_z"], [name], axis=0))
        return name

    x = scaled("x", 0.02, -3)
    nodes.append(node("Conv", [x, filters("w", 1, 8, 3, 3, 3)], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]))
    nodes.append(node("Relu", ["c"], ["r"]))
    r = scaled("r", 0.02, -128)
    nodes.append(node("Conv", [r, filters("u", 2, 8, 1, 3, 3)], ["d"], pads=[1, 1, 1, 1], group=8))
    nodes.append(node("Add", [scaled("d", 0.03, 4), r], ["a"]))
    nodes.append(node("GlobalAveragePool", [scaled("a", 0.04, -9)], ["p"]))
    nodes.append(node("Flatten", [scaled("p", 0.03, -20)], ["f"]))
    nodes.append(node("Gemm", ["f", filters("v", 3, 5, 8)], ["g"], transB=1))
    nodes.append(node("Identity", [scaled("g", 0.05, 2)], ["y"]))
    return onnx_file(path, nodes, {"x": (FLOAT, ["n", 3, 5, 5])}, {"y": (FLOAT, ["n", 5])}, constants)


#: Name -> what writes it; the free dimension of each is `n`.
MODELS: Mapping[str, Callable[[Path], Path]] = {
    "mlp": _mlp,
    "lstm": _recurrent("LSTM"),
    "gru_both": _recurrent("GRU", "bidirectional"),
    "rnn_reverse": _recurrent("RNN", "reverse"),
    "elementwise": _elementwise,
    "positions": _positions,
    "reduced": _reduced,
    "attention": _attention,
    "windows": _windows,
    "ends": _ends,
    "images": _images,
    "stored_images": _stored_images,
}
