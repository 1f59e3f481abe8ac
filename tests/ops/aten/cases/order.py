"""What is sorted, and what stands at some place then."""

from __future__ import annotations

import numpy as np

from tests.ops.aten.case import Cases, drawing

CASES = Cases()
case, real = CASES.add, drawing(21)
X = real(2, 5, 4)

case("sort", lambda x: [np.sort(x), np.argsort(x)], self=X)
case("sort.stable", lambda x: [-np.sort(-x, 1), np.argsort(-x, 1)], self=X, stable=True, dim=1, descending=True)
case("argsort", lambda x: np.argsort(-x, 1), self=X, dim=1, descending=True)
case("argsort.stable", np.argsort, self=X, stable=True)
case("median.dim", lambda x: [np.sort(x)[..., 1], np.argsort(x)[..., 1]], self=X, dim=-1)
case(
    "median.dim",
    lambda x: [np.sort(x, 1)[:, 2:3], np.argsort(x, 1)[:, 2:3]],
    self=X,
    dim=1,
    keepdim=True,
)
case("median", lambda x: np.sort(x, None)[19], self=X)
case("kthvalue", lambda x: [np.sort(x, 1)[:, 3], np.argsort(x, 1)[:, 3]], self=X, k=4, dim=1)
