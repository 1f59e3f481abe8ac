"""Reads an ONNX file: nodes, constants and subgraphs as they are, checked for order and single assignment.

Nodes keep their operator names, with the domain before those of other domains (`com.microsoft:QLinearAdd`). Tensors
are keyed by the value's name. Initialisers and Constant nodes become constants; computed values have no type yet, for
what the file says about them may be stale: `ariel_build.ops` infers it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ariel_build.errors import MetadataError, UnsupportedError
from ariel_build.frontends.checks import checked_shape, corrupt, public_names, read_file, shown
from ariel_build.frontends.free_dims import FreeDims
from ariel_build.frontends.onnx_bodies import body_of
from ariel_build.frontends.onnx_functions import inline_functions
from ariel_build.frontends.onnx_order import in_order
from ariel_build.frontends.onnx_schema import DEFAULT_DOMAINS, misfits, opset_versions
from ariel_build.frontends.onnx_tensors import TensorReader, element_type, type_name
from ariel_build.frontends.source import Body, SourceModel, SourceNode, SourceTensor
from ariel_build.ir import TensorType

__all__ = ["GraphReader", "read"]


def read(path: Path, dims: Mapping[str, int], signature: str = "") -> SourceModel:
    """Returns the model, with the subgraphs of control flow inside their nodes."""
    if signature:
        raise MetadataError("an ONNX model has no signatures", help="leave `signature` out")
    model = onnx.ModelProto()
    model.ParseFromString(read_file(path))
    _mend_strings(model)
    versions = opset_versions(model)
    model = inline_functions(model)
    free = FreeDims(dims)
    tensors = TensorReader(path.parent)
    source = GraphReader(model.graph, versions, tensors, path).read(free)
    free.finish()
    source.free_dims, source.bounds = free.places, free.bounds
    source.notes = free.notes
    source.files = tensors.files
    return source


def _mend_strings(message: Any) -> None:  # noqa: ANN401 - any protobuf message
    """Replaces what is not UTF-8 in all strings of a message: protobuf hands such strings out as bytes."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for inner in [value] if hasattr(value, "ListFields") else value:
                _mend_strings(inner)
        elif field.type == field.TYPE_STRING and isinstance(value, bytes):
            setattr(message, field.name, value.decode("utf-8", errors="replace"))
        elif field.type == field.TYPE_STRING and not isinstance(value, str):
            for number, text in enumerate(value):
                if isinstance(text, bytes):
                    value[number] = text.decode("utf-8", errors="replace")


