"""Reads a TFLite file: operators, tensors and subgraphs as they are, every offset and index checked.

Operators keep their schema names (`CONV_2D`), custom ones are `CUSTOM:<code>`; their options become attributes (see
`tflite_schema`). Tensors are keyed `t<index>` within their subgraph.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ariel_build.errors import UnsupportedError
from ariel_build.frontends.checks import checked_shape, corrupt, public_names, read_file, shown
from ariel_build.frontends.flatbuffer import FlatFile
from ariel_build.frontends.flexbuffer import FlexbufferError, read_map
from ariel_build.frontends.free_dims import FreeDims
from ariel_build.frontends.source import SourceModel, SourceNode, SourceTensor
from ariel_build.frontends.tflite_schema import CUSTOM, MODEL, Options, operator_code, operator_name, options
from ariel_build.frontends.tflite_signatures import choose, read_signatures
from ariel_build.frontends.tflite_tensors import TensorReader
from ariel_build.records import dataclass

__all__ = ["read"]

_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
#: Subgraphs within subgraphs; exporters stop at two or three.
_MAX_DEPTH = 16


def read(path: Path, dims: Mapping[str, int], signature: str = "") -> SourceModel:
    """Returns the model: the subgraph of a signature, with the subgraphs that its operators call inside them.

    The signature is the one of that name, by default the first; a file without any means its subgraph 0.
    """
    free = FreeDims(dims)
    reader = _Reader(FlatFile(read_file(path)), path, free)
    chosen = choose(reader.signatures, signature)
    reader.entry = 0 if chosen is None else chosen.subgraph
    model = reader.subgraph(reader.entry, depth=0)
    free.finish()
    model.free_dims, model.bounds = free.places, free.bounds
    model.notes = free.notes
    if chosen is not None:
        chosen.describe(model, [s.key for s in reader.signatures if s is not chosen])
    return model


@dataclass(frozen=True)
class _Code:
    """What an operator's opcode index stands for."""

    op: str
    version: int


class _Reader:
    """Reads the subgraphs of one file, each once."""

    def __init__(self, file: FlatFile, path: Path, free: FreeDims) -> None:
        """Reads what the subgraphs share: buffers and operator codes."""
        self.file = file
        self.path = path
        self.free = free
        model = file.root(MODEL, _IDENTIFIER)
        if model.Version() != _SCHEMA_VERSION:
            raise UnsupportedError(
                f"TFLite schema version {model.Version()} is not supported",
                help=f"export the model with a converter that writes version {_SCHEMA_VERSION}",
            )
        self.tensors = TensorReader(file, model)
        self.codes = [self._code(code) for code in file.tables(model, "OperatorCodes")]
        self.subgraphs = file.tables(model, "Subgraphs")
        if not self.subgraphs:
            raise corrupt("it has no subgraph")
        self.signatures = read_signatures(file, model)
        #: The subgraph that is the model.
        self.entry = 0
        self._done: dict[int, SourceModel] = {}
        self._open: set[int] = set()

    def _code(self, code: Any) -> _Code:  # noqa: ANN401 - generated classes are untyped
        """Returns the operator that an operator code names."""
        op = operator_name(operator_code(code))
        return _Code(f"{CUSTOM}:{self.file.text(code, 'CustomCode')}" if op == CUSTOM else op, code.Version())

    def subgraph(self, index: int, depth: int) -> SourceModel:
        """Returns a subgraph; one that is called from two places is one object."""
        if index in self._done:
            return self._done[index]
        if not 0 <= index < len(self.subgraphs):
            raise corrupt(f"it has no subgraph {index}")
        if index in self._open or depth > _MAX_DEPTH:
            raise corrupt(f"subgraph {index} calls itself, or subgraphs are nested more than {_MAX_DEPTH} deep")
        self._open.add(index)
        self._done[index] = _Subgraph(self, index, depth).read()
        self._open.remove(index)
        return self._done[index]


