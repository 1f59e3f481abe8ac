"""Numbers that a program computes of shapes, which are known once free dimensions are; checks of them; branches."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, Scalar, aten
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.control import branch
from ariel_build.ops.importer import Importer

__all__: list[str] = []


def _known(call: Call, number: Scalar) -> Value:
    if isinstance(number, int) and not isinstance(number, bool) and not -(1 << 63) <= number < 1 << 63:
        raise UnsupportedReason(f"the number {number} does not fit 64 bits")
    dtype = DType.BOOL if isinstance(number, bool) else DType.I64 if isinstance(number, int) else DType.F32
    return call.constant(number, dtype)


@aten("sym_size.int")
def _sym_size(call: Call) -> Value:
    x = call.tensor("self")
    return _known(call, x.shape[call.axis("dim", len(x.shape))])


@aten("sym_numel.default", "numel.default")
def _sym_numel(call: Call) -> Value:
    return _known(call, call.tensor("self").type.elements)


_TWO: dict[str, Callable[..., Scalar]] = {
    "_operator.add": operator.add,
    "_operator.sub": operator.sub,
    "_operator.mul": operator.mul,
    "_operator.floordiv": operator.floordiv,
    "_operator.truediv": operator.truediv,
    "_operator.mod": operator.mod,
    "_operator.eq": operator.eq,
    "_operator.ne": operator.ne,
    "_operator.lt": operator.lt,
    "_operator.le": operator.le,
    "_operator.gt": operator.gt,
    "_operator.ge": operator.ge,
    "_operator.and_": operator.and_,
    "_operator.or_": operator.or_,
    "torch.sym_max": max,
    "torch.sym_min": min,
}
_ONE: dict[str, Callable[..., Scalar]] = {
    "_operator.neg": operator.neg,
    "_operator.not_": operator.not_,
    "torch.sym_not": operator.not_,
    "torch.sym_int": int,
    "torch.sym_float": float,
    "math.trunc": math.trunc,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
}


def _computed(function: Callable[..., Scalar], count: int) -> Callable[[Call], Value]:
    def body(call: Call) -> Value:
        numbers = [call.scalar(name) for name in call.importer.node.attributes]
        if len(numbers) != count:
            raise UnsupportedReason(f"it has {len(numbers)} operands, not {count}")
        return _known(call, function(*numbers))

    return body


for _functions, _count in ((_TWO, 2), (_ONE, 1)):
    for _name, _function in _functions.items():
        aten(_name, namespace="")(_computed(_function, _count))


_CHECKS = (
    *("_assert_tensor_metadata.default", "_assert_scalar.default", "_assert_async.msg", "_assert_async.default"),
    *("sym_constrain_range.default", "sym_constrain_range_for_size.default", "_functional_assert_async.msg"),
)
_SAYS = "what it checks is checked when the model is built, or is the caller's affair"


@aten(*_CHECKS, harmless=dict.fromkeys(("a", "size", "stride", "dtype", "self", "assert_msg", "min", "max"), _SAYS))
def _check(call: Call) -> None:
    """Nothing is computed; what follows of shapes holds, or their inference fails."""
    del call


@aten("item.default", "_local_scalar_dense.default")
def _item(call: Call) -> Value:
    x = call.tensor("self")
    if x.data is None:
        raise UnsupportedReason("a number that run time computes cannot decide shapes or ways of a static program")
    return call.reshape(x, ())


@imports("pt2", "higher_order.cond")
def _cond(importer: Importer) -> None:
    call = Call(importer)
    condition, operands = call.operand("arg0"), call.all_tensors("arg3")
    if not isinstance(condition, Value):
        condition = call.constant(np.asarray(bool(condition)))
    models = [importer.node.subgraphs.get(name) for name in ("arg1", "arg2")]
    if models[0] is None or models[1] is None:
        raise UnsupportedReason("it has not two branches")
    importer.bind(*branch(importer, condition, [models[0], models[1]], operands))
