"""A small network in float32, samples of its inputs, and the classes that they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.ir import Array
from tests.commands.conftest import command
from tests.zoo import FLOAT, node, onnx_file

__all__ = ["command"]

CLASSES, SAMPLES = 5, 60


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Returns a convolution, a batch norm, a residual sum, a pool and a dense layer, in NCHW, with a softmax."""
    rng = np.random.default_rng(7)
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", "scale", "shift", "mean", "variance"], ["n"]),
        node("Relu", ["n"], ["r"]),
        node("Conv", ["r", "d", "e"], ["k"], pads=[1, 1, 1, 1], group=6),
        node("Add", ["r", "k"], ["s"]),
        node("MaxPool", ["s"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Sigmoid", ["p"], ["g"]),
        node("Flatten", ["g"], ["f"]),
        node("Gemm", ["f", "v", "b"], ["l"]),
        node("Softmax", ["l"], ["y"]),
    ]
    constants = {
        "w": rng.standard_normal((6, 2, 3, 3)),
        "scale": rng.uniform(0.2, 3, 6),
        "shift": rng.standard_normal(6),
        "mean": rng.standard_normal(6),
        "variance": rng.uniform(0.5, 2, 6),
        "d": rng.standard_normal((6, 1, 3, 3)),
        "e": rng.standard_normal(6),
        "v": rng.standard_normal((54, CLASSES)),
        "b": rng.standard_normal(CLASSES),
    }
    ends = {"x": (FLOAT, [1, 2, 6, 6])}, {"y": (FLOAT, [1, CLASSES])}
    return onnx_file(
        tmp_path / "network.onnx", nodes, *ends, {name: data.astype(np.float32) for name, data in constants.items()}
    )


@pytest.fixture
def inputs() -> Array:
    """Returns samples for the network."""
    return np.random.default_rng(9).standard_normal((SAMPLES, 1, 2, 6, 6)).astype(np.float32)


@pytest.fixture
def calibration(tmp_path: Path, inputs: Array) -> Path:
    """Returns a calibration file without labels."""
    path = tmp_path / "calibration.npz"
    np.savez(path, x=inputs)
    return path
