"""ONNX models of many small operators side by side, in float32 or between QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from ariel_build.ir import Array

__all__ = ["Builder", "Quantisation"]

#: Scale and zero point.
Quantisation = tuple[float, int]


class Builder:
    """A model under construction; values are names. The samples that it takes are those of its inputs, in order."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[tuple[str, npt.DTypeLike, tuple[int, ...]]] = []
        self.outputs: list[tuple[str, npt.DTypeLike]] = []

    def _name(self) -> str:
        return f"v{len(self.nodes) + len(self.constants) + len(self.inputs)}"

    def constant(self, data: npt.ArrayLike) -> str:
        """Adds an initialiser."""
        name = self._name()
        self.constants.append(numpy_helper.from_array(np.asarray(data), name))
        return name

    def op(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:  # noqa: ANN401 - ONNX attributes are of many types
        """Adds a node and returns its output."""
        name = self._name()
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def input(
        self, shape: Sequence[int], quantisation: Quantisation | None = None, dtype: npt.DTypeLike = np.int8
    ) -> str:
        """Adds an input; a quantised one is dequantised at once."""
        name = self._name()
        self.inputs.append((name, np.float32 if quantisation is None else dtype, tuple(shape)))
        return name if quantisation is None else self._dequantize(name, *quantisation, dtype)

    def _dequantize(
        self, name: str, scale: npt.ArrayLike, zero: npt.ArrayLike, dtype: npt.DTypeLike, axis: int = 0
    ) -> str:
        scales, zeros = self.constant(np.asarray(scale, np.float32)), self.constant(np.asarray(zero, dtype))
        return self.op("DequantizeLinear", [name, scales, zeros], axis=axis)

    def weights(self, data: Array, scales: Sequence[float], axis: int = 0, zero: int = 0) -> str:
        """Adds a dequantised constant: per channel where there are several scales."""
        name = self.constant(data)
        if len(scales) == 1:
            return self._dequantize(name, scales[0], zero, data.dtype)
        return self._dequantize(name, scales, [zero] * len(scales), data.dtype, axis)

    def output(self, name: str, quantisation: Quantisation | None = None, dtype: npt.DTypeLike = np.int8) -> None:
        """Makes a value an output; a quantised one is quantised first."""
        if quantisation is not None:
            scale, zero = quantisation
            ends = [self.constant(np.float32(scale)), self.constant(np.asarray(zero, dtype))]
            name = self.op("QuantizeLinear", [name, *ends])
        self.outputs.append((name, np.float32 if quantisation is None else dtype))

    def write(self, path: Path, opset: int = 19) -> Path:
        """Writes the model and returns its path."""

        def kind(dtype: npt.DTypeLike) -> int:
            return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

        inputs = [helper.make_tensor_value_info(n, kind(d), s) for n, d, s in self.inputs]
        outputs = [helper.make_tensor_value_info(n, kind(d), None) for n, d in self.outputs]
        graph = helper.make_graph(self.nodes, "model", inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
        path.write_bytes(model.SerializeToString())
        return path

    def samples(self, rng: np.random.Generator, count: int = 3) -> list[list[Array]]:
        """Returns random samples; in the last one all integers are extremes."""

        def draw(dtype: npt.DTypeLike, shape: tuple[int, ...], *, extreme: bool) -> Array:
            if np.dtype(dtype) == np.float32:
                return rng.normal(0, 1, shape).astype(np.float32)
            info = np.iinfo(np.dtype(dtype).type)
            if extreme:
                return rng.choice(np.array([info.min, info.max], dtype), size=shape)
            return rng.integers(info.min, info.max + 1, shape).astype(dtype)

        return [[draw(d, s, extreme=k == count - 1) for _, d, s in self.inputs] for k in range(count)]
