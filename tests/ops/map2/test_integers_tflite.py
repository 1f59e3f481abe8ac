"""Operators of TFLite on stored integers, and angles, equal LiteRT's reference: in numpy, and on the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity, tflm

SHAPE = (2, 3, 16)


def two(op: str, dtype: str, scale: float | None = None) -> tflm.Operator:
    """An operator of two operands, of which the right one is broadcast; an output with a scale of its own."""
    # LiteRT has angles of equal shapes only.
    shape = SHAPE if op == "ATAN2" else SHAPE[1:]
    left, right = tflm.Tensor(dtype, SHAPE, scale, 0), tflm.Tensor(dtype, shape, scale, 0)
    output = tflm.Tensor(dtype, SHAPE, None if scale is None else scale * 2, 0)
    return tflm.Operator(op, [left, right], [output], None, 2 if op.startswith("FLOOR") else 1)


def numbers(rng: np.random.Generator, operators: Sequence[tflm.Operator]) -> list[Array]:
    """Random numbers, extremes among them; no divisor is 0, and no quotient more than its type holds."""
    made = []
    for operator in operators:
        for index, spec in enumerate(operator.inputs):
            assert spec is not None
            if spec.dtype == "float32":
                data: np.ndarray[Any, Any] = rng.normal(size=spec.shape) * 8
            else:
                limits = np.iinfo(spec.dtype)
                data = rng.integers(limits.min + 1, limits.max, spec.shape, endpoint=True)
                data.reshape(-1)[:4] = limits.max, limits.min + 1, 1, -1 if limits.min else 1
            if operator.op == "RIGHT_SHIFT" and index == 1:
                data = rng.integers(-3 if np.iinfo(spec.dtype).min else 0, 40, spec.shape)
            data = data.astype(spec.dtype)
            data[data == 0] = 3
            made.append(data)
    return made


def test_equals_litert(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    operators = [two(op, dtype) for op in ("FLOOR_DIV", "FLOOR_MOD") for dtype in ("float32", "int8", "int16", "int32")]
    operators += [two("FLOOR_DIV", "int8", 0.5), two("FLOOR_MOD", "int16", 0.25)]
    operators += [two("BITWISE_XOR", dtype) for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32")]
    operators += [two("RIGHT_SHIFT", dtype) for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32")]
    operators += [two("ATAN2", "float32")]
    samples = [numbers(rng, operators) for _ in range(3)]
    path = tmp_path / "two.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, samples, optimized=True)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_bytes_read_as_another_type_and_logarithms_equal_litert(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    kinds = [("float32", "int32"), ("int32", "float32"), ("int8", "uint8"), ("uint32", "int32"), ("int16", "uint16")]
    operators = [
        tflm.Operator("BITCAST", [tflm.Tensor(a, (3, 5))], [tflm.Tensor(b, (3, 5))], ("BitcastOptions", {}), 1)
        for a, b in kinds
    ]
    operators.append(
        tflm.Operator("LOG", [tflm.Tensor("int8", (256,), 0.05, 3)], [tflm.Tensor("int8", (256,), 0.04, -5)])
    )
    sample = [(rng.normal(size=(3, 5)) * 100).astype(np.float32).astype(a) for a, _ in kinds]
    sample.append(np.arange(-128, 128).astype(np.int8))
    path = tmp_path / "bits.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, [sample], optimized=True)
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "kernels")


def test_elements_of_another_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(tflm.model("BITCAST", [tflm.Tensor("int32", (3,))], [tflm.Tensor("int8", (3, 4))], None, 1))
    with pytest.raises(UnsupportedError, match="whose elements have another size, is not supported"):
        import_file(path)


@pytest.mark.parametrize("board", parity.BOARDS)
def test_boards_agree(board: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    operators = [two("ATAN2", "float32"), two("FLOOR_DIV", "int32"), two("RIGHT_SHIFT", "int16")]
    samples = [numbers(rng, operators)]
    path = tmp_path / "two.tflite"
    path.write_bytes(tflm.models(operators))
    parity.agree(parity.on(board, path, samples), parity.reference(path, samples), board)
