"""Floats of 16 bits: each operator computes in float32, and rounds once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto

from ariel_build.ir import Array, DType, converted, readable
from tests.ops import parity
from tests.ops.element_types.test_plain_numbers import on
from tests.zoo import node, onnx_file

Numbers = npt.NDArray[Any]
KINDS: dict[int, DType] = {TensorProto.FLOAT16: DType.F16, TensorProto.BFLOAT16: DType.BF16}
#: Operators, and what they are in float32.
OPERATORS: dict[str, Callable[..., Numbers]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "MatMul": np.matmul,
    "Less": np.less,
}


def halves(rng: np.random.Generator, dtype: DType, shape: tuple[int, ...]) -> Array:
    """Returns numbers of all sizes, some of them rare."""
    rare = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 6e-8, 65504.0, 65520.0, 3e38], np.float32)
    usual = rng.normal(0, 1, shape) * 2.0 ** rng.integers(-14, 8, shape)
    return converted(np.where(rng.random(shape) < 0.1, rng.choice(rare, shape), usual).astype(np.float32), dtype)


def same(got: Array, want: Array, what: str) -> None:
    """Asserts that numbers are equal to the bit, but for what is none."""
    np.testing.assert_array_equal(readable(got).astype(np.float64), readable(want).astype(np.float64), err_msg=what)


def model(path: Path, kind: int, seed: int) -> tuple[list[Array], list[Array]]:
    """Writes a model of operators side by side; returns a sample and the answers."""
    rng, dtype = np.random.default_rng(seed), KINDS[kind]
    nodes: list[onnx.NodeProto] = []
    inputs: dict[str, tuple[int, list[int]]] = {}
    outputs: dict[str, tuple[int, list[int]]] = {}
    sample: list[Array] = []
    want: list[Array] = []
    with np.errstate(all="ignore"):
        for name, function in OPERATORS.items():
            a, b = halves(rng, dtype, (3, 4)), halves(rng, dtype, (4, 3) if name == "MatMul" else (4,))
            if name == "MatMul":
                # Small integers, whose sums are exact in any order.
                a, b = (converted(rng.integers(-9, 9, x.shape).astype(np.float32), dtype) for x in (a, b))
            answer = function(readable(a).astype(np.float32), readable(b).astype(np.float32))
            logical = answer.dtype == np.bool_
            nodes.append(node(name, [f"{name}_a", f"{name}_b"], [name]))
            inputs |= {f"{name}_a": (kind, list(a.shape)), f"{name}_b": (kind, list(b.shape))}
            outputs[name] = (TensorProto.BOOL if logical else kind, list(answer.shape))
            sample += [a, b]
            want.append(answer if logical else converted(answer, dtype))
        # What moves elements leaves them as they are, and a chain rounds behind each operator.
        x = halves(rng, dtype, (2, 3))
        nodes += [
            node("Transpose", ["moved_x"], ["moved"]),
            node("Neg", ["moved"], ["n"]),
            node("Add", ["n", "n"], ["m"]),
        ]
        nodes.append(node("Mul", ["m", "n"], ["chained"]))
        inputs["moved_x"], outputs["moved"] = (kind, [2, 3]), (kind, [3, 2])
        outputs["chained"] = (kind, [3, 2])
        sample.append(x)
        n = -readable(x.T).astype(np.float32)
        m = readable(converted(n + n, dtype)).astype(np.float32)
        want += [x.T, converted(m * n, dtype)]
    onnx_file(path, nodes, inputs, outputs, opset=17)
    return sample, want


@pytest.mark.parametrize("kind", KINDS)
def test_references(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "halves.onnx"
    for seed in range(5):
        sample, want = model(path, kind, seed)
        for optimized in (False, True):
            (got,) = parity.reference(path, [sample], optimized=optimized)
            for k, (a, b) in enumerate(zip(got, want, strict=True)):
                same(a, b, f"seed {seed}, output {k}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "board", ["host", on("qemu-cortex-m7", "qemu-system-arm"), on("qemu-riscv32", "qemu-system-riscv32")]
)
def test_kernels(tmp_path: Path, board: str, kind: int) -> None:
    path = tmp_path / "halves.onnx"
    sample, want = model(path, kind, 50)
    (got,) = parity.on(board, path, [sample])
    for k, (a, b) in enumerate(zip(got, want, strict=True)):
        same(a, b, f"output {k}")


def test_all_conversions(tmp_path: Path) -> None:
    """Between all types, on the host: what numpy makes of numbers that both types hold, or round."""
    rng = np.random.default_rng(3)
    types = {dtype: number for number, dtype in _numbers().items()}
    nodes, inputs, outputs, sample, want = [], {}, {}, [], []
    for source, number in types.items():
        x = converted(
            rng.integers(0, 100, (2, 9)) + (0.37 if source.is_real else 0.0) - (30 if _signed(source) else 0), source
        )
        inputs[f"x_{source.value}"] = (number, [2, 9])
        sample.append(x)
        for target, other in types.items():
            if target is source:
                continue
            nodes.append(node("Cast", [f"x_{source.value}"], [f"{source.value}_{target.value}"], to=other))
            outputs[f"{source.value}_{target.value}"] = (other, [2, 9])
            whole = np.trunc(readable(x)) if source.is_real and target.is_integer else readable(x)
            want.append(converted(whole.astype(np.int64) if source.is_real and target.is_integer else whole, target))
    path = onnx_file(tmp_path / "casts.onnx", nodes, inputs, outputs, opset=17)
    for got in (parity.reference(path, [sample])[0], parity.host(path, [sample])[0]):
        for each, a, b in zip(nodes, got, want, strict=True):
            same(a, b, each.output[0])


def _signed(dtype: DType) -> bool:
    return dtype.is_real or (dtype.is_integer and dtype.range[0] < 0)


def _numbers() -> dict[int, DType]:
    from ariel_build.ops.element_types import ONNX_TYPES  # noqa: PLC0415 - only here

    return ONNX_TYPES
