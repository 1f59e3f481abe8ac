"""ATen operators that take parts of tensors, and that join them: slices, borders, places that are looked up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.aten.views import expanded
from ariel_build.ops.base import UnsupportedReason, axes_of
from ariel_build.ops.concat import concat
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

__all__: list[str] = []

# ---- joins


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
        expanded(call, call.reshape(v, [n if i == k else 1 for i in range(count)]), shape)
        for k, (v, n) in enumerate(zip(values, shape, strict=True))
    ]


# ---- ranges of an axis


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


@aten("unbind.int", "unbind_copy.int")
def _unbind(call: Call) -> list[Value]:
    x = call.tensor("self")
    axis = call.axis("dim", len(x.shape), 0)
    return [_selected(call, x, axis, k) for k in range(x.shape[axis])]


@aten("select_scatter.default", "slice_scatter.default")
def _scatter(call: Call) -> Value:
    return call.scattered(call.tensor("self"), call.tensor("src"))


# ---- ranges in another order


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
