"""Models that the bench makes itself: fixed pseudo-random weights, and answers of onnxruntime or of our own reference.

They are there on every machine, so that the gate of `nox -s tests` needs no file from outside. Their weights are noise:
what they cost is that of a trained network of the same shape, since no kernel's work depends on values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ariel_build.answers.oracle import ask
from ariel_build.answers.reference import Interpreter
from ariel_build.answers.samples import Samples
from ariel_build.driver import import_file
from tools.bench.convert import convert
from tools.bench.mobile import NETWORKS
from tools.bench.noise import Noise
from tools.recorded import DIGITS
from tools.recorded.models import Recorded

__all__ = ["as_model", "models", "networks", "twin"]

_SAMPLES = 2
_FLOATS = "float32: rtol 1e-4, atol 1e-5"
_QUANTA = "integers: allow 1 LSB"
Numbers = npt.NDArray[np.generic]
Nodes = list[onnx.NodeProto]


def models(folder: Path) -> Iterator[tuple[str, str, Recorded]]:
    """Yields name, kind and model with its answers; writes them into `folder`."""
    noise = Noise(1)
    digits = np.asarray(np.rint(noise(_SAMPLES, 1, 8, 8, 1) * 127), np.int8)
    yield "digits", "convolutional", _answered(DIGITS, digits, folder, "exact")
    image = np.asarray(noise(_SAMPLES, 1, 3, 32, 32), np.float32)
    for name, kind, (nodes, constants), sample, tolerance in (
        ("made DS-CNN", "convolutional", _ds_cnn(Noise(2)), noise.int8(_SAMPLES, 1, 1, 32, 32), _QUANTA),
        ("made MLP, float32", "fully connected", _mlp(Noise(3)), noise(_SAMPLES, 1, 64), _FLOATS),
        ("made CNN, float32", "convolutional", _cnn(Noise(4)), image, _FLOATS),
        ("made transformer, float32", "transformer", _transformer(Noise(5)), noise(_SAMPLES, 1, 16, 32), _FLOATS),
    ):
        path = folder / f"{_file_name(name)}.onnx"
        path.write_bytes(as_model(nodes, constants, sample.shape[1:], sample.dtype == np.int8))
        yield name, kind, _answered(path, sample, folder, tolerance)


def networks(folder: Path) -> Iterator[tuple[str, Recorded]]:
    """Yields name and model of the networks that msf-CNN cuts into patches; writes them into `folder`."""
    for name, (edge, network) in NETWORKS.items():
        path, sample = folder / f"{_file_name(name)}.onnx", Noise(8).int8(_SAMPLES, 1, edge, edge, 3)
        path.write_bytes(as_model(*network(), sample.shape[1:], is_int8=True))
        yield name, _answered(path, sample, folder, _QUANTA)


def twin(recorded: Recorded, folder: Path) -> Recorded:
    """Returns the float32 twin of an int8 TFLite model, its samples dequantised, and the answers to these."""
    path = folder / f"{recorded.name}.onnx"
    path.write_bytes(convert(recorded.path, quantised=False))
    graph, _ = import_file(recorded.path)
    quant = graph.inputs[0].type.quant
    assert quant is not None
    stored = np.load(recorded.inputs[0])[:_SAMPLES].astype(np.float64)
    return _answered(path, np.asarray((stored - quant.zero_point) * quant.scale, np.float32), folder, _FLOATS)


def _answered(path: Path, sample: Numbers, folder: Path, tolerance: str) -> Recorded:
    """Returns the model with the answers of an oracle, or where none is installed of our reference."""
    graph, _ = import_file(path)
    answers = ask(path, graph, Samples([sample], sample.shape[:1]))
    if isinstance(answers, str):
        outputs = [Interpreter(graph).outputs([one.reshape(graph.inputs[0].shape)])[0] for one in sample]
        answer: Numbers = np.stack(outputs)
    else:
        answer = answers.outputs[0]
    name = _file_name(path.stem)
    given, expected = folder / f"{name}.in.npy", folder / f"{name}.out.npy"
    np.save(given, sample)
    np.save(expected, answer)
    return Recorded(path.stem, path, [given], [expected], tolerance)


def _scalar(value: float) -> Numbers:
    return np.asarray(value, np.float32)


def _file_name(name: str) -> str:
    return name.replace(",", "").replace(" ", "_")


def as_model(nodes: Nodes, constants: Mapping[str, Numbers], shape: Sequence[int], is_int8: bool) -> bytes:
    """Returns the ONNX file of nodes that make `y` of the input `x`."""
    kind = TensorProto.INT8 if is_int8 else TensorProto.FLOAT
    given = helper.make_tensor_value_info("x", kind, shape)
    made = helper.make_tensor_value_info("y", kind, None)
    data = [numpy_helper.from_array(np.array(value, order="C"), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "made", [given], [made], initializer=data)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    inferred = onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=opsets, ir_version=8))
    text: bytes = inferred.SerializeToString()
    return text


def _mlp(noise: Noise) -> tuple[Nodes, dict[str, Numbers]]:
    """64 -> 64 -> 32 -> 10, 7 thousand weights."""
    nodes: Nodes = []
    constants: dict[str, Numbers] = {}
    name = "x"
    for layer, (k, n) in enumerate(((64, 64), (64, 32), (32, 10))):
        constants |= {f"w{layer}": noise.weights(k, n, fan=k), f"b{layer}": noise(n)}
        nodes.append(helper.make_node("Gemm", [name, f"w{layer}", f"b{layer}"], [f"g{layer}"]))
        nodes.append(
            helper.make_node("Softmax" if n == 10 else "Relu", [f"g{layer}"], ["y" if n == 10 else f"r{layer}"])
        )
        name = f"r{layer}"
    return nodes, constants


def _cnn(noise: Noise) -> tuple[Nodes, dict[str, Numbers]]:
    """Three 3 x 3 convolutions with pools on 32 x 32 x 3, and a dense layer."""
    nodes: Nodes = []
    constants: dict[str, Numbers] = {}
    name = "x"
    for layer, (cin, cout) in enumerate(((3, 8), (8, 16), (16, 32))):
        constants |= {f"w{layer}": noise.weights(cout, cin, 3, 3, fan=9 * cin), f"b{layer}": noise(cout)}
        conv = helper.make_node("Conv", [name, f"w{layer}", f"b{layer}"], [f"c{layer}"], pads=[1] * 4)
        relu = helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"])
        name = f"p{layer}"
        nodes += [conv, relu, helper.make_node("MaxPool", [f"r{layer}"], [name], kernel_shape=[2, 2], strides=[2, 2])]
    constants |= {"w": noise.weights(512, 10, fan=512), "b": noise(10)}
    nodes += [
        helper.make_node("Flatten", [name], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["g"]),
        helper.make_node("Softmax", ["g"], ["y"]),
    ]
    return nodes, constants


def _transformer(noise: Noise) -> tuple[Nodes, dict[str, Numbers]]:
    """One block on 16 tokens of 32: attention of one head and a feed-forward net of 64, with residuals and norms."""
    nodes: Nodes = []
    constants: dict[str, Numbers] = {"root": _scalar(1 / np.sqrt(32)), "least": _scalar(1e-5)}

    def add(op: str, inputs: str, output: str, **attributes: Any) -> None:  # noqa: ANN401 - helper.make_node's own type
        nodes.append(helper.make_node(op, inputs.split(), [output], **attributes))

    for name, (k, n) in {
        "q": (32, 32),
        "k": (32, 32),
        "v": (32, 32),
        "o": (32, 32),
        "u": (32, 64),
        "d": (64, 32),
    }.items():
        constants[f"w_{name}"] = noise.weights(k, n, fan=k)

    def norm(name: str, output: str) -> None:
        add("ReduceMean", name, f"{name}_m", axes=[-1], keepdims=1)
        add("Sub", f"{name} {name}_m", f"{name}_c")
        add("Mul", f"{name}_c {name}_c", f"{name}_s")
        add("ReduceMean", f"{name}_s", f"{name}_v", axes=[-1], keepdims=1)
        add("Add", f"{name}_v least", f"{name}_e")
        add("Sqrt", f"{name}_e", f"{name}_r")
        add("Div", f"{name}_c {name}_r", output)

    for name in "qkv":
        add("MatMul", f"x w_{name}", name)
    add("Transpose", "k", "kt", perm=[0, 2, 1])
    add("MatMul", "q kt", "scores")
    add("Mul", "scores root", "scaled")
    add("Softmax", "scaled", "shares", axis=-1)
    add("MatMul", "shares v", "seen")
    add("MatMul", "seen w_o", "out")
    add("Add", "x out", "a")
    norm("a", "h")
    add("MatMul", "h w_u", "up")
    add("Relu", "up", "active")
    add("MatMul", "active w_d", "down")
    add("Add", "h down", "z")
    norm("z", "y")
    return nodes, constants


def _ds_cnn(noise: Noise) -> tuple[Nodes, dict[str, Numbers]]:
    """int8: a convolution with stride 2, two pairs of depthwise and pointwise, and a dense layer on 8 x 8 pixels."""
    nodes: Nodes = []
    constants: dict[str, Numbers] = {"zero": np.asarray(0, np.int8), "s_w": _scalar(1 / 133), "s": _scalar(1 / 32)}
    name, scale = "x", "s"
    layers = ((1, 16, 3, 2, 1), (16, 16, 3, 1, 16), (16, 32, 1, 1, 1), (32, 32, 3, 2, 32), (32, 48, 1, 1, 1))
    for layer, (cin, cout, size, stride, groups) in enumerate(layers):
        taps = cin // groups * size * size
        # A sum of `taps` products of integers that deviate by 73: 133 * 40 * sqrt(taps); stored, it deviates by 40.
        constants |= {
            f"w{layer}": noise.int8(cout, cin // groups, size, size),
            f"b{layer}": np.asarray(noise(cout) * 2000, np.int32),
            f"s{layer}": np.asarray(constants[scale] * np.sqrt(taps), np.float32),
        }
        inputs = [name, scale, "zero", f"w{layer}", "s_w", "zero", f"s{layer}", "zero", f"b{layer}"]
        name, scale = f"c{layer}", f"s{layer}"
        window: dict[str, Any] = {"pads": [size // 2] * 4, "strides": [stride] * 2, "kernel_shape": [size] * 2}
        nodes.append(helper.make_node("QLinearConv", inputs, [name], group=groups, **window))
    last = np.asarray(constants[scale] * np.sqrt(48 * 64), np.float32)
    constants |= {"w": noise.int8(48 * 64, 10), "s_y": last, "flat": np.asarray([1, -1], np.int64)}
    nodes += [
        helper.make_node("Reshape", [name, "flat"], ["f"]),
        helper.make_node("QLinearMatMul", ["f", scale, "zero", "w", "s_w", "zero", "s_y", "zero"], ["y"]),
    ]
    return nodes, constants
