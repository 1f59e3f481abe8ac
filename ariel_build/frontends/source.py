"""What a frontend yields: the model as its file has it, in one neutral form.

Frontends know file formats and no operators: a `SourceNode` carries the file's operator name and its attributes as
plain Python values; `ariel_build.ops` turns it into graph nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field

from ariel_build.ir import Array, DType, Quant, TensorType
from ariel_build.records import dataclass

__all__ = ["Body", "Operand", "SourceModel", "SourceNode", "SourceTensor"]

#: From the types of a node's inputs, None where one is absent, to what the node means in other operators.
Body = Callable[[Sequence[TensorType | None]], "SourceModel"]


@dataclass
class SourceTensor:
    """One tensor of the file.

    `shape` has None where a dimension is free and no number was given; for ONNX values that only shape inference can
    know, `shape` and `dtype` are None. `data` holds a constant's elements, read-only.

    `file_type` is the element type as the file calls it, in lower case ("float16", "resource"); where it is set and
    `dtype` is None, the type is one that we do not compile. `data` then still holds what numpy can (float16, float64,
    uint64), so that a conversion of a constant can be folded. `declared` is the element type that an ONNX file gives an
    output of the model: its operator must make that. `placeholder` says that the file leaves some of the `shape` of a
    computed tensor open, and that 1 stands there. `strides` are how many elements a .pt2 has from one place of an axis
    to the next, for operators that read a tensor as it lies in PyTorch's memory; None where they are not all numbers.
    """

    name: str
    dtype: DType | None = None
    shape: tuple[int | str | None, ...] | None = None
    quant: Quant | None = None
    data: Array | None = None
    is_variable: bool = False
    file_type: str = ""
    declared: DType | None = None
    placeholder: bool = False
    strides: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Operand:
    """A tensor among the named arguments of a .pt2's node: number `index` of the node's inputs."""

    index: int


@dataclass
class SourceNode:
    """One operator of the file; `inputs` and `outputs` are keys into `SourceModel.tensors`, None where absent.

    An optional output that the file leaves out has a key of its own that nothing reads. `attributes` has numbers,
    strings, bytes, tuples of them and numpy arrays; enums are their names. A .pt2 names all arguments: those that are
    tensors are `Operand`s, and None is left out. For a TFLite operator that the schema knows, all the fields of its
    options are there, with the schema's defaults; `defaults` names those that have them.
    `misfits` says of attributes that the operator's schema does not have, or not so, what is wrong. `version` is the
    operator's (TFLite) or its domain's opset (ONNX). `subgraphs` is keyed by attribute (`then_branch`, `body`; TFLite:
    without `_index`). `body` is there where the format's standard defines the operator as a function of others: it
    takes and gives what the node does, absent inputs and trailing outputs left out.
    """

    op: str
    inputs: list[str | None]
    outputs: list[str]
    attributes: Mapping[str, object] = field(default_factory=dict)
    origin: str = ""
    version: int = 1
    subgraphs: Mapping[str, SourceModel] = field(default_factory=dict)
    defaults: frozenset[str] = frozenset()
    misfits: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None


@dataclass
class SourceModel:
    """A model file, read and checked for consistency.

    `format` is "tflite", "onnx" or "pt2". `tensors` maps a key that is unique in the file (TFLite: `t<index>`; ONNX and
    .pt2: the value's name) to the tensor. `inputs` and `outputs` are keys. `input_names` and `output_names` are what
    users call them (contract: the tensor's name; `input_<i>` where it is empty or repeated). `signature` is the TFLite
    signature that the model is, `input_aliases` and `output_aliases` are its names of them, empty where it has none.
    `free_dims` are the places (input, axis) of the dimensions that the file leaves open, `bounds` of those of which
    `dims` tells no more than the most, by what it calls them.
    `class_names` are what a classifier in it calls its classes, in the order of its scores; who imports it finds them.
    """

    format: str
    path: str
    name: str
    tensors: dict[str, SourceTensor]
    inputs: list[str]
    outputs: list[str]
    nodes: list[SourceNode]
    input_names: list[str] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)
    signature: str = ""
    input_aliases: list[str] = field(default_factory=list)
    output_aliases: list[str] = field(default_factory=list)
    opset: int = 0
    notes: list[str] = field(default_factory=list)
    free_dims: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    bounds: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    captured: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)

    def walk(self) -> Iterator[SourceNode]:
        """Yields the nodes, and those of the subgraphs that they name, each once."""
        waiting, seen = [self], {id(self)}
        while waiting:
            for node in waiting.pop().nodes:
                yield node
                inner = [model for model in node.subgraphs.values() if id(model) not in seen]
                seen.update(map(id, inner))
                waiting += inner
