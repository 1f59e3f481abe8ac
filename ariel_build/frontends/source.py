"""What a frontend yields: the model as its file has it, in one neutral form.

Frontends know file formats and no operators: a `SourceNode` carries the file's operator name and its attributes as
plain Python values; `ariel_build.ops` turns it into graph nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ariel_build.ir import Array, DType, Quant

__all__ = ["SourceModel", "SourceNode", "SourceTensor"]


@dataclass
class SourceTensor:
    """One tensor of the file.

    `shape` has None where a dimension is free and no number was given; for ONNX values that only shape inference can
    know, `shape` and `dtype` are None. `data` holds a constant's elements.
    """

    name: str
    dtype: DType | None = None
    shape: tuple[int | str | None, ...] | None = None
    quant: Quant | None = None
    data: Array | None = None
    is_variable: bool = False


@dataclass
class SourceNode:
    """One operator of the file; `inputs` and `outputs` are keys into `SourceModel.tensors`, None where absent."""

    op: str
    inputs: list[str | None]
    outputs: list[str]
    attributes: Mapping[str, object] = field(default_factory=dict)
    origin: str = ""
    version: int = 1
    subgraphs: Mapping[str, SourceModel] = field(default_factory=dict)


@dataclass
class SourceModel:
    """A model file, read and checked for consistency.

    `format` is "tflite" or "onnx". `tensors` maps a key that is unique in the file (TFLite: `t<index>`; ONNX: the
    value's name) to the tensor. `inputs` and `outputs` are keys. `input_names` and `output_names` are what users call
    them (contract: the tensor's name; `input_<i>` where it is empty or repeated).
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
    opset: int = 0
    notes: list[str] = field(default_factory=list)
