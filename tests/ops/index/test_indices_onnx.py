"""Gathers, scatters and boxes with indices given at run time: ONNX's node tests, and onnxruntime over random shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper

from ariel_build.ir import Array
from tests.ops import node_suite, parity

#: Nodes and their operands: a name, and elements of a sample, or a constant.
Operand = tuple[str, Array]


class Model:
    """Operators side by side, each with operands given at run time; `samples` are the operands of all."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.sample: list[Array] = []

    def add(
        self,
        op: str,
        operands: list[Array | None],
        out: tuple[int, ...],
        dtype: npt.DTypeLike,
        **attributes: Any,  # noqa: ANN401 - as ONNX has them
    ) -> None:
        names = []
        for data in operands:
            names.append("" if data is None else f"x{len(self.inputs)}")
            if data is not None:
                self.inputs.append(self._info(names[-1], data.dtype, data.shape))
                self.sample.append(data)
        name = f"y{len(self.outputs)}"
        self.nodes.append(helper.make_node(op, names, [name], **attributes))
        self.outputs.append(self._info(name, dtype, out))

    def write(self, path: Path, opset: int = 18) -> Path:
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
        path.write_bytes(model.SerializeToString())
        return path

    @staticmethod
    def _info(name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def elements(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Returns elements of any of the types that are moved."""
    dtype = [np.float32, np.int8, np.int32, np.int64, np.bool_][int(rng.integers(0, 5))]
    return rng.integers(0, 2 if dtype is np.bool_ else 100, shape).astype(dtype)


def indices(rng: np.random.Generator, shape: tuple[int, ...], extent: int) -> Array:
    dtype = np.int32 if rng.random() < 0.5 else np.int64
    return rng.integers(-extent, extent, shape).astype(dtype)


def shape_of(rng: np.random.Generator, most: int = 4) -> tuple[int, ...]:
    return tuple(int(v) for v in rng.integers(1, 6, rng.integers(1, most + 1)))


def gather(rng: np.random.Generator, model: Model) -> None:
    shape, own = shape_of(rng), shape_of(rng, 2)[: int(rng.integers(0, 3))]
    axis = int(rng.integers(0, len(shape)))
    x, given = elements(rng, shape), indices(rng, own, shape[axis])
    out = (*shape[:axis], *own, *shape[axis + 1 :])
    model.add("Gather", [x, given], out, x.dtype, axis=axis - (len(shape) if rng.random() < 0.5 else 0))


def gather_elements(rng: np.random.Generator, model: Model) -> None:
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape)))
    own = tuple(int(rng.integers(1, n + 1 + 3 * (k == axis))) for k, n in enumerate(shape))
    x = elements(rng, shape)
    model.add("GatherElements", [x, indices(rng, own, shape[axis])], own, x.dtype, axis=axis)


def groups(rng: np.random.Generator, shape: tuple[int, ...], batch: int, depth: int) -> Array:
    """Returns groups of indices for `depth` axes behind `batch`."""
    lead = (*shape[:batch], *shape_of(rng, 2))
    found = [rng.integers(-n, n, lead) for n in shape[batch : batch + depth]]
    return np.stack(found, -1).astype(np.int64)


def gather_nd(rng: np.random.Generator, model: Model) -> None:
    shape = shape_of(rng)
    batch = int(rng.integers(0, len(shape)))
    depth = int(rng.integers(1, len(shape) - batch + 1))
    x, given = elements(rng, shape), groups(rng, shape, batch, depth)
    out = (*given.shape[:-1], *shape[batch + depth :])
    model.add("GatherND", [x, given], out, x.dtype, batch_dims=batch)


def scatter_elements(rng: np.random.Generator, model: Model) -> None:
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape)))
    own = tuple(int(rng.integers(1, n + 1)) for n in shape)
    reduction = str(rng.choice(["none", "add", "mul", "max", "min"]))
    dtype = [np.float32, np.int32, np.int64][int(rng.integers(0, 3))]
    x, updates = (rng.integers(-4, 5, s).astype(dtype) for s in (shape, own))
    given = indices(rng, own, shape[axis])
    if reduction == "none":
        # What is written twice is not defined.
        given = np.argsort(rng.random((*own[:axis], shape[axis], *own[axis + 1 :])), axis=axis)
        given = np.take(given, range(own[axis]), axis).astype(np.int64)
    model.add("ScatterElements", [x, given, updates], shape, dtype, axis=axis, reduction=reduction)


def scatter_nd(rng: np.random.Generator, model: Model) -> None:
    shape = shape_of(rng)
    depth = int(rng.integers(1, len(shape) + 1))
    reduction = str(rng.choice(["none", "add", "mul", "max", "min"]))
    given = groups(rng, shape, 0, depth)
    if reduction == "none":
        given = given.reshape(-1, depth)[:1]
    x, updates = (rng.integers(-4, 5, s).astype(np.float32) for s in (shape, (*given.shape[:-1], *shape[depth:])))
    model.add("ScatterND", [x, given, updates], shape, np.float32, reduction=reduction)


DRAWS = [gather, gather_elements, gather_nd, scatter_elements, scatter_nd]


@pytest.mark.parametrize("draw", DRAWS, ids=lambda d: d.__name__)
def test_equals_onnxruntime(tmp_path: Path, draw: Callable[[np.random.Generator, Model], None]) -> None:
    rng, model = np.random.default_rng(3), Model()
    for _ in range(25):
        draw(rng, model)
    parity.onnx_agrees(model.write(tmp_path / "model.onnx"), [model.sample])


#: Operators, the least cases of `onnx` that pass with all inputs given at run time, and those that are refused.
SUITE: dict[str, int] = {
    "Gather": 4,
    "GatherElements": 3,
    "GatherND": 2,
    "Scatter": 0,
    "ScatterElements": 6,
    "ScatterND": 5,
    "TensorScatter": 3,
}


@pytest.mark.parametrize("op", SUITE)
def test_node_suite(tmp_path: Path, op: str) -> None:
    node_suite.judge(node_suite.cases(op), tmp_path, right=SUITE[op])
