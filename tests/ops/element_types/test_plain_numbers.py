"""Operators of plain numbers of every type are those of numpy, over random shapes and extreme values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper

from ariel_build import boards
from ariel_build.ir import Array
from tests.ops import parity
from tests.zoo import node, onnx_file

Numbers = npt.NDArray[Any]
INTEGERS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
#: Shapes of two operands and of what they broadcast to.
SHAPES = (((3, 4), (3, 4)), ((2, 3, 4), (3, 1)), ((1,), (2, 5)), ((2, 1, 3), (4, 1)), ((), (7,)))


def truncated(a: Numbers, b: Numbers) -> Numbers:
    """Python's own integers, rounded towards zero, wrapped."""
    bits = a.dtype.itemsize * 8
    quotients = [
        0 if y == 0 else (abs(x) // abs(y)) * (1 if (x < 0) == (y < 0) else -1)
        for x, y in zip(*(part.reshape(-1).tolist() for part in np.broadcast_arrays(a, b)), strict=True)
    ]
    wrapped = np.array([q % (1 << bits) for q in quotients], np.uint64).astype(f"u{a.dtype.itemsize}")
    return wrapped.view(a.dtype).reshape(np.broadcast_shapes(a.shape, b.shape))


def power(a: Numbers, b: Numbers) -> Numbers:
    """Python's own integers to powers that are not negative, wrapped."""
    bits = a.dtype.itemsize * 8
    powers = [
        pow(x, y, 1 << bits)
        for x, y in zip(*(part.reshape(-1).tolist() for part in np.broadcast_arrays(a, b)), strict=True)
    ]
    wrapped = np.array(powers, np.uint64).astype(f"u{a.dtype.itemsize}")
    return wrapped.view(a.dtype).reshape(np.broadcast_shapes(a.shape, b.shape))


Function = Callable[[Numbers, Numbers], Numbers]
#: Operators of two numbers: what they are in numpy; those behind are of integers, of floats, or of what has no sign.
BOTH: dict[str, Function] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Max": np.maximum,
    "Min": np.minimum,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Equal": np.equal,
}
OF_INTEGERS: dict[str, Function] = {
    "Div": truncated,
    "Pow": power,
    "Mod": lambda a, b: np.where(b == 0, 0, np.mod(a, np.where(b == 0, 1, b))),
    "Mod fmod": lambda a, b: np.where(b == 0, 0, np.fmod(a, np.where(b == 0, 1, b))),
    "BitwiseAnd": np.bitwise_and,
    "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
    "BitShift LEFT": np.left_shift,
    "BitShift RIGHT": np.right_shift,
}
OF_FLOATS: dict[str, Function] = {"Div": np.divide, "Mod fmod": np.fmod, "Pow": np.power}
#: Functions of one number.
UNARY: dict[str, Callable[[Numbers], Numbers]] = {
    "Abs": np.abs,
    "Neg": np.negative,
    "Sign": np.sign,
    "Relu": lambda x: np.maximum(x, 0),
    "BitwiseNot": np.invert,
}
UNARY64: dict[str, Callable[[Numbers], Numbers]] = {
    **{name: function for name, function in UNARY.items() if name != "BitwiseNot"},
    "Exp": np.exp,
    "Sqrt": np.sqrt,
    "Tanh": np.tanh,
    "Atan": np.arctan,
    "Floor": np.floor,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "IsNaN": np.isnan,
    "IsInf": np.isinf,
}
FOLDS: dict[str, Callable[..., Numbers]] = {
    "ReduceSum": np.sum,
    "ReduceProd": np.prod,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
}