class _Subgraph:
    """Reads one subgraph."""

    def __init__(self, reader: _Reader, index: int, depth: int) -> None:
        """Reads the tensors and the lists of inputs and outputs."""
        self._reader = reader
        self._file = reader.file
        self._depth = depth
        self._is_entry = index == reader.entry
        self._prefix = "" if self._is_entry else f"subgraph {index}, "
        self._table = reader.subgraphs[index]
        self._tensors: list[SourceTensor] = []
        self._signatures: list[tuple[int, ...]] = []
        self._constant: list[bool] = []
        for number, table in enumerate(self._file.tables(self._table, "Tensors")):
            tensor, signature, is_constant = reader.tensors.read(table, number)
            tensor.placeholder = -1 in signature
            self._tensors.append(tensor)
            self._signatures.append(signature)
            self._constant.append(is_constant)
        self._inputs: tuple[int, ...] = self._file.tuple(self._table, "Inputs")
        self._outputs: tuple[int, ...] = self._file.tuple(self._table, "Outputs")
        self._input_set = frozenset(self._inputs)

    def read(self) -> SourceModel:
        """Returns the subgraph with its nodes, after the checks that make it a graph."""
        inputs = [self._tensor(i, f"{self._prefix}input {n}") for n, i in enumerate(self._inputs)]
        outputs = [self._tensor(i, f"{self._prefix}output {n}") for n, i in enumerate(self._outputs)]
        for number, index in enumerate(self._inputs):
            if self._constant[index] or self._tensors[index].is_variable:
                raise corrupt("it is a constant or a variable", f"{self._prefix}input {number}")
        if len(self._input_set) < len(self._inputs):
            raise corrupt("two inputs are one tensor", self._prefix.removesuffix(", "))
        input_names = public_names([t.name for t in inputs], "input")
        if self._is_entry:
            self._bind(input_names)
        return SourceModel(
            format="tflite",
            path=str(self._reader.path),
            name=self._reader.path.stem if self._is_entry else self._file.text(self._table, "Name"),
            nodes=self._nodes(),
            tensors={_key(i): tensor for i, tensor in enumerate(self._tensors)},
            inputs=[_key(i) for i in self._inputs],
            outputs=[_key(i) for i in self._outputs],
            input_names=input_names,
            output_names=public_names([t.name for t in outputs], "output"),
        )

    def _tensor(self, index: int, origin: str) -> SourceTensor:
        """Returns a tensor by its index in the file."""
        if not 0 <= index < len(self._tensors):
            raise corrupt(f"it has no tensor {index}", origin)
        return self._tensors[index]

    def _bind(self, names: list[str]) -> None:
        """Gives the free dimensions of the inputs their numbers.

        The file's shapes follow from extents of 1; where another is bound, the shapes of computed tensors are void.
        """
        free = self._reader.free
        for number, index in enumerate(self._inputs):
            tensor, signature = self._tensors[index], self._signatures[index]
            extents = [n for n in tensor.shape or () if isinstance(n, int)]
            both = (names[number], f"input_{number}")
            for axis, extent in enumerate(extents):
                if signature and signature[axis] == -1:
                    extents[axis] = free.bind(_key(index), both, axis)
                    free.changed |= extents[axis] != extent
                else:
                    free.fixed(both, axis, extent)
            item_bytes = 1 if tensor.dtype is None else tensor.dtype.bytes
            tensor.shape = checked_shape(extents, item_bytes, f"input `{shown(names[number])}`")
        if free.changed:
            for index, tensor in enumerate(self._tensors):
                if not (self._constant[index] or tensor.is_variable or index in self._input_set):
                    tensor.shape = None

    def _nodes(self) -> list[SourceNode]:
        """Returns the operators; checks that each tensor is made once, and before it is read."""
        tables = self._file.tables(self._table, "Operators")
        made_by: dict[int, int] = {}
        wires = []
        for number, table in enumerate(tables):
            inputs = self._file.tuple(table, "Inputs")
            outputs = self._file.tuple(table, "Outputs")
            origin = f"{self._prefix}operator {number}"
            for index in (*outputs, *(i for i in inputs if i != -1)):
                self._tensor(index, origin)
            for index in outputs:
                if index in made_by:
                    raise corrupt(f"it makes tensor {index}, which operator {made_by[index]} makes too", origin)
                if index in self._input_set or self._constant[index]:
                    raise corrupt(f"it makes tensor {index}, an input or a constant", origin)
                made_by[index] = number
            wires.append((inputs, outputs))
        self._mark_empty(made_by)
        for number, (inputs, _) in enumerate(wires):
            for index in inputs:
                self._check_made(index, made_by, number, f"{self._prefix}operator {number}")
        for number, index in enumerate(self._outputs):
            self._check_made(index, made_by, len(tables), f"{self._prefix}output {number}")
        return [self._node(n, t, w) for n, (t, w) in enumerate(zip(tables, wires, strict=True))]

    def _mark_empty(self, made_by: dict[int, int]) -> None:
        """Makes tensors without elements constants: they need no buffer."""
        for index, tensor in enumerate(self._tensors):
            is_free = index not in made_by and index not in self._input_set and not tensor.is_variable
            if is_free and tensor.dtype is not None and tensor.shape is not None and 0 in tensor.shape:
                extents = [n for n in tensor.shape if isinstance(n, int)]
                tensor.data = np.empty(extents, tensor.dtype.numpy)
                self._constant[index] = True

    def _check_made(self, index: int, made_by: dict[int, int], reader: int, origin: str) -> None:
        """Refuses a tensor that is read before anything makes it."""
        if index == -1 or self._constant[index] or index in self._input_set or self._tensors[index].is_variable:
            return
        if index not in made_by:
            raise corrupt(f"nothing makes tensor {index} that it reads", origin)
        if made_by[index] >= reader:
            raise corrupt(f"it reads tensor {index}, which operator {made_by[index]} makes only later", origin)

    def _node(self, number: int, table: Any, wires: tuple[tuple[int, ...], tuple[int, ...]]) -> SourceNode:  # noqa: ANN401 - generated
        """Returns one operator with its options and the subgraphs that these name."""
        codes = self._reader.codes
        if table.OpcodeIndex() >= len(codes):
            raise corrupt(f"it has no operator code {table.OpcodeIndex()}", f"{self._prefix}operator {number}")
        code = codes[table.OpcodeIndex()]
        inputs, outputs = wires
        origin = f"{self._prefix}operator {number} ({shown(code.op)})"
        if outputs:
            origin += f" `{shown(self._tensors[outputs[0]].name)}`"
        is_custom = code.op.startswith(f"{CUSTOM}:")
        given = self._custom_options(table) if is_custom else options(self._file, table, code.op, origin)
        attributes = given.values
        intermediates = self._file.tuple(table, "Intermediates")
        if intermediates:
            for index in intermediates:
                self._tensor(index, origin)
            attributes["intermediates"] = tuple(_key(i) for i in intermediates)
        return SourceNode(
            op=code.op,
            inputs=[None if i == -1 else _key(i) for i in inputs],
            outputs=[_key(i) for i in outputs],
            attributes=attributes,
            origin=origin,
            version=code.version,
            subgraphs={} if is_custom else self._called(attributes),
            defaults=given.defaults,
            misfits=given.misfits,
        )

    def _custom_options(self, table: Any) -> Options:  # noqa: ANN401 - generated classes are untyped
        """Returns the options of a custom operator: the entries of a FlexBuffers map, else its raw `custom_options`."""
        if table.LargeCustomOptionsOffset() > 1:
            content = self._file.slice(table.LargeCustomOptionsOffset(), table.LargeCustomOptionsSize())
        else:
            content = self._file.numbers(table, "CustomOptions")
        self._file.charge(content.size)
        data = content.tobytes()
        if not data:
            return Options({})
        try:
            return Options(dict(read_map(data)))
        except FlexbufferError as reason:
            return Options({"custom_options": data}, misfits={"custom_options": f"is no FlexBuffers map: {reason}"})

    def _called(self, attributes: Mapping[str, object]) -> dict[str, SourceModel]:
        """Returns the subgraphs that the options name, keyed by option without `_index`."""
        return {
            name.removesuffix("_index"): self._reader.subgraph(index, self._depth + 1)
            for name, index in attributes.items()
            if isinstance(index, int) and (name == "subgraph" or name.endswith("_subgraph_index"))
        }


def _key(index: int) -> str:
    """Returns the key of a tensor."""
    return f"t{index}"
