"""The same elements: as another type or shape, in another order of axes, repeated."""

from __future__ import annotations

import numpy as np

from tests.ops.aten.case import IMAGE, WHOLE, Case, Cases, Numbers, X, Y
from tests.pt2_writer import dtype

CASES = Cases()
case = CASES.add

case(
    "clone contiguous alias detach lift_fresh_copy lift_fresh lift to.device positive resolve_conj resolve_neg "
    "alias_copy detach_copy data real",
    lambda x: x,
    self=X,
)
case("detach_ requires_grad_", lambda x: x, self=X)
case("dropout feature_dropout alpha_dropout feature_alpha_dropout", lambda x: x, input=X, p=0.5, train=False)
case("dropout_", lambda x: x, self=X, p=0.5, train=False)
case("native_dropout", lambda x: x, input=X, p=0.5, train=False)
case("to.dtype to.dtype_layout _to_copy type.dtype", lambda x: x.astype(np.int32), self=X, dtype=dtype("int32"))
case("type_as to.other", lambda x, y: x.astype(y.dtype), self=WHOLE, other=X)
case("view _unsafe_view view_copy", lambda x: x.reshape(2, -1), self=X, size=[2, -1])
case("reshape", lambda x: x.reshape(4, 6), self=X, shape=[4, 6])
case("_reshape_copy", lambda x: x.reshape(4, 6), self=X, size=[4, 6])
case("view_as reshape_as", lambda x, y: x.reshape(y.shape), self=X, other=Y.reshape(6, 4))
case("flatten.using_ints", lambda x: x.reshape(2, 12), self=X, start_dim=1)
case("unflatten.int", lambda x: x.reshape(2, 3, 2, 2), self=X, dim=-1, sizes=[2, -1])
case("squeeze", lambda x: x.squeeze(), self=X[:, :1, None])
case("squeeze.dim", lambda x: x.squeeze(1), self=X[:, :1, None], dim=1)
case("squeeze.dims squeeze_copy.dims", lambda x: x.squeeze((1, 2)), self=X[:, :1, None], dim=[0, 1, 2])
case("unsqueeze unsqueeze_copy", lambda x: x[:, None], self=X, dim=-3)
case("permute permute_copy", lambda x: x.transpose(2, 0, 1), self=X, dims=[2, 0, -2])
case("transpose.int transpose_copy.int swapdims", lambda x: x.swapaxes(0, 2), self=X, dim0=0, dim1=-1)
case("swapaxes", lambda x: x.swapaxes(0, 2), self=X, axis0=0, axis1=-1)
case("t numpy_T t_copy", lambda x: x.T, self=X[0])
case("mT adjoint", lambda x: x.swapaxes(1, 2), self=X)
case("movedim.int moveaxis.int", lambda x: np.moveaxis(x, 0, 2), self=X, source=0, destination=2)
case(
    "movedim.intlist moveaxis.intlist",
    lambda x: np.moveaxis(x, (0, 1), (2, 0)),
    self=X,
    source=[0, 1],
    destination=[2, 0],
)
case("expand expand_copy", lambda x: np.broadcast_to(x, (5, 2, 3, 4)), self=X[:, :, :1], size=[5, -1, 3, 4])
case("broadcast_to", lambda x: np.broadcast_to(x, (2, 3, 4)), self=X[:, :1], size=[2, 3, 4])
case("expand_as", lambda x, y: np.broadcast_to(x, y.shape), self=X[:, :1], other=Y)
case("repeat", lambda x: np.tile(x, (2, 1, 3, 1)), self=X, repeats=[2, 1, 3, 1])
case("tile", lambda x: np.tile(x, (2,)), self=X, dims=[2])
case("repeat_interleave.self_int", lambda x: np.repeat(x, 3, 1), self=X, repeats=3, dim=1)


def shuffled(x: Numbers) -> Numbers:
    return x.reshape(1, 1, 2, 2, 6, 8).transpose(0, 1, 4, 2, 5, 3).reshape(1, 1, 12, 16)


case("pixel_shuffle", shuffled, self=IMAGE, upscale_factor=2)
case("pixel_unshuffle", lambda x: x, self=shuffled(IMAGE), downscale_factor=2)
CASES[-1] = Case(CASES[-1].names, CASES[-1].arguments, lambda _: IMAGE)
case("channel_shuffle", lambda x: x[:, [0, 2, 1, 3]], self=IMAGE, groups=2)
