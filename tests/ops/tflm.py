"""TFLite-Micro as an oracle: builds models of single operators side by side, and runs models in a child process.

The interpreter aborts Python on some models and inputs, so it never runs in ours. `run` answers None where it did.
"""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ariel_build.ir import Array

__all__ = ["Operator", "Sparsity", "Tensor", "chained", "flexbuffer", "model", "models", "run", "run_sequences"]

ARENA_BYTES = 1 << 23


@dataclass(frozen=True)
class Sparsity:
    """Levels of a sparse constant, in order: an extent where one is dense, else its segments and indices."""

    order: Sequence[int]
    blocks: Sequence[int]
    levels: Sequence[int | tuple[Array, Array]]


@dataclass(frozen=True)
class Tensor:
    """A tensor of a model to build; `data` makes it a constant. Several scales are those along `axis`."""

    dtype: str
    shape: tuple[int, ...]
    scale: float | Sequence[float] | None = None
    zero_point: int = 0
    data: Array | None = None
    axis: int = 0
    variable: bool = False
    sparsity: Sparsity | None = None


@dataclass(frozen=True)
class Operator:
    """An operator of a model to build; `options` are the name of the options table and its fields.

    `CUSTOM:<name>` is a custom one, whose options are a FlexBuffers map.
    """

    op: str
    inputs: Sequence[Tensor | None]
    outputs: Sequence[Tensor]
    options: tuple[str, Mapping[str, Any]] | None = None
    version: int = 2


def model(
    op: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    options: tuple[str, Mapping[str, Any]] | None = None,
    version: int = 2,
) -> bytes:
    """Returns a TFLite file with one operator; `options` are the name of the options table and its fields."""
    return models([Operator(op, inputs, outputs, options, version)])


def chained(operators: Sequence[Operator]) -> bytes:
    """Returns a TFLite file with the operators one after the other: a tensor that two have is one object."""
    return models(operators, chain=True)


