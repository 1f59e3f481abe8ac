"""Writes small .pt2 archives, honest and dishonest ones, as torch.export.save does: a zip of JSON and raw tensors.

A program is a list of `node(..)`; values are told by `v("name")`, everything else is what it is in Python.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["DTYPES", "Program", "T", "dtype", "node", "v", "zipped"]

#: torch's numbers of element types.
DTYPES = {
    "uint8": 1,
    "int8": 2,
    "int16": 3,
    "int32": 4,
    "int64": 5,
    "float16": 6,
    "float32": 7,
    "float64": 8,
    "bool": 12,
}

Json = dict[str, Any]


@dataclass(frozen=True)
class v:  # noqa: N801 - stands in programs as often as a name
    """A tensor of the program, or a number that it computes."""

    name: str
    symbolic: bool = False


@dataclass(frozen=True)
class dtype:  # noqa: N801 - as above
    """An argument that is an element type."""

    name: str


@dataclass(frozen=True)
class T:
    """The type of a tensor: sizes are numbers, or names of symbols."""

    shape: Sequence[int | str]
    dtype: str = "float32"

    @property
    def strides(self) -> list[int]:
        """Steps from one place of an axis to the next, of a tensor that lies dense; a symbol counts as 1."""
        extents = [n if isinstance(n, int) else 1 for n in self.shape]
        return [math.prod(extents[axis + 1 :]) for axis in range(len(extents))]

    def meta(self) -> Json:
        """Returns it as the schema has it."""
        sizes = [
            {"as_int": n} if isinstance(n, int) else {"as_expr": {"expr_str": n, "hint": {"as_int": 2}}}
            for n in self.shape
        ]
        return {
            "dtype": DTYPES.get(self.dtype, 99),
            "sizes": sizes,
            "strides": [{"as_int": step} for step in self.strides],
            "storage_offset": {"as_int": 0},
            "layout": 7,
        }


def argument(value: Any) -> Json:  # noqa: ANN401 - the grammar above
    """Returns an argument as the schema has it."""
    match value:
        case None:
            return {"as_none": True}
        case v(name, True):
            return {"as_sym_int": {"as_name": name}}
        case v(name):
            return {"as_tensor": {"name": name}}
        case dtype(name):
            return {"as_scalar_type": DTYPES[name]}
        case dict():
            return value  # as it stands in the file
        case bool():
            return {"as_bool": value}
        case int():
            return {"as_int": value}
        case float():
            return {"as_float": value}
        case str():
            return {"as_string": value}
        case [v(), *_] if any(one.symbolic for one in value):
            return {"as_sym_ints": [_number(one) for one in value]}
        case [v(), *_] if None in value:
            return {"as_optional_tensors": [argument(one) for one in value]}
        case [v(), *_]:
            return {"as_tensors": [{"name": one.name} for one in value]}
        case [None, *_]:
            return {"as_optional_tensors": [argument(one) for one in value]}
        case [bool(), *_]:
            return {"as_bools": list(value)}
        case [int(), *_] if any(isinstance(one, v) for one in value):
            return {"as_sym_ints": [_number(one) for one in value]}
        case [float(), *_]:
            return {"as_floats": list(value)}
        case _:
            return {"as_ints": list(value)}


def _number(value: v | int) -> Json:
    return {"as_name": value.name} if isinstance(value, v) else {"as_int": value}


def node(target: str, outputs: Mapping[str, T | str | None], trace: str = "", **arguments: Any) -> Json:  # noqa: ANN401 - as above
    """Returns a node; an output of type None is a number, of type "bool" a truth value."""
    return {
        "target": target if target.startswith(("_operator", "math", "torch.sym")) else f"torch.ops.{target}",
        "inputs": [{"name": name, "arg": argument(value), "kind": 1} for name, value in arguments.items()],
        "outputs": [
            {f"as_sym_{type_ or 'int'}": {"as_name": name}}
            if type_ is None or isinstance(type_, str)
            else {"as_tensor": {"name": name}}
            for name, type_ in outputs.items()
        ],
        "metadata": {"stack_trace": trace},
        "name": next(iter(outputs), ""),
        "_types": dict(outputs),
    }


@dataclass
class Program:
    """A program to write. `constants` are parameters, `buffers` what it may change: name -> content."""

    inputs: Mapping[str, T] = field(default_factory=dict)
    nodes: Sequence[Json] = ()
    outputs: Sequence[str] = ()
    constants: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    buffers: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    mutations: Mapping[str, str] = field(default_factory=dict)
    version: tuple[int, int] = (8, 20)

    def json(self) -> Json:
        """Returns `models/model.json`."""
        types = {name: type_ for one in self.nodes for name, type_ in one["_types"].items() if isinstance(type_, T)}
        known = {**self.inputs, **types}
        held = {**self.constants, **self.buffers}
        known |= {name: T(array.shape, array.dtype.name) for name, array in held.items()}
        specs: list[Json] = [
            {"parameter": {"arg": {"name": name}, "parameter_name": f"m.{name}"}} for name in self.constants
        ]
        specs += [
            {"buffer": {"arg": {"name": name}, "buffer_name": f"m.{name}", "persistent": True}} for name in self.buffers
        ]
        specs += [{"user_input": {"arg": argument(v(name))}} for name in self.inputs]
        outs: list[Json] = [
            {"buffer_mutation": {"arg": {"name": value}, "buffer_name": f"m.{name}"}}
            for name, value in self.mutations.items()
        ]
        outs += [{"user_output": {"arg": argument(v(name))}} for name in self.outputs]
        graph = {
            "inputs": [argument(v(name)) for name in (*held, *self.inputs)],
            "outputs": [argument(v(name)) for name in self.outputs],
            "nodes": [{key: value for key, value in one.items() if key != "_types"} for one in self.nodes],
            "tensor_values": {name: type_.meta() for name, type_ in known.items()},
            "sym_int_values": {},
            "sym_bool_values": {},
        }
        return {
            "graph_module": {"graph": graph, "signature": {"input_specs": specs, "output_specs": outs}},
            "opset_version": {"aten": 10},
            "range_constraints": {},
            "schema_version": {"major": self.version[0], "minor": self.version[1]},
        }

    def members(self) -> dict[str, bytes]:
        """Returns the members of the archive by their names in its folder."""
        found: dict[str, bytes] = {}
        config: Json = {}
        for number, (name, array) in enumerate({**self.constants, **self.buffers}.items()):
            steps = [step // array.itemsize for step in np.array(array, order="C").strides]
            meta = T(array.shape, array.dtype.name).meta() | {"strides": [{"as_int": step} for step in steps]}
            config[f"m.{name}"] = {"path_name": f"weight_{number}", "use_pickle": False, "tensor_meta": meta}
            found[f"data/weights/weight_{number}"] = np.ascontiguousarray(array).tobytes()
        found["data/weights/model_weights_config.json"] = json.dumps({"config": config}).encode()
        found["data/constants/model_constants_config.json"] = b'{"config": {}}'
        found["models/model.json"] = json.dumps(self.json()).encode()
        found["archive_format"], found["archive_version"], found["byteorder"] = b"pt2", b"0", b"little"
        return found

    def write(self) -> bytes:
        """Returns the archive."""
        return zipped(self.members())


def zipped(members: Mapping[str, bytes], folder: str = "model/", method: int = zipfile.ZIP_STORED) -> bytes:
    """Returns a zip of members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(folder + name), data, method)
    return content.getvalue()
