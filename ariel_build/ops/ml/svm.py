"""SVMClassifier and SVMRegressor: sums over support vectors of a coefficient times a function of vector and features.

The function is LINEAR, POLY, RBF or SIGMOID. Each pair of classes has a score, whose sign is a vote; with `prob_a` and
`prob_b` scores become probabilities of pairs, and those the probabilities of classes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Packed, Scratch, Tiling
from ariel_build.kernels.declared import svm as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.concat import concat
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.formula import fold, map1, map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.ml.ensemble import listed
from ariel_build.ops.ml.linear import dense, matrix
from ariel_build.ops.ml.scores import Classes, above, as_rows, best, complement, transform, wanted
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["Coupling", "Distances", "PairScores"]

_PAIR = 2
_SQUARE, _CUBE = 2, 3
#: onnxruntime keeps probabilities of pairs so far from 0 and 1.
_LEAST = 1e-7


class _OfRows(Operator):
    """Rows in a fixed order: passes leave them as they are."""

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes


def _reals(x: TensorType | None) -> tuple[int, int]:
    if x is None or len(x.shape) != 2 or x.dtype is not DType.F32:
        raise ValueError(f"{x} is no matrix of float32")
    return x.shape[0], x.shape[1]


def _data(node: Node, index: int) -> Numbers:
    data = node.input(index).data
    if data is None:
        raise UnsupportedReason("vectors or coefficients are computed at run time")
    return np.asarray(data)


@dataclass(frozen=True)
class Distances(_OfRows):
    """The squares of the distances of each row from each vector (constant)."""

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[n, f], f32[v, f] -> f32[n, v]."""
        (rows, features), (count, own) = _reals(inputs[0]), _reals(inputs[1])
        if features != own or not count:
            raise ValueError(f"vectors of {own} numbers do not fit {features} features")
        return [TensorType(DType.F32, (rows, count))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Sums in float32, feature after feature."""
        x, vectors = (np.asarray(i, np.float32) for i in inputs)
        total = np.zeros(node.output.shape, np.float32)
        for feature in range(x.shape[1]):
            total = total + np.square(x[:, feature, None] - vectors[None, :, feature])
        return [total]

    def macs(self, node: Node) -> int:
        """Rows times vectors times features."""
        return node.output.type.elements * node.input(0).shape[1]

    def lower(self, node: Node) -> KernelCall:
        """`svm::Distances`."""
        x, output = node.input(0), node.output
        kernel = declared.Distances(
            input=Operand(x),
            output=Operand(output),
            rows=x.shape[0],
            features=x.shape[1],
            count=output.shape[1],
            vectors=Packed(_data(node, 1).reshape(-1), "vectors"),
        )
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ELEMENTS, output.type.elements), self.macs(node))


@dataclass(frozen=True)
class PairScores(_OfRows):
    """What the vectors of both classes of each pair say together; vectors of class k are those from `starts[k]` on."""

    starts: tuple[int, ...]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs in order."""
        return list(itertools.combinations(range(len(self.starts) - 1), 2))

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[n, v], f32[classes - 1, v], f32[pairs] -> f32[n, pairs]."""
        (rows, vectors), coefficients, rho = _reals(inputs[0]), _reals(inputs[1]), inputs[2]
        if (
            vectors != self.starts[-1]
            or coefficients != (len(self.starts) - 2, vectors)
            or rho is None
            or rho.shape != (len(self.pairs),)
        ):
            raise ValueError("vectors, coefficients and rho do not fit each other")
        return [TensorType(DType.F32, (rows, len(self.pairs)))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Sums class after class."""
        x, coefficients, rho = (np.asarray(i, np.float32) for i in inputs)
        scores = np.zeros(node.output.shape, np.float32)
        for pair, (one, other) in enumerate(self.pairs):
            own, its = (slice(self.starts[k], self.starts[k + 1]) for k in (one, other))
            scores[:, pair] = x[:, own] @ coefficients[other - 1, own] + x[:, its] @ coefficients[one, its] + rho[pair]
        return [scores]

    def macs(self, node: Node) -> int:
        """Each vector speaks for all pairs of its class."""
        return node.output.shape[0] * self.starts[-1] * (len(self.starts) - 2)

    def lower(self, node: Node) -> KernelCall:
        """`svm::Pairs`."""
        x, output = node.input(0), node.output
        kernel = declared.Pairs(
            input=Operand(x),
            output=Operand(output),
            rows=x.shape[0],
            starts=Packed(np.array(self.starts, np.uint32), "vectors of classes"),
            coefficients=Packed(_data(node, 1).reshape(-1), "coefficients"),
            rho=Packed(_data(node, 2), "rho"),
        )
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ELEMENTS, output.type.elements), self.macs(node))