def models(operators: Sequence[Operator], *, chain: bool = False) -> bytes:
    """Returns a TFLite file with the operators side by side: its inputs and outputs are those of all, in order.

    In a `chain` what one operator makes is what others take; outputs are what none takes.
    """
    pytest.importorskip("tflite_micro")
    import flatbuffers  # noqa: PLC0415 - comes with tflite_micro
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema  # noqa: PLC0415

    file = schema.ModelT()
    file.version = 3
    file.buffers = [schema.BufferT()]
    file.operatorCodes = []
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []

    made: dict[int, int] = {}
    known: set[int] = set()

    def add(spec: Tensor | None) -> int:
        if spec is None:
            return -1
        if chain and id(spec) in made:
            return made[id(spec)]
        index = made[id(spec)] = len(graph.tensors)
        tensor = schema.TensorT()
        tensor.name = f"t{index}".encode()
        tensor.shape = np.array(spec.shape, np.int32)
        tensor.type = getattr(schema.TensorType, spec.dtype.upper())
        if spec.scale is not None:
            scales = np.atleast_1d(np.array(spec.scale, np.float32))
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = np.full(len(scales), spec.zero_point, np.int64)
            tensor.quantization.quantizedDimension = spec.axis
        tensor.isVariable = spec.variable
        if spec.sparsity is not None:
            tensor.sparsity = _sparsity(schema, spec.sparsity)
        buffer = schema.BufferT()
        if spec.data is not None:
            buffer.data = np.frombuffer(np.ascontiguousarray(spec.data).tobytes(), np.uint8)
        tensor.buffer = len(file.buffers)
        file.buffers.append(buffer)
        graph.tensors.append(tensor)
        return index

    for spec in operators:
        code = schema.OperatorCodeT()
        kind, _, custom = spec.op.partition(":")
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.customCode = custom.encode() or None
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = spec.version
        operator = schema.OperatorT()
        operator.opcodeIndex = len(file.operatorCodes)
        file.operatorCodes.append(code)
        inputs, outputs = [add(t) for t in spec.inputs], [add(t) for t in spec.outputs]
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if spec.options is not None and custom:
            operator.customOptions = np.frombuffer(flexbuffer(spec.options[1]), np.uint8)
        elif spec.options is not None:
            name, fields = spec.options
            table = getattr(schema, f"{name}T")()
            for key, value in fields.items():
                setattr(table, key, value)
            if hasattr(schema.BuiltinOptions, name):
                operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, name), table
            else:
                operator.builtinOptions2Type, operator.builtinOptions2 = getattr(schema.BuiltinOptions2, name), table
        graph.operators.append(operator)
        graph.inputs += [
            k
            for k, t in zip(inputs, spec.inputs, strict=True)
            if t is not None and t.data is None and not t.variable and not (chain and k in known)
        ]
        known.update(inputs, outputs)
        graph.outputs = [k for k in graph.outputs if not chain or k not in inputs] + outputs
    graph.inputs, graph.outputs = np.array(graph.inputs, np.int32), np.array(graph.outputs, np.int32)
    file.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(file.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _sparsity(schema: Any, given: Sparsity) -> Any:  # noqa: ANN401 - generated
    found = schema.SparsityParametersT()
    found.traversalOrder, found.blockMap = np.array(given.order, np.int32), np.array(given.blocks, np.int32)
    found.dimMetadata = []
    for level in given.levels:
        made = schema.DimensionMetadataT()
        if isinstance(level, int):
            made.format, made.denseSize = schema.DimensionType.DENSE, level
        else:
            made.format, vectors = schema.DimensionType.SPARSE_CSR, [schema.Int32VectorT() for _ in level]
            for vector, numbers in zip(vectors, level, strict=True):
                vector.values = np.array(numbers, np.int32)
            made.arraySegments, made.arrayIndices = vectors
            made.arraySegmentsType = made.arrayIndicesType = schema.SparseIndexVector.Int32Vector
        found.dimMetadata.append(made)
    return found


def flexbuffer(fields: Mapping[str, int | float | bool]) -> bytes:
    """Returns the FlexBuffers map that converters write for a custom operator."""
    from flatbuffers import flexbuffers  # noqa: PLC0415 - comes with tflite

    builder = flexbuffers.Builder()
    with builder.Map():
        for name, value in fields.items():
            add = builder.Bool if isinstance(value, bool) else builder.Int if isinstance(value, int) else builder.Float
            add(name, value)
    return bytes(builder.Finish())


_CHILD = """
import pickle, sys
import numpy as np
from tflite_micro import runtime

requests, answers = sys.stdin.buffer, sys.stdout.buffer
sys.stdout = sys.stderr
while True:
    try:
        file, samples = pickle.load(requests)
    except EOFError:
        break
    sequence = []
    try:
        interpreter = runtime.Interpreter.from_bytes(file, [], {arena})
        for inputs in samples:
            for index, data in enumerate(inputs):
                interpreter.set_input(data, index)
            interpreter.invoke()
            answer = []
            while True:
                try:
                    answer.append(np.array(interpreter.get_output(len(answer))))
                except Exception:
                    break
            sequence.append(answer)
    except Exception:
        sequence = None
    pickle.dump(sequence, answers)
    answers.flush()
"""


def run(requests: Sequence[tuple[bytes, Sequence[Array]]]) -> list[list[Array] | None]:
    """Returns the outputs of each (model, inputs); None where the interpreter refuses or dies."""
    sequences = run_sequences([(file, [inputs]) for file, inputs in requests])
    return [None if answers is None else answers[0] for answers in sequences]


def run_sequences(requests: Sequence[tuple[bytes, Sequence[Sequence[Array]]]]) -> list[list[list[Array]] | None]:
    """Returns the outputs of each (model, samples), its samples in order, with what it keeps from one to the next.

    None where the interpreter refuses or dies.
    """
    # Who dies of a model may have been hurt by one before: a new child is asked again.
    return [_asked(request) or _asked(request) for request in requests]


def _asked(request: tuple[bytes, Sequence[Sequence[Array]]]) -> list[list[Array]] | None:
    child = _child()
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        pickle.dump(request, child.stdin)
        child.stdin.flush()
        answers: list[list[Array]] | None = pickle.load(child.stdout)  # noqa: S301 - our own child's
    except (EOFError, OSError, pickle.UnpicklingError):
        _child.cache_clear()
        child.kill()
        child.communicate()
        return None
    return answers


@functools.cache
def _child() -> subprocess.Popen[bytes]:
    """Returns the process that answers until it dies, or until ours ends: to start it takes longer than a model."""
    command = [sys.executable, "-c", _CHILD.format(arena=ARENA_BYTES)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
