"""The TFLite schema: names of operators and types, and the options of each operator as Python values.

The only file that imports the `tflite` package, which has no type annotations. Its generated classes describe the
schema; they are looked through once, so that no list of options is written down here.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping
from dataclasses import field
from functools import cache
from importlib.util import find_spec, module_from_spec
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from ariel_build.frontends.checks import corrupt
from ariel_build.frontends.flatbuffer import AbsentTable, FlatFile
from ariel_build.records import dataclass

__all__ = ["CUSTOM", "MODEL", "Options", "index_vector", "operator_code", "operator_name", "options", "type_name"]

#: The tables of every model: accessors import the classes of the tables that they return.
_TABLES = "Model Buffer Metadata Operator OperatorCode QuantizationParameters SignatureDef SubGraph Tensor TensorMap"


def _class(name: str) -> Any:  # noqa: ANN401 - generated
    """Returns a class of the package without the package's own module, which imports 186 others."""
    module = f"tflite.{name}"
    if module not in sys.modules:
        spec = None if "tflite" in sys.modules else find_spec("tflite")
        if spec is not None:
            sys.modules["tflite"] = module_from_spec(spec)
        try:
            importlib.import_module(module)
        finally:
            if spec is not None:
                # Whoever imports the package by its name shall have all of it.
                del sys.modules["tflite"]
    return getattr(sys.modules[module], name)


MODEL, *_ = map(_class, _TABLES.split())
CUSTOM = "CUSTOM"

#: Scalar options that hold a member of an enum.
_ENUM_OF = {
    "Algorithm": "RngAlgorithm",
    "Combiner": "CombinerType",
    "CompareType": "StablehloComparisonType",
    "ComparisonDirection": "StablehloComparisonDirection",
    "CompositeAttributesFormat": "CustomOptionsFormat",
    "FusedActivationFunction": "ActivationFunctionType",
    "IdxOutType": "TensorType",
    "InDataType": "TensorType",
    "KernelType": "LSTMKernelType",
    "KeyDtype": "TensorType",
    "Mode": "MirrorPadMode",
    "OutDataType": "TensorType",
    "OutType": "TensorType",
    "OutputType": "TensorType",
    "Padding": "Padding",
    "QuantizedBiasType": "TensorType",
    "ReduceFunction": "ReduceWindowFunction",
    "Type": "LSHProjectionType",
    "ValueDtype": "TensorType",
    "WeightsFormat": "FullyConnectedOptionsWeightsFormat",
}

#: Operators whose options are not called after them.
_OPTIONS_OF = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MULTINOMIAL": "RandomOptions",
    "RANDOM_STANDARD_NORMAL": "RandomOptions",
    "RANDOM_UNIFORM": "RandomOptions",
    "REDUCE_ALL": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "SUM": "ReducerOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
}


@dataclass(frozen=True)
class _Field:
    """One field of an options table: its accessor, our name for it, and its kind."""

    accessor: str
    name: str
    is_vector: bool
    enum: str


@cache
def _enum(name: str) -> dict[int, str]:
    """Maps the numbers of an enum to its names."""
    members = vars(_class(name)).items()
    return {number: member for member, number in members if isinstance(number, int)}


@cache
def _option_classes() -> dict[str, str]:
    """Maps the names of all options classes, in lower case, to their spelling."""
    names = [*_enum("BuiltinOptions").values(), *_enum("BuiltinOptions2").values()]
    return {name.lower(): name for name in names if name != "NONE"}


@cache
def _fields(options_class: str) -> tuple[_Field, ...]:
    """Lists the fields of an options table, in the order of the schema."""
    members = vars(_class(options_class))
    fields = []
    for accessor in members:
        is_helper = accessor.startswith(("_", "GetRootAs")) or accessor.endswith("BufferHasIdentifier")
        is_variant = any(accessor.endswith(s) and accessor.removesuffix(s) in members for s in _VARIANTS)
        if is_helper or is_variant or accessor == "Init":
            continue
        is_vector = f"{accessor}AsNumpy" in members
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", accessor).lower()
        fields.append(_Field(accessor, name, is_vector, "" if is_vector else _ENUM_OF.get(accessor, "")))
    return tuple(fields)


_VARIANTS = ("AsNumpy", "Length", "IsNone")


