"""ONNX operators on stored integers against onnxruntime, whose operators they are; int8 and uint8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from ariel_build.passes import optimize
from tests.ops import parity

MICROSOFT = "com.microsoft"
RNG = np.random.default_rng(5)
#: Scales and zero points of int8; those of uint8 are 128 more.
SCALES = {"x": (0.05, 3), "y": (0.07, -5), "r": (0.02, -7), "unit": (1 / 256, -128)}

Shape = tuple[int, ...]


def write(
    path: Path, nodes: Sequence[onnx.NodeProto], inputs: Mapping[str, Shape], dtype: npt.DTypeLike, **more: object
) -> Path:
    """Writes a model whose outputs are those of its nodes; `SCALES` are there as `<name>_s` and `<name>_z`."""
    kind = TensorProto.INT8 if np.dtype(dtype) == np.int8 else TensorProto.UINT8
    offset = 0 if np.dtype(dtype) == np.int8 else 128
    constants: dict[str, Array] = {k: np.asarray(v) for k, v in more.items()}
    for name, (scale, zero) in SCALES.items():
        constants[f"{name}_s"] = np.asarray(np.float32(scale))
        constants[f"{name}_z"] = np.asarray(zero + offset, dtype)
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for node in nodes for name in node.output],
        [numpy_helper.from_array(data, name) for name, data in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


def random_samples(inputs: Mapping[str, Shape], dtype: npt.DTypeLike) -> list[list[Array]]:
    info = np.iinfo(np.dtype(dtype).type)
    return [[RNG.integers(info.min, info.max + 1, s).astype(dtype) for s in inputs.values()] for _ in range(4)]


def compare(path: Path, samples: list[list[Array]], most: int = 0) -> None:
    """Asserts that the graph as imported, and after all passes, is at most `most` quanta from onnxruntime."""
    graph, _ = import_file(path)
    for rounds in range(2):
        if rounds:
            optimize(graph)
        for sample, want in zip(samples, parity.onnxruntime_answers(path, samples), strict=True):
            for a, b in zip(Interpreter(graph).outputs(sample), want, strict=True):
                assert a.dtype == b.dtype
                assert int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max()) <= most


def weights(*shape: int) -> npt.NDArray[np.int8]:
    return RNG.integers(-127, 128, shape).astype(np.int8)


def node(kind: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    """A node; `x:` stands for x, x_s, x_z."""
    names: list[str] = []
    for name in inputs.split():
        names += [name[:-1], f"{name[:-1]}_s", f"{name[:-1]}_z"] if name.endswith(":") else [name]
    standard = ("QLinearConv", "QLinearMatMul", "QuantizeLinear", "DequantizeLinear")
    domain = "" if kind in standard else MICROSOFT
    return helper.make_node(kind, names, [output], domain=domain, **attributes)  # type: ignore[arg-type]


TYPES = pytest.mark.parametrize("dtype", [np.int8, np.uint8])
#: Behind an operator's name: the constants for scale and zero point of its result.
Y, UNIT = "y_s y_z", "unit_s unit_z"


@TYPES
@pytest.mark.parametrize("group", [1, 3, 6])
def test_convolution(dtype: npt.DTypeLike, group: int, tmp_path: Path) -> None:
    inputs = {"x": (1, 6, 9, 8)}
    more = {
        "w": weights(12, 6 // group, 3, 3),
        "w_s": (RNG.random(12) * 0.01 + 0.001).astype(np.float32),
        "w_z": np.zeros(12, np.int8),
        "b": RNG.integers(-2000, 2000, 12).astype(np.int32),
    }
    nodes = [
        node("QLinearConv", f"x: w: {Y} b", "a", pads=[1, 0, 1, 2], strides=[2, 1], group=group),
        node("QLinearConv", f"x: w: {Y}", "c", dilations=[2, 1], group=group),
    ]
    compare(write(tmp_path / "m.onnx", nodes, inputs, dtype, **more), random_samples(inputs, dtype))


@TYPES
def test_products(dtype: npt.DTypeLike, tmp_path: Path) -> None:
    inputs = {"x": (3, 16), "r": (16, 5)}
    more = {
        "w": weights(16, 5),
        "w_s": (RNG.random(5) * 0.01 + 0.001).astype(np.float32),
        "w_z": np.zeros(5, np.int8),
        "v": weights(5, 16),
        "b": RNG.integers(-2000, 2000, 5).astype(np.int32),
        "v_s": np.float32(0.01),
        "v_z": np.int8(0),
    }
    nodes = [
        node("QLinearMatMul", f"x: r: {Y}", "a"),
        node("QLinearMatMul", f"x: w: {Y}", "b1"),
        node("QGemm", f"x: w: b {Y}", "c"),
        node("QGemm", f"x: v: b {Y}", "d", transB=1),
    ]
    compare(write(tmp_path / "m.onnx", nodes, inputs, dtype, **more), random_samples(inputs, dtype))


def test_a_product_of_both_types(tmp_path: Path) -> None:
    """What onnxruntime's optimiser makes of attention: shares of uint8 by values of int8 that have a zero point."""
    inputs = {"x": (2, 3, 16), "q": (2, 16, 5)}
    more = {"h_s": np.float32(0.02), "h_z": np.int8(-8), "b": RNG.integers(-128, 128, (2, 16, 5)).astype(np.int8)}
    nodes = [
        node("DequantizeLinear", "q x_s x_z", "real"),
        node("QuantizeLinear", "real h_s h_z", "h"),
        node("QLinearMatMul", f"x: h: {Y}", "a"),
        node("QLinearMatMul", f"x: b h_s h_z {Y}", "c"),
    ]
    path = write(tmp_path / "m.onnx", nodes, inputs, np.uint8, **more)
    samples = random_samples(inputs, np.uint8)
    compare(path, samples)
    parity.agree(parity.host(path, samples), parity.onnxruntime_answers(path, samples), "compiled")