class GraphReader:
    """Reads one graph; a subgraph sees the values of the graph around it that are made before it."""

    def __init__(
        self,
        graph: onnx.GraphProto,
        versions: dict[str, int],
        constants: TensorReader,
        path: Path,
        outer: GraphReader | None = None,
        prefix: str = "",
    ) -> None:
        """Takes the graph and what it shares with the other graphs of the file."""
        self._graph = graph
        self._versions = versions
        self._constants = constants
        self._path = path
        self._outer = outer
        self._prefix = prefix
        self._tensors: dict[str, SourceTensor] = {}
        self._captured: list[str] = []
        self._made = {name: number for number, node in enumerate(graph.node) for name in node.output}

    def read(self, free: FreeDims | None = None) -> SourceModel:
        """Returns the graph; `free` binds the dimensions of its inputs (subgraphs have none to bind)."""
        self._read_initialisers()
        inputs, input_names = self._read_inputs(free)
        protos = self._graph.node
        read = [self._node(number, protos[number]) for number in in_order(protos, self._tensors)]
        nodes = [node for node in read if node is not None]
        outputs = []
        for number, value in enumerate(self._graph.output):
            origin = f"{self._prefix}output {number} `{shown(value.name)}`"
            if not value.name or self.find(value.name) is None:
                raise corrupt("nothing makes this output", origin)
            self._tensors[value.name].declared = element_type(value.type.tensor_type.elem_type)
            if free is not None:
                self._declare(value)
            outputs.append(value.name)
        for value in self._graph.value_info if free is not None else ():
            if value.name in self._tensors:
                self._declare(value)
        return SourceModel(
            format="onnx",
            path=str(self._path),
            name=self._path.stem if self._outer is None else self._graph.name,
            tensors=self._tensors,
            inputs=inputs,
            outputs=outputs,
            nodes=nodes,
            input_names=input_names,
            output_names=public_names(outputs, "output"),
            opset=self._versions.get("", 0),
            captured=self._captured,
        )

    def _declare(self, value: onnx.ValueInfoProto) -> None:
        """Gives what a node makes the type that the file declares: what is known if that node is not."""
        tensor, kind = self._tensors[value.name], value.type.tensor_type
        if tensor.dtype is None and tensor.data is None and kind.elem_type:
            tensor.dtype = element_type(kind.elem_type)
            if kind.HasField("shape"):
                tensor.shape = tuple(d.dim_value if d.dim_value > 0 else d.dim_param or None for d in kind.shape.dim)

    def find(self, name: str) -> SourceTensor | None:
        """Returns the tensor of that name if it is made by now, here or in a graph around this one."""
        tensor = self._tensors.get(name)
        if tensor is None and self._outer is not None:
            tensor = self._outer.find(name)
            if tensor is not None:
                self._tensors[name] = tensor
                self._captured.append(name)
        return tensor

    def _add(self, key: str, tensor: SourceTensor, origin: str) -> None:
        """Adds a tensor of this graph, which no other may be called after."""
        if key in self._tensors:
            raise corrupt(f"value `{shown(key)}` is made twice", origin)
        self._tensors[key] = tensor

    def _unused_key(self, wanted: str) -> str:
        """Returns a key that no value of the file has."""
        while wanted in self._tensors or wanted in self._made:
            wanted += "'"
        return wanted

    def _read_initialisers(self) -> None:
        """Adds the constants of the graph."""
        for number, proto in enumerate(self._graph.initializer):
            origin = f"{self._prefix}initializer {number} `{shown(proto.name)}`"
            self._add(proto.name, self._constants.tensor(proto, proto.name, origin), origin)
        for number, sparse in enumerate(self._graph.sparse_initializer):
            name = sparse.values.name
            origin = f"{self._prefix}sparse initializer {number} `{shown(name)}`"
            self._add(name, self._constants.sparse(sparse, name, origin), origin)
        if "" in self._tensors:
            raise corrupt("an initializer has no name", self._prefix.removesuffix(", "))

    def _read_inputs(self, free: FreeDims | None) -> tuple[list[str], list[str]]:
        """Returns keys and public names of the inputs; one that has an initialiser is a constant, not an input."""
        values = [value for value in self._graph.input if value.name not in self._tensors]
        names = public_names([value.name for value in values], "input")
        keys = []
        for number, value in enumerate(values):
            origin = f"{self._prefix}input {number} `{shown(value.name)}`"
            key = value.name or self._unused_key(f"input_{number}")
            tensor = SourceTensor(value.name, file_type=value.type.WhichOneof("value") or "")
            if value.type.HasField("tensor_type"):
                kind = value.type.tensor_type
                tensor.dtype, tensor.file_type = element_type(kind.elem_type), type_name(kind.elem_type)
                if kind.HasField("shape"):
                    both = (names[number], f"input_{number}")
                    tensor.shape = self._shape(kind.shape, tensor, key, both, free, origin)
            if free is not None and not value.type.HasField("tensor_type"):
                raise UnsupportedError(f"it is of type {tensor.file_type or 'none'}, not a tensor", origin)
            if free is not None and tensor.shape is None:
                raise UnsupportedError("its shape is unknown", origin, "export the model with the shapes of its inputs")
            self._add(key, tensor, origin)
            keys.append(key)
        return keys, names

    def _shape(
        self,
        proto: onnx.TensorShapeProto,
        tensor: SourceTensor,
        key: str,
        names: tuple[str, str],
        free: FreeDims | None,
        origin: str,
    ) -> tuple[int | str | None, ...]:
        """Returns the shape of an input with its free dimensions bound; exporters write some of them as 0 or -1."""
        if free is None:
            return tuple(d.dim_value if d.dim_value > 0 else d.dim_param or None for d in proto.dim)
        extents = []
        for axis, dim in enumerate(proto.dim):
            if dim.dim_value > 0:
                free.fixed(names, axis, dim.dim_value)
                extents.append(dim.dim_value)
            else:
                empty = dim.HasField("dim_value") and dim.dim_value == 0
                extents.append(free.bind(key, names, axis, dim.dim_param, empty=empty))
        return checked_shape(extents, 1 if tensor.dtype is None else tensor.dtype.bytes, origin)

    def _node(self, number: int, proto: onnx.NodeProto) -> SourceNode | None:
        """Returns one node and adds its outputs; None for a Constant, which becomes a tensor."""
        domain = "" if proto.domain in DEFAULT_DOMAINS else proto.domain
        op = f"{domain}:{proto.op_type}" if domain else proto.op_type
        name = proto.name or next(iter(proto.output), "")
        origin = f"{self._prefix}node {number} ({shown(op)})" + (f" `{shown(name)}`" if name else "")
        if not proto.op_type:
            raise corrupt("it has no operator", origin)
        if op == "Constant":
            if len(proto.output) != 1 or not proto.output[0]:
                raise corrupt("it has not one output", origin)
            self._add(proto.output[0], self._constant(proto, origin), origin)
            return None
        for value in proto.input:
            if value and self.find(value) is None:
                if value in self._made:
                    maker = f"which node {self._made[value]} makes from this node's result: a circle"
                else:
                    maker = "which nothing makes"
                raise corrupt(f"it reads `{shown(value)}`, {maker}", origin)
        attributes: dict[str, object] = {}
        subgraphs: dict[str, SourceModel] = {}
        for attribute in proto.attribute:
            if attribute.name in attributes or attribute.name in subgraphs:
                raise corrupt(f"attribute `{shown(attribute.name)}` is given twice", origin)
            if attribute.type == onnx.AttributeProto.GRAPH:
                inner = f"{origin}, {shown(attribute.name)}: "
                subgraphs[attribute.name] = GraphReader(
                    attribute.g, self._versions, self._constants, self._path, self, inner
                ).read()
            else:
                attributes[attribute.name] = self._attribute(attribute, origin)
        written = list(proto.output)
        while written and not written[-1]:
            written.pop()
        outputs = [value or self._unused_key(f"{number}.{i}") for i, value in enumerate(written)]
        for key, value in zip(outputs, written, strict=True):
            self._add(key, SourceTensor(value), origin)
        return SourceNode(
            op=op,
            inputs=[value or None for value in proto.input],
            outputs=outputs,
            attributes=attributes,
            origin=origin,
            version=self._versions.get(domain, 1),
            subgraphs=subgraphs,
            body=self._body(proto, domain, origin),
            misfits=misfits(proto.op_type, domain, self._versions.get(domain, 1), proto.attribute),
        )

    def _body(self, proto: onnx.NodeProto, domain: str, origin: str) -> Body | None:
        """Returns what reads the node's operator as a function of others; None where the standard has it as none."""
        build = body_of(proto, domain, self._versions.get(domain, 1))
        if build is None:
            return None

        def read_body(types: Sequence[TensorType | None]) -> SourceModel:
            graph, versions = build(types)
            return GraphReader(
                graph, {**self._versions, **versions}, self._constants, self._path, prefix=f"{origin}, in its body: "
            ).read()

        return read_body

    def _constant(self, proto: onnx.NodeProto, origin: str) -> SourceTensor:
        """Returns the tensor that a Constant node stands for."""
        if len(proto.attribute) != 1 or proto.attribute[0].ref_attr_name:
            raise corrupt("it has not one value", origin)
        value, name = proto.attribute[0], proto.output[0]
        match value.name, value.type:
            case "value", onnx.AttributeProto.TENSOR:
                return self._constants.tensor(value.t, name, origin)
            case "sparse_value", onnx.AttributeProto.SPARSE_TENSOR:
                return self._constants.sparse(value.sparse_tensor, name, origin)
            case "value_float", onnx.AttributeProto.FLOAT:
                return self._constants.numbers([value.f], np.float32, name, scalar=True)
            case "value_floats", onnx.AttributeProto.FLOATS:
                return self._constants.numbers(value.floats, np.float32, name, scalar=False)
            case "value_int", onnx.AttributeProto.INT:
                return self._constants.numbers([value.i], np.int64, name, scalar=True)
            case "value_ints", onnx.AttributeProto.INTS:
                return self._constants.numbers(value.ints, np.int64, name, scalar=False)
            case "value_string", onnx.AttributeProto.STRING:
                return SourceTensor(name, shape=(), file_type="string")
            case "value_strings", onnx.AttributeProto.STRINGS:
                return SourceTensor(name, shape=(len(value.strings),), file_type="string")
        raise corrupt(f"`{shown(value.name)}` is no value of a constant", origin)

    def _attribute(self, proto: onnx.AttributeProto, origin: str) -> object:
        """Returns an attribute as a Python value; lists are tuples, tensors numpy arrays."""
        if proto.ref_attr_name:
            raise corrupt(f"attribute `{shown(proto.name)}` refers to a function's, outside of one", origin)
        match proto.type:
            case onnx.AttributeProto.FLOAT:
                return proto.f
            case onnx.AttributeProto.INT:
                return proto.i
            case onnx.AttributeProto.STRING:
                return proto.s.decode("utf-8", errors="replace")
            case onnx.AttributeProto.TENSOR:
                return self._constants.array(proto.t, origin)
            case onnx.AttributeProto.FLOATS:
                return tuple(proto.floats)
            case onnx.AttributeProto.INTS:
                return tuple(proto.ints)
            case onnx.AttributeProto.STRINGS:
                return tuple(s.decode("utf-8", errors="replace") for s in proto.strings)
            case onnx.AttributeProto.TENSORS:
                return tuple(self._constants.array(t, origin) for t in proto.tensors)
        kind = onnx.AttributeProto.AttributeType.Name(proto.type).lower()
        raise UnsupportedError(f"attribute `{shown(proto.name)}` is of kind {kind}, which is not supported", origin)
