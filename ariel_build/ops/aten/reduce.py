"""ATen reductions: sums, means, extremes and their places, variances, norms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason, axes_of

__all__: list[str] = []


def _axes(call: Call, x: Value) -> tuple[int, ...]:
    """Returns the axes over which is reduced: all of them where none is named."""
    named = call.integers("dim") if call.has("dim") else ()
    return axes_of(named, max(len(x.shape), 1)) or tuple(range(len(x.shape)))


def _reduced(call: Call, op: str, x: Value, axes: Sequence[int], *, keep: bool) -> Value:
    """Returns a reduction; a scalar is its own sum, mean and greatest element."""
    return x if not x.shape else call.onnx(op, x, list(axes), keepdims=int(keep))


def _fold(op: str, *, of_numbers: bool = False) -> Callable[[Call], Value]:
    def body(call: Call) -> Value:
        x = call.tensor("self")
        # Sums of integers and truth values are int64.
        wide = DType.I64 if of_numbers and x.type.dtype is not DType.F32 else x.type.dtype
        x = call.cast(x, call.dtype("dtype", wide) or wide)
        return _reduced(call, op, x, _axes(call, x), keep=call.flag("keepdim"))

    return body


aten("mean.dim", "mean.default")(_fold("ReduceMean"))
aten("sum.dim_IntList", "sum.default")(_fold("ReduceSum", of_numbers=True))
aten("prod.dim_int", "prod.default")(_fold("ReduceProd", of_numbers=True))
aten("amax.default", "max.default")(_fold("ReduceMax"))
aten("amin.default", "min.default")(_fold("ReduceMin"))


@aten("logsumexp.default", "special_logsumexp.default")
def _logsumexp(call: Call) -> Value:
    """Greatest element plus the logarithm of the sum of what is left of the exponentials; infinities stay."""
    x = call.real_tensor(call.tensor("self"))
    axes, keep = _axes(call, x), call.flag("keepdim")
    limit = float(np.finfo(np.float32).max)
    greatest = call.onnx("Clip", _reduced(call, "ReduceMax", x, axes, keep=True), -limit, limit)
    total = _reduced(call, "ReduceSum", call.onnx("Exp", call.onnx("Sub", x, greatest)), axes, keep=True)
    y = call.add(call.onnx("Log", total), greatest)
    return y if keep else call.reshape(y, [n for k, n in enumerate(x.shape) if k not in axes])


@aten("max.dim", "min.dim")
def _extreme(call: Call) -> list[Value | None]:
    x, greatest = call.tensor("self"), ".max." in call.importer.node.op
    axis, keep = call.axis("dim", len(x.shape)), call.flag("keepdim")
    places = _places(call, x, axis, keep=keep, greatest=greatest) if call.wants(1) else None
    values = _reduced(call, "ReduceMax" if greatest else "ReduceMin", x, [axis], keep=keep) if call.wants(0) else None
    return [values, places]


@aten("argmax.default", "argmin.default")
def _arg(call: Call) -> Value:
    x, greatest = call.tensor("self"), "argmax" in call.importer.node.op
    if call.has("dim"):
        axis = call.axis("dim", len(x.shape))
        return _places(call, x, axis, keep=call.flag("keepdim"), greatest=greatest)
    place = _places(call, call.reshape(x, (x.type.elements,)), 0, keep=False, greatest=greatest)
    return call.reshape(place, (1,) * len(x.shape)) if call.flag("keepdim") else place


def _places(call: Call, x: Value, axis: int, *, keep: bool, greatest: bool) -> Value:
    """Returns where the extremes are, of several the first."""
    return call.onnx("ArgMax" if greatest else "ArgMin", x, axis=axis, keepdims=int(keep), select_last_index=0)


@aten("count_nonzero.default", "count_nonzero.dim_IntList")
def _count_nonzero(call: Call) -> Value:
    x = call.tensor("self")
    ones = call.cast(call.cast(x, DType.BOOL), DType.I64)
    return _reduced(call, "ReduceSum", ones, _axes(call, x), keep=False)


@aten("topk.default", harmless={"sorted": "what is sorted need not be unsorted"})
def _topk(call: Call) -> list[Value]:
    x, largest = call.tensor("self"), call.flag("largest", default=True)
    axis = call.axis("dim", len(x.shape), -1)
    count = call.constant(np.array([call.integer("k")], np.int64))
    return call.onnx_all("TopK", 2, x, count, axis=axis, largest=int(largest), sorted=1)


@aten("cumsum.default")
def _cumsum(call: Call) -> Value:
    x = call.tensor("self")
    wide = DType.I64 if x.type.dtype is not DType.F32 else DType.F32
    x = call.cast(x, call.dtype("dtype", wide) or wide)
    return call.onnx("CumSum", x, call.constant(np.array(call.axis("dim", len(x.shape)), np.int64)))


@aten("any.dim", "any.default", "any.dims", "all.dim", "all.default", "all.dims")
def _truths(call: Call) -> Value:
    x = call.cast(call.tensor("self"), DType.BOOL)
    op = "ReduceMax" if ".any." in call.importer.node.op else "ReduceMin"
    numbers = call.cast(x, DType.F32)
    return call.cast(_reduced(call, op, numbers, _axes(call, x), keep=call.flag("keepdim")), DType.BOOL)


# ---- variances


def _variance(call: Call) -> tuple[Value, Value]:
    """Returns the variance and the mean; `correction` is taken off the number of elements."""
    x = call.tensor("self")
    axes, keep = _axes(call, x), call.flag("keepdim")
    correction = call.real("correction") if call.has("correction") else float(call.flag("unbiased", default=True))
    count = math.prod(x.shape[a] for a in axes)
    if count - correction <= 0:
        raise UnsupportedReason(f"a variance of {count} elements with correction {correction:g} is no number")
    mean = call.onnx("ReduceMean", x, list(axes), keepdims=1)
    apart = call.onnx("Sub", x, mean)
    square = _reduced(call, "ReduceSum", call.onnx("Mul", apart, apart), axes, keep=keep)
    mean = mean if keep else call.reshape(mean, square.shape)
    return call.mul(square, 1.0 / (count - correction)), mean


@aten("var.correction", "var.dim", "var.default")
def _var(call: Call) -> Value:
    return _variance(call)[0]


@aten("std.correction", "std.dim", "std.default")
def _std(call: Call) -> Value:
    return call.onnx("Sqrt", _variance(call)[0])


@aten("var_mean.correction", "var_mean.dim", "var_mean.default")
def _var_mean(call: Call) -> list[Value]:
    return list(_variance(call))


@aten("std_mean.correction", "std_mean.dim")
def _std_mean(call: Call) -> list[Value]:
    variance, mean = _variance(call)
    return [call.onnx("Sqrt", variance), mean]


@aten("linalg_vector_norm.default", "norm.ScalarOpt_dim", "norm.Scalar", "frobenius_norm.dim")
def _norm(call: Call) -> Value:
    x = call.real_tensor(call.tensor("self"))
    call.dtype()
    order = call.real("ord" if call.has("ord") else "p", 2.0)
    axes, keep = _axes(call, x), call.flag("keepdim")
    size = call.onnx("Abs", x)
    if math.isinf(order):
        return _reduced(call, "ReduceMax" if order > 0 else "ReduceMin", size, axes, keep=keep)
    if order == 1.0:
        return _reduced(call, "ReduceSum", size, axes, keep=keep)
    if order != 2.0:
        raise UnsupportedReason(f"a norm of order {order:g} is not supported")
    return call.onnx("Sqrt", _reduced(call, "ReduceSum", call.onnx("Mul", x, x), axes, keep=keep))


def _weight_normed(call: Call) -> list[Value | None]:
    """Returns v * g / |v|, a norm for each place of one axis, and the norm: `torch.nn.utils.weight_norm`."""
    v, g, dim = call.tensor("v"), call.tensor("g"), call.integer("dim", 0)
    own = None if dim == -1 else axes_of([dim], len(v.shape))[0]
    axes = [axis for axis in range(len(v.shape)) if axis != own]
    norm = call.onnx("Sqrt", _reduced(call, "ReduceSum", call.onnx("Mul", v, v), axes, keep=True))
    return [call.onnx("Mul", v, call.onnx("Div", g, norm)), norm]


@aten("_weight_norm.default")
def _weight_norm(call: Call) -> list[Value | None]:
    return _weight_normed(call)[:1]


aten("_weight_norm_interface.default")(_weight_normed)
