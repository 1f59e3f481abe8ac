"""What importer functions see: the source node that is being imported, and the graph under construction.

The loop that runs them is in `importing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ariel_build.frontends.source import SourceModel, SourceNode, SourceTensor
from ariel_build.ir import MAX_TENSOR_BYTES, Array, DType, Graph, Node, Quant, State, TensorType, Value
from ariel_build.ops.base import STORED, Operator, UnsupportedReason
from ariel_build.ops.cast import cast
from ariel_build.ops.element_types import unsupported_type
from ariel_build.ops.reshape import Reshape
from ariel_build.records import dataclass

__all__ = ["INCONSISTENT", "Importer", "UnknownValueError", "Unsized", "fold", "source_type"]


@dataclass(frozen=True)
class Unsized:
    """A slice whose begin or size the run time computes, and whose extents nobody states."""

    source: Value
    begin: Value
    size: Value


class Importer:
    """The graph under construction, and the source node that is being imported."""

    def __init__(self, model: SourceModel) -> None:
        """Takes the model; the loop in `importing.py` drives."""
        self.model = model
        self.node = SourceNode("", [], [])
        self.values: dict[str, Value] = {}
        #: Tensors of which only the run time knows how many elements they have: slices, by their keys.
        self.unsized: dict[str, Unsized] = {}
        #: ONNX's sequences of tensors, by their keys: what is in them is known while importing.
        self.sequences: dict[str, list[Value]] = {}
        self.nodes: list[Node] = []
        self.states: list[State] = []
        #: Views that exist: (value, quantisation) -> the same elements with that quantisation.
        self.views: dict[tuple[Value, Quant | None], Value] = {}
        #: Floats of 16 bits -> the same numbers in float32.
        self.wide: dict[Value, Value] = {}
        #: The type of 16 bits that the node's results are rounded to, where it was given one.
        self.half: DType | None = None
        #: The attributes of the node that its importer has asked for.
        self.asked: set[str] = set()
        #: What importer functions of one model share, such as the resource variables of TFLite.
        self.shared: dict[str, object] = {}
        #: How many nodes have been imported, those of subgraphs included: one number for all importers of a model.
        self.count = [0]
        #: Of a subgraph: who imports the graph around it, and whether it becomes a body, apart from that.
        self.outer: Importer | None = None
        self.is_apart = False
        #: Values of the graph around a body that it reads -> its inputs.
        self.captured: dict[Value, Value] = {}

    def inner(self, model: SourceModel, *, apart: bool) -> Importer:
        """Returns the importer of a subgraph of the node, for a body (`apart`), or into the same graph."""
        inner = type(self)(model)
        inner.outer, inner.is_apart, inner.shared, inner.count = self, apart, self.shared, self.count
        if not apart:
            inner.nodes, inner.states, inner.views = self.nodes, self.states, self.views
        return inner

    @property
    def is_in_body(self) -> bool:
        """Whether what is imported runs only where control flow says so."""
        return self.is_apart or (self.outer is not None and self.outer.is_in_body)

    def capture(self, value: Value) -> Value:
        """Returns what a value of the graph around this one is here: an input of the body; itself if there is none."""
        if not self.is_apart or value.data is not None:
            return value
        if value not in self.captured:
            self.captured[value] = Value(value.type, value.name, origin=value.origin)
        return self.captured[value]

    # ---- what the source node says

    def attribute(self, name: str, default: object = None) -> object:
        """Returns an attribute of the node, or `default` where the file leaves it out."""
        self.asked.add(name)
        value = self.node.attributes.get(name)
        return default if value is None else value

    def integer(self, name: str, default: int = 0) -> int:
        """Returns an integer attribute."""
        value = self.attribute(name, default)
        if not isinstance(value, (int, np.integer)):
            raise UnsupportedReason(f"attribute `{name}` is {value!r}, not an integer")
        return int(value)

    def real(self, name: str, default: float = 0.0) -> float:
        """Returns a real attribute."""
        value = self.attribute(name, default)
        if not isinstance(value, (int, float, np.number)):
            raise UnsupportedReason(f"attribute `{name}` is {value!r}, not a number")
        return float(value)

    def text(self, name: str, default: str = "") -> str:
        """Returns an attribute that is a word, such as `SAME`."""
        value = self.attribute(name, default)
        if not isinstance(value, str):
            raise UnsupportedReason(f"attribute `{name}` is {value!r}, not a word")
        return value

    def integers(self, name: str, default: Sequence[int] = ()) -> tuple[int, ...]:
        """Returns an attribute that is a list of integers."""
        value = self.attribute(name, default)
        try:
            return tuple(int(v) for v in np.asarray(value).reshape(-1))
        except (TypeError, ValueError):
            raise UnsupportedReason(f"attribute `{name}` is {value!r}, not a list of integers") from None

    def input(self, index: int) -> Value:
        """Returns an input that the operator needs."""
        value = self.optional_input(index)
        if value is None:
            raise UnsupportedReason(f"input {index} is missing")
        return value

    def optional_input(self, index: int) -> Value | None:
        """Returns an input, or None where the file leaves it out."""
        key = self.node.inputs[index] if index < len(self.node.inputs) else None
        return None if key is None else self._computed(self.value(key))

    def inputs(self) -> list[Value]:
        """Returns all inputs that are there."""
        return [self._computed(self.value(key)) for key in self.node.inputs if key is not None]

    def sequence(self, index: int) -> list[Value]:
        """Returns the tensors of an input that is a sequence."""
        key = self.node.inputs[index] if index < len(self.node.inputs) else None
        if key is None:
            raise UnsupportedReason(f"input {index} is missing")
        if key not in self.sequences:
            self.value(key)
            raise UnsupportedReason(f"input {index} is a tensor, not a sequence of tensors")
        return self.sequences[key]

    def _computed(self, value: Value) -> Value:
        """Returns the value in the type in which the node computes: floats of 16 bits are float32 to most."""
        if not value.type.dtype.is_half or (self.model.format, self.node.op) in STORED:
            return value
        self.half = self.half or value.type.dtype
        if value not in self.wide:
            self.wide[value] = cast(self, value, DType.F32)
        return self.wide[value]

    def value(self, key: str) -> Value:
        """Returns the value of a source tensor; constants come into being when first used."""
        if key in self.unsized:
            name = self.model.tensors[key].name
            raise UnsupportedReason(f"how many elements tensor `{name}` has, only the run time knows")
        if key in self.sequences:
            raise UnsupportedReason(f"`{key}` is a sequence of tensors, not a tensor: take its members by SequenceAt")
        if key not in self.values:
            if self.outer is not None and key in self.model.captured:
                self.values[key] = self.capture(self.outer.value(key))
                return self.values[key]
            tensor = self.model.tensors.get(key)
            if tensor is not None and tensor.dtype is None and tensor.file_type:
                raise UnsupportedReason(f"tensor `{tensor.name}`: {unsupported_type(tensor.file_type)}")
            if tensor is None or tensor.data is None:
                raise UnknownValueError(key)
            self.values[key] = self.constant(tensor.data, tensor.name, tensor.quant)
        return self.values[key]

    def constant_input(self, index: int, what: str) -> Array:
        """Returns the elements of an input that must be known at build time."""
        value = self.input(index)
        if value.data is None:
            raise UnsupportedReason(f"{what} (input {index}) is computed at run time; only a constant is supported")
        return value.data

    def declared_shape(self, what: str, index: int = 0) -> tuple[int, ...]:
        """Returns the shape that the file declares for an output, which `what` would tell were it not computed."""
        tensor = self.model.tensors.get(self.node.outputs[index])
        shape = None if tensor is None else tensor.shape
        if shape is None or not all(isinstance(d, int) for d in shape):
            raise UnsupportedReason(
                f"{what} is computed at run time, and the file does not declare the shape of output {index}"
            )
        return tuple(int(d) for d in shape if isinstance(d, int))

    def output_type(self, index: int = 0) -> TensorType:
        """Returns the type that the file declares for an output (TFLite always does)."""
        tensor = self.model.tensors.get(self.node.outputs[index])
        if tensor is None:
            raise UnsupportedReason(f"output {index} has no type")
        return source_type(tensor)

    def output_element(self, index: int = 0) -> DType:
        """Returns the type of an output's elements that the file declares, whatever its shape is."""
        tensor = self.model.tensors.get(self.node.outputs[index])
        if tensor is None or tensor.dtype is None:
            raise UnsupportedReason(f"output {index} has no type")
        return tensor.dtype

    # ---- what it becomes

    def view(self, value: Value, quant: Quant | None) -> Value:
        """Returns the same elements with another quantisation: themselves where they have it, else another value."""
        if value.type.quant == quant:
            return value
        if value.data is not None:
            return self.constant(value.data, value.name, quant)
        if (value, quant) not in self.views:
            (self.views[value, quant],) = self.emit(Reshape(value.shape), [value], [quant])
        return self.views[value, quant]

    def constant(self, data: Array, name: str = "", quant: Quant | None = None) -> Value:
        """Makes a constant."""
        data = np.asarray(data)
        try:
            dtype = DType.of(data.dtype)
        except KeyError:
            raise UnsupportedReason(f"element type {data.dtype} is not supported") from None
        return Value(TensorType(dtype, data.shape, quant), name, np.ascontiguousarray(data).reshape(data.shape))

    def emit(
        self,
        op: Operator,
        inputs: Sequence[Value | None],
        quants: Sequence[Quant | None] = (),
        types: Sequence[TensorType] = (),
        bodies: Sequence[Graph] = (),
    ) -> list[Value]:
        """Adds a node and returns its outputs; folds it where every input is a constant, and it has no bodies.

        Types are inferred; `quants` adds the outputs' quantisation, `types` gives whole types (checked against the
        inferred ones).

        In ONNX and PyTorch an integer is an integer, whatever scale others read it with: unless the caller gives the
        results a scale, the operator acts on views of its operands that have none, and so computes with the integers,
        or refuses.
        """
        op_inputs = list(inputs)
        if (
            self.model.format != "tflite"
            and not op.traits.reads_scaled
            and not types
            and all(q is None for q in quants)
        ):
            op_inputs = [None if v is None else self.view(v, None) for v in op_inputs]
        try:
            inferred = op.infer([None if v is None else v.type for v in op_inputs])
        except ValueError as reason:
            raise UnsupportedReason(str(reason)) from None
        outputs = []
        for index, guess in enumerate(inferred):
            type_ = types[index] if index < len(types) else guess
            if type_ is None:
                raise UnsupportedReason(f"the type of output {index} is not known")
            if type_.bytes > MAX_TENSOR_BYTES:
                raise UnsupportedReason(f"output {index}, {type_}, is larger than {MAX_TENSOR_BYTES >> 20} MiB")
            if guess is not None and (guess.shape != type_.shape or guess.dtype is not type_.dtype):
                raise UnsupportedReason(f"output {index} is declared {type_}, but the operator makes {guess}")
            if index < len(quants):
                type_ = replace(type_, quant=quants[index])
            outputs.append(Value(type_, origin=self.node.origin))
        node = Node(op, op_inputs, outputs, self.node.origin, list(bodies))
        if op_inputs and not bodies and all(v is None or v.data is not None for v in op_inputs):
            return fold(node)
        self.nodes.append(node)
        return outputs

    def bind(self, *values: Value | None) -> None:
        """Makes `values` the outputs of the source node, None where nobody reads; a TFLite file declares their types.

        What only moves elements keeps their scale: where the file declares another one, its readers see that.
        """
        for index, (key, value) in enumerate(zip(self.node.outputs, values, strict=False)):
            if value is None:
                continue
            if self.half is not None and value.type.dtype is DType.F32:
                self.values[key] = cast(self, value, self.half)
                continue
            tensor = self.model.tensors.get(key)
            own = value
            if self.model.format == "tflite" and tensor is not None and tensor.dtype and tensor.shape is not None:
                declared = self.output_type(index)
                if value.shape != declared.shape or value.type.dtype is not declared.dtype:
                    raise UnsupportedReason(
                        f"output {index} is declared {declared}, but the operator makes {value.type}"
                    )
                own = self.view(value, declared.quant)
            own.name = own.name or (tensor.name if tensor else key)
            self.values[key] = own

    def bind_sequence(self, parts: Sequence[Value]) -> None:
        """Makes a sequence of tensors the output of the source node."""
        self.sequences[self.node.outputs[0]] = list(parts)

    def emit_declared(self, op: Operator, inputs: Sequence[Value | None]) -> None:
        """Adds a node whose outputs have the types that the file declares, and binds them (TFLite).

        Where the user has bound a free dimension, the file's shapes do not hold: they are inferred.
        """
        tensors = [self.model.tensors[key] for key in self.node.outputs]
        if any(t.shape is None for t in tensors):
            self.bind(*self.emit(op, inputs, quants=[t.quant for t in tensors]))
        else:
            self.bind(*self.emit(op, inputs, types=[self.output_type(i) for i in range(len(tensors))]))


class UnknownValueError(Exception):
    """An input comes from a node that could not be imported."""


def fold(node: Node) -> list[Value]:
    """Evaluates a node whose inputs are constants; the outputs become constants."""
    assert isinstance(node.op, Operator)  # noqa: S101 - the graph's nodes hold our operators only
    results = node.op.reference([None if v is None else v.data for v in node.inputs], node)
    for value, data in zip(node.outputs, results, strict=True):
        value.data = np.ascontiguousarray(data, value.type.dtype.numpy).reshape(value.shape)
    return node.outputs


def source_type(tensor: SourceTensor) -> TensorType:
    """Returns the type of a source tensor whose type and shape are known; UnsupportedReason otherwise."""
    if tensor.dtype is None:
        raise UnsupportedReason(f"tensor `{tensor.name}`: {unsupported_type(tensor.file_type)}")
    if tensor.shape is None:
        raise UnsupportedReason(f"the shape of `{tensor.name}` is not known")
    shape = tuple(d if isinstance(d, int) else 1 for d in tensor.shape)
    return TensorType(tensor.dtype, shape, tensor.quant)


#: What inconsistent operands and attributes raise in Python and numpy.
INCONSISTENT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
