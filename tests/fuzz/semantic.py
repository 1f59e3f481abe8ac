"""ONNX model -> sound files with something else in them: attributes, shapes, types, wires, operators."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["semantic_mutants"]

NUMBERS = (-(1 << 63), -(1 << 31), -7, -2, -1, 0, 1, 2, 3, 4, 5, 16, 255, 1 << 16, (1 << 31) - 1, (1 << 63) - 1)
REALS = (0.0, -1.0, 1e-38, 1e38, float("inf"), float("-inf"), float("nan"))
TYPES = tuple(TensorProto.DataType.values())
WORDS = (b"", b"SAME_UPPER", b"SAME_LOWER", b"VALID", b"NOTSET", b"tanh", b"constant", b"reflect", b"\xff")


def semantic_mutants(path: Path, count: int, seed: int = 7) -> Iterator[bytes]:
    """Yields `count` changed copies of an ONNX file."""
    model = onnx.load_model_from_string(path.read_bytes())
    rng = random.Random(seed)  # noqa: S311 - the same mutants for everyone
    operators = sorted({node.op_type for node in model.graph.node})
    for _ in range(count):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            # What is broken by one change may be out of reach for another.
            with suppress(ValueError, TypeError):
                rng.choice(CHANGES)(copy, rng, operators)
        yield copy.SerializeToString()


def _attribute(model: onnx.ModelProto, rng: random.Random, _: list[str]) -> None:
    nodes = [node for node in model.graph.node if node.attribute]
    if not nodes:
        return
    attribute = rng.choice(rng.choice(nodes).attribute)
    match attribute.type:
        case onnx.AttributeProto.INT:
            attribute.i = rng.choice(NUMBERS)
        case onnx.AttributeProto.INTS if attribute.ints and rng.random() < 0.7:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)
        case onnx.AttributeProto.INTS:
            numbers = [rng.choice(NUMBERS) for _ in range(rng.randrange(6))]
            del attribute.ints[:]
            attribute.ints.extend(numbers)
        case onnx.AttributeProto.FLOAT:
            attribute.f = rng.choice(REALS)
        case onnx.AttributeProto.STRING:
            attribute.s = rng.choice(WORDS)
        case _:
            attribute.type = rng.choice((onnx.AttributeProto.INT, onnx.AttributeProto.FLOATS))


def _no_attribute(model: onnx.ModelProto, rng: random.Random, _: list[str]) -> None:
    node = rng.choice(model.graph.node)
    if node.attribute:
        del node.attribute[rng.randrange(len(node.attribute))]


def _constant(model: onnx.ModelProto, rng: random.Random, _: list[str]) -> None:
    """Gives a constant another shape, type, or small values."""
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    array = numpy_helper.to_array(tensor)
    match rng.randrange(4):
        case 0 if tensor.dims:
            tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(NUMBERS[4:])
        case 1:
            tensor.data_type = rng.choice(TYPES)
        case 2 if array.size:
            flat = array.reshape(-1).copy()
            flat[rng.randrange(flat.size)] = rng.choice((0, 1, 2, 3, 7, 100))
            tensor.CopyFrom(numpy_helper.from_array(flat.reshape(array.shape), tensor.name))
        case _:
            shape = array.shape[:-1] if rng.random() < 0.5 else (1, *array.shape)
            if array.size and shape:
                small = array.reshape(-1)[:1].repeat(max(1, abs(array.size // max(array.shape[-1:] or (1,)))))
                tensor.CopyFrom(numpy_helper.from_array(small, tensor.name))


def _wire(model: onnx.ModelProto, rng: random.Random, _: list[str]) -> None:
    """Lets a node read another value, or none."""
    node = rng.choice(model.graph.node)
    if node.input:
        names = ["", *(name for other in model.graph.node for name in other.output)]
        names += [tensor.name for tensor in model.graph.initializer]
        node.input[rng.randrange(len(node.input))] = rng.choice(names)


def _fewer_inputs(model: onnx.ModelProto, rng: random.Random, _: list[str]) -> None:
    node = rng.choice(model.graph.node)
    if node.input:
        del node.input[rng.randrange(len(node.input)) :]


def _operator(model: onnx.ModelProto, rng: random.Random, operators: list[str]) -> None:
    rng.choice(model.graph.node).op_type = rng.choice(operators)


def _end(model: onnx.ModelProto, rng: random.Random, _: list[str]) -> None:
    """Gives an input or output of the model another shape or type."""
    value = rng.choice([*model.graph.input, *model.graph.output])
    shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    kind = value.type.tensor_type.elem_type
    if rng.random() < 0.3:
        kind = rng.choice((TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.BOOL))
    elif shape and rng.random() < 0.7:
        shape[rng.randrange(len(shape))] = rng.choice((0, 1, 2, 3, 5, 64, 1000, 1 << 20))
    else:
        shape = shape[1:] if rng.random() < 0.5 else [1, *shape]
    value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shape))


def _without_node(model: onnx.ModelProto, rng: random.Random, _: list[str]) -> None:
    del model.graph.node[rng.randrange(len(model.graph.node))]


CHANGES: tuple[Callable[[onnx.ModelProto, random.Random, list[str]], None], ...] = (
    _attribute,
    _attribute,
    _no_attribute,
    _constant,
    _constant,
    _wire,
    _fewer_inputs,
    _operator,
    _end,
    _without_node,
)
