"""What onnxruntime's optimiser and quantiser write, against onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity

RNG = np.random.default_rng(41)


def reals(*shape: int) -> Array:
    return RNG.normal(0, 1, shape).astype(np.float32)


def write(
    path: Path,
    kind: str,
    inputs: Mapping[str, Array],
    constants: Mapping[str, Array],
    outputs: int,
    **attributes: Any,  # noqa: ANN401 - ONNX attributes are of many types
) -> Path:
    """Writes a model of one node; a name that begins with `_` is an input that is left out."""
    names = ["" if name.startswith("_") else name for name in [*inputs, *constants]]
    made = [f"y{k}" for k in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(kind, names, made, domain="com.microsoft", **attributes)],
        "one",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for name, x in inputs.items()
        ],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in made],
        [numpy_helper.from_array(x, name) for name, x in constants.items() if not name.startswith("_")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
    return path


NONE = np.zeros(0, np.float32)
BYTES = {
    kind: lambda *shape, kind=kind: RNG.integers(np.iinfo(kind).min, np.iinfo(kind).max + 1, shape).astype(kind)
    for kind in (np.int8, np.uint8)
}
#: Name of the case: operator, inputs, constants, attributes.
CASES: dict[str, tuple[str, dict[str, Array], dict[str, Array], dict[str, Any]]] = {
    "Gelu": ("Gelu", {"x": reals(3, 40)}, {}, {}),
    "BiasGelu": ("BiasGelu", {"x": reals(3, 40)}, {"b": reals(40)}, {}),
    "FastGelu": ("FastGelu", {"x": reals(3, 40)}, {}, {}),
    "FastGelu with a bias": ("FastGelu", {"x": reals(2, 3, 8)}, {"b": reals(8)}, {}),
    "QuickGelu": ("QuickGelu", {"x": reals(3, 40)}, {}, {"alpha": 0.7}),
    "FusedMatMul": ("FusedMatMul", {"a": reals(2, 3, 4), "b": reals(2, 4, 5)}, {}, {"alpha": 0.3}),
    "FusedMatMul, transposed": (
        "FusedMatMul",
        {"a": reals(2, 4, 3), "b": reals(2, 5, 4)},
        {},
        {"transA": 1, "transB": 1, "alpha": 2.0},
    ),
    "FusedMatMul, batches transposed": (
        "FusedMatMul",
        {"a": reals(3, 2, 4), "b": reals(4, 2, 5)},
        {},
        {"transBatchA": 1, "transBatchB": 1},
    ),
    "FusedMatMul, a constant": ("FusedMatMul", {"a": reals(2, 3, 4)}, {"b": reals(5, 4)}, {"transB": 1}),
    "FusedGemm": (
        "FusedGemm",
        {"a": reals(3, 4)},
        {"b": reals(5, 4), "c": reals(5)},
        {"transB": 1, "alpha": 0.5, "activation": "LeakyRelu", "activation_alpha": 0.3},
    ),
    "DynamicQuantizeMatMul": (
        "DynamicQuantizeMatMul",
        {"a": reals(3, 16)},
        {"b": BYTES[np.int8](16, 5), "s": np.full(5, 0.02, np.float32), "z": np.zeros(5, np.int8), "c": reals(5)},
        {},
    ),
    "DynamicQuantizeMatMul, one scale": (
        "DynamicQuantizeMatMul",
        {"a": reals(2, 3, 16)},
        {"b": BYTES[np.uint8](16, 5), "s": np.array([0.02], np.float32), "z": np.array([120], np.uint8)},
        {},
    ),
    "MatMulIntegerToFloat": (
        "MatMulIntegerToFloat",
        {"a": BYTES[np.uint8](3, 16)},
        {
            "b": BYTES[np.int8](16, 5),
            "s": np.array([0.05], np.float32),
            "t": RNG.uniform(0.01, 0.02, 5).astype(np.float32),
            "z": np.array([7], np.uint8),
            "u": np.array([0] * 5, np.int8),
            "c": reals(5),
        },
        {},
    ),
    "SkipLayerNormalization": (
        "SkipLayerNormalization",
        {"x": reals(2, 3, 8), "s": reals(2, 3, 8)},
        {"g": reals(8), "b": reals(8), "c": reals(8)},
        {"epsilon": 0.01},
    ),
    "SkipLayerNormalization, plain": (
        "SkipLayerNormalization",
        {"x": reals(2, 3, 8), "s": reals(2, 3, 8)},
        {"g": reals(8)},
        {},
    ),
    "SkipSimplifiedLayerNormalization": (
        "SkipSimplifiedLayerNormalization",
        {"x": reals(2, 3, 8), "s": reals(2, 3, 8)},
        {"g": reals(8), "c": reals(8)},
        {"epsilon": 0.01},
    ),
}
CASES["DequantizeLinear of 16 bits"] = (
    "DequantizeLinear",
    {"x": RNG.integers(0, 1 << 16, (3, 8)).astype(np.uint16)},
    {"s": np.float32(0.001), "z": np.uint16(40000)},
    {},
)
CASES["DequantizeLinear, each channel"] = (
    "DequantizeLinear",
    {"x": BYTES[np.uint8](3, 8)},
    {"s": RNG.uniform(0.01, 0.02, 8).astype(np.float32), "z": BYTES[np.uint8](8)},
    {},
)
for _name, _activation, _parameters in (
    ("Relu", "Relu", []),
    ("Tanh", "Tanh", []),
    ("Sigmoid", "Sigmoid", []),
    ("LeakyRelu", "LeakyRelu", [0.2]),
    ("Clip", "Clip", [-0.5, 1.5]),
    ("HardSigmoid", "HardSigmoid", [0.3, 0.4]),
):
    _more: dict[str, Any] = {"activation_params": _parameters} if _parameters else {}
    CASES[f"FusedConv {_name}"] = (
        "FusedConv",
        {"x": reals(1, 4, 6, 5)},
        {"w": reals(6, 2, 3, 3), "b": reals(6)},
        {"activation": _activation, "group": 2, "pads": [1, 0, 1, 2], "strides": [2, 1], **_more},
    )
CASES["FusedConv with a sum"] = (
    "FusedConv",
    {"x": reals(1, 4, 6, 5)},
    {"w": reals(6, 4, 3, 3), "b": reals(6), "z": reals(1, 6, 4, 3)},
    {"activation": "Relu"},
)
for _bits, _depth, _block, _zeros, _bias in (
    (4, 32, 16, "packed", False),
    (4, 50, 32, "", True),
    (8, 40, 16, "packed", False),
    (4, 48, 16, "floats", False),
):
    _blocks, _count = -(-_depth // _block), 6
    _constants = {
        "b": BYTES[np.uint8](_count, _blocks, _block * _bits // 8),
        "s": RNG.uniform(0.01, 0.1, (_count, _blocks)).astype(np.float32),
    }
    if _zeros == "packed":
        _constants["z"] = BYTES[np.uint8](_count, -(-_blocks * _bits // 8))
    elif _zeros == "floats":
        _constants["z"] = RNG.uniform(0, 15, (_count, _blocks)).astype(np.float32)
    elif _bias:
        _constants |= {"_z": NONE, "_g": NONE, "c": reals(_count)}
    CASES[f"MatMulNBits {_bits} bits, {_depth} by {_block}, {_zeros}"] = (
        "MatMulNBits",
        {"a": reals(3, _depth)},
        _constants,
        {"K": _depth, "N": _count, "bits": _bits, "block_size": _block},
    )


for _direction, _each in (("forward", False), ("reverse", True), ("bidirectional", True)):
    _directions = 2 if _direction == "bidirectional" else 1
    _shape = (_directions, 20) if _each else (_directions,)
    CASES[f"DynamicQuantizeLSTM {_direction}"] = (
        "DynamicQuantizeLSTM",
        {"x": reals(4, 1, 6)},
        {
            "w": BYTES[np.int8](_directions, 6, 20),
            "r": BYTES[np.int8](_directions, 5, 20),
            "b": reals(_directions, 40),
            "_n": NONE,
            "_h": NONE,
            "_c": NONE,
            "_p": NONE,
            "ws": RNG.uniform(0.002, 0.004, _shape).astype(np.float32),
            "wz": np.zeros(_shape, np.int8),
            "rs": RNG.uniform(0.002, 0.004, _shape).astype(np.float32),
            "rz": np.zeros(_shape, np.int8),
        },
        {"hidden_size": 5, "direction": _direction},
    )


@pytest.mark.parametrize("case", CASES)
def test_equals_onnxruntime(case: str, tmp_path: Path) -> None:
    kind, inputs, constants, attributes = CASES[case]
    path = write(tmp_path / "m.onnx", kind, inputs, constants, 1, **attributes)
    samples: list[list[Array]] = [list(inputs.values())]
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, case, rtol=1e-4, atol=1e-5)


def test_the_sum_of_skipped_layers(tmp_path: Path) -> None:
    """The fourth output; the second and the third are of no use in inference."""
    for kind in ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"):
        inputs = {"x": reals(2, 3, 8), "s": reals(2, 3, 8)}
        path = write(tmp_path / "m.onnx", kind, inputs, {"g": reals(8)}, 4)
        model = onnx.load(path)
        model.graph.node[0].output[1:3] = ["", ""]
        del model.graph.output[1:3]
        onnx.save(model, path)
        samples: list[list[Array]] = [list(inputs.values())]
        parity.agree(parity.host(path, samples), parity.onnxruntime_answers(path, samples), kind, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "case, attributes, words",
    [
        ("FusedConv Relu", {"activation": "Odd"}, "activation `Odd`"),
        ("MatMulNBits 4 bits, 32 by 16, packed", {"bits": 3}, "3 bits"),
        ("MatMulNBits 4 bits, 32 by 16, packed", {"N": 7}, "do not fit K and N"),
        ("Gelu", {"odd": 1}, "`odd`: not supported"),
    ],
)
def test_refuses(case: str, attributes: dict[str, Any], words: str, tmp_path: Path) -> None:
    kind, inputs, constants, own = CASES[case]
    with pytest.raises(UnsupportedError, match=words):
        import_file(write(tmp_path / "m.onnx", kind, inputs, constants, 1, **{**own, **attributes}))
