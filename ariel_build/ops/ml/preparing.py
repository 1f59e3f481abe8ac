"""What prepares features: Scaler, Normalizer, Binarizer, Imputer, ArrayFeatureExtractor, FeatureVectorizer."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.concat import concat
from ariel_build.ops.formula import fold, map1, map2
from ariel_build.ops.gather import Gather, GatherConstant
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import indices_input
from ariel_build.ops.ml.scores import above
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select
from ariel_build.ops.slice import emit_slice

__all__: list[str] = []


def _axis(x: Value) -> int:
    """Returns the axis of the features: the second one, if there is one."""
    if not x.shape:
        raise UnsupportedReason("a scalar has no features")
    return 0 if len(x.shape) == 1 else 1


def _spread(x: Value, numbers: Numbers, what: str) -> Numbers:
    """Returns one number for all features, or one for each, in a shape that broadcasts to `x`."""
    if len(x.shape) > 2 and len(numbers) > 1:
        raise UnsupportedReason(f"`{what}` for each feature is not supported with {len(x.shape)} axes")
    if len(numbers) not in (1, x.shape[_axis(x)]):
        raise UnsupportedReason(f"`{what}` has {len(numbers)} numbers for {x.shape[_axis(x)]} features")
    return numbers


@imports("onnx", "ai.onnx.ml:Scaler")
def _scaler(importer: Importer) -> None:
    """(x - offset) * scale, in float64 where the features are, then in float32."""
    x = importer.input(0)
    x = x if x.type.dtype is DType.F64 else cast(importer, x, DType.F32)
    offset, scale = (
        _spread(x, np.asarray(importer.attribute(name, ()), x.type.dtype.numpy), name) for name in ("offset", "scale")
    )
    if len(offset) != len(scale):
        raise UnsupportedReason(f"{len(offset)} offsets and {len(scale)} scales differ")
    centred = map2(importer, "Sub", x, importer.constant(offset))
    importer.bind(cast(importer, map2(importer, "Mul", centred, importer.constant(scale)), DType.F32))


@imports("onnx", "ai.onnx.ml:Normalizer")
def _normalizer(importer: Importer) -> None:
    """X / max(x), x / sum(|x|) or x / sqrt(sum(x^2)) over the features, what is divided by 0 stays."""
    x = cast(importer, importer.input(0), DType.F32)
    norm, axis = importer.text("norm", "MAX"), _axis(x)
    if norm == "MAX":
        divisor = fold(importer, "Max", x, [axis])
    elif norm == "L1":
        divisor = fold(importer, "Sum", map1(importer, "Abs", x), [axis])
    elif norm == "L2":
        divisor = map1(importer, "Sqrt", fold(importer, "Sum", map2(importer, "Mul", x, x), [axis]))
    else:
        raise UnsupportedReason(f"`norm` is {norm!r}, none of MAX, L1, L2")
    nothing, one = (importer.constant(np.array(number, np.float32)) for number in (0, 1))
    is_zero = importer.emit(Compare("Equal"), [divisor, nothing])[0]
    importer.bind(map2(importer, "Div", x, select(importer, is_zero, one, divisor)))


@imports("onnx", "ai.onnx.ml:Binarizer")
def _binarizer(importer: Importer) -> None:
    """1 above the threshold, else 0."""
    x, threshold = importer.input(0), importer.real("threshold")
    if x.type.dtype.is_integer:
        wide = cast(importer, x, DType.F64)
        importer.bind(cast(importer, above(importer, wide, threshold), x.type.dtype))
    else:
        importer.bind(cast(importer, above(importer, x, threshold), x.type.dtype))


@imports("onnx", "ai.onnx.ml:Imputer")
def _imputer(importer: Importer) -> None:
    """What is the replaced value, or is no number where that is none, becomes the imputed one."""
    x = importer.input(0)
    kind = "int64" if x.type.dtype.is_integer else "float"
    given = {name: np.asarray(importer.attribute(f"imputed_value_{name}s", ())) for name in ("int64", "float")}
    replaced = {"int64": importer.integer("replaced_value_int64"), "float": importer.real("replaced_value_float")}
    if not len(given[kind]) or len(given["int64" if kind == "float" else "float"]):
        raise UnsupportedReason(f"`imputed_value_{kind}s` alone must be there for features of {x.type.dtype.value}")
    dtype = x.type.dtype.numpy
    values = given[kind].astype(dtype)
    # As many as features, else the first one for all.
    numbers = values if len(values) == x.shape[_axis(x)] else values[:1]
    constant = importer.constant(_spread(x, numbers, f"imputed_value_{kind}s"))
    if np.isnan(replaced[kind]):
        is_missing = importer.emit(Compare("NotEqual"), [x, x])[0]
    else:
        is_missing = importer.emit(Compare("Equal"), [x, importer.constant(np.array(replaced[kind], dtype))])[0]
    importer.bind(select(importer, is_missing, constant, x))


@imports("onnx", "ai.onnx.ml:ArrayFeatureExtractor")
def _extractor(importer: Importer) -> None:
    """Elements along the last axis; those of a vector become a row. Of names, their numbers."""
    indices = indices_input(importer, 1)
    named = importer.model.tensors.get(importer.node.inputs[0] or "")
    if named is not None and named.dtype is None and named.file_type == "string" and len(named.shape or ()) == 1:
        importer.model.notes.append(
            f"output `{importer.node.outputs[0]}` has the numbers of names in `{named.name}`, not the names"
        )
        importer.bind(reshape(importer, cast(importer, indices, DType.I64), (1, indices.type.elements)))
        return
    x = importer.input(0)
    if not x.shape or not indices.type.elements:
        raise UnsupportedReason("there are no features, or no indices")
    x = reshape(importer, x, (1, *x.shape)) if len(x.shape) == 1 else x
    axis = len(x.shape) - 1
    if indices.data is not None:
        flat = tuple(int(i) for i in np.asarray(indices.data).reshape(-1))
        importer.bind(*importer.emit(GatherConstant(axis, flat), [x], [x.type.quant]))
        return
    places = reshape(importer, indices, (indices.type.elements,))
    importer.bind(*importer.emit(Gather(axis=axis, wraps=False), [x, places], [x.type.quant]))


@imports("onnx", "ai.onnx.ml:FeatureVectorizer")
def _vectorizer(importer: Importer) -> None:
    """Features of several inputs side by side, in float32: as many of each as it says, zeros for what is missing."""
    values, counts = importer.inputs(), importer.integers("inputdimensions")
    if not values or len(values) != len(counts) or min(counts) < 1:
        raise UnsupportedReason(f"{len(values)} inputs do not fit {len(counts)} `inputdimensions`")
    parts = []
    for value, count in zip(values, counts, strict=True):
        if not value.shape:
            raise UnsupportedReason("an input is a scalar")
        rows = 1 if len(value.shape) == 1 else value.shape[0]
        x = cast(importer, reshape(importer, value, (rows, value.type.elements // max(rows, 1))), DType.F32)
        if x.shape[1] < count:
            (x,) = importer.emit(Pad(((0, 0), (0, count - x.shape[1]))), [x])
        parts.append(emit_slice(importer, x, {1: (0, count, 1)}))
    importer.bind(concat(importer, parts, 1))
