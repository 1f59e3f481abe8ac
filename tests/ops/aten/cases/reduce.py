"""Sums, means, extremes and their places, variances, norms."""

from __future__ import annotations

import math

import numpy as np

from tests.ops.aten.case import BITS, Cases, K, X

CASES = Cases()
case = CASES.add

case("mean.dim", lambda x: x.mean((0, 2)), self=X, dim=[0, -1])
case("mean", lambda x: x.mean(), self=X)
case("sum.dim_IntList", lambda x: x.sum(1, keepdims=True), self=X, dim=[1], keepdim=True)
case("sum", lambda x: x.sum(), self=X)
case("prod.dim_int", lambda x: x.prod(1), self=X, dim=1)
case("prod", lambda x: x.prod(), self=X)
case("amax", lambda x: x.max((0, 1)), self=X, dim=[0, 1])
case("amin", lambda x: x.min((0, 1)), self=X, dim=[0, 1])
case("max", lambda x: x.max(), self=X)
case("min", lambda x: x.min(), self=X)
case("max.dim", lambda x: [x.max(1), x.argmax(1)], self=X, dim=1)
case("min.dim", lambda x: [x.min(1), x.argmin(1)], self=X, dim=1)
case("argmax", lambda x: x.argmax(1), self=X, dim=1)
case("argmin", lambda x: x.argmin(), self=X)
case("topk", lambda x: [-np.sort(-x, -1)[..., :2], np.argsort(-x, -1)[..., :2]], self=X, k=2)
case("cumsum", lambda x: x.cumsum(1), self=X, dim=1)
case("logsumexp special_logsumexp", lambda x: np.log(np.exp(x).sum(1)), self=X, dim=[1])
case(
    "logsumexp",
    lambda _: np.array([[np.inf], [-np.inf]]),
    self=np.array([[np.inf, 1], [-np.inf] * 2], np.float32),
    dim=[1],
    keepdim=True,
)
case("any.dim", lambda x: x.any(1), self=BITS, dim=1)
case("any.dims", lambda x: x.any((1, 2)), self=BITS, dim=[1, 2])
case("any", lambda x: x.any(), self=BITS)
case("all.dim", lambda x: (x != 0).all(1), self=X, dim=1)
case("all.dims", lambda x: x.all((1, 2)), self=BITS, dim=[1, 2])
case("all", lambda x: x.all(), self=BITS)
case("var.correction", lambda x: x.var(1, ddof=0), self=X, dim=[1], correction=0)
case("var.dim", lambda x: x.var(1, ddof=1), self=X, dim=[1])
case("var", lambda x: x.var(ddof=1), self=X)
case("std.correction", lambda x: x.std(1, ddof=1, keepdims=True), self=X, dim=[1], keepdim=True)
case("std.dim", lambda x: x.std(1, ddof=0), self=X, dim=[1], unbiased=False)
case("std", lambda x: x.std(ddof=1), self=X)
case("var_mean.correction var_mean.dim", lambda x: [x.var(1, ddof=1), x.mean(1)], self=X, dim=[1])
case("var_mean", lambda x: [x.var(ddof=1), x.mean()], self=X)
case("std_mean.correction std_mean.dim", lambda x: [x.std(1, ddof=1), x.mean(1)], self=X, dim=[1])
case("linalg_vector_norm", lambda x: np.abs(x).sum(1), self=X, ord=1, dim=[1])
case("linalg_vector_norm", lambda x: np.abs(x).max(1), self=X, ord=math.inf, dim=[1])
case("norm.ScalarOpt_dim", lambda x: np.sqrt((x * x).sum(1)), self=X, p=2, dim=[1])
case("norm.Scalar", lambda x: np.sqrt((x * x).sum()), self=X, p=2)
case("frobenius_norm.dim", lambda x: np.sqrt((x * x).sum((1, 2))), self=X, dim=[1, 2])


SIZES = np.abs(X[:1, :, :1]) + np.float32(0.5)
LENGTHS = np.sqrt((X * X).sum((0, 2), keepdims=True))
case("_weight_norm", lambda v: v / LENGTHS * SIZES, v=X, g=K(SIZES), dim=1)
case("_weight_norm", lambda v: v / np.sqrt((v * v).sum()) * SIZES[:, :1], v=X, g=K(SIZES[:, :1]), dim=-1)
case("_weight_norm_interface", lambda v: [v / LENGTHS * SIZES, LENGTHS], v=X, g=K(SIZES), dim=1)
case("count_nonzero", lambda x: np.count_nonzero(x > 0), self=BITS)
case("count_nonzero.dim_IntList", lambda x: np.count_nonzero(x, 1), self=np.maximum(X, 0), dim=[1])
