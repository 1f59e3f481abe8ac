"""LinearClassifier and LinearRegressor: scores = x . coefficients^T + intercepts, and what becomes of them."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.importer import Importer
from ariel_build.ops.ml.scores import Classes, above, as_rows, best, complement, transform, wanted
from ariel_build.ops.reshape import reshape

__all__ = ["dense", "matrix"]

_PAIR = 2


def matrix(importer: Importer, name: str, columns: int) -> Numbers:
    """Returns a list of reals as rows of so many columns."""
    given: Numbers = np.asarray(importer.attribute(name, ()), np.float32)
    if not given.size or given.size % columns:
        raise UnsupportedReason(f"`{name}` has {given.size} numbers, which are no rows of {columns}")
    return given.reshape(-1, columns)


def dense(importer: Importer, x: Value, filter_: Numbers, bias: Numbers | None = None) -> Value:
    """Returns `x . filter^T + bias` of rows of float32."""
    added = None if bias is None else importer.constant(np.asarray(bias, np.float32), "intercepts")
    weights = importer.constant(np.ascontiguousarray(filter_, np.float32), "coefficients")
    return importer.emit(FullyConnected(rounding=Rounding.NEAREST_EVEN), [x, weights, added])[0]


def _scores(importer: Importer, targets: int | None) -> Value:
    """Returns the scores of all targets, of which there are as many as intercepts where the node does not say."""
    x = cast(importer, as_rows(importer, importer.input(0)), DType.F32)
    coefficients = matrix(importer, "coefficients", x.shape[1])
    intercepts: Numbers = np.asarray(importer.attribute("intercepts", ()), np.float32)
    targets = len(intercepts) or len(coefficients) if targets is None else targets
    if len(coefficients) != targets or len(intercepts) not in (0, targets):
        raise UnsupportedReason(
            f"{len(coefficients)} rows of coefficients and {len(intercepts)} intercepts do not fit {targets} targets"
        )
    return dense(importer, x, coefficients, intercepts if len(intercepts) else None)


@imports("onnx", "ai.onnx.ml:LinearRegressor")
def _regressor(importer: Importer) -> None:
    scores, kind = _scores(importer, importer.integer("targets", 1)), wanted(importer)
    # One target knows PROBIT only.
    importer.bind(scores if scores.shape[1] == 1 and kind != "PROBIT" else transform(importer, scores, kind))


_TRAINING = {"multi_class": "it tells how the model was trained"}


@imports("onnx", "ai.onnx.ml:LinearClassifier", harmless=_TRAINING)
def _classifier(importer: Importer) -> None:
    classes, kind = Classes(importer, "classlabels_ints"), wanted(importer)
    scores = _scores(importer, None)
    if scores.shape[1] > 1:
        if len(classes) != scores.shape[1]:
            raise UnsupportedReason(f"{scores.shape[1]} scores do not fit {len(classes)} classes")
        importer.bind(classes.of(importer, best(importer, scores)), transform(importer, scores, kind))
        return
    if len(classes) != _PAIR:
        raise UnsupportedReason(f"one score is for 2 classes, not {len(classes)}")
    index = cast(importer, reshape(importer, above(importer, scores, 0.0), scores.shape[:1]), DType.I32)
    if kind == "PROBIT":
        raise UnsupportedReason(
            "PROBIT of one score for two classes is not supported: onnxruntime writes one column only"
        )
    importer.bind(classes.of(importer, index), _columns(importer, scores, kind))


def _columns(importer: Importer, score: Value, kind: str) -> Value:
    """Returns the columns of two classes: the second one's score after the transform, and what is missing to 1."""
    return complement(importer, transform(importer, score, "LOGISTIC") if kind == "LOGISTIC" else score)
