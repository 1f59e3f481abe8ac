"""ATen products of tensors that are no matrices, and distances between vectors."""

from __future__ import annotations

import math

from ariel_build.ir import Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason, axes_of
from ariel_build.ops.transpose import transpose

__all__: list[str] = []


@aten("outer.default", "ger.default")
def _outer(call: Call) -> Value:
    left, right = call.together(call.tensor("self"), call.tensor("vec2"))
    return call.onnx("Mul", call.reshape(left, (left.type.elements, 1)), call.reshape(right, (1, right.type.elements)))


@aten("tensordot.default")
def _tensordot(call: Call) -> Value:
    """Sums over axes of both, told in pairs."""
    x, y = call.tensor("self"), call.tensor("other")
    mine, theirs = axes_of(call.integers("dims_self"), len(x.shape)), axes_of(call.integers("dims_other"), len(y.shape))
    if [x.shape[k] for k in mine] != [y.shape[k] for k in theirs]:
        raise UnsupportedReason(f"axes {list(mine)} of {x.type} do not fit axes {list(theirs)} of {y.type}")
    depth = math.prod(x.shape[k] for k in mine)
    left, right = ([k for k in range(len(v.shape)) if k not in own] for v, own in ((x, mine), (y, theirs)))
    shape = [x.shape[k] for k in left], [y.shape[k] for k in right]
    rows = call.reshape(transpose(call.importer, x, (*left, *mine)), (math.prod(shape[0]), depth))
    columns = call.reshape(transpose(call.importer, y, (*theirs, *right)), (depth, math.prod(shape[1])))
    return call.reshape(call.onnx("MatMul", rows, columns), (*shape[0], *shape[1]))


@aten("bilinear.default")
def _bilinear(call: Call) -> Value:
    """y[o] = sum over i and j of x[i] * w[o, i, j] * z[j], plus a bias."""
    x, z, weight, bias = call.tensor("input1"), call.tensor("input2"), call.tensor("weight"), call.optional("bias")
    if len(weight.shape) != 3:
        raise UnsupportedReason(f"a weight {weight.type} is not supported, only 3 axes")
    outs, ins, others = weight.shape
    matrix = call.reshape(transpose(call.importer, weight, (1, 0, 2)), (ins, outs * others))
    both = call.reshape(call.onnx("MatMul", x, matrix), (*x.shape[:-1], outs, others))
    y = call.onnx("ReduceSum", call.onnx("Mul", both, call.reshape(z, (*z.shape[:-1], 1, others))), [-1], keepdims=0)
    return y if bias is None else call.add(y, bias)


def _length(call: Call, difference: Value, order: float, *, keep: bool = False) -> Value:
    """Returns the norms of vectors along the last axis."""
    if math.isinf(order):
        return call.onnx("ReduceMax", call.onnx("Abs", difference), [-1], keepdims=int(keep))
    if order == 1.0:
        return call.onnx("ReduceSum", call.onnx("Abs", difference), [-1], keepdims=int(keep))
    if order != 2.0:
        raise UnsupportedReason(f"a distance of order {order:g} is not supported")
    square = call.onnx("ReduceSum", call.onnx("Mul", difference, difference), [-1], keepdims=int(keep))
    return call.onnx("Sqrt", square)


@aten("cdist.default", "_cdist_forward.default", harmless={"compute_mode": "it chooses among kernels"})
def _cdist(call: Call) -> Value:
    x, y = call.tensor("x1"), call.tensor("x2")
    if len(x.shape) < 2 or len(y.shape) < 2:
        raise UnsupportedReason(f"{x.type} and {y.type} are no rows of vectors")
    left = call.reshape(x, (*x.shape[:-1], 1, x.shape[-1]))
    right = call.reshape(y, (*y.shape[:-2], 1, *y.shape[-2:]))
    return _length(call, call.onnx("Sub", left, right), call.real("p", 2.0))


@aten("pairwise_distance.default")
def _pairwise_distance(call: Call) -> Value:
    difference = call.onnx("Sub", *call.together(call.tensor("x1"), call.tensor("x2")))
    moved = call.add(difference, call.real("eps", 1e-6))
    return _length(call, moved, call.real("p", 2.0), keep=call.flag("keepdim"))
