"""ATen operators that write to places which an index tells, and tables that are looked up by them."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.aten.elementwise import both, where
from ariel_build.ops.aten.views import expanded
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.concat import concat
from ariel_build.ops.slice import emit_slice

__all__: list[str] = []

#: How PyTorch and ONNX call what becomes of an element that is written to.
_REDUCTIONS = {"add": "add", "multiply": "mul", "sum": "add", "prod": "mul", "amax": "max", "amin": "min"}


def _written(call: Call, updates: Value, reduction: str = "none") -> Value:
    x, index = call.tensor("self"), call.tensor("index")
    updates = call.cast(updates, x.type.dtype)
    axis = call.axis("dim", len(x.shape))
    return call.onnx("ScatterElements", x, index, updates, axis=axis, reduction=reduction)


def _source(call: Call) -> Value:
    """Returns what is written: as much of it as there are indices."""
    source, index = call.tensor("src"), call.tensor("index")
    if len(source.shape) != len(index.shape):
        raise UnsupportedReason(f"an index {index.type} does not fit {source.type}")
    return emit_slice(call.importer, source, {axis: (0, n, 1) for axis, n in enumerate(index.shape)})


def _reduction(name: str) -> str:
    if name not in _REDUCTIONS:
        raise UnsupportedReason(f"reduce `{name}` is not supported")
    return _REDUCTIONS[name]


@aten(*both("scatter", "src"))
def _scatter(call: Call) -> Value:
    return _written(call, _source(call))


@aten(*both("scatter", "value"))
def _scatter_value(call: Call) -> Value:
    shape = call.tensor("index").shape
    return _written(call, call.constant(np.full(shape, call.scalar("value"), call.tensor("self").type.dtype.numpy)))


@aten(*both("scatter", "reduce"))
def _scatter_to(call: Call) -> Value:
    return _written(call, _source(call), _reduction(call.text("reduce")))


@aten(*both("scatter_add"))
def _scatter_add(call: Call) -> Value:
    return _written(call, _source(call), "add")


@aten(*both("scatter_reduce", "two"))
def _scatter_reduce(call: Call) -> Value:
    if not call.flag("include_self", default=True):
        raise UnsupportedReason("include_self=False is not supported")
    return _written(call, _source(call), _reduction(call.text("reduce")))


def _along(call: Call, x: Value, axis: int, index: Value, updates: Value, reduction: str = "none") -> Value:
    """Returns `x` with updates at the places of one axis that an index of one axis tells."""
    if len(index.shape) > 1:
        raise UnsupportedReason(f"an index {index.type} is not supported, only one of one axis")
    index = call.reshape(index, (index.type.elements,))
    shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    places = expanded(call, call.reshape(index, (*index.shape, *(1 for _ in x.shape[axis + 1 :]))), shape)
    updates = expanded(call, call.cast(updates, x.type.dtype), shape)
    return call.onnx("ScatterElements", x, places, updates, axis=axis, reduction=reduction)


@aten(*both("index_fill", "int_Scalar"), *both("index_fill", "int_Tensor"))
def _index_fill(call: Call) -> Value:
    x, value = call.tensor("self"), call.operand("value")
    filled = value if isinstance(value, Value) else call.constant(value, x.type.dtype)
    return _along(call, x, call.axis("dim", len(x.shape)), call.tensor("index"), filled)


@aten(*both("index_copy"))
def _index_copy(call: Call) -> Value:
    x = call.tensor("self")
    return _along(call, x, call.axis("dim", len(x.shape)), call.tensor("index"), call.tensor("source"))


@aten(*both("index_add"))
def _index_add(call: Call) -> Value:
    x, source = call.tensor("self"), call.tensor("source")
    if call.scalar("alpha", 1) != 1:
        raise UnsupportedReason("an alpha other than 1 is not supported")
    return _along(call, x, call.axis("dim", len(x.shape)), call.tensor("index"), source, "add")


@aten(*both("index_put"))
def _index_put(call: Call) -> Value:
    x, values, adds = call.tensor("self"), call.tensor("values"), call.flag("accumulate")
    given = [(axis, index) for axis, index in enumerate(call.tensors("indices")) if index is not None]
    values, reduction = call.cast(values, x.type.dtype), "add" if adds else "none"
    if not given:
        raise UnsupportedReason("it has no index")
    first = given[0][1]
    if len(given) == 1 and first.type.dtype is DType.BOOL:
        if given[0][0] or values.type.elements != 1 or adds or first.shape != x.shape[: len(first.shape)]:
            raise UnsupportedReason("a mask is supported only in front, with one number: use where")
        mask = call.reshape(first, (*first.shape, *(1 for _ in x.shape[len(first.shape) :])))
        return where(call, mask, call.reshape(values, ()), x)
    if len(given) == 1 and given[0][0]:
        return _along(call, x, given[0][0], first, values, reduction)
    if [axis for axis, _ in given] != list(range(len(given))) or any(i.type.dtype is DType.BOOL for _, i in given):
        raise UnsupportedReason("several indices are supported only for the first axes, and without masks")
    shape = np.broadcast_shapes(*(index.shape for _, index in given))
    columns = [call.reshape(expanded(call, call.cast(i, DType.I64), shape), (*shape, 1)) for _, i in given]
    updates = expanded(call, values, (*shape, *x.shape[len(given) :]))
    return call.onnx("ScatterND", x, concat(call.importer, columns, len(shape)), updates, reduction=reduction)


@aten("take_along_dim.default")
def _take_along_dim(call: Call) -> Value:
    x, index = call.tensor("self"), call.tensor("indices")
    if not call.has("dim"):
        flat = call.reshape(x, (x.type.elements,))
        return call.onnx("GatherElements", flat, call.reshape(index, (index.type.elements,)), axis=0)
    axis = call.axis("dim", len(x.shape))
    if len(index.shape) != len(x.shape):
        raise UnsupportedReason(f"indices {index.type} do not fit {x.type}")
    shape = np.broadcast_shapes(*((*v.shape[:axis], 1, *v.shape[axis + 1 :]) for v in (x, index)))
    x = expanded(call, x, (*shape[:axis], x.shape[axis], *shape[axis + 1 :]))
    index = expanded(call, index, (*shape[:axis], index.shape[axis], *shape[axis + 1 :]))
    return call.onnx("GatherElements", x, index, axis=axis)


@aten("one_hot.default")
def _one_hot(call: Call) -> Value:
    classes = call.integer("num_classes", -1)
    if classes < 1:
        raise UnsupportedReason("how many classes there are is known at run time only: give num_classes")
    return call.onnx("OneHot", call.tensor("self"), [classes], [0, 1], axis=-1)


#: What becomes of the rows of a bag, by the number of its mode.
_MODES = ("ReduceSum", "ReduceMean", "ReduceMax")
_TRAINING = dict.fromkeys(("scale_grad_by_freq", "sparse"), "it is of use in training only")


@aten("embedding_bag.padding_idx", "embedding_bag.default", "_embedding_bag.default", harmless=_TRAINING)
def _embedding_bag(call: Call) -> list[Value | None]:
    weight, indices, offsets = (call.tensor(name) for name in ("weight", "indices", "offsets"))
    if call.optional("per_sample_weights") is not None or call.integer("padding_idx", -1) >= 0:
        raise UnsupportedReason("per_sample_weights and padding_idx are not supported")
    if offsets.data is None:
        raise UnsupportedReason("how long bags are is known at run time only: give indices of two axes")
    ends = [*map(int, offsets.data.reshape(-1)), *([] if call.flag("include_last_offset") else [indices.shape[0]])]
    sizes = set(np.diff(ends).tolist())
    if len(sizes) != 1 or ends[0] or ends[-1] != indices.shape[0] or 0 in sizes:
        raise UnsupportedReason("bags of several lengths are not supported: give indices of two axes")
    bags = call.reshape(indices, (len(ends) - 1, sizes.pop()))
    rows = call.onnx("Gather", weight, bags, axis=0)
    mode = call.integer("mode", 0)
    if not 0 <= mode < len(_MODES):
        raise UnsupportedReason(f"mode {mode} is not known")
    if any(call.wants(k) for k in (1, 2, 3)):
        raise UnsupportedReason("only its first result is supported")
    return [call.onnx(_MODES[mode], rows, [1], keepdims=0)]
