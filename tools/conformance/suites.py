"""The cases: TFLite models of one operator from ../shared/models, node tests and small models of the `onnx` package."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from ariel_build.ir import readable
from tools.recorded.models import single_operators

__all__ = ["Case", "constant_parameters", "onnx_models", "onnx_nodes", "tflite"]

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A model file of one operator (or of what it expands to), with inputs and the right outputs.

    `data` is the file's content where it is made here, else `path` is there. Floats agree within
    `atol + rtol * |wanted|`, those of 16 bits within two units in the last place, integers exactly.
    """

    name: str
    operator: str
    path: Path | None
    data: bytes
    inputs: Sequence[Numbers]
    outputs: Sequence[Numbers]
    rtol: float
    atol: float
    altered: bool = False

    def wrong(self, got: Sequence[Numbers]) -> str:
        """Returns how outputs differ from the right ones; nothing where they agree."""
        if len(got) != len(self.outputs):
            return f"{len(got)} outputs, not {len(self.outputs)}"
        for index, (mine, want) in enumerate(zip(got, self.outputs, strict=True)):
            if mine.size != want.size:
                return f"output {index} has {mine.size} elements, not {want.size}"
            if mine.dtype.itemsize != want.dtype.itemsize:
                return f"output {index} is {mine.dtype}, not {want.dtype}"
            exact = want.dtype.kind in "iub"
            # Integers of 64 bits are no float64, all of them.
            if exact and mine.dtype == want.dtype:
                a, b = mine.reshape(want.shape), want
            else:
                a, b = readable(mine.reshape(want.shape)).astype(np.float64), want.astype(np.float64)
            with np.errstate(invalid="ignore"):
                near = a == b if exact else np.abs(a - b) <= self.atol + max(self.rtol, _last_places(want)) * np.abs(b)
            bad = ~(near | (a == b) | (np.isnan(a) & np.isnan(b)))
            if bad.any():
                return f"output {index}: {int(bad.sum())} of {bad.size} elements differ"
        return ""


def _last_places(data: Numbers) -> float:
    """Returns two units in the last place of floats of 16 bits, 0 for all others.

    What an operator computes inside is rounded at places that the standard leaves open.
    """
    digits = {"float16": 10, "bfloat16": 7}.get(data.dtype.name)
    return 2.0 ** (1 - digits) if digits else 0.0


def tflite() -> Iterator[Case]:
    """Yields the TFLite cases; none where the folder is absent."""
    for name, recorded in single_operators().items():
        inputs, outputs = ([np.load(path) for path in paths] for paths in (recorded.inputs, recorded.outputs))
        yield Case(name, _operators(recorded.path), recorded.path, b"", inputs, outputs, 1e-5, 1e-6)


def _operators(path: Path) -> str:
    """Returns the names of a TFLite model's operators."""
    from ariel_build import frontends  # noqa: PLC0415 - the reader is not needed for the other suite
    from ariel_build.errors import ArielError  # noqa: PLC0415

    try:
        return " ".join(dict.fromkeys(node.op for node in frontends.read(path).nodes))
    except ArielError:
        return path.stem


@functools.cache
def _collected() -> list[Any]:
    from onnx.backend.test.case.node import collect_testcases  # noqa: PLC0415 - takes seconds

    with warnings.catch_warnings():
        # Some cases divide by zero on purpose.
        warnings.simplefilter("ignore")
        return list(collect_testcases(None))


def onnx_nodes() -> Iterator[Case]:
    """Yields the node tests, without the expansions of functions: those repeat other operators."""
    for case in _collected():
        if case.model is None or case.name.endswith("_expanded") or "_expanded_" in case.name:
            continue
        given, wanted = case.data_sets[0]
        inputs, outputs = _arrays(given), _arrays(wanted)
        operator = " ".join(dict.fromkeys(node.op_type for node in case.model.graph.node))
        # Sequences and optional values have no arrays: the compiler refuses such models.
        yield Case(
            case.name,
            operator,
            None,
            case.model.SerializeToString(),
            inputs,
            outputs,
            max(case.rtol, 1e-4),
            max(case.atol, 1e-5),
        )


def onnx_models() -> Iterator[Case]:
    """Yields the small models of the `onnx` package: what PyTorch exported, and what its own authors wrote."""
    root = Path(onnx.__file__).parent / "backend" / "test" / "data"
    for kind in ("pytorch-converted", "pytorch-operator", "simple"):
        for path in sorted(root.joinpath(kind).glob("*/model.onnx")):
            model = onnx.load(path)
            known = {tensor.name for tensor in model.graph.initializer}
            folder = path.parent / "test_data_set_0"
            given = _recorded(folder, "input", [value for value in model.graph.input if value.name not in known])
            wanted = _recorded(folder, "output", model.graph.output)
            operator = " ".join(dict.fromkeys(node.op_type for node in model.graph.node))
            yield Case(path.parent.name, operator, None, model.SerializeToString(), given, wanted, 1e-3, 1e-5)


def _recorded(folder: Path, what: str, values: Iterable[onnx.ValueInfoProto]) -> list[Numbers]:
    """Returns the tensors of a sample; other values are left out, and the compiler refuses their models."""
    found = []
    for index, value in enumerate(values):
        if value.type.HasField("tensor_type"):
            tensor = onnx.TensorProto()
            tensor.ParseFromString(folder.joinpath(f"{what}_{index}.pb").read_bytes())
            found.append(numpy_helper.to_array(tensor))
    return _arrays(found)


def _arrays(values: Sequence[object]) -> list[Numbers]:
    """Returns the tensors among the values, some of which stand there as a file has them."""
    read = [numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else v for v in values]
    arrays = [np.asarray(value) for value in read if isinstance(value, np.ndarray | np.generic | float | int)]
    # Integers of 4 and 2 bits stand one in a byte.
    small = {"int4": np.int8, "uint4": np.uint8, "int2": np.int8, "uint2": np.uint8}
    return [array.astype(small[array.dtype.name]) if array.dtype.name in small else array for array in arrays]


def _constant(value: Numbers, info: onnx.ValueInfoProto) -> onnx.TensorProto:
    """Returns a constant in the place of an input."""
    kind = info.type.tensor_type.elem_type
    if kind in (onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.INT2, onnx.TensorProto.UINT2):
        return onnx.helper.make_tensor(info.name, kind, value.shape, value.reshape(-1).tolist())
    return numpy_helper.from_array(value, info.name)


def constant_parameters(case: Case) -> Case | None:
    """Returns an ONNX case with all inputs but the first as constants, as models have shapes, axes and weights."""
    if case.path is not None or len(case.inputs) < 2:
        return None
    model = onnx.load_model_from_string(case.data)
    given = list(model.graph.input)
    if len(given) != len(case.inputs):
        return None
    for info, value in zip(given[1:], case.inputs[1:], strict=True):
        try:
            model.graph.initializer.append(_constant(np.ascontiguousarray(value), info))
        except (TypeError, ValueError, KeyError):
            return None
    del model.graph.input[1:]
    return replace(case, data=model.SerializeToString(), inputs=case.inputs[:1], altered=True)
