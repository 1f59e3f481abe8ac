"""Writing to places that an index tells, and tables that are looked up by them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.ops.aten.case import Cases, K, Numbers, X, Y, drawing

CASES = Cases()
case, real = CASES.add, drawing(22)
PLACES = np.array([[[0, 2, 1]], [[1, 1, 0]]], np.int64)
SMALL = real(2, 2, 3)


def scattered(x: Numbers, source: Numbers, into: Callable[[float, float], float] = lambda _, new: new) -> Numbers:
    """Writes along axis 1."""
    y = x.copy()
    for i, j, k in np.ndindex(PLACES.shape):
        y[i, PLACES[i, j, k], k] = into(y[i, PLACES[i, j, k], k], source[i, j, k])
    return y


INDEX = {"dim": 1, "index": K(PLACES)}
case("scatter.src", scattered, self=X, src=Y, **INDEX)
case("scatter.src", lambda x, _, s: scattered(x, s), self=X, dim=1, index=PLACES, src=SMALL)
case("scatter.value", lambda x: scattered(x, np.full(PLACES.shape, 2.5)), self=X, value=2.5, **INDEX)
case("scatter_add", lambda x, s: scattered(x, s, lambda a, b: a + b), self=X, src=SMALL, **INDEX)
case("scatter.reduce", lambda x, s: scattered(x, s, lambda a, b: a * b), self=X, src=SMALL, reduce="multiply", **INDEX)
for _word, _into in (("sum", lambda a, b: a + b), ("prod", lambda a, b: a * b), ("amax", max), ("amin", min)):
    case("scatter_reduce.two", lambda x, s, f=_into: scattered(x, s, f), self=X, src=SMALL, reduce=_word, **INDEX)


def changed(x: Numbers, places: Numbers, values: Numbers) -> Numbers:
    y = x.copy()
    y[places] = values
    return y


TWO = K(np.array([2, 0], np.int64))
ROWS = real(2, 2, 4)
case("index_fill.int_Scalar", lambda x: changed(x, np.s_[:, [2, 0]], 7), self=X, dim=1, index=TWO, value=7)
case("index_fill.int_Scalar", lambda x, i: changed(x, np.s_[:, i], 7), self=X, dim=1, index=np.array([1]), value=7.0)
case(
    "index_fill.int_Tensor",
    lambda x: changed(x, np.s_[..., [2, 0]], 7),
    self=X,
    dim=2,
    index=TWO,
    value=K(np.array(7, np.float32)),
)
case("index_copy", lambda x, s: changed(x, np.s_[:, [2, 0]], s), self=X, dim=1, index=TWO, source=ROWS)
case("index_add", lambda x, s: changed(x, np.s_[:, [2, 0]], x[:, [2, 0]] + s), self=X, dim=1, index=TWO, source=ROWS)
case("index_put", lambda x, s: changed(x, np.s_[:, [2, 0]], s), self=X, indices=[None, TWO], values=ROWS)
case("index_put", lambda x, s: changed(x, [1], s), self=X, indices=[K(np.array([1]))], values=real(3, 4))
case(
    "index_put", lambda x, i, s: changed(x, (i, [2, 0]), s), self=X, indices=[np.array([1, 0]), TWO], values=real(2, 4)
)
case("index_put", lambda x, m: changed(x, m, 3), self=X, indices=[X > 0], values=K(np.array(3, np.float32)))
case(
    "index_put",
    lambda x, s: x + np.stack([s[0] + s[1], np.zeros((3, 4))]),
    self=X,
    indices=[K(np.array([0, 0]))],
    values=real(2, 3, 4),
    accumulate=True,
)
case("take_along_dim", lambda x, i: np.take_along_axis(x, i, 2), self=X, indices=PLACES[:, :, :2], dim=2)
case("take_along_dim", lambda x: x.reshape(-1)[[5, 1]], self=X, indices=K(np.array([5, 1])))
case("one_hot", lambda i: np.eye(4, dtype=np.int64)[i], self=np.array([[1, 3], [0, 2]]), num_classes=4)
TABLE = real(6, 5)
BAGS = {"weight": K(TABLE), "indices": np.array([1, 4, 5, 0, 0, 2]), "offsets": K(np.array([0, 3]))}
case(
    "embedding_bag.padding_idx embedding_bag _embedding_bag",
    lambda i: TABLE[i.reshape(2, 3)].mean(1),
    **BAGS,
    mode=1,
)
case("embedding_bag", lambda i: TABLE[i.reshape(2, 3)].sum(1), **BAGS)
case("embedding_bag", lambda i: TABLE[i.reshape(2, 3)].max(1), **BAGS, mode=2)