@dataclass(frozen=True)
class Coupling(_OfRows):
    """Probabilities of classes of those of pairs: Wu, Lin and Weng's second method, up to 100 steps."""

    classes: int

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[n, pairs] -> f32[n, classes]."""
        rows, pairs = _reals(inputs[0])
        if self.classes < _PAIR or pairs != self.classes * (self.classes - 1) // 2:
            raise ValueError(f"{pairs} pairs are not those of {self.classes} classes")
        return [TensorType(DType.F32, (rows, self.classes))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """As onnxruntime, in float32."""
        return [np.stack([self._row(row) for row in np.asarray(inputs[0], np.float32)])]

    def _row(self, pairs: Numbers) -> Numbers:
        count, one = self.classes, np.float32(1)
        r = np.zeros((count, count), np.float32)
        r[np.triu_indices(count, 1)] = pairs
        r += np.tril(one - r.T, -1)
        q = -r.T * r
        np.fill_diagonal(q, np.square(r).sum(axis=0, dtype=np.float32))
        p = np.full(count, one / np.float32(count), np.float32)
        for _ in range(100):
            products = (q * p).sum(axis=1, dtype=np.float32)
            total = np.float32((p * products).sum(dtype=np.float32))
            if np.abs(products - total).max() < np.float32(0.005) / np.float32(count):
                break
            for k in range(count):
                change = (total - products[k]) / q[k, k]
                p[k] += change
                total = (total + change * (change * q[k, k] + 2 * products[k])) / (one + change) / (one + change)
                products = (products + change * q[k]) / (one + change)
                p = p / (one + change)
        return p

    def lower(self, node: Node) -> KernelCall:
        """`svm::Coupled`."""
        x, output = node.input(0), node.output
        kernel = declared.Coupled(
            input=Operand(x),
            output=Operand(output),
            rows=x.shape[0],
            classes=self.classes,
            scratch=Scratch(4 * self.classes * (self.classes + 1)),
        )
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ROWS, x.shape[0]))


def _kernel(importer: Importer, x: Value, vectors: Numbers) -> Value:
    """Returns the function of each row and each vector."""
    kind = importer.text("kernel_type", "LINEAR")
    given: Numbers = np.asarray(importer.attribute("kernel_params", ()), np.float32)
    if len(given) not in (0, 3):
        raise UnsupportedReason(f"`kernel_params` has {len(given)} numbers, not 3")
    gamma, offset, degree = (float(v) for v in given) if len(given) else (0.0, 0.0, 0.0)
    if kind == "LINEAR":
        return dense(importer, x, vectors)
    if kind == "RBF":
        constant = importer.constant(np.ascontiguousarray(vectors), "vectors")
        (squares,) = importer.emit(Distances(), [x, constant])
        return map1(importer, "Exp", map2(importer, "Mul", squares, -gamma))
    if kind not in ("POLY", "SIGMOID"):
        raise UnsupportedReason(f"`kernel_type` is {kind!r}, none of LINEAR, POLY, RBF, SIGMOID")
    bias = np.full(len(vectors), offset, np.float32)
    scaled = dense(importer, x, vectors * np.float32(gamma), bias)
    if kind == "SIGMOID":
        return map1(importer, "Tanh", scaled)
    if degree not in (_SQUARE, _CUBE):
        return map2(importer, "Pow", scaled, degree)
    square = map2(importer, "Mul", scaled, scaled)
    return square if degree == _SQUARE else map2(importer, "Mul", square, scaled)


def _reals_of(importer: Importer, name: str, count: int) -> Numbers:
    given: Numbers = np.asarray(importer.attribute(name, ()), np.float32)
    if len(given) != count:
        raise UnsupportedReason(f"`{name}` has {len(given)} numbers, not {count}")
    return given


@imports("onnx", "com.microsoft:CDist")
def _distances(importer: Importer) -> None:
    """Distances, or their squares, of rows from the rows of a constant: what skl2onnx makes of neighbours."""
    x, vectors = importer.input(0), importer.input(1)
    metric = importer.text("metric", "sqeuclidean")
    if metric not in ("euclidean", "sqeuclidean"):
        raise UnsupportedReason(f"`metric` is {metric!r}, only euclidean and sqeuclidean are supported")
    if vectors.data is None:
        raise UnsupportedReason("distances from vectors that are computed at run time are not supported")
    (squares,) = importer.emit(Distances(), [x, vectors])
    importer.bind(squares if metric == "sqeuclidean" else map1(importer, "Sqrt", squares))


@imports("onnx", "ai.onnx.ml:SVMRegressor")
def _regressor(importer: Importer) -> None:
    x = cast(importer, as_rows(importer, importer.input(0)), DType.F32)
    if wanted(importer) != "NONE":
        raise UnsupportedReason("a `post_transform` is not supported: onnxruntime leaves it out")
    count, rho = importer.integer("n_supports"), np.asarray(importer.attribute("rho", ()), np.float32)
    if not len(rho):
        raise UnsupportedReason("it has no `rho`")
    if count > 0:
        vectors = matrix(importer, "support_vectors", x.shape[1])
        if len(vectors) != count:
            raise UnsupportedReason(f"`support_vectors` has {len(vectors)} vectors, not {count}")
        scores = dense(
            importer, _kernel(importer, x, vectors), _reals_of(importer, "coefficients", count)[None], rho[:1]
        )
    else:
        # Without vectors it is linear, whatever the kernel is called.
        for name in ("kernel_type", "kernel_params", "support_vectors"):
            importer.attribute(name)
        scores = dense(importer, x, _reals_of(importer, "coefficients", x.shape[1])[None], rho[:1])
    if importer.integer("one_class"):
        sides = [importer.constant(np.full((1, 1), side, np.float32)) for side in (1, -1)]
        scores = select(importer, above(importer, scores, 0.0), sides[0], sides[1])
    importer.bind(scores)


@imports("onnx", "ai.onnx.ml:SVMClassifier")
def _classifier(importer: Importer) -> None:
    x = cast(importer, as_rows(importer, importer.input(0)), DType.F32)
    classes, kind = Classes(importer, "classlabels_ints"), wanted(importer)
    counts = listed(importer, "vectors_per_class")
    if len(classes) < _PAIR:
        raise UnsupportedReason(f"it has {len(classes)} classes, not 2 or more")
    if sum(counts) > 0:
        if len(counts) != len(classes) or min(counts) < 0:
            raise UnsupportedReason(f"`vectors_per_class` does not fit {len(classes)} classes")
        _by_vectors(importer, x, classes, counts, kind)
    else:
        _linear(importer, x, classes, kind)


def _by_vectors(importer: Importer, x: Value, classes: Classes, counts: Sequence[int], kind: str) -> None:
    """Scores of pairs, or probabilities; the class with the most votes, the first of equal ones."""
    starts = (0, *(int(v) for v in np.cumsum(counts)))
    op = PairScores(starts)
    vectors = matrix(importer, "support_vectors", x.shape[1])
    if len(vectors) != starts[-1]:
        raise UnsupportedReason(f"`support_vectors` has {len(vectors)} vectors, not {starts[-1]}")
    coefficients = _reals_of(importer, "coefficients", (len(classes) - 1) * starts[-1]).reshape(-1, starts[-1])
    rho = _reals_of(importer, "rho", len(op.pairs))
    constants = [importer.constant(np.ascontiguousarray(data)) for data in (coefficients, rho)]
    (scores,) = importer.emit(op, [_kernel(importer, x, vectors), *constants])
    wins = above(importer, scores, 0.0)
    # Each pair votes for its first class where it wins, else for its second one.
    votes, lost = np.zeros((len(classes), len(op.pairs)), np.float32), np.zeros(len(classes), np.float32)
    for pair, (one, other) in enumerate(op.pairs):
        votes[one, pair], votes[other, pair] = 1, -1
        lost[other] += 1
    label = classes.of(importer, best(importer, dense(importer, cast(importer, wins, DType.F32), votes, lost)))
    of_pairs = [np.asarray(importer.attribute(f"prob_{name}", ()), np.float32) for name in "ab"]
    if len(of_pairs[0]) or len(of_pairs[1]):
        if any(len(own) != len(op.pairs) for own in of_pairs):
            raise UnsupportedReason(f"`prob_a` and `prob_b` do not fit {len(op.pairs)} pairs")
        importer.bind(label, transform(importer, _probabilities(importer, scores, of_pairs, len(classes)), kind))
    elif len(classes) > _PAIR:
        importer.bind(label, transform(importer, scores, kind))
    elif kind == "PROBIT":
        raise UnsupportedReason(
            "PROBIT of one score for two classes is not supported: onnxruntime writes one column only"
        )
    elif kind == "NONE":
        importer.bind(label, concat(importer, [map1(importer, "Neg", scores), scores], 1))
    else:
        importer.bind(label, complement(importer, scores))


def _probabilities(importer: Importer, scores: Value, of_pairs: list[Numbers], classes: int) -> Value:
    """Returns probabilities of classes: those of pairs are 1 / (1 + e^(a * score + b))."""
    a, b = (importer.constant(own[None]) for own in of_pairs)
    risen = map2(importer, "Add", map2(importer, "Mul", scores, a), b)
    pairs = map1(importer, "Sigmoid", map1(importer, "Neg", risen))
    (inside,) = importer.emit(Clip((_LEAST, 1 - _LEAST), Rounding.NEAREST_EVEN), [pairs])
    return importer.emit(Coupling(classes), [inside])[0]


def _linear(importer: Importer, x: Value, classes: Classes, kind: str) -> None:
    """Without vectors: a score for each class, the greatest one wins; of two the second one where any is positive."""
    for name in ("kernel_type", "kernel_params", "support_vectors"):
        importer.attribute(name)
    coefficients = _reals_of(importer, "coefficients", len(classes) * x.shape[1]).reshape(len(classes), -1)
    rho: Numbers = np.asarray(importer.attribute("rho", ()), np.float32)
    if not len(rho):
        raise UnsupportedReason("it has no `rho`")
    scores = dense(importer, x, coefficients, np.full(len(classes), rho[0]))
    index = best(importer, scores)
    has_probabilities = len(np.asarray(importer.attribute("prob_a", ())))
    importer.attribute("prob_b")
    if len(classes) == _PAIR and not has_probabilities:
        most = fold(importer, "Max", scores, [1], keep_dims=False)
        positive = bool((coefficients >= 0).all())
        bound = np.nextafter(np.float32(0.5), np.float32(0)) if positive else 0.0
        second = importer.constant(np.array([1], np.int32))
        index = select(importer, above(importer, most, float(bound)), second, reshape(importer, index, most.shape))
    importer.bind(classes.of(importer, index), transform(importer, scores, kind))
