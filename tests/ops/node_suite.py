"""The node tests of the `onnx` package: models of one operator with the answers of ONNX's own reference."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity

__all__ = ["Case", "cases", "judge"]


@dataclass(frozen=True)
class Case:
    """A model, its inputs and its outputs."""

    name: str
    model: onnx.ModelProto
    inputs: list[Array]
    outputs: list[Array]
    rtol: float
    atol: float

    def write(self, folder: Path) -> Path:
        """Writes the model into `folder` and returns its path."""
        path = folder / f"{self.name}.onnx"
        path.write_bytes(self.model.SerializeToString())
        return path

    def with_constants(self, keep: Collection[int]) -> Case:
        """Returns the case with the inputs, but for those in `keep`, turned into initialisers."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        given = list(model.graph.input)
        del model.graph.input[:]
        for index, info in enumerate(given):
            if index in keep:
                model.graph.input.append(info)
            else:
                model.graph.initializer.append(_tensor(self.inputs[index], info))
        return Case(
            self.name, model, [x for k, x in enumerate(self.inputs) if k in keep], self.outputs, self.rtol, self.atol
        )


@functools.cache
def _all() -> list[Any]:
    pytest.importorskip("onnx.backend.test.case.node")
    from onnx.backend.test.case.node import collect_testcases  # noqa: PLC0415

    with warnings.catch_warnings():
        # Some cases divide by zero on purpose.
        warnings.simplefilter("ignore")
        return list(collect_testcases(None))


def cases(*op_types: str) -> Iterator[Case]:
    """Yields the cases whose only node is one of `op_types`, in float32 (or without floats)."""
    for case in _all():
        model = case.model
        if model is None or len(model.graph.node) != 1 or model.graph.node[0].op_type not in op_types:
            continue
        inputs, outputs = case.data_sets[0]
        ours, theirs = ([_array(x) for x in side] for side in (inputs, outputs))
        if model.graph.node[0].op_type in ("Cast", "CastLike"):
            _defined(model, ours, theirs)
        yield Case(case.name, model, ours, theirs, case.rtol, case.atol)


#: Integers of less than a byte, and what they hold.
_SMALL = {
    onnx.TensorProto.INT4: (-8, 7),
    onnx.TensorProto.UINT4: (0, 15),
    onnx.TensorProto.INT2: (-2, 1),
    onnx.TensorProto.UINT2: (0, 3),
}


def _defined(model: onnx.ModelProto, inputs: list[Array], outputs: list[Array]) -> None:
    """Puts 0 where a float does not fit: ONNX leaves that open, and versions of `ml_dtypes`, which answers, differ."""
    limits = _SMALL.get(model.graph.output[0].type.tensor_type.elem_type)
    if limits is not None and inputs[0].dtype.kind == "f":
        whole = np.trunc(inputs[0])
        fits = (whole >= limits[0]) & (whole <= limits[1])
        inputs[0] = np.where(fits, inputs[0], inputs[0].dtype.type(0))
        outputs[0] = np.where(fits, outputs[0], outputs[0].dtype.type(0))


def _tensor(array: Array, info: onnx.ValueInfoProto) -> onnx.TensorProto:
    """Returns a constant in the place of an input."""
    kind = info.type.tensor_type.elem_type
    if kind in _SMALL:
        return onnx.helper.make_tensor(info.name, kind, array.shape, array.reshape(-1).tolist())
    if array.dtype != "V2":
        return onnx.numpy_helper.from_array(array, info.name)
    return onnx.helper.make_tensor(info.name, kind, array.shape, array.tobytes(), raw=True)


def _array(value: object) -> Array:
    """Returns a tensor; one of bfloat16 as files of arrays have it, two bytes without a meaning."""
    array = onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
    # Integers of 4 and 2 bits stand one in a byte.
    small = {"int4": np.int8, "uint4": np.uint8, "int2": np.int8, "uint2": np.uint8}
    if array.dtype.name in small:
        return array.astype(small[array.dtype.name])
    return array.view("V2") if array.dtype.name == "bfloat16" else array


def judge(
    chosen: Iterable[Case],
    folder: Path,
    *,
    right: int,
    refused: Mapping[str, str] | None = None,
    rtol: float | None = None,
) -> None:
    """Fails where our reference is wrong in a case, refuses one (or no longer does), or too few cases are right.

    `refused` has the names of cases that are refused, or patterns of them, and words of the reason. A newer `onnx` may
    have more cases, which is why their number is the least.
    """
    expected = dict(refused or {})
    found = 0
    for case in chosen:
        reason = next((words for pattern, words in expected.items() if fnmatch(case.name, pattern)), "")
        path = case.write(folder)
        if reason:
            with pytest.raises(UnsupportedError) as caught:
                parity.reference(path, [case.inputs])
            assert reason in str(caught.value), f"{case.name}: {caught.value}"
            continue
        got = parity.reference(path, [case.inputs])
        parity.agree(
            got, [case.outputs], case.name, rtol=case.rtol if rtol is None else rtol, atol=max(case.atol, 1e-6)
        )
        found += 1
    assert found >= right, f"only {found} cases are there and right"
