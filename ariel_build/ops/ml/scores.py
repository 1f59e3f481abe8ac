"""What classifiers and regressors make of scores: the transforms of `ai.onnx.ml`, a second column, and the class.

Formulas are those of onnxruntime, which the standard leaves open: LOGISTIC is 1 / (1 + e^-x); SOFTMAX_ZERO leaves what
is 0 out of the sum; PROBIT is the square root of 2 times an approximation of the inverse of the error function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.best import Best
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.concat import concat
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.formula import fold, map1, map2
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select
from ariel_build.ops.softmax import Softmax

__all__ = ["Classes", "above", "as_rows", "complement", "picked", "transform", "two_columns"]

_TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")
#: What counts as 0 in SOFTMAX_ZERO.
_NOTHING = 1e-7
#: Of the approximation of the inverse of the error function.
_WINITZKI = 0.147


def as_rows(importer: Importer, x: Value) -> Value:
    """Returns features as a matrix of rows: a vector is one row."""
    if len(x.shape) not in (1, 2):
        raise UnsupportedReason(f"features of {len(x.shape)} axes are not supported, only rows of features")
    return reshape(importer, x, (1, *x.shape)) if len(x.shape) == 1 else x


def wanted(importer: Importer, name: str = "post_transform") -> str:
    """Returns the transform that the node asks for."""
    word = importer.text(name, "NONE")
    if word not in _TRANSFORMS:
        raise UnsupportedReason(f"`{name}` is {word!r}, none of {', '.join(_TRANSFORMS)}")
    return word


def transform(importer: Importer, scores: Value, kind: str) -> Value:
    """Returns scores, `[rows, columns]`, after a transform; float64 is rounded to float32 before it."""
    if kind == "NONE":
        return scores
    scores = cast(importer, scores, DType.F32)
    if kind == "LOGISTIC":
        return map1(importer, "Sigmoid", scores)
    if kind == "SOFTMAX":
        return importer.emit(Softmax(rounding=Rounding.NEAREST_EVEN), [scores])[0]
    if kind == "SOFTMAX_ZERO":
        return _softmax_zero(importer, scores)
    return _probit(importer, scores)


def _softmax_zero(importer: Importer, x: Value) -> Value:
    most = fold(importer, "Max", x, [1])
    powers = map1(importer, "Exp", map2(importer, "Sub", x, most))
    zeros = map2(importer, "Mul", x, map1(importer, "Exp", map1(importer, "Neg", most)))
    there = above(importer, map1(importer, "Abs", x), _NOTHING)
    nothing = importer.constant(np.zeros((1, 1), np.float32))
    total = fold(importer, "Sum", select(importer, there, powers, nothing), [1])
    return map2(importer, "Div", select(importer, there, powers, zeros), total)


def _probit(importer: Importer, value: Value) -> Value:
    x = map2(importer, "Sub", map2(importer, "Mul", value, 2.0), 1.0)
    rest = map2(importer, "Mul", map2(importer, "Sub", 1.0, x), map2(importer, "Add", x, 1.0))
    logarithm = map1(importer, "Log", rest)
    half = map2(importer, "Add", map2(importer, "Mul", logarithm, 0.5), 2 / (math.pi * _WINITZKI))
    whole = map2(importer, "Mul", logarithm, 1 / _WINITZKI)
    root = map1(importer, "Sqrt", map2(importer, "Sub", map2(importer, "Mul", half, half), whole))
    size = map1(importer, "Sqrt", map2(importer, "Sub", root, half))
    signed = map2(importer, "Mul", map1(importer, "Sign", x), size)
    return map2(importer, "Mul", signed, math.sqrt(2))


def above(importer: Importer, x: Value, bound: float) -> Value:
    """Returns whether each element is greater than a number."""
    constant = importer.constant(np.array(bound, x.type.dtype.numpy))
    return importer.emit(Compare("Greater"), [x, constant])[0]


def complement(importer: Importer, score: Value) -> Value:
    """Returns `[1 - score, score]` of one column."""
    return concat(importer, [map2(importer, "Sub", 1.0, score), score], 1)


def two_columns(importer: Importer, score: Value, kind: str) -> Value:
    """Returns both columns of one score that may be negative, after a transform: the other class has its negative."""
    if kind == "LOGISTIC":
        score = cast(importer, score, DType.F32)
    both = concat(importer, [map1(importer, "Neg", score), score], 1)
    return transform(importer, both, "LOGISTIC") if kind == "LOGISTIC" else both


class Classes:
    """The classes of a node: numbers, or names that are numbered."""

    def __init__(self, importer: Importer, integers: str) -> None:
        """Reads the attributes, `integers` and `classlabels_strings`."""
        numbers = importer.integers(integers)
        names = importer.attribute("classlabels_strings", ())
        if not isinstance(names, tuple):
            raise UnsupportedReason("`classlabels_strings` is no list")
        if names and numbers:
            raise UnsupportedReason(f"it has both `{integers}` and `classlabels_strings`")
        self.names: tuple[str, ...] = tuple(str(name) for name in names)
        self.numbers = tuple(range(len(names))) if names else numbers

    def __len__(self) -> int:
        """How many there are."""
        return len(self.numbers)

    def of(self, importer: Importer, index: Value) -> Value:
        """Returns the classes, int64, that stand at int32 indices; tells what numbers mean that stand for names."""
        if self.names:
            told = ", ".join(f"{k} is {name!r}" for k, name in enumerate(self.names[:10]))
            more = " and so on" if len(self.names) > 10 else ""
            importer.model.class_names[:] = self.names
            importer.model.notes.append(
                f"output `{importer.node.outputs[0]}` has the numbers of classes, not their names: {told}{more}"
            )
        return picked(importer, self.numbers, index)


def picked(importer: Importer, numbers: Sequence[int], index: Value) -> Value:
    """Returns the numbers, int64, at int32 indices."""
    if tuple(numbers) == tuple(range(len(numbers))):
        return cast(importer, index, DType.I64)
    table = importer.constant(np.array(numbers, np.int64))
    return importer.emit(Gather(axis=0, wraps=False), [table, index])[0]


def best(importer: Importer, scores: Value) -> Value:
    """Returns the int32 index of the greatest score of each row, the first of equal ones."""
    return importer.emit(Best(1), [scores])[0]
