"""LabelEncoder, OneHotEncoder and ZipMap: numbers looked up in a table, marked in a row, and named.

There are no strings in a compiled model: what would read one is refused, what would make one makes its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Packed, Tiling
from ariel_build.kernels.declared import positions as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.ml import forest
from ariel_build.ops.ml.trees import TreeKeys
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["Positions"]

#: Features of one TreeKeys, which turns floats into integers.
_MOST_FEATURES = 1 << 15


@dataclass(frozen=True)
class Positions(Operator):
    """The place of each integer in a table that goes up (constant), or the table's length where it is none of it."""

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[..], T[n] -> i32[..]."""
        x, table = inputs[0], inputs[1]
        if x is None or table is None or x.dtype is not table.dtype or x.dtype not in (DType.I32, DType.I64):
            raise ValueError(f"{x} is not looked up in {table}")
        return [TensorType(DType.I32, x.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Searches by halves."""
        x, table = (np.asarray(i) for i in inputs)
        places = np.searchsorted(table, x)
        found = np.append(table, 0)[places] == x
        return [np.where(found & (places < len(table)), places, len(table)).astype(np.int32)]

    def lower(self, node: Node) -> KernelCall:
        """`positions::PositionsI32` or `PositionsI64`."""
        x, table, output = node.input(0), node.input(1), node.output
        if table.data is None:
            raise UnsupportedReason("a table that is computed at run time is not supported")
        made: type[Kernel] = declared.PositionsI64 if x.type.dtype is DType.I64 else declared.PositionsI32
        fields = {
            "input": Operand(x),
            "output": Operand(output),
            "elements": x.type.elements,
            "table": Packed(table.data, "keys"),
        }
        return KernelCall.of(made.made(fields), [x], [output], Tiling(Axis.ELEMENTS, x.type.elements))


def _column(importer: Importer, what: str) -> tuple[str, Any]:
    """Returns which of the attributes for keys, or values, the node has, and what it says."""
    found = {}
    for kind in ("int64s", "floats", "strings", "tensor"):
        given = importer.attribute(f"{what}_{kind}")
        if given is not None and (isinstance(given, np.ndarray) or len(given)):  # type: ignore[arg-type]
            found[kind] = given
    if len(found) != 1:
        raise UnsupportedReason(f"it has {len(found)} attributes for {what}, not 1")
    return next(iter(found.items()))


@imports("onnx", "ai.onnx.ml:LabelEncoder")
def _label_encoder(importer: Importer) -> None:
    """The value of the key that the input is, else the default; of equal keys the first one counts."""
    if importer.attribute("classes_strings") is not None:
        raise UnsupportedReason("it maps strings: handle text in your code, and give the model numbers")
    kind, given = _column(importer, "keys")
    _, values = _column(importer, "values")
    if kind == "strings" or np.asarray(given).dtype.kind not in "iuf":
        raise UnsupportedReason("its keys are strings: handle text in your code, and give the model numbers")
    table: Numbers = np.asarray(values)
    default = _default(importer, table)
    if table.dtype.kind not in "iufb":
        raise UnsupportedReason("its values are strings: leave it out of the model, and name numbers in your code")
    x, keys = importer.input(0), np.asarray(given).reshape(-1)
    if len(keys) != table.size:
        raise UnsupportedReason(f"{len(keys)} keys do not fit {table.size} values")
    table = table.reshape(-1)
    if table.dtype == np.float64 and kind != "tensor":
        table = table.astype(np.float32)
    places, order = _places(importer, x, keys)
    numbered = importer.constant(np.append(table[order], default).astype(table.dtype), "values")
    found = importer.emit(Gather(axis=0, wraps=False), [numbered, places])[0]
    importer.bind(found)


def _default(importer: Importer, table: Numbers) -> float | int:
    """Returns what stands for a key that is none."""
    integer, real = importer.integer("default_int64", -1), importer.real("default_float", -0.0)
    importer.attribute("default_string")
    tensor = importer.attribute("default_tensor")
    if tensor is not None:
        given = np.asarray(tensor).reshape(-1)
        if given.size != 1 or given.dtype.kind not in "iufb":
            raise UnsupportedReason("`default_tensor` is not one number")
        number: float | int = given[0].item()
        return number
    return real if table.dtype.kind == "f" else integer


