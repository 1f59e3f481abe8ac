"""From a source model to a graph: what importer functions see, and the loop that runs them.

Nothing stops at the first unsupported operator: all are collected, each with its place in the model, and reported in
one error.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ariel_build.errors import Diagnostic, ModelError, UnsupportedError
from ariel_build.frontends.source import SourceModel, SourceNode, SourceTensor
from ariel_build.ir import MAX_TENSOR_BYTES, Array, DType, Graph, Node, Quant, State, TensorType, Value
from ariel_build.ops.base import IMPORTERS, Operator, UnsupportedReason

__all__ = ["Importer", "import_model"]

HELP = "docs/supported-ops.md lists what is supported; `cargo ariel inspect` lists what this model uses"


class Importer:
    """The graph under construction, and the source node that is being imported."""

    def __init__(self, model: SourceModel) -> None:
        """Takes the model; `import_model` drives."""
        self.model = model
        self.node = SourceNode("", [], [])
        self.values: dict[str, Value] = {}
        self.nodes: list[Node] = []
        self.states: list[State] = []
        #: What importer functions of one model share, such as the resource variables of TFLite.
        self.shared: dict[str, object] = {}

    # ---- what the source node says

    def attribute(self, name: str, default: object = None) -> object:
        """Returns an attribute of the node, or `default` where the file leaves it out."""
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
        return None if key is None else self.value(key)

    def inputs(self) -> list[Value]:
        """Returns all inputs that are there."""
        return [self.value(key) for key in self.node.inputs if key is not None]

    def value(self, key: str) -> Value:
        """Returns the value of a source tensor; constants come into being when first used."""
        if key not in self.values:
            tensor = self.model.tensors.get(key)
            if tensor is not None and tensor.dtype is None and tensor.file_type:
                raise UnsupportedReason(f"tensor `{tensor.name}` is {tensor.file_type}, which is not supported")
            if tensor is None or tensor.data is None:
                raise _UnknownValueError(key)
            self.values[key] = self.constant(tensor.data, tensor.name, tensor.quant)
        return self.values[key]

    def constant_input(self, index: int, what: str) -> Array:
        """Returns the elements of an input that must be known at build time."""
        value = self.input(index)
        if value.data is None:
            raise UnsupportedReason(f"{what} (input {index}) is computed at run time; only a constant is supported")
        return value.data

    def output_type(self, index: int = 0) -> TensorType:
        """Returns the type that the file declares for an output (TFLite always does)."""
        tensor = self.model.tensors.get(self.node.outputs[index])
        if tensor is None:
            raise UnsupportedReason(f"output {index} has no type")
        return source_type(tensor)

    # ---- what it becomes

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
    ) -> list[Value]:
        """Adds a node and returns its outputs; folds it where every input is a constant.

        Types are inferred; `quants` adds the outputs' quantisation, `types` gives whole types (checked against the
        inferred ones).
        """
        op_inputs = list(inputs)
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
        node = Node(op, op_inputs, outputs, self.node.origin)
        if op_inputs and all(v is None or v.data is not None for v in op_inputs):
            return fold(node)
        self.nodes.append(node)
        return outputs

    def bind(self, *values: Value) -> None:
        """Makes `values` the outputs of the source node."""
        for key, value in zip(self.node.outputs, values, strict=False):
            tensor = self.model.tensors.get(key)
            value.name = value.name or (tensor.name if tensor else key)
            self.values[key] = value

    def emit_declared(self, op: Operator, inputs: Sequence[Value | None]) -> None:
        """Adds a node whose outputs have the types that the file declares, and binds them (TFLite).

        Where the user has bound a free dimension, the file's shapes do not hold: they are inferred.
        """
        tensors = [self.model.tensors[key] for key in self.node.outputs]
        if any(t.shape is None for t in tensors):
            self.bind(*self.emit(op, inputs, quants=[t.quant for t in tensors]))
        else:
            self.bind(*self.emit(op, inputs, types=[self.output_type(i) for i in range(len(tensors))]))


class _UnknownValueError(Exception):
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
        raise UnsupportedReason(f"tensor `{tensor.name}` has an element type that is not supported")
    if tensor.shape is None:
        raise UnsupportedReason(f"the shape of `{tensor.name}` is not known")
    shape = tuple(d if isinstance(d, int) else 1 for d in tensor.shape)
    return TensorType(tensor.dtype, shape, tensor.quant)


def import_model(model: SourceModel) -> Graph:
    """Returns the graph of `model`; UnsupportedError lists every operator that we cannot compile."""
    importer = Importer(model)
    problems: list[Diagnostic] = []
    inputs = []
    for key, name in zip(model.inputs, model.input_names, strict=True):
        try:
            type_ = source_type(model.tensors[key])
        except UnsupportedReason as reason:
            problems.append(Diagnostic(f"input `{name}`: {reason}", model.path, HELP))
            continue
        importer.values[key] = Value(type_, name, origin=f"input `{name}`")
        inputs.append(importer.values[key])
    for node in model.nodes:
        problem = _import_node(importer, node)
        if problem is not None:
            problems.append(problem)
    if problems:
        raise UnsupportedError(problems)
    outputs = []
    for key, name in zip(model.outputs, model.output_names, strict=True):
        try:
            value = importer.value(key)
        except _UnknownValueError:
            raise ModelError(
                f"output `{name}` is made by no operator", model.path, "the file is damaged: export it again"
            ) from None
        value.name = value.name or name
        outputs.append(value)
    graph = Graph(model.name, inputs, outputs, importer.nodes, importer.states, source=model.path, format=model.format)
    graph.tensors = {key: value for key, value in importer.values.items() if not value.is_constant}
    return graph


def _import_node(importer: Importer, node: SourceNode) -> Diagnostic | None:
    """Imports one node, or returns why it cannot be."""
    model = importer.model
    importer.node = node
    origin = f"{model.path}: {node.origin}"
    function = IMPORTERS.get((model.format, node.op))
    if function is None:
        known = [op for format_, op in IMPORTERS if format_ == model.format]
        near = difflib.get_close_matches(node.op, known, 1)
        return Diagnostic(f"operator {node.op} is not supported" + (f" ({near[0]} is)" if near else ""), origin, HELP)
    try:
        function(importer)
    except UnsupportedReason as reason:
        return Diagnostic(f"{node.op}: {reason}", origin, HELP)
    except _UnknownValueError:
        # Its producer is reported already; nothing is known of this node.
        return None
    except INCONSISTENT as error:
        # Importers read what a stranger's file says; a damaged one breaks them in ways that no list foresees.
        why = f"its inputs or attributes do not fit together ({type(error).__name__}: {str(error)[:80]})"
        return Diagnostic(f"{node.op}: {why}", origin, "the file may be damaged: export it again")
    return None


#: What inconsistent operands and attributes raise in Python and numpy.
INCONSISTENT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
