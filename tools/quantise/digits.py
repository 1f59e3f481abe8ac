"""A small convolutional network for scikit-learn's digits, trained here in seconds, with numpy alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["Digits", "network", "read"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
EPOCHS, BATCH, RATE = 25, 32, 2e-3


class Digits:
    """1,797 handwritten digits of 8 x 8, from 0 to 1; the first 1,000 are for training and calibration."""

    def __init__(self) -> None:
        from sklearn import datasets  # noqa: PLC0415 - the rows that need no data go without it

        found: Any = datasets.load_digits()
        self.images: F32 = (found.images / 16).astype(np.float32)
        self.classes: I64 = found.target.astype(np.int64)

    def split(self) -> tuple[slice, slice]:
        """Returns the samples for training and for the test."""
        return slice(0, 1000), slice(1000, None)


def read() -> Digits:
    """Returns the data set."""
    return Digits()


def _columns(x: F32) -> F32:
    """[n, h, w, c] -> [n, h, w, 9 * c]: the cells under a window of 3 x 3 at each pixel."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    parts = [padded[:, dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)]
    return np.concatenate(parts, axis=3)


def _back(columns: F32, channels: int) -> F32:
    """Sums what `_columns` spread."""
    count, height, width, _ = columns.shape
    padded = np.zeros((count, height + 2, width + 2, channels), np.float32)
    for k in range(9):
        dy, dx = divmod(k, 3)
        padded[:, dy : dy + height, dx : dx + width] += columns[..., k * channels : (k + 1) * channels]
    return padded[:, 1:-1, 1:-1]


def _pool(x: F32) -> tuple[F32, npt.NDArray[np.bool_]]:
    """Returns the greatest of each 2 x 2, and where it stood."""
    n, h, w, c = x.shape
    cells = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // 2, w // 2, 4, c)
    most = cells.max(axis=3)
    return most, cells == most[..., None, :]


def _unpool(gradient: F32, where: npt.NDArray[np.bool_]) -> F32:
    n, h, w, c = gradient.shape
    cells = np.where(where, gradient[..., None, :], 0).reshape(n, h, w, 2, 2, c)
    return np.asarray(cells.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * 2, w * 2, c), np.float32)


def _step(weights: list[F32], x: F32, classes: I64) -> list[F32]:
    """Returns the gradients of the mean cross-entropy."""
    w1, b1, w2, b2, w3, b3 = weights
    c1 = _columns(x[..., None])
    a1 = np.maximum(c1 @ w1 + b1, 0)
    p1, where1 = _pool(a1)
    c2 = _columns(p1)
    a2 = np.maximum(c2 @ w2 + b2, 0)
    p2, where2 = _pool(a2)
    flat = p2.reshape(len(x), -1)
    logits = flat @ w3 + b3
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    shares[np.arange(len(x)), classes] -= 1
    d3 = shares / len(x)
    d2 = _unpool((d3 @ w3.T).reshape(p2.shape), where2) * (a2 > 0)
    d1 = _unpool(_back(d2 @ w2.T, p1.shape[3]), where1) * (a1 > 0)
    axes = (0, 1, 2)
    return [
        np.tensordot(c1, d1, (axes, axes)),
        d1.sum(axis=axes),
        np.tensordot(c2, d2, (axes, axes)),
        d2.sum(axis=axes),
        flat.T @ d3,
        d3.sum(axis=0),
    ]


def _trained(x: F32, classes: I64) -> list[F32]:
    """Returns the weights after some epochs of Adam; the same in every run."""
    rng = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(9, 8), (8,), (72, 16), (16,), (64, 10), (10,)]
    weights = [(rng.standard_normal(s) * (2 / s[0]) ** 0.5 * (len(s) > 1)).astype(np.float32) for s in shapes]
    means, squares = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    count = 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), BATCH):
            chosen = order[begin : begin + BATCH]
            count += 1
            for k, gradient in enumerate(_step(weights, x[chosen], classes[chosen])):
                means[k] = 0.9 * means[k] + 0.1 * gradient
                squares[k] = 0.999 * squares[k] + 0.001 * gradient**2
                change = means[k] / (1 - 0.9**count) / (np.sqrt(squares[k] / (1 - 0.999**count)) + 1e-8)
                weights[k] = (weights[k] - RATE * change).astype(np.float32)
    return weights


def network(path: Path, data: Digits) -> Path:
    """Trains the network and writes it as ONNX: [1, 1, 8, 8] -> scores [1, 10]."""
    train, _ = data.split()
    w1, b1, w2, b2, w3, b3 = _trained(data.images[train], data.classes[train])
    # [9 * c, n] -> [n, c, 3, 3]; the dense layer sees channels first.
    dense = w3.reshape(2, 2, 16, 10).transpose(2, 0, 1, 3).reshape(64, 10)
    constants = {
        "w1": w1.reshape(3, 3, 1, 8).transpose(3, 2, 0, 1),
        "b1": b1,
        "w2": w2.reshape(3, 3, 8, 16).transpose(3, 2, 0, 1),
        "b2": b2,
        "w3": dense,
        "b3": b3,
    }
    nodes = []
    for k, source in ((1, "x"), (2, "p1")):
        nodes += [
            helper.make_node("Conv", [source, f"w{k}", f"b{k}"], [f"c{k}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{k}"], [f"r{k}"]),
            helper.make_node("MaxPool", [f"r{k}"], [f"p{k}"], kernel_shape=[2, 2], strides=[2, 2]),
        ]
    nodes += [helper.make_node("Flatten", ["p2"], ["f"]), helper.make_node("Gemm", ["f", "w3", "b3"], ["y"])]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", [1, 1, 8, 8]), ("y", [1, 10]))
    ]
    initializers = [numpy_helper.from_array(np.ascontiguousarray(data), name) for name, data in constants.items()]
    graph = helper.make_graph(nodes, "digits", ends[:1], ends[1:], initializer=initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
    return path
