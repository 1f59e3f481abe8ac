"""Products, softmax, convolutions and pools of float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from ariel_build.ir import Array
from tests.ops import parity
from tests.zoo import node, onnx_file

DOUBLE, FLOAT = onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT


def test_products_equal_onnxruntime(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    nodes = [
        node("MatMul", ["a", "b"], ["y0"]),
        node("MatMul", ["a", "w"], ["y1"]),
        node("Gemm", ["m", "w", "c"], ["y2"], alpha=0.3, beta=1.7),
        node("Gemm", ["m", "t", "c"], ["y3"], transB=1),
        node("Softmax", ["a"], ["y4"], axis=1),
        node("LogSoftmax", ["a"], ["y5"]),
    ]
    shapes = {"a": (2, 3, 5), "b": (2, 5, 4), "m": (3, 5), "t": (4, 5)}
    constants = {"w": rng.normal(0, 1, (5, 4)), "c": rng.normal(0, 1, 4)}
    outputs = {
        f"y{k}": (DOUBLE, shape) for k, shape in enumerate([(2, 3, 4), (2, 3, 4), (3, 4), (3, 4), *[(2, 3, 5)] * 2])
    }
    path = onnx_file(
        tmp_path / "m.onnx", nodes, {n: (DOUBLE, shape) for n, shape in shapes.items()}, outputs, constants
    )
    samples: list[list[Array]] = [[rng.normal(0, spread, s) for s in shapes.values()] for spread in (1.0, 300.0)]
    want = parity.onnxruntime_answers(path, samples)
    for got in (parity.reference(path, samples), parity.host(path, samples)):
        for ours, theirs in zip(got, want, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                assert a.dtype == np.float64
                np.testing.assert_allclose(
                    np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=1e-12, atol=1e-300
                )


def test_layers_do_what_they_do_in_float32(tmp_path: Path) -> None:
    """Of these onnxruntime has none in float64."""
    rng = np.random.default_rng(2)
    nodes = [
        node("Conv", ["x", "w", "c"], ["y0"], pads=[1, 0, 1, 0], strides=[2, 1]),
        node("Conv", ["x", "v"], ["y1"], group=2),
        node("ConvTranspose", ["x", "w"], ["y2"], strides=[2, 2]),
        node("AveragePool", ["x"], ["y3"], kernel_shape=[3, 2], pads=[1, 1, 0, 0], count_include_pad=1),
        node("AveragePool", ["x"], ["y4"], kernel_shape=[3, 2], pads=[1, 1, 0, 0], strides=[2, 2], ceil_mode=1),
    ]
    x, w, v, c = (rng.normal(0, 1, s) for s in ((1, 4, 6, 5), (4, 4, 3, 2), (2, 2, 2, 2), (4,)))
    answers: dict[int, list[list[Array]]] = {}
    for kind, dtype in ((DOUBLE, np.float64), (FLOAT, np.float32)):
        constants = {"w": w.astype(dtype), "v": v.astype(dtype), "c": c.astype(dtype)}
        outputs = {f"y{k}": (kind, ["a", "b", "c", "d"]) for k in range(len(nodes))}
        path = onnx_file(tmp_path / f"m{kind}.onnx", nodes, {"x": (kind, x.shape)}, outputs, constants)
        samples: list[list[Array]] = [[x.astype(dtype)]]
        if kind == DOUBLE:
            answers[kind] = parity.host(path, samples)
            parity.agree(parity.reference(path, samples), answers[kind], "reference", rtol=1e-6)
        else:
            answers[kind] = parity.onnxruntime_answers(path, samples)
    parity.agree(answers[DOUBLE], answers[FLOAT], "kernels", rtol=1e-4, atol=1e-5)


def test_the_greatest_of_the_largest_integers(tmp_path: Path) -> None:
    numbers = np.array([[1, 2**63, 2**64 - 1, 2**63 - 1, 0]], np.uint64)
    for largest in (0, 1):
        nodes = [node("TopK", ["x", "k"], ["y", "i"], largest=largest)]
        outputs = {"y": (onnx.TensorProto.UINT64, (1, 3)), "i": (onnx.TensorProto.INT64, (1, 3))}
        path = onnx_file(
            tmp_path / "m.onnx",
            nodes,
            {"x": (onnx.TensorProto.UINT64, (1, 5))},
            outputs,
            {"k": np.array([3], np.int64)},
        )
        order = np.argsort(numbers[0], kind="stable")[:: -1 if largest else 1][:3]
        for got in (parity.reference(path, [[numbers]]), parity.host(path, [[numbers]])):
            np.testing.assert_array_equal(got[0][0], numbers[:, order])
            np.testing.assert_array_equal(got[0][1], order[None])
