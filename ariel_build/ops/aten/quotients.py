"""ATen quotients, what is left of them, and shifts of integers, which are products and quotients of powers of 2."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.aten.elementwise import both, whole
from ariel_build.ops.base import UnsupportedReason

__all__: list[str] = []


def _divided(call: Call, mode: str) -> Value:
    pair = call.together(call.operand("self"), call.operand("other"))
    if mode == "":
        return call.onnx("Div", *map(call.real_tensor, pair))
    if mode not in ("floor", "trunc"):
        raise UnsupportedReason(f"rounding_mode `{mode}` is not known")
    is_real = pair[0].type.dtype is DType.F32
    if is_real and mode == "floor":
        return call.onnx("Floor", call.onnx("Div", *pair))
    if is_real:
        return whole(call, call.onnx("Div", *pair))
    if mode == "floor":
        # What is left has the sign of the divisor.
        return call.onnx("Div", call.onnx("Sub", pair[0], call.onnx("Mod", *pair)), pair[1])
    return call.onnx("Div", *pair)


@aten(*both("div", "Tensor"), *both("div", "Scalar"), *both("divide", "Tensor"), *both("true_divide", "Tensor"))
def _div(call: Call) -> Value:
    return _divided(call, "")


@aten(*both("div", "Tensor_mode"), *both("div", "Scalar_mode"))
def _div_mode(call: Call) -> Value:
    return _divided(call, call.text("rounding_mode"))


@aten("floor_divide.default", "floor_divide.Scalar")
def _floor_divide(call: Call) -> Value:
    return _divided(call, "floor")


@aten("remainder.Tensor", "remainder.Scalar")
def _remainder(call: Call) -> Value:
    pair = call.together(call.operand("self"), call.operand("other"))
    if pair[0].type.dtype is not DType.F32:
        # Of integers, ONNX's has the sign of the divisor, too.
        return call.onnx("Mod", *pair)
    return call.onnx("Sub", pair[0], call.onnx("Mul", pair[1], call.onnx("Floor", call.onnx("Div", *pair))))


@aten("fmod.Tensor", "fmod.Scalar")
def _fmod(call: Call) -> Value:
    return call.onnx("Mod", *call.together(call.operand("self"), call.operand("other")), fmod=1)


def _shifted(*, left: bool) -> Callable[[Call], Value]:
    """Returns a shift of integers by a number that is known: a product, or a quotient rounded down."""

    def body(call: Call) -> Value:
        x, places = call.tensor("self"), call.operand("other")
        number = places.data if isinstance(places, Value) else np.asarray(places)
        if number is None or number.size != 1 or not 0 <= int(number) < 8 * x.type.dtype.bytes - 1:
            raise UnsupportedReason("a shift is supported only by one number that the export knows")
        if x.type.dtype is DType.F32:
            raise UnsupportedReason(f"{x.type} has no bits to shift")
        power = call.constant(1 << int(number), x.type.dtype)
        if left:
            return call.onnx("Mul", x, power)
        return call.onnx("Div", call.onnx("Sub", x, call.onnx("Mod", x, power)), power)

    return body


for _way, _names in ((True, ("__lshift__", "bitwise_left_shift")), (False, ("__rshift__", "bitwise_right_shift"))):
    for _name in _names:
        aten(f"{_name}.Tensor", f"{_name}.{'Scalar' if '__' in _name else 'Tensor_Scalar'}")(_shifted(left=_way))
