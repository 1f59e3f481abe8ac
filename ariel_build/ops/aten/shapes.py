"""ATen operators that move elements, change their type, or make tensors of shapes alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.aten.elementwise import both
from ariel_build.ops.base import UnsupportedReason, axes_of
from ariel_build.ops.concat import concat
from ariel_build.ops.reshape import infer_free
from ariel_build.ops.shape import bounded
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

__all__: list[str] = []

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


# ---- other places


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


@aten("expand.default", "expand_copy.default", "broadcast_to.default")
def _expand(call: Call) -> Value:
    x, sizes = call.tensor("self"), call.integers("size")
    call.flag("implicit")
    if len(sizes) < len(x.shape):
        raise UnsupportedReason(f"{x.type} cannot become {list(sizes)}")
    own = (1,) * (len(sizes) - len(x.shape)) + x.shape
    return _expanded(call, x, [n if size == -1 else size for size, n in zip(sizes, own, strict=True)])


@aten("expand_as.default")
def _expand_as(call: Call) -> Value:
    return _expanded(call, call.tensor("self"), call.tensor("other").shape)


def _expanded(call: Call, x: Value, shape: Sequence[int]) -> Value:
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
    wide = _expanded(call, call.reshape(x, apart), (*x.shape[: axis + 1], count, *x.shape[axis + 1 :]))
    return call.reshape(wide, (*x.shape[:axis], x.shape[axis] * count, *x.shape[axis + 1 :]))


@aten("cat.default", "concat.default", "concatenate.default")
def _cat(call: Call) -> Value:
    # An old habit: an empty tensor of one axis may stand among others.
    values = [v for v in call.all_tensors("tensors") if v.shape != (0,)]
    if not values:
        raise UnsupportedReason("all its tensors are empty")
    values = call.together(*values)
    if len({len(v.shape) for v in values}) > 1:
        raise UnsupportedReason("its tensors have different numbers of axes")
    values = [v for v in values if v.type.elements] or values[:1]
    return concat(call.importer, values, call.axis("dim", len(values[0].shape), 0))


@aten("stack.default")
def _stack(call: Call) -> Value:
    values = call.together(*call.all_tensors("tensors"))
    axis = call.axis("dim", len(values[0].shape) + 1, 0)
    return concat(call.importer, [call.reshape(v, (*v.shape[:axis], 1, *v.shape[axis:])) for v in values], axis)


@aten("slice.Tensor", "slice_copy.Tensor", "narrow.default", "narrow_copy.default")
def _slice(call: Call) -> Value:
    x = call.tensor("self")
    axis, place = call.range_of(x)
    return emit_slice(call.importer, x, {axis: place})


@aten("select.int", "select_copy.int")
def _select(call: Call) -> Value:
    x = call.tensor("self")
    axis, index = call.axis("dim", len(x.shape)), call.integer("index")
    return _selected(call, x, axis, index)


def _selected(call: Call, x: Value, axis: int, index: int) -> Value:
    if not x.shape or not -x.shape[axis] <= index < x.shape[axis]:
        raise UnsupportedReason(f"axis {axis} of {x.type} has no place {index}")
    taken = emit_slice(call.importer, x, {axis: (index % x.shape[axis], 1, 1)})
    return call.reshape(taken, (*x.shape[:axis], *x.shape[axis + 1 :]))


def _parts(call: Call, x: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
    if sum(sizes) != x.shape[axis] or min(sizes, default=0) < 0:
        raise UnsupportedReason(f"parts of {list(sizes)} do not make axis {axis} of {x.type}")
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return [emit_slice(call.importer, x, {axis: (b, n, 1)}) for b, n in zip(starts, sizes, strict=True)]


def _even(extent: int, each: int) -> list[int]:
    """Returns parts of `each` elements, the last one of what is left."""
    if each < 1:
        raise UnsupportedReason(f"parts of {each} elements")
    return [min(each, extent - at) for at in range(0, extent, each)] or [0]


@aten("split.Tensor", "split_copy.Tensor")
def _split(call: Call) -> list[Value]:
    x = call.tensor("self")
    axis = call.axis("dim", len(x.shape), 0)
    return _parts(call, x, axis, _even(x.shape[axis], call.integer("split_size")))


@aten("split_with_sizes.default", "split.sizes", "split_with_sizes_copy.default")
def _split_sizes(call: Call) -> list[Value]:
    x = call.tensor("self")
    sizes = call.integers("split_sizes" if call.has("split_sizes") else "split_size")
    return _parts(call, x, call.axis("dim", len(x.shape), 0), sizes)


@aten("chunk.default")
def _chunk(call: Call) -> list[Value]:
    x = call.tensor("self")
    axis, count = call.axis("dim", len(x.shape), 0), call.integer("chunks")
    return _parts(call, x, axis, _even(x.shape[axis], -(-x.shape[axis] // max(count, 1))))


@aten("tensor_split.sections", "tensor_split.indices")
def _tensor_split(call: Call) -> list[Value]:
    x = call.tensor("self")
    axis = call.axis("dim", len(x.shape), 0)
    extent = x.shape[axis]
    if call.has("indices"):
        ends = [0, *(min(max(i + extent if i < 0 else i, 0), extent) for i in call.integers("indices")), extent]
    else:
        count = max(call.integer("sections"), 1)
        # The first parts have one more each, until the rest is used up.
        ends = [k * (extent // count) + min(k, extent % count) for k in range(count + 1)]
    return _parts(call, x, axis, [end - start for start, end in itertools.pairwise(ends)])


@aten("hstack.default", "vstack.default")
def _side_by_side(call: Call) -> Value:
    values = call.together(*call.all_tensors("tensors"))
    if "vstack" in call.importer.node.op:
        values = [v if len(v.shape) > 1 else call.reshape(v, (1, v.type.elements)) for v in values]
        return concat(call.importer, values, 0)
    values = [v if v.shape else call.reshape(v, (1,)) for v in values]
    return concat(call.importer, values, min(len(values[0].shape) - 1, 1))


@aten("meshgrid.default", "meshgrid.indexing")
def _meshgrid(call: Call) -> list[Value]:
    values = call.all_tensors("tensors")
    shape = [v.type.elements for v in values]
    if call.text("indexing", "ij") != "ij" and len(values) > 1:
        raise UnsupportedReason("only indexing `ij` is supported")
    count = len(values)
    return [
        _expanded(call, call.reshape(v, [n if i == k else 1 for i in range(count)]), shape)
        for k, (v, n) in enumerate(zip(values, shape, strict=True))
    ]


@aten("unbind.int", "unbind_copy.int")
def _unbind(call: Call) -> list[Value]:
    x = call.tensor("self")
    axis = call.axis("dim", len(x.shape), 0)
    return [_selected(call, x, axis, k) for k in range(x.shape[axis])]


@aten("flip.default")
def _flip(call: Call) -> Value:
    x = call.tensor("self")
    axes = axes_of(call.integers("dims"), len(x.shape))
    return emit_slice(call.importer, x, {axis: (x.shape[axis] - 1, x.shape[axis], -1) for axis in axes})


@aten("rot90.default")
def _rot90(call: Call) -> Value:
    x, turns = call.tensor("self"), call.integer("k", 1) % 4
    first, second = axes_of(call.integers("dims", (0, 1), 2), len(x.shape))
    swapped = list(range(len(x.shape)))
    swapped[first], swapped[second] = second, first
    flipped = {1: [second], 2: [first, second], 3: [first]}.get(turns, [])
    x = emit_slice(call.importer, x, {axis: (x.shape[axis] - 1, x.shape[axis], -1) for axis in flipped})
    return transpose(call.importer, x, swapped) if turns % 2 else x


@aten("roll.default")
def _roll(call: Call) -> Value:
    x, shifts = call.tensor("self"), call.integers("shifts")
    axes = call.integers("dims", ())
    if not axes:
        return call.reshape(_rolled(call, call.reshape(x, (x.type.elements,)), 0, shifts[0]), x.shape)
    for axis, shift in zip(axes_of(axes, len(x.shape), each_once=False), shifts, strict=True):
        x = _rolled(call, x, axis, shift)
    return x


def _rolled(call: Call, x: Value, axis: int, shift: int) -> Value:
    extent = x.shape[axis]
    shift %= max(extent, 1)
    if shift == 0:
        return x
    first, second = _parts(call, x, axis, (extent - shift, shift))
    return concat(call.importer, [second, first], axis)


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


# ---- borders

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _padded(call: Call, mode: str, value: float = 0.0) -> Value:
    x, pads = call.tensor("self"), call.integers("pad" if call.has("pad") else "padding")
    rank = len(x.shape)
    if len(pads) % 2 or len(pads) > 2 * rank:
        raise UnsupportedReason(f"a padding of {list(pads)} does not fit {x.type}")
    # The last axis comes first.
    before, after = [0] * rank, [0] * rank
    for k in range(len(pads) // 2):
        before[rank - 1 - k], after[rank - 1 - k] = pads[2 * k], pads[2 * k + 1]
    if mode not in _MODES:
        raise UnsupportedReason(f"mode `{mode}` is not known")
    filled = call.constant(value, x.type.dtype) if mode == "constant" else None
    return call.onnx("Pad", x, [*before, *after], filled, mode=_MODES[mode])


@aten("pad.default")
def _pad(call: Call) -> Value:
    return _padded(call, call.text("mode", "constant"), call.real("value", 0.0))


@aten("constant_pad_nd.default")
def _constant_pad(call: Call) -> Value:
    return _padded(call, "constant", call.real("value", 0.0))


@aten(*(f"reflection_pad{k}d.default" for k in (1, 2, 3)))
def _reflection_pad(call: Call) -> Value:
    return _padded(call, "reflect")


@aten(*(f"replication_pad{k}d.default" for k in (1, 2, 3)))
def _replication_pad(call: Call) -> Value:
    return _padded(call, "replicate")


# ---- places that are looked up


@aten("index_select.default")
def _index_select(call: Call) -> Value:
    x = call.tensor("self")
    return call.onnx("Gather", x, call.tensor("index"), axis=call.axis("dim", len(x.shape)))


@aten(
    "embedding.default",
    harmless={"padding_idx": "it is of use in training only", "scale_grad_by_freq": "likewise", "sparse": "likewise"},
)
def _embedding(call: Call) -> Value:
    return call.onnx("Gather", call.tensor("weight"), call.tensor("indices"), axis=0)


@aten("gather.default", harmless={"sparse_grad": "it is of use in training only"})
def _gather(call: Call) -> Value:
    x, index = call.tensor("self"), call.tensor("index")
    return call.onnx("GatherElements", x, index, axis=call.axis("dim", len(x.shape)))


@aten("index.Tensor")
def _index(call: Call) -> Value:
    x, indices = call.tensor("self"), call.tensors("indices")
    given = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if not given:
        return x
    if any(index.type.dtype is DType.BOOL for _, index in given):
        raise UnsupportedReason(
            "indices that are a mask choose a number of elements that only run time knows: use where"
        )
    if len(given) == 1:
        return call.onnx("Gather", x, given[0][1], axis=given[0][0])
    if x.data is not None and all(index.data is not None for _, index in given):
        places = tuple(slice(None) if index is None else index.data for index in indices)
        return call.constant(x.data[places])
    axes = [axis for axis, _ in given]
    if axes != list(range(axes[0], axes[0] + len(axes))) or any(index.data is None for _, index in given):
        raise UnsupportedReason("several indices are supported only where they are constants of axes side by side")
    # Places in the axes taken as one.
    extents = x.shape[axes[0] : axes[-1] + 1]
    flat: npt.NDArray[np.int64] = np.zeros((), np.int64)
    for (_, index), extent in zip(given, extents, strict=True):
        own = np.array(index.data, np.int64)
        if own.size and not (-extent <= own.min() and own.max() < extent):
            raise UnsupportedReason(f"an index is outside an axis of {extent}")
        flat = np.asarray(flat * extent + own % extent)
    joined = call.reshape(x, (*x.shape[: axes[0]], math.prod(extents), *x.shape[axes[-1] + 1 :]))
    return call.onnx("Gather", joined, call.constant(flat), axis=axes[0])


@aten("tril.default", "triu.default")
def _triangle(call: Call) -> Value:
    x, upper = call.tensor("self"), "triu" in call.importer.node.op
    diagonal = call.integer("diagonal", 0)
    if x.data is not None:
        return call.constant((np.triu if upper else np.tril)(x.data, diagonal))
    if x.type.dtype is not DType.F32 or len(x.shape) < 2:
        return call.onnx("Trilu", x, call.constant(np.asarray(diagonal, np.int64)), upper=int(upper))
    kept = (np.triu if upper else np.tril)(np.ones(x.shape[-2:], np.float32), diagonal)
    return call.onnx("Where", call.constant(kept != 0), x, 0.0)


# ---- tensors that shapes alone make


def _full(call: Call, shape: Sequence[int], value: bool | float, default: DType | None) -> Value:
    dtype = call.dtype("dtype", default)
    if dtype is None:
        dtype = DType.BOOL if isinstance(value, bool) else DType.I64 if isinstance(value, int) else DType.F32
    return call.constant(np.full(bounded(tuple(shape)), value, dtype.numpy))


@aten("full.default")
def _full_of(call: Call) -> Value:
    return _full(call, call.integers("size"), call.scalar("fill_value"), None)


@aten("zeros.default", "ones.default", "empty.memory_format", "empty.default")
def _zeros(call: Call) -> Value:
    return _full(call, call.integers("size"), float("ones" in call.importer.node.op), DType.F32)


@aten(*(f"{name}_like.default" for name in ("zeros", "ones", "empty", "full")))
def _like(call: Call) -> Value:
    x = call.tensor("self")
    value = call.scalar("fill_value") if call.has("fill_value") else int("ones" in call.importer.node.op)
    return _full(call, x.shape, value, x.type.dtype)


@aten(*(f"new_{name}.default" for name in ("zeros", "ones", "empty", "full")))
def _new(call: Call) -> Value:
    value = call.scalar("fill_value") if call.has("fill_value") else int("ones" in call.importer.node.op)
    return _full(call, call.integers("size"), value, call.tensor("self").type.dtype)


@aten(
    "empty_permuted.default",
    "empty_strided.default",
    harmless={"physical_layout": "it says how they lie", "stride": "likewise"},
)
def _empty(call: Call) -> Value:
    return _full(call, call.integers("size"), 0.0, DType.F32)


@aten("scalar_tensor.default")
def _scalar_tensor(call: Call) -> Value:
    return _full(call, (), call.scalar("s"), DType.F32)


@aten("arange.default", "arange.start", "arange.start_step")
def _arange(call: Call) -> Value:
    start, end, step = call.scalar("start", 0), call.scalar("end"), call.scalar("step", 1)
    if step == 0 or not math.isfinite(float(end) - float(start)):
        raise UnsupportedReason(f"a range from {start} to {end} by {step}")
    count = max(0, math.ceil((end - start) / step))
    whole = all(isinstance(v, int) for v in (start, end, step))
    dtype = call.dtype("dtype", DType.I64 if whole else DType.F32) or DType.F32
    return call.constant(np.asarray([start + k * step for k in range(bounded((count,))[0])], dtype.numpy))


@aten("linspace.default")
def _linspace(call: Call) -> Value:
    start, end, steps = call.real("start"), call.real("end"), call.integer("steps")
    dtype = call.dtype("dtype", DType.F32) or DType.F32
    return call.constant(np.linspace(start, end, bounded((steps,))[0]).astype(dtype.numpy))


@aten("eye.default", "eye.m")
def _eye(call: Call) -> Value:
    rows = call.integer("n")
    columns = call.integer("m", rows)
    dtype = call.dtype("dtype", DType.F32) or DType.F32
    return call.constant(np.eye(*bounded((rows, columns)), dtype=dtype.numpy))


@aten(*both("fill", "Scalar"), *both("fill", "Tensor"), *both("zero"))
def _fill(call: Call) -> Value:
    x = call.tensor("self")
    value = call.operand("value") if call.has("value") else 0
    one = call.cast(value, x.type.dtype) if isinstance(value, Value) else call.constant(value, x.type.dtype)
    return _expanded(call, one, x.shape)


@aten("copy.default", "copy_.default", harmless={"non_blocking": "nothing runs beside it"})
def _copy(call: Call) -> Value:
    x = call.tensor("self")
    return _expanded(call, call.cast(call.tensor("src"), x.type.dtype), x.shape)


@aten("select_scatter.default", "slice_scatter.default")
def _scatter(call: Call) -> Value:
    return call.scattered(call.tensor("self"), call.tensor("src"))
