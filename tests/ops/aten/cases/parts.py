"""Parts of tensors, and joins: slices, borders, places that are looked up."""

from __future__ import annotations

import numpy as np

from tests.ops.aten.case import Cases, K, X, Y, drawing

CASES = Cases()
case, real = CASES.add, drawing(6)

case("cat concat concatenate", lambda x, y: np.concatenate([x, y], 1), tensors=[X, Y], dim=1)
case("stack", lambda x, y: np.stack([x, y], 1), tensors=[X, Y], dim=1)
case("hstack", lambda x, y: np.hstack([x, y]), tensors=[X, Y])
case("vstack", lambda x, y: np.vstack([x, y]), tensors=[X, Y])
case("slice.Tensor slice_copy.Tensor", lambda x: x[:, :, 1:4:2], self=X, dim=2, start=1, end=1 << 62, step=2)
case("narrow narrow_copy", lambda x: x[:, 1:3], self=X, dim=1, start=1, length=2)
case("select.int select_copy.int", lambda x: x[:, -1], self=X, dim=1, index=-1)
case("split.Tensor split_copy.Tensor", lambda x: [x[:, :2], x[:, 2:]], self=X, split_size=2, dim=1)
case("split_with_sizes split_with_sizes_copy", lambda x: [x[:, :1], x[:, 1:]], self=X, split_sizes=[1, 2], dim=1)
case("split.sizes", lambda x: [x[:, :1], x[:, 1:]], self=X, split_size=[1, 2], dim=1)
case("chunk", lambda x: [x[:, :2], x[:, 2:]], self=X, chunks=2, dim=1)
case("tensor_split.sections", lambda x: np.array_split(x, 3, 2), self=X, sections=3, dim=2)
case("tensor_split.indices", lambda x: np.split(x, [1, 3], 2), self=X, indices=[1, 3], dim=2)
case("unbind.int unbind_copy.int", list, self=X)
case("meshgrid.indexing", lambda a, b: np.meshgrid(a, b, indexing="ij"), tensors=[real(2), real(3)], indexing="ij")
case("meshgrid", lambda a, b: np.meshgrid(a, b, indexing="ij"), tensors=[real(2), real(3)])
case("select_scatter", lambda x, y: np.stack([x[:, 0], y, x[:, 2]], 1), self=X, src=real(2, 4), dim=1, index=1)
case("slice_scatter", lambda x, y: np.concatenate([x[:, :1], y], 1), self=X, src=real(2, 2, 4), dim=1, start=1, end=3)
case("flip", lambda x: x[:, ::-1, ::-1], self=X, dims=[1, 2])
case("roll", lambda x: np.roll(x, (1, -1), (1, 2)), self=X, shifts=[1, -1], dims=[1, 2])
case("roll", lambda x: np.roll(x, 5), self=X, shifts=[5])
for _turns in range(4):
    case("rot90", lambda x, k=_turns: np.rot90(x, k, (1, 2)), self=X, k=_turns, dims=[1, 2])
case("pad", lambda x: np.pad(x, ((0, 0), (1, 0), (2, 1)), constant_values=1.5), self=X, pad=[2, 1, 1, 0], value=1.5)
case("constant_pad_nd", lambda x: x[:, :, 1:], self=X, pad=[-1, 0])
for _mode, _word in (("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")):
    case("pad", lambda x, w=_word: np.pad(x, ((0, 0), (0, 0), (2, 1)), w), self=X, pad=[2, 1], mode=_mode)
case(
    "reflection_pad1d reflection_pad2d reflection_pad3d",
    lambda x: np.pad(x, ((0, 0), (0, 0), (2, 1)), "reflect"),
    self=X,
    padding=[2, 1],
)
case(
    "replication_pad1d replication_pad2d replication_pad3d",
    lambda x: np.pad(x, ((0, 0), (0, 0), (2, 1)), "edge"),
    self=X,
    padding=[2, 1],
)
INDEX = K(np.array([2, 0], np.int64))
case("index_select", lambda x: x[:, [2, 0]], self=X, dim=1, index=INDEX)
case("index.Tensor", lambda x: x[:, [2, 0]], self=X, indices=[None, INDEX])
case("index.Tensor", lambda x: x[[1, 0], [2, 0]], self=X, indices=[K(np.array([1, 0])), INDEX])
case("embedding", lambda: X[0][[2, 0]], weight=K(X[0]), indices=INDEX)
case("embedding", lambda i: X[0][i], weight=K(X[0]), indices=np.array([2, 0, 1], np.int64))
case(
    "gather",
    lambda x: np.take_along_axis(x, np.array([[[1, 0, 1, 0]]] * 2), 1),
    self=X,
    dim=1,
    index=K(np.array([[[1, 0, 1, 0]]] * 2)),
)
case("tril", np.tril, self=X)
case("triu", lambda x: np.triu(x, 1), self=X, diagonal=1)
