"""Reads a .pt2 archive of `torch.export.save`: nodes, constants and signature as they are, without torch, no pickle.

Nodes keep the names of their operators (`aten.conv2d.default`), and their arguments the names in the operator's schema.
Tensors are keyed by their names in the graph, and so are numbers that the graph computes of shapes (`sym_size`):
scalars of int64. Free dimensions of inputs are called by their symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from ariel_build.errors import MetadataError, UnsupportedError
from ariel_build.frontends.checks import checked_shape, corrupt, public_names, read_file, shown
from ariel_build.frontends.free_dims import FreeDims
from ariel_build.frontends.pt2_archive import Archive, Json
from ariel_build.frontends.pt2_schema import (
    boolean,
    check_version,
    choice,
    element_type,
    integer,
    items,
    number,
    option,
    record,
    sizes,
    text,
    type_name,
    user_line,
)
from ariel_build.frontends.pt2_tensors import ConstantReader
from ariel_build.frontends.source import Operand, SourceModel, SourceNode, SourceTensor
from ariel_build.ir import DType
from ariel_build.records import dataclass

__all__ = ["BUFFER_MUTATION", "read"]

_MODEL = "models/model.json"
#: Graphs within graphs; `torch.cond` in `torch.cond` is one deep.
_MAX_DEPTH = 16
#: What the signature says where an output is the next content of a buffer: a node of its own, behind the others.
BUFFER_MUTATION = "buffer_mutation"
_INFERENCE = "export the model for inference: call model.eval(), and let forward return no loss"


def read(path: Path, dims: Mapping[str, int], signature: str = "") -> SourceModel:
    """Returns the exported program."""
    if signature:
        raise MetadataError("a .pt2 archive has no signatures to choose from", help="leave `signature` out")
    archive = Archive(read_file(path))
    if not archive.has(_MODEL):
        raise UnsupportedError(
            f"the archive has no `{_MODEL}`", help="save one program: torch.export.save(exported, 'model.pt2')"
        )
    program = record(archive.json(_MODEL), _MODEL)
    check_version(program)
    free = FreeDims(dims)
    model = _Program(program, archive, path, free).read()
    free.finish()
    model.free_dims, model.bounds = free.places, free.bounds
    model.notes += free.notes
    return model


class _Program:
    """Reads the graph of a program, and what its signature says of inputs and outputs."""

    def __init__(self, program: dict[str, Json], archive: Archive, path: Path, free: FreeDims) -> None:
        """Takes the program as JSON."""
        module = record(program.get("graph_module"), "graph_module")
        signature = record(module.get("signature"), "signature")
        self._inputs = [choice(spec, "an input") for spec in items(signature.get("input_specs"), "input_specs")]
        self._outputs = [choice(spec, "an output") for spec in items(signature.get("output_specs"), "output_specs")]
        nothing: dict[str, Json] = {}
        self._ranges = option(program, "range_constraints", record, nothing)
        self._graph = _Graph(record(module.get("graph"), "graph"))
        self._archive = archive
        self._path = path
        self._free = free

    def read(self) -> SourceModel:
        """Returns the model."""
        graph = self._graph
        inputs, names = self._read_inputs()
        graph.read_nodes()
        buffers = {
            str(record(spec, kind).get(f"{kind}_name")): _argument_name(spec, kind)
            for kind, spec in self._inputs
            if kind in ("buffer", "parameter")
        }
        outputs: list[str] = []
        output_names: list[str] = []
        notes = []
        for index, (kind, content) in enumerate(self._outputs):
            origin, spec = f"output {index}", record(content, kind)
            if kind == "user_output":
                name = self._user_output(spec, origin)
                if name is None:
                    notes.append(f"output {index} is None: it is left out")
                else:
                    outputs.append(graph.known(name, origin))
                    output_names.append(name)
                    tensor = graph.tensors[outputs[-1]]
                    tensor.declared = tensor.dtype
            elif kind in ("buffer_mutation", "parameter_mutation"):
                name = text(spec.get(kind.replace("mutation", "name")), kind)
                key = graph.known(_argument_name(spec, kind), origin)
                if name not in buffers:
                    raise corrupt(f"it changes `{shown(name)}`, which is none of the module's buffers", origin)
                node = SourceNode(
                    BUFFER_MUTATION, [buffers[name], key], [], {}, f"{origin}, the buffer `{shown(name)}`"
                )
                graph.nodes.append(node)
            elif kind not in ("user_input_mutation", "token"):
                raise UnsupportedError(f"it is a {shown(kind).replace('_', ' ')}", origin, _INFERENCE)
        return SourceModel(
            format="pt2",
            path=str(self._path),
            name=self._path.stem,
            tensors=graph.tensors,
            inputs=inputs,
            outputs=outputs,
            nodes=graph.nodes,
            input_names=names,
            output_names=public_names(output_names, "output"),
            notes=notes,
        )

    def _user_output(self, spec: dict[str, Json], origin: str) -> str | None:
        """Returns the name of a tensor that the model returns, None where it returns None."""
        kind, content = choice(spec.get("arg"), origin)
        if kind == "as_none":
            return None
        if kind != "as_tensor":
            raise UnsupportedError(
                f"it is a {shown(kind.removeprefix('as_'))}, not a tensor", origin, "let forward return tensors only"
            )
        return text(record(content, origin).get("name"), origin)

    def _read_inputs(self) -> tuple[list[str], list[str]]:
        """Adds constants and inputs to the graph; returns keys and public names of the inputs."""
        constants = ConstantReader(self._archive)
        keys = []
        for index, (kind, content) in enumerate(self._inputs):
            origin, spec = f"input {index} of the graph", record(content, kind)
            if kind in ("parameter", "buffer", "tensor_constant"):
                key, name = _argument_name(spec, kind), text(spec.get(f"{kind}_name"), kind)
                origin = f"{kind.replace('_', ' ')} `{shown(name)}`"
                self._graph.add(key, constants.tensor(name, key, origin), origin)
            elif kind == "user_input":
                given, argument = choice(spec.get("arg"), origin)
                if given == "as_tensor":
                    key = text(record(argument, origin).get("name"), origin)
                    self._graph.add(key, self._graph.declared(key, origin), origin)
                    keys.append(key)
                elif given.startswith(("as_sym", "as_custom")):
                    raise UnsupportedError(
                        f"it is a {shown(given.removeprefix('as_'))}, not a tensor",
                        origin,
                        "make it a tensor, or a constant of the module, before torch.export.export",
                    )
            elif kind not in ("constant_input", "token"):
                raise UnsupportedError(
                    f"it is a {shown(kind).replace('_', ' ')}, which is not supported",
                    origin,
                    "let the module hold tensors only",
                )
        names = public_names(keys, "input")
        for number_, (key, name) in enumerate(zip(keys, names, strict=True)):
            self._bind(key, (name, f"input_{number_}"))
        return keys, names

    def _bind(self, key: str, names: tuple[str, str]) -> None:
        """Gives the free dimensions of an input their numbers."""
        tensor, origin = self._graph.tensors[key], f"input `{shown(names[0])}`"
        extents: list[int] = []
        for axis, extent in enumerate(tensor.shape or ()):
            if isinstance(extent, int):
                self._free.fixed(names, axis, extent)
                extents.append(extent)
                continue
            if not extent:
                raise UnsupportedError(
                    f"axis {axis} is computed of other free dimensions",
                    origin,
                    "export it with a Dim of its own, or with a fixed size",
                )
            extents.append(self._free.bind(key, names, axis, extent))
            most = option(option(self._ranges, extent, record, {}), "max_val", integer, 1 << 62)
            if extents[-1] > most:
                raise MetadataError(
                    f"dimension `{shown(extent)}` is {extents[-1]}, but the model was exported for at most {most}",
                    help="bind a smaller number, or export the model with a greater `max`",
                )
        tensor.shape = checked_shape(extents, 1 if tensor.dtype is None else tensor.dtype.bytes, origin)


def _argument_name(spec: Json, what: str) -> str:
    """Returns the name of the value that an entry of the signature is about."""
    return text(record(record(spec, what).get("arg"), what).get("name"), what)


@dataclass
class _Arguments:
    """The arguments of a node while they are read."""

    origin: str
    inputs: list[str | None] = field(default_factory=list)
    attributes: dict[str, object] = field(default_factory=dict)
    subgraphs: dict[str, SourceModel] = field(default_factory=dict)
    misfits: dict[str, str] = field(default_factory=dict)

    def operand(self, key: str) -> Operand:
        """Adds a tensor to the inputs."""
        self.inputs.append(key)
        return Operand(len(self.inputs) - 1)


def _value_name(argument: tuple[str, Json], origin: str) -> str:
    """Returns the name of a tensor, or of a symbolic number."""
    kind, content = argument
    if kind not in ("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool"):
        raise UnsupportedError(f"a {shown(kind.removeprefix('as_'))} is not supported there", origin)
    return text(record(content, origin).get("name" if kind == "as_tensor" else "as_name"), origin)


#: Nodes that run a graph and add nothing to what it computes.
_WRAPPERS = ("higher_order.wrap_with_set_grad_enabled", "higher_order.wrap_with_autocast")

#: Arguments that are what JSON has, and lists of them.
_PLAIN = {
    "as_int": integer,
    "as_float": number,
    "as_string": text,
    "as_bool": boolean,
    "as_scalar_type": type_name,
    "as_memory_format": integer,
    "as_layout": integer,
}
_LISTS = {"as_ints": integer, "as_floats": number, "as_strings": text, "as_bools": boolean}
#: Numbers that may be symbolic.
_SYMBOLIC = {"as_sym_int": integer, "as_sym_float": number, "as_sym_bool": boolean}


class _Graph:
    """Reads one graph: its nodes, checked for order and single assignment.

    A graph that a node only wraps, to compute no gradients for example, is read into the one around it: its names have
    the wrapper's in front.
    """

    def __init__(
        self, graph: dict[str, Json], prefix: str = "", depth: int = 0, outer: _Graph | None = None, space: str = ""
    ) -> None:
        """Takes the graph as JSON; one that is read into `outer` has the names of `space`."""
        self.tensors: dict[str, SourceTensor] = {} if outer is None else outer.tensors
        self.nodes: list[SourceNode] = [] if outer is None else outer.nodes
        self._keys: dict[str, str] = {}
        self._space = space
        self._graph = graph
        self._types = record(graph.get("tensor_values"), "tensor_values")
        self._prefix = prefix
        self._depth = depth
        if depth > _MAX_DEPTH:
            raise corrupt(f"graphs are nested more than {_MAX_DEPTH} deep")

    def add(self, name: str, tensor: SourceTensor, origin: str) -> str:
        """Adds a tensor that nothing else makes, and returns its key."""
        key = self._space + name
        if not name or name in self._keys or key in self.tensors:
            raise corrupt(f"value `{shown(name)}` has no name, or is made twice", origin)
        self.tensors[key] = tensor
        self._keys[name] = key
        return key

    def known(self, name: str, origin: str) -> str:
        """Returns the key of a tensor that is made by now."""
        if name not in self._keys:
            raise corrupt(f"it reads `{shown(name)}`, which nothing makes before", origin)
        return self._keys[name]

    def declared(self, key: str, origin: str) -> SourceTensor:
        """Returns a tensor of the type that the file declares; extents that are free are names."""
        if key not in self._types:
            return SourceTensor(key)
        meta = record(self._types[key], origin)
        kind = type_name(meta.get("dtype"), origin)
        shape = sizes(meta.get("sizes"), origin)
        dtype, _ = element_type(kind)
        checked_shape([n for n in shape if isinstance(n, int)], 1 if dtype is None else dtype.bytes, origin)
        steps = sizes(meta["strides"], origin) if meta.get("strides") is not None else ()
        whole = tuple(step for step in steps if isinstance(step, int))
        strides = whole if len(whole) == len(shape) else None
        return SourceTensor(key, dtype, shape, file_type=kind, strides=strides)

    def read_nodes(self) -> None:
        """Reads the nodes in order."""
        for index, entry in enumerate(items(self._graph.get("nodes"), "nodes")):
            self._read_node(index, record(entry, f"node {index}"))

    def _read_node(self, index: int, node: dict[str, Json]) -> None:
        """Reads one node."""
        op = text(node.get("target"), f"node {index}").removeprefix("torch.ops.")
        origin = f"{self._prefix}node {index} ({shown(op)})"
        name = option(node, "name", text, "")
        line = user_line(option(option(node, "metadata", record, {}), "stack_trace", text, ""))
        origin += (f" `{shown(name)}`" if name else "") + (f", made at {line}" if line else "")
        if op in _WRAPPERS:
            self._unwrap(node, origin)
            return
        arguments = _Arguments(origin)
        for place, entry in enumerate(items(node.get("inputs"), origin)):
            given = record(entry, origin)
            # Those of control flow have no names.
            self._read_argument(arguments, option(given, "name", text, "") or f"arg{place}", given.get("arg"))
        outputs = [key for entry in items(node.get("outputs"), origin) for key in self._read_output(entry, origin)]
        self.nodes.append(
            SourceNode(
                op,
                arguments.inputs,
                outputs,
                arguments.attributes,
                origin,
                subgraphs=arguments.subgraphs,
                misfits=arguments.misfits,
            )
        )

    def _unwrap(self, node: dict[str, Json], origin: str) -> None:
        """Reads the nodes of a graph that another node wraps, as if they stood there themselves."""
        entries = [record(entry, origin) for entry in items(node.get("inputs"), origin)]
        arguments = [choice(entry.get("arg"), origin) for entry in entries]
        graphs = [place for place, (kind, _) in enumerate(arguments) if kind == "as_graph"]
        if len(graphs) != 1:
            raise corrupt("it has not one graph", origin)
        content = record(record(arguments[graphs[0]][1], origin).get("graph"), origin)
        space = f"{self._space}{option(node, 'name', text, '') or 'graph'}.{len(self.nodes)}."
        inner = _Graph(content, self._prefix, self._depth + 1, self, space)
        names = [_value_name(choice(entry, origin), origin) for entry in items(content.get("inputs"), origin)]
        given = [_value_name(argument, origin) for argument in arguments[graphs[0] + 1 :]]
        if len(names) != len(given):
            raise corrupt(f"its graph takes {len(names)} values, it is given {len(given)}", origin)
        inner._keys = {name: self.known(key, origin) for name, key in zip(names, given, strict=True)}
        inner.read_nodes()
        results = [_value_name(choice(entry, origin), origin) for entry in items(content.get("outputs"), origin)]
        made = []
        for entry in items(node.get("outputs"), origin):
            kind, value = choice(entry, origin)
            made += (
                [text(record(one, origin).get("name"), origin) for one in items(value, origin)]
                if kind == "as_tensors"
                else [_value_name((kind, value), origin)]
            )
        if len(results) != len(made):
            raise corrupt(f"its graph makes {len(results)} values, it makes {len(made)}", origin)
        for name, result in zip(made, results, strict=True):
            if name in self._keys:
                raise corrupt(f"value `{shown(name)}` is made twice", origin)
            self._keys[name] = inner.known(result, origin)

    def _read_argument(self, arguments: _Arguments, name: str, entry: Json) -> None:
        """Adds an argument to those of its node, but for None, which is as good as left out."""
        origin = arguments.origin
        kind, content = choice(entry, origin)
        if name in arguments.attributes or name in arguments.subgraphs or name in arguments.misfits:
            raise corrupt(f"argument `{shown(name)}` is given twice", origin)
        value: object
        if kind == "as_none":
            return
        if kind in _PLAIN:
            value = _PLAIN[kind](content, origin)
        elif kind in _LISTS:
            value = tuple(_LISTS[kind](one, origin) for one in items(content, origin))
        elif kind in _SYMBOLIC:
            value = self._symbolic(arguments, kind, content)
        elif kind.removesuffix("s") in _SYMBOLIC:
            value = tuple(self._symbolic(arguments, kind.removesuffix("s"), one) for one in items(content, origin))
        elif kind == "as_tensor":
            value = self._tensor(arguments, content)
        elif kind == "as_tensors":
            value = tuple(self._tensor(arguments, one) for one in items(content, origin))
        elif kind == "as_optional_tensor":
            value = self._optional(arguments, content)
            if value is None:
                return
        elif kind == "as_optional_tensors":
            value = tuple(self._optional(arguments, one) for one in items(content, origin))
        elif kind == "as_device":
            value = text(record(content, origin).get("type"), origin)
        elif kind == "as_graph":
            graph = record(content, origin)
            inner = _Graph(record(graph.get("graph"), origin), f"{origin}, {shown(name)}: ", self._depth + 1)
            arguments.subgraphs[name] = inner.subgraph(text(graph.get("name"), origin))
            return
        else:
            arguments.misfits[name] = f"is a {shown(kind.removeprefix('as_'))}, which is not supported"
            return
        arguments.attributes[name] = value

    def _tensor(self, arguments: _Arguments, content: Json) -> Operand:
        """Returns an argument that is a tensor."""
        key = text(record(content, arguments.origin).get("name"), arguments.origin)
        return arguments.operand(self.known(key, arguments.origin))

    def _optional(self, arguments: _Arguments, content: Json) -> Operand | None:
        """Returns an argument that is a tensor or None."""
        kind, value = choice(content, arguments.origin)
        return None if kind == "as_none" else self._tensor(arguments, value)

    def _symbolic(self, arguments: _Arguments, kind: str, content: Json) -> object:
        """Returns a number, or the operand that is one."""
        how, value = choice(content, arguments.origin)
        if how == "as_name":
            return arguments.operand(self.known(text(value, arguments.origin), arguments.origin))
        return _SYMBOLIC[kind](value, arguments.origin)

    def _read_output(self, entry: Json, origin: str) -> list[str]:
        """Adds what a node makes, and returns the keys."""
        kind, content = choice(entry, origin)
        if kind == "as_none":
            return []
        if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
            how, value = choice(content, origin)
            if how != "as_name":
                raise corrupt(f"it makes a {shown(kind)} without a name", origin)
            key = text(value, origin)
            dtype = {"as_sym_int": DType.I64, "as_sym_float": DType.F32, "as_sym_bool": DType.BOOL}[kind]
            return [self.add(key, SourceTensor(key, dtype, ()), origin)]
        if kind not in ("as_tensor", "as_tensors"):
            raise UnsupportedError(f"it makes a {shown(kind.removeprefix('as_'))}, which is not supported", origin)
        keys = []
        for one in [content] if kind == "as_tensor" else items(content, origin):
            key = text(record(one, origin).get("name"), origin)
            keys.append(self.add(key, self.declared(key, origin), origin))
        return keys

    def subgraph(self, name: str) -> SourceModel:
        """Returns a graph that a node of another one runs; all that it reads is given to it."""
        ends: list[list[str]] = []
        for side in ("inputs", "outputs"):
            keys = []
            for entry in items(self._graph.get(side), side):
                origin = f"{self._prefix}{side}"
                argument = choice(entry, side)
                key = _value_name(argument, origin)
                if side == "inputs":
                    number_ = SourceTensor(key, DType.I64, ())
                    self.add(key, self.declared(key, origin) if argument[0] == "as_tensor" else number_, origin)
                keys.append(self.known(key, origin))
            ends.append(keys)
            if side == "inputs":
                self.read_nodes()
        return SourceModel("pt2", "", name, self.tensors, ends[0], ends[1], self.nodes)