def test_a_zero_point_for_each_channel(tmp_path: Path) -> None:
    """Weights of uint8, each channel quantised for itself: no kernel subtracts these, exact sums in steps do."""
    inputs = {"x": (2, 16), "i": (1, 4, 5, 5)}
    matrix = RNG.integers(0, 256, (16, 5)).astype(np.uint8)
    own = {"_s": (RNG.random(5) * 0.01 + 0.001).astype(np.float32), "_z": RNG.integers(90, 160, 5).astype(np.uint8)}
    more = {
        "w": matrix,
        "v": np.ascontiguousarray(matrix.T),
        "f": RNG.integers(0, 256, (5, 4, 3, 3)).astype(np.uint8),
        **{f"{name}{end}": numbers for name in "wvf" for end, numbers in own.items()},
        "b": RNG.integers(-2000, 2000, 5).astype(np.int32),
    }
    nodes = [
        node("QGemm", f"x: w: b {Y}", "c"),
        node("QGemm", f"x: v: b {Y}", "d", transB=1),
        node("QLinearMatMul", f"x: w: {Y}", "e"),
        node("QLinearConv", f"i x_s x_z f: {Y} b", "g"),
    ]
    path = write(tmp_path / "m.onnx", nodes, inputs, np.uint8, **more)
    samples = random_samples(inputs, np.uint8)
    compare(path, samples)
    parity.agree(parity.host(path, samples), parity.onnxruntime_answers(path, samples), "compiled")


@TYPES
def test_elementwise(dtype: npt.DTypeLike, tmp_path: Path) -> None:
    inputs = {"x": (4, 50), "r": (4, 50)}
    nodes = [
        node("QLinearAdd", f"x: r: {Y}", "a"),
        node("QLinearSigmoid", f"x: {UNIT}", "b"),
        node("QLinearLeakyRelu", f"x: {Y}", "c", alpha=0.1),
        node("QLinearSoftmax", f"x: {UNIT}", "d", axis=-1, opset=13),
        node("QLinearConcat", f"{Y} x: r:", "e", axis=1),
    ]
    compare(write(tmp_path / "m.onnx", nodes, inputs, dtype), random_samples(inputs, dtype))


