"""Operators that ONNX's standard defines as functions: node(x) -> body[x], the node's attributes put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import onnx
import onnx.defs

from ariel_build.ir import TensorType

__all__ = ["body_of"]

#: Where ONNX keeps operators that may still change, and the newest version of it that has been read.
PREVIEW = "ai.onnx.preview"
NEWEST_PREVIEW = 1

#: From the types of the inputs to a graph, and the versions of the operator sets in it.
Build = Callable[[Sequence[TensorType | None]], tuple[onnx.GraphProto, dict[str, int]]]


class _Schema(Protocol):
    """What an operator's schema says of functions, which the stubs of `onnx` do not know."""

    has_function: bool
    has_context_dependent_function: bool
    function_opset_versions: Sequence[int]
    context_dependent_function_opset_versions: Sequence[int]
    attributes: Mapping[str, Any]

    def get_function_with_opset_version(self, version: int) -> bytes:
        """Returns the body of a version."""
        ...

    def get_context_dependent_function_with_opset_version(
        self, version: int, node: bytes, types: Sequence[bytes]
    ) -> bytes:
        """Returns the body of a version for a node."""
        ...


def body_of(node: onnx.NodeProto, domain: str, version: int) -> Build | None:
    """Returns what builds the body of a node's operator in a version; None where that is no function."""
    newest = {"": onnx.defs.onnx_opset_version(), PREVIEW: NEWEST_PREVIEW}
    if version > newest.get(domain, 0):
        return None
    try:
        schema: _Schema = onnx.defs.get_schema(node.op_type, version, domain)  # type: ignore[assignment]
    except onnx.defs.SchemaError:
        return None
    if not (schema.has_function or schema.has_context_dependent_function):
        return None
    own = onnx.NodeProto()
    own.CopyFrom(node)

    def build(types: Sequence[TensorType | None]) -> tuple[onnx.GraphProto, dict[str, int]]:
        function = _function(schema, own, version, types)
        return _graph(function, own, schema), {entry.domain: entry.version for entry in function.opset_import}

    return build


def _function(
    schema: _Schema, node: onnx.NodeProto, version: int, types: Sequence[TensorType | None]
) -> onnx.FunctionProto:
    """Returns the newest body up to a version of the operator set, else the first one, for inputs of these types.

    A body names the versions of the operators in it, so that a newer one serves as well.
    """
    function = onnx.FunctionProto()
    if schema.has_function:
        chosen = _newest(schema.function_opset_versions, version)
        function.ParseFromString(schema.get_function_with_opset_version(chosen))
        return function
    protos = [onnx.TypeProto() if t is None else _type(t) for t in types]
    data = schema.get_context_dependent_function_with_opset_version(
        _newest(schema.context_dependent_function_opset_versions, version),
        node.SerializeToString(),
        [proto.SerializeToString() for proto in protos],
    )
    function.ParseFromString(data)
    return function


def _newest(versions: Sequence[int], version: int) -> int:
    return max([v for v in versions if v <= version], default=min(versions))


#: What ONNX calls our element types.
_ELEMENTS = {
    "i8": "INT8",
    "u8": "UINT8",
    "i16": "INT16",
    "u16": "UINT16",
    "i32": "INT32",
    "u32": "UINT32",
    "i64": "INT64",
    "u64": "UINT64",
    "f16": "FLOAT16",
    "bf16": "BFLOAT16",
    "f32": "FLOAT",
    "f64": "DOUBLE",
    "bool": "BOOL",
}


def _type(type_: TensorType) -> onnx.TypeProto:
    element = onnx.TensorProto.DataType.Value(_ELEMENTS[type_.dtype.value])
    return onnx.helper.make_tensor_type_proto(element, type_.shape)


def _graph(function: onnx.FunctionProto, node: onnx.NodeProto, schema: _Schema) -> onnx.GraphProto:
    """Returns the body as a graph with those inputs and outputs that the node has, and only what these need."""
    given = {
        name: attribute.default_value for name, attribute in schema.attributes.items() if attribute.default_value.name
    }
    given |= {attribute.name: attribute for attribute in function.attribute_proto}
    given |= {attribute.name: attribute for attribute in node.attribute}
    there = [bool(name) for name in node.input] + [False] * len(function.input)
    absent = {name for name, is_there in zip(function.input, there, strict=False) if not is_there}
    kept = [name for name, written in zip(function.output, node.output, strict=False) if written]
    graph = onnx.GraphProto(name=function.name)
    graph.input.extend(onnx.ValueInfoProto(name=name) for name in function.input if name not in absent)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in kept)
    nodes = [_settled(inner, given, absent) for inner in function.node]
    wanted, needed = set(kept), []
    for inner in reversed(nodes):
        if wanted & set(inner.output):
            needed.append(inner)
            wanted |= _read(inner)
    graph.node.extend(reversed(needed))
    return graph


def _settled(node: onnx.NodeProto, given: dict[str, onnx.AttributeProto], absent: set[str]) -> onnx.NodeProto:
    """Returns a node of a body: references to attributes replaced, or left out, and absent inputs left out."""
    settled = onnx.NodeProto()
    settled.CopyFrom(node)
    del settled.attribute[:], settled.input[:]
    settled.input.extend("" if name in absent else name for name in node.input)
    for attribute in node.attribute:
        own = attribute
        if attribute.ref_attr_name:
            if attribute.ref_attr_name not in given:
                continue
            own = given[attribute.ref_attr_name]
        added = settled.attribute.add()
        added.CopyFrom(own)
        added.name = attribute.name
        for graph in (added.g, *added.graphs):
            inner = [_settled(one, given, absent) for one in graph.node]
            del graph.node[:]
            graph.node.extend(inner)
    return settled


def _read(node: onnx.NodeProto) -> set[str]:
    """Returns the values that a node reads, those that its subgraphs take from around them included."""
    names = set(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            names |= {value.name for value in graph.output}
            for inner in graph.node:
                names |= _read(inner)
    return names
