"""ATen operators that give the same elements: as another type or shape, in another order of axes, repeated."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason, axes_of
from ariel_build.ops.reshape import infer_free
from ariel_build.ops.shape import bounded
from ariel_build.ops.transpose import transpose

__all__ = ["expanded"]

# ---- the same elements


@aten(
    *(
        "clone.default",
        "contiguous.default",
        "alias.default",
        "detach.default",
        "detach_.default",
        "lift_fresh_copy.default",
    ),
    *(
        "lift_fresh.default",
        "lift.default",
        "to.device",
        "positive.default",
        "resolve_conj.default",
        "resolve_neg.default",
    ),
    *("alias_copy.default", "detach_copy.default", "requires_grad_.default", "data.default", "real.default"),
)
def _same(call: Call) -> Value:
    dtype = call.dtype()
    x = call.tensor("self")
    return x if dtype is None else call.cast(x, dtype)


@aten(
    "dropout.default",
    "dropout_.default",
    "feature_dropout.default",
    "alpha_dropout.default",
    "feature_alpha_dropout.default",
)
def _dropout(call: Call) -> Value:
    if call.flag("train") and call.real("p", 0.5) != 0.0:
        raise UnsupportedReason("it drops at random: call model.eval() before torch.export.export")
    call.real("p", 0.5)
    return call.tensor("input" if call.has("input") else "self")


@aten("native_dropout.default")
def _native_dropout(call: Call) -> list[Value | None]:
    if call.has("train") and call.flag("train") and call.real("p", 0.5) != 0.0:
        raise UnsupportedReason("it drops at random: call model.eval() before torch.export.export")
    call.real("p", 0.5)
    return [call.tensor("input"), None]


@aten("to.dtype", "to.dtype_layout", "_to_copy.default", "type.dtype")
def _to(call: Call) -> Value:
    x = call.tensor("self")
    return call.cast(x, call.dtype("dtype", x.type.dtype) or x.type.dtype)


@aten("type_as.default", "to.other")
def _type_as(call: Call) -> Value:
    return call.cast(call.tensor("self"), call.tensor("other").type.dtype)


# ---- another shape


@aten("view.default", "_unsafe_view.default", "view_copy.default")
def _view(call: Call) -> Value:
    x = call.tensor("self")
    return call.reshape(x, infer_free(call.integers("size"), x.type.elements))


@aten("reshape.default", "_reshape_copy.default")
def _reshape(call: Call) -> Value:
    x = call.tensor("self")
    return call.reshape(x, infer_free(call.integers("shape" if call.has("shape") else "size"), x.type.elements))


@aten("view_as.default", "reshape_as.default")
def _view_as(call: Call) -> Value:
    return call.reshape(call.tensor("self"), call.tensor("other").shape)


@aten("flatten.using_ints")
def _flatten(call: Call) -> Value:
    x = call.tensor("self")
    first, last = call.axis("start_dim", len(x.shape), 0), call.axis("end_dim", len(x.shape), -1)
    if first > last:
        raise UnsupportedReason(f"axes {first} to {last} are none")
    return call.reshape(x, (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


@aten("unflatten.int")
def _unflatten(call: Call) -> Value:
    x = call.tensor("self")
    axis = call.axis("dim", len(x.shape))
    parts = infer_free(call.integers("sizes"), x.shape[axis])
    return call.reshape(x, (*x.shape[:axis], *parts, *x.shape[axis + 1 :]))


@aten("squeeze.default", "squeeze.dim", "squeeze.dims", "squeeze_copy.dims")
def _squeeze(call: Call) -> Value:
    x = call.tensor("self")
    rank = len(x.shape)
    axes = axes_of(call.integers("dim"), rank) if call.has("dim") else range(rank)
    return call.reshape(x, [n for k, n in enumerate(x.shape) if k not in axes or n != 1])


@aten("unsqueeze.default", "unsqueeze_copy.default")
def _unsqueeze(call: Call) -> Value:
    x = call.tensor("self")
    axis = call.axis("dim", len(x.shape) + 1)
    return call.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


# ---- another order of axes


@aten("permute.default", "permute_copy.default")
def _permute(call: Call) -> Value:
    x = call.tensor("self")
    return transpose(call.importer, x, axes_of(call.integers("dims"), len(x.shape)))


@aten("transpose.int", "transpose_copy.int", "swapaxes.default", "swapdims.default")
def _transpose(call: Call) -> Value:
    x = call.tensor("self")
    names = ("axis0", "axis1") if call.has("axis0") else ("dim0", "dim1")
    first, second = (call.axis(name, len(x.shape)) for name in names)
    perm = list(range(len(x.shape)))
    if perm:
        perm[first], perm[second] = second, first
    return transpose(call.importer, x, perm)


@aten("t.default", "numpy_T.default", "mT.default", "adjoint.default", "t_copy.default")
def _t(call: Call) -> Value:
    x = call.tensor("self")
    rank = len(x.shape)
    if call.importer.node.op in ("aten.mT.default", "aten.adjoint.default"):
        return transpose(call.importer, x, [*range(rank - 2), rank - 1, rank - 2])
    return transpose(call.importer, x, range(rank)[::-1])


@aten("movedim.int", "movedim.intlist", "moveaxis.int", "moveaxis.intlist")
def _movedim(call: Call) -> Value:
    x = call.tensor("self")
    sources, targets = (axes_of(call.integers(name), len(x.shape)) for name in ("source", "destination"))
    perm = [k for k in range(len(x.shape)) if k not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        perm.insert(target, source)
    return transpose(call.importer, x, perm)


# ---- the same ones several times


@aten("expand.default", "expand_copy.default", "broadcast_to.default")
def _expand(call: Call) -> Value:
    x, sizes = call.tensor("self"), call.integers("size")
    call.flag("implicit")
    if len(sizes) < len(x.shape):
        raise UnsupportedReason(f"{x.type} cannot become {list(sizes)}")
    own = (1,) * (len(sizes) - len(x.shape)) + x.shape
    return expanded(call, x, [n if size == -1 else size for size, n in zip(sizes, own, strict=True)])


@aten("expand_as.default")
def _expand_as(call: Call) -> Value:
    return expanded(call, call.tensor("self"), call.tensor("other").shape)


def expanded(call: Call, x: Value, shape: Sequence[int]) -> Value:
    """Returns x, broadcast to a shape."""
    if x.data is not None:
        return call.constant(np.broadcast_to(x.data, bounded(tuple(shape))))
    return call.onnx("Expand", x, list(shape))


@aten("repeat.default", "tile.default")
def _repeat(call: Call) -> Value:
    x = call.tensor("self")
    repeats = call.integers("repeats" if call.has("repeats") else "dims")
    repeats = (1,) * (len(x.shape) - len(repeats)) + repeats
    wide = call.reshape(x, (1,) * (len(repeats) - len(x.shape)) + x.shape)
    return call.onnx("Tile", wide, repeats) if wide.shape else wide


@aten("repeat_interleave.self_int")
def _repeat_interleave(call: Call) -> Value:
    x, count = call.tensor("self"), call.integer("repeats")
    x = x if call.has("dim") else call.reshape(x, (x.type.elements,))
    axis = call.axis("dim", len(x.shape), 0)
    apart = (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :])
    wide = expanded(call, call.reshape(x, apart), (*x.shape[: axis + 1], count, *x.shape[axis + 1 :]))
    return call.reshape(wide, (*x.shape[:axis], x.shape[axis] * count, *x.shape[axis + 1 :]))


# ---- blocks of an image, and channels


@aten("pixel_shuffle.default")
def _pixel_shuffle(call: Call) -> Value:
    return call.onnx("DepthToSpace", call.tensor("self"), blocksize=call.integer("upscale_factor"), mode="CRD")


@aten("pixel_unshuffle.default")
def _pixel_unshuffle(call: Call) -> Value:
    x, factor = call.tensor("self"), call.integer("downscale_factor")
    if len(x.shape) != 4 or factor < 1 or x.shape[2] % factor or x.shape[3] % factor:
        raise UnsupportedReason(f"{x.type} cannot be cut into blocks of {factor}")
    n, c, h, w = x.shape
    apart = call.reshape(x, (n, c, h // factor, factor, w // factor, factor))
    moved = transpose(call.importer, apart, (0, 1, 3, 5, 2, 4))
    return call.reshape(moved, (n, c * factor * factor, h // factor, w // factor))


@aten("channel_shuffle.default")
def _channel_shuffle(call: Call) -> Value:
    x, groups = call.tensor("self"), call.integer("groups")
    if len(x.shape) < 3 or groups < 1 or x.shape[1] % groups:
        raise UnsupportedReason(f"{groups} groups do not divide the channels of {x.type}")
    apart = call.reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    perm = (0, 2, 1, *range(3, len(apart.shape)))
    return call.reshape(transpose(call.importer, apart, perm), x.shape)