@dataclass
class Builder:
    """A model of operators side by side, a sample, and the right answers."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    inputs: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    outputs: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    sample: list[Array] = field(default_factory=list)
    want: list[Array] = field(default_factory=list)

    def draw(self, dtype: type[Any], shape: tuple[int, ...], *, small: bool = False) -> Numbers:
        """Returns numbers: extremes, small ones, and any others."""
        if np.dtype(dtype).kind == "f":
            rare = np.array([0.0, -0.0, 1.0, -1.5, 2.0**60, 1e-300, np.inf, -np.inf, np.nan])
            return np.where(self.rng.random(shape) < 0.5, self.rng.normal(0, 9, shape), self.rng.choice(rare, shape))
        info = np.iinfo(dtype)
        if small:
            return self.rng.integers(0, 12, shape).astype(dtype)
        edges = np.array([info.min, info.max, 0, 1, info.max, 3], dtype)
        random = self.rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
        near = self.rng.integers(max(info.min, -9), 10, shape).astype(dtype)
        kind = self.rng.integers(0, 3, shape)
        return np.where(kind == 0, self.rng.choice(edges, shape), np.where(kind == 1, random, near)).astype(dtype)

    def input(self, data: Numbers) -> str:
        name = f"x{len(self.inputs)}"
        self.inputs[name] = (helper.np_dtype_to_tensor_dtype(data.dtype), list(data.shape))
        self.sample.append(np.asarray(data))
        return name

    def add(self, kind: str, operands: list[Numbers], answer: Numbers, **attributes: Any) -> None:  # noqa: ANN401 - of ONNX
        """Adds an operator, whose second word is an attribute."""
        name, _, word = kind.partition(" ")
        if word:
            attributes["fmod" if word == "fmod" else "direction"] = 1 if word == "fmod" else word
        out = f"y{len(self.outputs)}"
        self.nodes.append(node(name, [self.input(x) for x in operands], [out], **attributes))
        self.outputs[out] = (helper.np_dtype_to_tensor_dtype(answer.dtype), list(answer.shape))
        self.want.append(answer)

    def write(self, path: Path) -> Path:
        return onnx_file(
            path, self.nodes, self.inputs, self.outputs, opset=28 if onnx.defs.onnx_opset_version() > 27 else 18
        )


def model(seed: int, types: tuple[type[Any], ...]) -> Builder:
    """Returns all operators of some types."""
    built = Builder(np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        for dtype in types:
            real = np.dtype(dtype).kind == "f"
            for kind, function in (BOTH | (OF_FLOATS if real else OF_INTEGERS)).items():
                left, right = SHAPES[int(built.rng.integers(len(SHAPES)))]
                a, b = built.draw(dtype, left), built.draw(dtype, right, small=kind in ("Pow", "BitShift LEFT"))
                if kind == "BitShift RIGHT":
                    b = np.abs(built.draw(dtype, right, small=True))
                if kind.startswith("Mod") and np.dtype(dtype).kind == "i":
                    # The least integer divided by -1 has no remainder that numpy computes.
                    b = np.where(b == -1, 5, b).astype(dtype)
                built.add(kind, [a, b], np.asarray(function(a, b)).astype(bool if kind in RELATIONS else dtype))
            for kind, one in (UNARY64 if real else UNARY).items():
                x = built.draw(dtype, (2, 9))
                if np.dtype(dtype).kind == "u" and kind == "Neg":
                    continue
                answer = np.asarray(one(x))
                built.add(kind, [x], answer if answer.dtype == np.bool_ else answer.astype(dtype))
            for kind, fold in FOLDS.items():
                x = built.rng.normal(0, 3, (3, 4, 5)) if real else built.draw(dtype, (3, 4, 5))
                total = fold(x, axis=(0, 1, 2), keepdims=True)
                built.add(kind, [x], np.asarray(total).astype(dtype), keepdims=1)
    return built


RELATIONS = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")


def check(built: Builder, got: list[Array], what: str) -> None:
    for answer, want, each in zip(got, built.want, built.nodes, strict=True):
        where = f"{what}: {each.op_type} {want.dtype}"
        if want.dtype == np.float64:
            np.testing.assert_allclose(answer.reshape(want.shape), want, rtol=1e-12, err_msg=where)  # type: ignore[arg-type]
        else:
            np.testing.assert_array_equal(answer.reshape(want.shape), want, err_msg=where)


@pytest.mark.parametrize("seed", range(6))
def test_references(tmp_path: Path, seed: int) -> None:
    built = model(seed, (*INTEGERS, np.float64))
    path = built.write(tmp_path / "numbers.onnx")
    for optimized in (False, True):
        check(built, parity.reference(path, [built.sample], optimized=optimized)[0], "reference")


def test_kernels_on_the_host(tmp_path: Path) -> None:
    built = model(90, (*INTEGERS, np.float64))
    path = built.write(tmp_path / "numbers.onnx")
    check(built, parity.host(path, [built.sample])[0], "host")


def on(name: str, emulator: str) -> object:
    """Returns the parameter of a test for a board."""
    return pytest.param(
        name, marks=(pytest.mark.emulator(emulator), pytest.mark.target(boards.load(name).target)), id=name
    )


@pytest.mark.parametrize("name", [on("qemu-cortex-m7", "qemu-system-arm"), on("qemu-riscv32", "qemu-system-riscv32")])
def test_kernels_on_boards(tmp_path: Path, name: str) -> None:
    """Some types of each size, and of both signs."""
    built = model(91, (np.int8, np.uint16, np.int64, np.float64))
    path = built.write(tmp_path / "numbers.onnx")
    check(built, parity.on(name, path, [built.sample])[0], name)