def operator_code(table: Any) -> int:  # noqa: ANN401 - generated
    """Returns the number of an operator: the greater of two fields, for the older one ends at 127.

    The package's accessor of the newer field is the only one that is not generated: it returns the older field instead
    where the number is small, and so 0 for a file that has the newer one only.
    """
    slot = table._tab.Offset(_BUILTIN_CODE)  # noqa: SLF001 - the seam that the generated accessors use
    code = table._tab.Get(flatbuffers.number_types.Int32Flags, slot + table._tab.Pos) if slot else 0  # noqa: SLF001
    return int(max(code, table.DeprecatedBuiltinCode()))


#: Where the vtable of an operator code has the offset of `builtin_code`.
_BUILTIN_CODE = 10


def operator_name(code: int) -> str:
    """Returns the name of a builtin operator, `BUILTIN_<code>` for one that is newer than the schema."""
    return _enum("BuiltinOperator").get(code, f"BUILTIN_{code}")


def type_name(number: int) -> str:
    """Returns the name of an element type in lower case, `type_<number>` for one that is newer than the schema."""
    return _enum("TensorType").get(number, f"type_{number}").lower()


def index_vector(file: FlatFile, table: Any, name: str) -> npt.NDArray[np.int64]:  # noqa: ANN401 - generated
    """Returns the integers of a field that is a vector of one of several types; none where it is absent."""
    kind = _enum("SparseIndexVector").get(getattr(table, f"{name}Type")(), "NONE")
    vector = getattr(table, name)()
    if kind == "NONE" or vector is None:
        return np.zeros(0, np.int64)
    values = file.numbers(file.view(_class(kind), vector.Pos), "Values")
    file.charge(values.size)
    return values.astype(np.int64)


@dataclass(frozen=True)
class Options:
    """The options of an operator, the names of those that have the schema's default, and what is wrong with some."""

    values: dict[str, object]
    defaults: frozenset[str] = frozenset()
    misfits: Mapping[str, str] = field(default_factory=dict)


def options(file: FlatFile, operator: Any, op: str, origin: str) -> Options:  # noqa: ANN401 - generated
    """Returns the builtin options of an operator, with the schema's defaults for what the file leaves out."""
    expected = _expected_class(op)
    found = _enum("BuiltinOptions").get(operator.BuiltinOptionsType(), "?")
    table = operator.BuiltinOptions()
    if found == "NONE":
        found = _enum("BuiltinOptions2").get(operator.BuiltinOptions2Type(), "?")
        table = operator.BuiltinOptions2()
    if op.startswith("BUILTIN_") or not expected or not _fields(expected):
        return Options({})
    absent = _class(expected)()
    absent._tab = AbsentTable()  # noqa: SLF001 - the seam that the generated accessors offer
    if found == "NONE" or table is None:
        instance = absent
    elif found == expected:
        instance = file.view(_class(expected), table.Pos)
    else:
        raise corrupt(f"the operator carries {'unknown options' if found == '?' else found}, not {expected}", origin)
    values = {field.name: _value(file, instance, field, origin) for field in _fields(expected)}
    same = (field.name for field in _fields(expected) if values[field.name] == _value(file, absent, field, origin))
    return Options(values, frozenset(same))


def _expected_class(op: str) -> str:
    """Returns the name of the class that holds the options of `op`, empty where it has none."""
    if op in _OPTIONS_OF:
        return _OPTIONS_OF[op]
    return _option_classes().get(op.replace("_", "").lower() + "options", "")


def _value(file: FlatFile, instance: Any, field: _Field, origin: str) -> object:  # noqa: ANN401 - generated
    """Returns one option as a Python value."""
    if field.is_vector:
        array = file.numbers(instance, field.accessor)
        file.charge(array.size)
        is_bytes = array.dtype.itemsize == 1 and array.size > 0
        return array.tobytes() if is_bytes else tuple(array.tolist())
    value = getattr(instance, field.accessor)()
    if field.enum:
        name = _enum(field.enum).get(value)
        if name is None:
            raise corrupt(f"{value} is no {field.name.replace('_', ' ')}", origin)
        return name
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, bool | int | float):
        return value
    raise corrupt(f"option {field.name} is of an unknown kind", origin)