@TYPES
def test_halves_may_differ_by_one(dtype: npt.DTypeLike, tmp_path: Path) -> None:
    """QLinearMul and QLinearAveragePool of onnxruntime add the zero point before they round halves to even."""
    inputs = {"x": (1, 4, 10, 10), "r": (1, 4, 10, 10)}
    nodes = [
        node("QLinearMul", f"x: r: {Y}", "a"),
        node("QLinearAveragePool", f"x: {Y}", "b", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("QLinearAveragePool", "x: x_s x_z", "c", kernel_shape=[2, 2], strides=[2, 2]),
        node("QLinearGlobalAveragePool", f"x: {Y}", "d"),
    ]
    compare(write(tmp_path / "m.onnx", nodes, inputs, dtype), random_samples(inputs, dtype), most=1)


@TYPES
def test_channels_last(dtype: npt.DTypeLike, tmp_path: Path) -> None:
    """What onnxruntime's optimiser makes of images at its highest level."""
    inputs = {"x": (1, 8, 7, 3)}
    # Small weights: without VNNI onnxruntime's sums of uint8 times int8 saturate.
    more = {"w": RNG.integers(-40, 41, (4, 3, 3, 3)).astype(np.int8), "w_s": np.float32(0.01), "w_z": np.int8(0)}
    convolution = node("QLinearConv", f"x: w: {Y}", "a", pads=[1, 0, 2, 1], strides=[2, 1], channels_last=1)
    convolution.domain = "com.microsoft"
    nodes = [
        convolution,
        node("QLinearAveragePool", f"x: {Y}", "b", kernel_shape=[2, 2], strides=[2, 2], channels_last=1),
        node("QLinearGlobalAveragePool", f"x: {Y}", "c", channels_last=1),
        node("NhwcMaxPool", "x", "d", kernel_shape=[2, 3], pads=[0, 1, 0, 1], strides=[2, 2]),
    ]
    compare(write(tmp_path / "m.onnx", nodes, inputs, dtype, **more), random_samples(inputs, dtype), most=1)


def test_choice(tmp_path: Path) -> None:
    nodes, inputs = [node("QLinearWhere", f"c x: r x_s x_z {Y}", "a")], {"x": (3, 16), "r": (3, 16)}
    path = write(tmp_path / "m.onnx", nodes, inputs, np.uint8, c=RNG.integers(0, 2, (3, 16)).astype(np.bool_))
    compare(path, random_samples(inputs, np.uint8))


@TYPES
def test_operators_in_a_row_compute_what_the_generated_code_computes(dtype: npt.DTypeLike, tmp_path: Path) -> None:
    inputs = {"x": (1, 3, 8, 8)}
    more = {"w": weights(4, 3, 3, 3), "w_s": np.float32(0.01), "w_z": np.int8(0)}
    nodes = [
        node("QLinearConv", f"x: w: {Y}", "y", pads=[1, 1, 1, 1]),
        node("QLinearSigmoid", f"y: {UNIT}", "unit"),
        node("QLinearConcat", f"{Y} y: unit:", "c", axis=1),
    ]
    path, samples = write(tmp_path / "m.onnx", nodes, inputs, dtype, **more), random_samples(inputs, dtype)
    parity.agree(parity.host(path, samples), parity.onnxruntime_answers(path, samples), "host")


REFUSED = {
    "QGemm: a result of float32 is not supported": node("QGemm", "x: w: b", "a"),
    "QGemm: alpha = 2 is not supported, only 1": node("QGemm", f"x: w: b {Y}", "a", alpha=2.0),
    "QLinearConcat: axis 7 is outside i8[3, 16] * 0.05 @ 3": node("QLinearConcat", f"{Y} x:", "a", axis=7),
    "QLinearMatMul: operands of i8 with a result of u8 are not supported": node(
        "QLinearMatMul", "x: w: y_s unsigned", "a"
    ),
    "QLinearAdd: 5 scales are supported for weights only": node("QLinearAdd", f"x: x five x_z {Y}", "a"),
    "QLinearAdd: scale and zero point are not one positive number and one integer per channel": node(
        "QLinearAdd", f"x: x negative x_z {Y}", "a"
    ),
}


@pytest.mark.parametrize("reason, node", REFUSED.items(), ids=range(len(REFUSED)))
def test_refusals(reason: str, node: onnx.NodeProto, tmp_path: Path) -> None:
    more = {
        "w": weights(16, 5),
        "w_s": np.float32(0.01),
        "w_z": np.int8(0),
        "b": np.zeros(5, np.int32),
        "five": np.ones(5, np.float32),
        "negative": np.float32(-1),
        "unsigned": np.uint8(0),
    }
    with pytest.raises(UnsupportedError) as error:
        import_file(write(tmp_path / "m.onnx", [node], {"x": (3, 16)}, np.int8, **more))
    assert error.value.diagnostics[0].message.removeprefix(f"{MICROSOFT}:") == reason