def _places(importer: Importer, x: Value, keys: Numbers) -> tuple[Value, list[int]]:
    """Returns where each element stands among the keys in order, and the order: indices of keys."""
    dtype = x.type.dtype
    if dtype is DType.F32:
        # In the order of floats, both zeros alike, what is no number equal to itself.
        keys = np.asarray(keys, np.float32)
        own = np.where(np.isnan(keys), np.int32(2**31 - 1), forest.float_keys(keys + np.float32(0)))
        x = _float_keys(importer, x)
    elif dtype.is_integer and dtype is not DType.U64:
        own = np.asarray(keys, np.int64)
        if dtype is DType.I32 or dtype is DType.I64:
            own = own[(own >= dtype.range[0]) & (own <= dtype.range[1])].astype(dtype.numpy)
        else:
            x = cast(importer, x, DType.I64)
        if len(own) != len(keys):
            raise UnsupportedReason(f"a key is none of {dtype.value}")
    else:
        raise UnsupportedReason(f"keys of {dtype.value} are not supported")
    first: dict[int, int] = {}
    for index, key in enumerate(own):
        first.setdefault(int(key), index)
        if dtype is DType.F32 and key == 0:
            # The key of -0 is the one before that of 0.
            first.setdefault(-1, index)
    table = sorted(first)
    constant = importer.constant(np.array(table, x.type.dtype.numpy), "keys")
    return importer.emit(Positions(), [x, constant])[0], [first[key] for key in table]


def _float_keys(importer: Importer, x: Value) -> Value:
    """Returns integers in the order of float32 elements."""
    count = x.type.elements
    if count > _MOST_FEATURES:
        raise UnsupportedReason(f"floats are looked up {_MOST_FEATURES:,} at a time, not {count:,}")
    (keys,) = importer.emit(TreeKeys(tuple(range(count)), count), [reshape(importer, x, (1, count))])
    return reshape(importer, emit_slice(importer, keys, {1: (0, count, 1)}), x.shape)


@imports("onnx", "ai.onnx.ml:OneHotEncoder")
def _one_hot(importer: Importer) -> None:
    """A row of zeros for each element, with 1 at the category that it is."""
    x, categories = importer.input(0), importer.integers("cats_int64s")
    if importer.attribute("cats_strings") is not None or not categories:
        raise UnsupportedReason("its categories are strings: handle text in your code, and give the model numbers")
    if not importer.integer("zeros", 1):
        # A compiled model has no way to fail.
        importer.model.notes.append(
            f"output `{importer.node.outputs[0]}`: what is none of the categories becomes a row of zeros, not an error"
        )
    if len(set(categories)) != len(categories):
        raise UnsupportedReason("a category is there twice")
    whole = cast(importer, x, DType.I64)
    small = all(-(2**31) <= c < 2**31 for c in categories) and x.type.dtype is DType.I32
    whole = x if small else whole
    wide = reshape(importer, whole, (*x.shape, 1))
    constant = importer.constant(np.array(categories, whole.type.dtype.numpy))
    importer.bind(cast(importer, importer.emit(Compare("Equal"), [wide, constant])[0], DType.F32))


@imports("onnx", "ai.onnx.ml:ZipMap")
def _zip_map(importer: Importer) -> None:
    """Probabilities stay a row for each input row, where a map from classes would be made of it at the very end."""
    importer.integers("classlabels_int64s")
    importer.attribute("classlabels_strings")
    output = importer.node.outputs[0]
    if output not in importer.model.outputs:
        raise UnsupportedReason(
            "a map from classes is read by other nodes: export the model with the option `zipmap=False`"
        )
    importer.model.notes.append(
        f"output `{output}` is a row of probabilities, in the order of the classes, and no map (ZipMap is left out)"
    )
    importer.bind(importer.input(0))
