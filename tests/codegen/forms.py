"""Models whose generated modules have every form that the tests of edits change: steps, pieces, states and more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper

from ariel_build import boards, driver
from ariel_build.boards import Board, Memory
from ariel_build.config.at_most import AtMost
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.ir import Graph, State
from tests.bounded.models import MODELS
from tests.ops import tflm
from tests.ops.detection.test_detection_tflite import postprocess
from tests.ops.detection.test_suppression_tflite import suppression
from tests.ops.index import test_indices_onnx as indices
from tests.ops.int16.operators import every_operator
from tests.ops.ml import learned
from tests.ops.ml import test_operators_onnx as of_rows
from tests.ops.normalization.test_l2_normalization_tflite import random_rows
from tests.ops.resize.test_resize_tflite import bilinear
from tests.ops.signals import operators
from tests.zoo import FLOAT, INT64, UINT8, node, onnx_file
from tools.recorded import DIGITS

__all__ = ["FORMS", "compiled_forms"]

BOOL = TensorProto.BOOL
FORMS = (
    "whole",
    "pieces",
    "shared",
    "cores",
    "fast",
    "fast on cores",
    "states",
    "states of cores",
    "signals",
    "sampled",
    "wide",
    "places",
    "types",
    "indices",
    "learned",
    "flow",
    "flow of cores",
    "bounded",
    "bounded on cores",
)


def compiled_forms(folder: Path) -> Mapping[str, Compiled]:
    """Returns modules of every form: whole steps, pieces, several cores, a shared arena, states."""
    layers, integers = _layers(folder / "layers.onnx"), _integers(folder / "integers.onnx")
    branches = _branches(folder / "branches.onnx")
    found = {
        "whole": _compiled(integers),
        "pieces": _compiled(layers, optimize="ram"),
        "shared": _compiled(DIGITS, "qemu-riscv32", arena="memory"),
        "cores": _compiled(layers, "host", cores=3),
        "fast": _compiled(layers, _with_fast(1)),
        "fast on cores": _compiled(layers, _with_fast(2), cores=2),
        "signals": _compiled(_signals(folder / "signals.tflite")),
        "wide": _compiled(_wide(folder / "wide.tflite")),
        "sampled": _compiled(_sampled(folder / "sampled.tflite")),
        "places": _compiled(_places(folder / "places.onnx")),
        "types": _compiled(_types(folder / "types.onnx")),
        "indices": _compiled(_indices(folder / "indices.onnx")),
        "learned": _compiled(_learned(folder / "learned.onnx")),
        "flow": _compiled(branches),
        "flow of cores": _compiled(branches, "host", cores=2),
        "bounded": _compiled(MODELS["gru_both"](folder / "gru.onnx"), dims={"n": AtMost(9)}),
        "bounded on cores": _compiled(MODELS["elementwise"](folder / "rows.onnx"), "host", 2, dims={"n": AtMost(9)}),
    }
    with pytest.MonkeyPatch.context() as patch:
        read = driver.import_file
        patch.setattr(driver, "import_file", lambda *given, **more: (_kept((got := read(*given, **more))[0]), got[1]))
        recurrent = _recurrent(folder / "recurrent.onnx")
        found["states"] = _compiled(recurrent)
        found["states of cores"] = _compiled(recurrent, "host", cores=2)
    assert found["pieces"].plan.slides, "the model is large enough to be streamed, and values roll"
    assert not found["states"].plan.copies, "steps write the states in place"
    assert len(found["states of cores"].plan.copies) == 2, "states are stored at the end"
    return found


def _with_fast(cores: int) -> Board:
    """Returns a board of this computer, whose cores have a memory each for scratch."""
    board = boards.load("host")
    near = [Memory(f"tcm{k}", "ram", k << 20, 1 << 16, cores=(k,), scratch=1 << 14, section=f".t{k}") for k in range(2)]
    return replace(board, cores=board.cores * cores, memories=tuple(near[:cores]))


def _layers(path: Path) -> Path:
    """Float layers with a window, padding, groups, channels apart, pools, sums and moves."""
    rng = np.random.default_rng(1)

    def weights(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    nodes = [
        node("Conv", ["x", "w0", "b0"], ["a"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        node("Conv", ["a", "w1"], ["b"], pads=[1, 1, 1, 1], kernel_shape=[3, 3], group=8),
        node("Relu", ["b"], ["c"]),
        node("MaxPool", ["c"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["d", "w2"], ["e"], kernel_shape=[1, 1], group=2),
        node("Add", ["d", "e"], ["f"]),
        node("Transpose", ["f"], ["g"], perm=[0, 2, 3, 1]),
        node("ReduceMean", ["g"], ["h"], axes=[1], keepdims=0),
        node("Softmax", ["h"], ["i"], axis=2),
        node("MatMul", ["i", "w3"], ["y"]),
    ]
    constants = {"w0": weights(8, 3, 3, 3), "b0": weights(8), "w1": weights(8, 1, 3, 3), "w2": weights(8, 4, 1, 1)}
    constants["w3"] = weights(8, 5)
    return onnx_file(path, nodes, {"x": (FLOAT, [1, 3, 12, 12])}, {"y": (FLOAT, [1, 6, 5])}, constants)


def _integers(path: Path) -> Path:
    """Bytes: a convolution of integers, a table, sums with broadcasting."""
    rng = np.random.default_rng(2)
    constants: dict[str, npt.ArrayLike] = {
        "s": np.float32(0.05),
        "z": np.uint8(120),
        "ws": np.float32(0.02),
        "wz": np.int8(0),
        "w": rng.integers(-90, 90, (6, 2, 3, 3)).astype(np.int8),
        "v": rng.integers(0, 255, (1, 6, 1, 1)).astype(np.uint8),
    }
    nodes = [
        node("QLinearConv", ["x", "s", "z", "w", "ws", "wz", "s", "z"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("DequantizeLinear", ["a", "s", "z"], ["b"]),
        node("DequantizeLinear", ["v", "s", "z"], ["c"]),
        node("Mul", ["b", "c"], ["d"]),
        node("QuantizeLinear", ["d", "s", "z"], ["e"]),
        node("DequantizeLinear", ["e", "s", "z"], ["f"]),
        node("Sigmoid", ["f"], ["g"]),
        node("QuantizeLinear", ["g", "s", "z"], ["y"]),
    ]
    return onnx_file(path, nodes, {"x": (UINT8, [1, 2, 9, 7])}, {"y": (UINT8, [1, 6, 5, 4])}, constants)


def _types(path: Path) -> Path:
    """Plain numbers of several types: operators, relations, reductions, and conversions between them."""
    kinds = {"f16": TensorProto.FLOAT16, "i64": TensorProto.INT64, "f64": TensorProto.DOUBLE, "u16": TensorProto.UINT16}
    nodes = [
        node("Mul", ["f16", "f16"], ["a"]),
        node("Cast", ["a"], ["b"], to=TensorProto.INT64),
        node("Add", ["b", "i64"], ["c"]),
        node("ReduceMax", ["c"], ["d"], axes=[0], keepdims=1),
        node("Less", ["c", "d"], ["less"]),
        node("Exp", ["f64"], ["e"]),
        node("Min", ["e", "f64"], ["f"]),
        node("ReduceSum", ["f", "axes"], ["sum"], keepdims=0),
        node("Cast", ["u16"], ["g"], to=TensorProto.DOUBLE),
        node("Equal", ["g", "f64"], ["equal"]),
    ]
    given = {name: (kind, [3, 5]) for name, kind in kinds.items()}
    made = {"less": (BOOL, [3, 5]), "sum": (TensorProto.DOUBLE, [5]), "equal": (BOOL, [3, 5])}
    return onnx_file(path, nodes, given, made, {"axes": np.array([0], np.int64)}, opset=13)


def _recurrent(path: Path) -> Path:
    """`h' = tanh(x + h)`, `g' = g + h'`, `y = 2 g'`: two inputs and outputs that `_kept` makes states."""
    nodes = [
        node("Add", ["x", "h"], ["a"]),
        node("Tanh", ["a"], ["h1"]),
        node("Add", ["g", "h1"], ["g1"]),
        node("Mul", ["g1", "two"], ["y"]),
    ]
    ends = {name: (FLOAT, [1, 5]) for name in ("x", "h", "g")}
    made = {name: (FLOAT, [1, 5]) for name in ("y", "h1", "g1")}
    return onnx_file(path, nodes, ends, made, {"two": np.float32(2)})


def _branches(path: Path) -> Path:
    """A product, or a function of what is moved; then one of two functions; then one again and again."""
    rng = np.random.default_rng(3)
    out = [helper.make_tensor_value_info("out", FLOAT, [1, 40])]
    first = [node("MatMul", ["x", "w"], ["out"])]
    second = [node("Concat", ["right", "left"], ["turned"], axis=1), node("Tanh", ["turned"], ["out"])]
    bodies = [helper.make_graph(nodes, "body", [], out) for nodes in (first, second)]
    third = [helper.make_graph([node(op, ["y0"], ["out"])], "body", [], out) for op in ("Sigmoid", "Neg")]
    step = [node("Identity", ["c0"], ["c1"]), node("Tanh", ["v0"], ["v1"])]
    info = helper.make_tensor_value_info
    given = [info("i", INT64, []), info("c0", BOOL, []), info("v0", FLOAT, [1, 40])]
    again = helper.make_graph(step, "body", given, [info("c1", BOOL, []), info("v1", FLOAT, [1, 40])])
    nodes = [
        node("Split", ["x"], ["left", "right"], axis=1),
        node("ReduceSum", ["left"], ["sum"], keepdims=0),
        node("Greater", ["sum", "zero"], ["c"]),
        node("If", ["c"], ["y0"], then_branch=bodies[0], else_branch=bodies[1]),
        node("ReduceMax", ["y0"], ["most"], keepdims=0),
        node("Less", ["most", "one"], ["d"]),
        node("If", ["d"], ["y1"], then_branch=third[0], else_branch=third[1]),
        node("Loop", ["times", "yes", "y1"], ["y2"], body=again),
        node("Add", ["y2", "x"], ["y"]),
    ]
    weights = rng.standard_normal((40, 40)).astype(np.float32)
    constants: dict[str, npt.ArrayLike] = {"w": weights, "zero": np.float32(0), "one": np.float32(1)}
    constants |= {"times": np.int64(3), "yes": np.array(True)}
    return onnx_file(path, nodes, {"x": (FLOAT, [1, 40])}, {"y": (FLOAT, [1, 40])}, constants)


def _signals(path: Path) -> Path:
    """Each operator on signals once, and boxes that are detected, or hidden by others."""
    rng = np.random.default_rng(12)
    made = [operators.random_operator(rng, name) for name in operators.OPERATORS]
    path.write_bytes(tflm.models([*made, postprocess(rng, use_regular_nms=True), suppression(rng, sigma=0.5)]))
    return path


def _wide(path: Path) -> Path:
    """Each kernel of int16 once."""
    path.write_bytes(tflm.models(every_operator()))
    return path


def _sampled(path: Path) -> Path:
    """Images resized, in integers of both sizes and in floats, and rows brought to length 1."""
    rng = np.random.default_rng(13)
    images = [bilinear(rng, dtype) for dtype in ("int8", "int16", "float32")]
    path.write_bytes(tflm.models([*images, random_rows(rng, "int8")]))
    return path


def _places(path: Path) -> Path:
    """An image read at places of the run time, rows normalised, and products of plain integers."""
    rng = np.random.default_rng(14)
    nodes = [
        node("GridSample", ["x", "g"], ["a"], mode="cubic", padding_mode="reflection"),
        node("GridSample", ["a", "g"], ["b"], mode="nearest"),
        node("LayerNormalization", ["b", "s", "t"], ["y"], axis=2),
        node("MatMul", ["i", "m"], ["j"]),
        node("MatMul", ["k", "n"], ["l"]),
        node("RoiAlign", ["x", "r", "k1"], ["regions"], output_height=2, output_width=3, sampling_ratio=1),
        node("NonMaxSuppression", ["boxes", "scores", "most", "overlap"], ["rows"]),
        node("MatMul", ["d", "d"], ["wide"]),
        node("ArgMax", ["d"], ["best"], axis=1, keepdims=0),
        node("TopK", ["d", "two"], ["top", "places"], axis=1),
    ]
    constants: dict[str, npt.ArrayLike] = {name: rng.standard_normal((3, 5)).astype(np.float32) for name in "st"}
    constants |= {"m": rng.integers(-9, 9, (4, 3)).astype(np.int32), "n": rng.integers(-9, 9, (5, 2))}
    constants |= {"most": np.array([2]), "overlap": np.array([0.5], np.float32), "two": np.array([2])}
    inputs = {
        "x": (FLOAT, [1, 2, 3, 5]),
        "g": (FLOAT, [1, 3, 5, 2]),
        "i": (TensorProto.INT32, [2, 4]),
        "k": (INT64, [3, 5]),
        "r": (FLOAT, [2, 4]),
        "k1": (INT64, [2]),
        "boxes": (FLOAT, [1, 5, 4]),
        "scores": (FLOAT, [1, 2, 5]),
        "d": (TensorProto.DOUBLE, [3, 3]),
    }
    outputs = {"y": (FLOAT, [1, 2, 3, 5]), "j": (TensorProto.INT32, [2, 3]), "l": (INT64, [3, 2])}
    outputs |= {"regions": (FLOAT, [2, 2, 2, 3]), "rows": (INT64, [4, 3]), "wide": (TensorProto.DOUBLE, [3, 3])}
    outputs |= {"best": (INT64, [3]), "top": (TensorProto.DOUBLE, [3, 2]), "places": (INT64, [3, 2])}
    return onnx_file(path, nodes, inputs, outputs, constants, opset=20)


def _indices(path: Path) -> Path:
    """Each operator whose indices come at run time once; the inputs are any numbers."""
    rng, model = np.random.default_rng(5), indices.Model()
    for draw in indices.DRAWS:
        draw(rng, model)
    return model.write(path)


def _learned(path: Path) -> Path:
    """Forests with all that they may have, support vectors with probabilities, and what looks numbers up."""
    rng, model = np.random.default_rng(4), learned.Model((2, learned.FEATURES))
    learned.boosted(rng, model)
    for _ in range(2):
        learned.regressor(rng, model)
        learned.classifier(rng, model)
    for draw in (of_rows.svm_classifier, of_rows.svm_regressor, of_rows.label_encoder):
        draw(rng, model)
        draw(rng, model)
    return model.write(path)


def _kept(graph: Graph) -> Graph:
    """Makes states of the inputs and outputs behind the first."""
    pairs = list(zip(graph.inputs[1:], graph.outputs[1:], strict=True))
    graph.states = [State(i, o, np.full(i.type.shape, 0.5, np.float32)) for i, o in pairs]
    del graph.inputs[1:], graph.outputs[1:]
    return graph


def _compiled(path: Path, board: str | Board = "generic", cores: int = 1, **more: object) -> Compiled:
    options = replace(ModelOptions(path, cores=cores), **more)  # type: ignore[arg-type]
    return compile_model(path, options, board if isinstance(board, Board) else boards.load(board), "model")
