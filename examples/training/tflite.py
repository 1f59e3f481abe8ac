"""Writes TFLite files operator by operator, and asks TFLite-Micro what they answer.

For models that no converter makes: those with TFLite-Micro's own operators, such as the ones on signals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers
from tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

__all__ = ["Model", "Quantisation", "run"]

Array = np.ndarray[Any, Any]
_ARENA_BYTES = 1 << 20


@dataclass(frozen=True)
class Quantisation:
    """What integers stand for: `(q - zero_point) * scale`; several scales are those along `axis`."""

    scale: float | Array
    zero_point: int = 0
    axis: int = 0


class Model:
    """A graph in the making; tensors are known by their numbers."""

    def __init__(self) -> None:
        self._file = schema.ModelT()
        self._file.version = 3
        self._file.buffers = [schema.BufferT()]
        self._file.operatorCodes = []
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._codes: dict[tuple[int, str], int] = {}

    def tensor(
        self,
        name: str,
        dtype: str,
        shape: Sequence[int],
        quantisation: Quantisation | None = None,
        *,
        variable: bool = False,
    ) -> int:
        """Adds a tensor that an operator gives, or the model's user; a variable stays from run to run."""
        tensor = schema.TensorT()
        tensor.name = name.encode()
        tensor.shape = np.array(shape, np.int32)
        tensor.type = getattr(schema.TensorType, dtype.upper())
        tensor.isVariable = variable
        if quantisation is not None:
            scales = np.atleast_1d(np.array(quantisation.scale, np.float32))
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = np.full(len(scales), quantisation.zero_point, np.int64)
            tensor.quantization.quantizedDimension = quantisation.axis
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(self, name: str, data: Array, quantisation: Quantisation | None = None) -> int:
        """Adds a tensor whose numbers stand in the file."""
        index = self.tensor(name, str(data.dtype), data.shape, quantisation)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        self._graph.tensors[index].buffer = len(self._file.buffers)
        self._file.buffers.append(buffer)
        return index

    def operator(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", /, **fields: float
    ) -> None:
        """Adds one of TFLite's operators, and its table of options with these fields."""
        operator = self._add(getattr(schema.BuiltinOperator, kind), "", inputs, outputs)
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, f"{options}T")()
            for name, value in fields.items():
                setattr(operator.builtinOptions, name, value)

    def custom(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: Mapping[str, int | bool]
    ) -> None:
        """Adds one of TFLite-Micro's operators; its options are a FlexBuffers map."""
        builder = flexbuffers.Builder()
        with builder.Map():
            for name, value in options.items():
                (builder.Bool if isinstance(value, bool) else builder.Int)(name, value)
        operator = self._add(schema.BuiltinOperator.CUSTOM, kind, inputs, outputs)
        operator.customOptions = np.frombuffer(bytes(builder.Finish()), np.uint8)

    def to_bytes(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Returns the file with these inputs and outputs."""
        self._graph.inputs, self._graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        self._file.subgraphs = [self._graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._file.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _add(self, builtin: int, custom: str, inputs: Sequence[int], outputs: Sequence[int]) -> schema.OperatorT:
        if (builtin, custom) not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, 127)
            code.customCode = custom.encode() or None
            code.version = 1
            self._codes[builtin, custom] = len(self._file.operatorCodes)
            self._file.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes[builtin, custom]
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        self._graph.operators.append(operator)
        return operator


def run(file: bytes, rows: Array) -> Array:
    """Returns TFLite-Micro's answers to the rows, one after another: what the model keeps, it keeps."""
    interpreter = runtime.Interpreter.from_bytes(file, [], _ARENA_BYTES)
    answers = []
    for row in rows:
        interpreter.set_input(row[None], 0)
        interpreter.invoke()
        answers.append(np.array(interpreter.get_output(0)).reshape(-1))
    return np.stack(answers)
