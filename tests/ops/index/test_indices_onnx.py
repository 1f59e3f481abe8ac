"""Gathers, scatters and boxes with indices given at run time: ONNX's node tests, and onnxruntime over random shapes."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper

from ariel_build import boards
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import node_suite, parity

#: An Arm and a RISC-V core, and their emulators.
BOARDS = [
    pytest.param(name, marks=[pytest.mark.emulator(emulator), pytest.mark.target(boards.load(name).target)])
    for name, emulator in (("qemu-cortex-m7", "qemu-system-arm"), ("qemu-riscv32", "qemu-system-riscv32"))
]


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


def where(rng: np.random.Generator, model: Model) -> None:
    out = shape_of(rng)
    shapes = [tuple(1 if rng.random() < 0.3 else n for n in out[int(rng.integers(0, len(out))) :]) for _ in range(3)]
    condition = rng.random(shapes[0]) < 0.5
    x = rng.integers(0, 9, shapes[1]).astype([np.float32, np.uint8, np.int32, np.int64][int(rng.integers(0, 4))])
    y = rng.integers(0, 2, shapes[2]).astype(x.dtype)
    model.add("Where", [condition, x, y], np.broadcast_shapes(*shapes), x.dtype)


def best(rng: np.random.Generator, model: Model) -> None:
    shape = shape_of(rng)
    axis, keep = int(rng.integers(-len(shape), len(shape))), bool(rng.random() < 0.5)
    dtype = [np.float32, np.int8, np.uint8, np.int32][int(rng.integers(0, 4))]
    x = rng.integers(0, 4, shape).astype(dtype)
    out = tuple(1 if k == axis % len(shape) else n for k, n in enumerate(shape) if keep or k != axis % len(shape))
    op = "ArgMax" if rng.random() < 0.5 else "ArgMin"
    model.add(op, [x], out, np.int64, axis=axis, keepdims=int(keep), select_last_index=int(rng.random() < 0.5))


def running(rng: np.random.Generator, model: Model) -> None:
    shape = shape_of(rng)
    axis = np.array(rng.integers(-len(shape), len(shape)), np.int32 if rng.random() < 0.5 else np.int64)
    x = rng.integers(-100, 100, shape).astype([np.float32, np.int32, np.int64][int(rng.integers(0, 3))])
    flags = {name: int(rng.random() < 0.5) for name in ("exclusive", "reverse")}
    model.add("CumSum", [x, axis], shape, x.dtype, **flags)


def one_hot(rng: np.random.Generator, model: Model) -> None:
    shape, depth = shape_of(rng, 3), int(rng.integers(1, 7))
    axis = int(rng.integers(-len(shape) - 1, len(shape) + 1))
    x = rng.integers(-depth - 2, depth + 2, shape)
    values = rng.integers(0, 9, 2).astype(np.float32)
    at = axis % (len(shape) + 1)
    model.add("OneHot", [x, np.array(depth), values], (*shape[:at], depth, *shape[at:]), np.float32, axis=axis)


def triangle(rng: np.random.Generator, model: Model) -> None:
    shape = (*shape_of(rng, 2), int(rng.integers(1, 7)))
    k = np.array(rng.integers(-8, 8))
    x = rng.integers(1, 9, shape).astype([np.float32, np.int64][int(rng.integers(0, 2))])
    model.add("Trilu", [x, k], shape, x.dtype, upper=int(rng.random() < 0.5))


def reverse_sequence(rng: np.random.Generator, model: Model) -> None:
    shape = tuple(int(v) for v in rng.integers(1, 6, rng.integers(2, 5)))
    time = int(rng.integers(0, 2))
    lengths = rng.integers(1, shape[time] + 1, shape[1 - time])
    x = rng.normal(size=shape).astype(np.float32)
    model.add("ReverseSequence", [x, lengths], shape, np.float32, time_axis=time, batch_axis=1 - time)


def slice_(rng: np.random.Generator, model: Model) -> None:
    shape = shape_of(rng)
    axes = rng.permutation(len(shape))[: int(rng.integers(1, len(shape) + 1))]
    starts, ends = ([int(v) for v in rng.integers(-9, 9, len(axes))] for _ in range(2))
    steps = [int(v) for v in rng.choice([-2, -1, 1, 2], len(axes))]
    taken = [slice(None)] * len(shape)
    for k, axis in enumerate(axes):
        # The standard's slices: what is negative counts from the end, then all is clamped.
        n, step = shape[axis], steps[k]
        first, last = (v + n if v < 0 else v for v in (starts[k], ends[k]))
        first, last = (min(max(first, 0), n - (step < 0)), min(max(last, -1 if step < 0 else 0), n))
        taken[axis] = slice(first, None if last < 0 else last, step)
    x = elements(rng, shape)
    out = x[tuple(taken)].shape
    if 0 in out:
        return
    operands = [
        np.array(v) for v in (starts, ends, np.where(rng.random(len(axes)) < 0.5, axes, axes - len(shape)), steps)
    ]
    model.add("Slice", [x, *operands], out, x.dtype)


def pad(rng: np.random.Generator, model: Model) -> None:
    shape = tuple(int(v) for v in rng.integers(2, 6, rng.integers(1, 4)))
    mode = str(rng.choice(["constant", "edge", "reflect"]))
    axes = rng.permutation(len(shape))[: int(rng.integers(1, len(shape) + 1))]
    pads = np.array([[int(v) for v in rng.integers(0, shape[a], 2)] for a in axes]).T
    out = list(shape)
    for k, axis in enumerate(axes):
        out[axis] += int(pads[:, k].sum())
    x = rng.normal(size=shape).astype(np.float32)
    value = np.array(rng.normal(), np.float32) if mode == "constant" and rng.random() < 0.7 else None
    model.add("Pad", [x, pads.reshape(-1), value, axes], tuple(out), np.float32, mode=mode)


def shapes(rng: np.random.Generator, model: Model) -> None:
    """Operators whose declared shape says all."""
    x = rng.normal(size=(2, 1, 6)).astype(np.float32)
    repeats = rng.integers(1, 4, 3)
    model.add("Tile", [x, repeats], tuple(int(n * r) for n, r in zip(x.shape, repeats, strict=True)), np.float32)
    model.add("Reshape", [x, np.array([3, -1, 2])], (3, 2, 2), np.float32)
    model.add("Squeeze", [x, np.array([-2])], (2, 6), np.float32)
    model.add("Unsqueeze", [x, np.array([0, 4])], (1, 2, 1, 6, 1), np.float32)
    model.add("Expand", [x, np.array([3, 1, 5, 1])], (3, 2, 5, 6), np.float32)
    model.add("ConstantOfShape", [np.array([2, 3])], (2, 3), np.float32)
    first, delta = np.array(rng.normal(), np.float32), np.array(0.5, np.float32)
    model.add("Range", [first, np.array(first + 2.2, np.float32), delta], (5,), np.float32)
    model.add("Range", [np.array(7), np.array(-6), np.array(-3)], (5,), np.int64)
    condition = np.array([True, False, True, True, False, True])
    model.add("Compress", [x, condition], (2, 1, 4), np.float32, axis=2)
    model.add("NonZero", [rng.permutation(np.arange(8) % 2).reshape(2, 4).astype(np.float32)], (2, 4), np.int64)


DRAWS = [
    *(gather, gather_elements, gather_nd, scatter_elements, scatter_nd, where, best, running, one_hot, triangle),
    *(reverse_sequence, slice_, pad, shapes),
]


@pytest.mark.parametrize("draw", DRAWS, ids=lambda d: d.__name__)
def test_equals_onnxruntime(tmp_path: Path, draw: Callable[[np.random.Generator, Model], None]) -> None:
    rng, model = np.random.default_rng(3), Model()
    for _ in range(10):
        draw(rng, model)
    parity.onnx_agrees(model.write(tmp_path / "model.onnx"), [model.sample])


#: Operators, the least cases of `onnx` that pass with all inputs given at run time, and those that are refused.
SUITE: dict[str, int] = {
    "Gather": 4,
    "GatherElements": 3,
    "GatherND": 3,
    "Scatter": 2,
    "ScatterElements": 7,
    "ScatterND": 7,
    "TensorScatter": 3,
    "Where": 2,
    "ArgMax": 16,
    "ArgMin": 16,
    "TopK": 6,
    "CumSum": 2,
    "CumProd": 2,
    "OneHot": 5,
    "Trilu": 16,
    "NonZero": 1,
    "Compress": 4,
    "ReverseSequence": 2,
    "Slice": 7,
    "Pad": 6,
    "Split": 14,
    "Expand": 2,
    "Tile": 2,
    "Reshape": 9,
    "Squeeze": 2,
    "Unsqueeze": 7,
    "ConstantOfShape": 2,
    "Range": 2,
    "Hardmax": 7,
}
#: Tensors of the cases that are looked at have these types.
TYPES = ("f4", "i1", "u1", "i2", "i4", "i8", "b1")
#: Cases that are refused: tensors without elements.
REFUSED = (
    *("test_slice_start_out_of_bounds", "test_split_zero_size_splits_*", "test_reshape_allowzero_reordered"),
    "test_constantofshape_int_shape_zero",
)


@pytest.mark.parametrize("op", SUITE)
def test_node_suite(tmp_path: Path, op: str) -> None:
    chosen = [
        case
        for case in node_suite.cases(op)
        if all(np.asarray(x).dtype in map(np.dtype, TYPES) for x in (*case.inputs, *case.outputs))
        and all(np.asarray(x).size or np.asarray(x).shape == (0,) for x in case.inputs)
    ]
    names = [name for name in REFUSED if any(fnmatch(c.name, name) for c in chosen)]
    refused = dict.fromkeys(names, "does not declare the shape")
    node_suite.judge(chosen, tmp_path, right=SUITE[op], refused=refused, rtol=1e-5)


#: Indices far outside, and the nearest that are there; `wide` for those of 64 bits only.
OUTSIDE = [(-(1 << 31), 0), (-100, 0), (100, 2), ((1 << 31) - 1, 2), (-4, 0), (3, 2)]
WIDE = [(-(1 << 63), 0), ((1 << 63) - 1, 2), ((1 << 32) + 1, 2), (-(1 << 32), 0)]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_an_index_that_is_outside_leads_to_the_nearest_element(tmp_path: Path, dtype: type[np.signedinteger]) -> None:
    pairs = OUTSIDE + (WIDE if dtype is np.int64 else [])
    far = np.array([pair[0] for pair in pairs], dtype)
    near = np.array([pair[1] for pair in pairs])
    rng = np.random.default_rng(8)
    x = rng.normal(size=(3, 4)).astype(np.float32)
    rows = rng.normal(size=(len(far), 4)).astype(np.float32)
    model = Model()
    model.add("Gather", [x, far], (len(far), 4), np.float32)
    model.add("GatherElements", [x, np.repeat(far[:, None], 4, 1)], (len(far), 4), np.float32)
    model.add("GatherND", [x, far[:, None]], (len(far), 4), np.float32)
    model.add("ScatterND", [x, far[:, None], rows], (3, 4), np.float32)
    model.add("ScatterElements", [x, np.repeat(far[:, None], 4, 1), rows], (3, 4), np.float32, reduction="max")
    model.add("Slice", [x, far[:1], far[2:3], np.array([0], dtype)], (3, 4), np.float32)
    model.add("Slice", [x, far[3:4], far[3:4], np.array([1], dtype), far[-1:]], (3, 4), np.float32)
    model.add("Slice", [x, far[:1], far[:1], far[3:4], far[3:4]], (3, 4), np.float32)
    for mode in ("constant", "edge", "reflect", "wrap"):
        for border in far[:4]:
            model.add("Pad", [x, np.array([border, 0, 0, 0], np.int64)], (3, 4), np.float32, mode=mode)
    path = model.write(tmp_path / "far.onnx", opset=19)
    (want,) = parity.reference(path, [model.sample])
    np.testing.assert_array_equal(want[0], x[near])
    np.testing.assert_array_equal(want[2], x[near])
    written = x.copy()
    for at, row in zip(near, rows, strict=True):
        written[at] = row
    np.testing.assert_array_equal(want[3], written)
    parity.agree(parity.host(path, [model.sample]), [want], "kernels")


def test_shapes_that_nothing_declares_are_refused(tmp_path: Path) -> None:
    model = Model()
    model.add("Slice", [np.zeros((3, 4), np.float32), np.array([1]), np.array([2])], (1, 4), np.float32)
    model.outputs[0].type.tensor_type.shape.dim[0].dim_param = "rows"
    with pytest.raises(UnsupportedError, match="is computed at run time, and the file does not declare the shape"):
        parity.reference(model.write(tmp_path / "free.onnx"), [model.sample])


@pytest.mark.parametrize("board", BOARDS)
def test_on_boards(tmp_path: Path, board: str) -> None:
    """Every draw once, where addresses need be aligned and integers have 32 bits."""
    rng, model = np.random.default_rng(21), Model()
    for draw in DRAWS:
        draw(rng, model)
    path = model.write(tmp_path / "board.onnx")
    parity.agree(parity.on(board, path, [model.sample]), parity.reference(path, [model.sample]), board)
