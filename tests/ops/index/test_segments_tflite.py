"""Segments, sparse tensors, diagonals and fills of TFLite equal LiteRT's reference: in numpy, and on the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity, tflm

KINDS = ("SUM", "PROD", "MAX", "MIN")


def ints(*numbers: int, dtype: str = "int32") -> tflm.Tensor:
    data = np.array(numbers, dtype)
    return tflm.Tensor(dtype, data.shape, data=data)


def scalar(number: float, dtype: str = "int32") -> tflm.Tensor:
    return tflm.Tensor(dtype, (), data=np.array(number, dtype))


def check(path: Path, operators: Sequence[tflm.Operator], sample: Sequence[Array]) -> None:
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, [sample], optimized=True)
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "kernels")


def unsorted(kind: str, dtype: str, segments: tflm.Tensor, rest: tuple[int, ...], count: int) -> tflm.Operator:
    inputs = [tflm.Tensor(dtype, (*segments.shape, *rest)), segments, scalar(count)]
    return tflm.Operator(f"UNSORTED_SEGMENT_{kind}", inputs, [tflm.Tensor(dtype, (count, *rest))], None, 1)


def test_segments_equal_litert(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    operators = [unsorted(kind, dtype, ints(2, -1, 0, 2), (3,), 4) for kind in KINDS for dtype in ("float32", "int32")]
    operators += [unsorted(kind, "float32", tflm.Tensor("int32", (2, 3)), (2,), 3) for kind in KINDS]
    operators += [
        tflm.Operator(
            "SEGMENT_SUM",
            [tflm.Tensor(dtype, (5, 2)), ints(0, 0, 1, 1, 2)],
            [tflm.Tensor(dtype, (3, 2))],
            ("SegmentSumOptions", {}),
            1,
        )
        for dtype in ("float32", "int32")
    ]
    sample: list[Array] = []
    for spec in (t for operator in operators for t in operator.inputs):
        assert spec is not None
        if spec.data is None and spec.shape == (2, 3):
            sample.append(rng.integers(-2, 3, spec.shape, np.int32))
        elif spec.data is None:
            sample.append((rng.normal(size=spec.shape) * 9).astype(spec.dtype))
    check(tmp_path / "segments.tflite", operators, sample)


def test_sparse_to_dense_equals_litert(tmp_path: Path) -> None:
    def dense(indices: tflm.Tensor, shape: tuple[int, ...], values: tflm.Tensor) -> tflm.Operator:
        inputs = [indices, ints(*shape), values, scalar(7, values.dtype)]
        return tflm.Operator(
            "SPARSE_TO_DENSE",
            inputs,
            [tflm.Tensor(values.dtype, shape)],
            ("SparseToDenseOptions", {"validateIndices": False}),
            1,
        )

    at = np.array([[0, 2], [1, 1], [2, 0]], np.int32)
    operators = [
        dense(scalar(3), (5,), tflm.Tensor("float32", ())),
        dense(ints(0, 3), (5,), tflm.Tensor("float32", (2,))),
        dense(ints(0, 3), (5,), tflm.Tensor("int32", ())),
        dense(tflm.Tensor("int32", (3, 2), data=at), (3, 4), tflm.Tensor("float32", (3,))),
        dense(tflm.Tensor("int32", (3, 2)), (3, 4), tflm.Tensor("int8", (3,))),
    ]
    rng = np.random.default_rng(2)
    sample: list[Array] = [rng.normal(size=n).astype(np.float32) for n in ((), (2,))]
    sample += [np.array(5, np.int32), rng.normal(size=3).astype(np.float32), at[::-1], np.array([1, -2, 3], np.int8)]
    check(tmp_path / "sparse.tflite", operators, sample)


def test_diagonals_equal_litert(tmp_path: Path) -> None:
    operators, sample = [], []
    rng = np.random.default_rng(3)
    for dtype in ("float32", "int32", "int8", "int64"):
        x, size = tflm.Tensor(dtype, (2, 3)), tflm.Tensor(dtype, (2, 3, 3))
        operators.append(tflm.Operator("MATRIX_DIAG", [x], [size], ("MatrixDiagOptions", {}), 1))
        operators.append(tflm.Operator("MATRIX_SET_DIAG", [size, x], [size], ("MatrixSetDiagOptions", {}), 1))
        wide = tflm.Tensor(dtype, (2, 3, 5))
        operators.append(tflm.Operator("MATRIX_SET_DIAG", [wide, x], [wide], ("MatrixSetDiagOptions", {}), 1))
        high = tflm.Tensor(dtype, (2, 4, 3))
        operators.append(tflm.Operator("MATRIX_SET_DIAG", [high, x], [high], ("MatrixSetDiagOptions", {}), 1))
        shapes = ((2, 3), (2, 3, 3), (2, 3), (2, 3, 5), (2, 3), (2, 4, 3), (2, 3))
        sample += [rng.integers(-99, 99, shape).astype(dtype) for shape in shapes]
    check(tmp_path / "diagonals.tflite", operators, sample)


def test_fills_with_what_is_computed_equal_litert(tmp_path: Path) -> None:
    dtypes = ("float32", "int32", "int8", "int64", "bool")
    operators = [
        tflm.Operator("FILL", [ints(2, 3), tflm.Tensor(dtype, ())], [tflm.Tensor(dtype, (2, 3))], ("FillOptions", {}))
        for dtype in dtypes
    ]
    check(tmp_path / "fills.tflite", operators, [np.array(1.75, dtype) for dtype in dtypes])


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(tflm.models([unsorted("SUM", "int64", ints(0, 1), (3,), 4)]))
    with pytest.raises(UnsupportedError, match=r"UNSORTED_SEGMENT_SUM: i64.2, 3. in segments i32.2. is not supported"):
        import_file(path)
