"""ATen operators of one, two and three numbers, element by element: each a row, or a few words of ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, Scalar, aten
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2

__all__ = ["both", "where", "whole"]

#: Functions of a real number: what ONNX calls them, and its attributes.
_REAL: dict[str, tuple[str, dict[str, float]]] = {
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "exp": ("Exp", {}),
    "log": ("Log", {}),
    "sqrt": ("Sqrt", {}),
    "sin": ("Sin", {}),
    "cos": ("Cos", {}),
    "tan": ("Tan", {}),
    "asin": ("Asin", {}),
    "acos": ("Acos", {}),
    "atan": ("Atan", {}),
    "sinh": ("Sinh", {}),
    "cosh": ("Cosh", {}),
    "asinh": ("Asinh", {}),
    "acosh": ("Acosh", {}),
    "atanh": ("Atanh", {}),
    "erf": ("Erf", {}),
    "special_erf": ("Erf", {}),
    "reciprocal": ("Reciprocal", {}),
    "hardsigmoid": ("HardSigmoid", {"alpha": 1.0 / 6.0, "beta": 0.5}),
    "silu": ("Swish", {}),
    "mish": ("Mish", {}),
    "hardswish": ("HardSwish", {}),
    "selu": ("Selu", {}),
}
#: Functions of any number, which keep its type.
_ANY = {
    "abs": "Abs",
    "neg": "Neg",
    "sign": "Sign",
    "sgn": "Sign",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
    "relu": "Relu",
}


def _real(op: str, attributes: dict[str, float]) -> Callable[[Call], Value]:
    return lambda call: call.onnx(op, call.real_tensor(call.tensor("self")), **attributes)


def _any(op: str) -> Callable[[Call], Value]:
    def body(call: Call) -> Value:
        x = call.tensor("self")
        # Integers are whole already.
        return x if op in ("Floor", "Ceil", "Round") and x.type.dtype is not DType.F32 else call.onnx(op, x)

    return body


def both(name: str, overload: str = "default") -> tuple[str, str]:
    """Returns the names of an operator and of the one that does the same in place (see `memory.py`)."""
    return f"{name}.{overload}", f"{name}_.{overload}"


for _name, (_op, _attributes) in _REAL.items():
    aten(*both(_name))(_real(_op, _attributes))
for _name, _op in _ANY.items():
    aten(*both(_name))(_any(_op))


#: Functions for which ONNX has no name: what we call them.
_OWN = {"rsqrt": "Rsqrt", "expm1": "Expm1", "special_expm1": "Expm1", "log1p": "Log1p", "special_log1p": "Log1p"}


def _own(kind: str) -> Callable[[Call], Value]:
    op = Map1(kind, (), Rounding.NEAREST_EVEN)
    return lambda call: call.emit(op, call.real_tensor(call.tensor("self")))


for _name, _kind in _OWN.items():
    aten(*both(_name))(_own(_kind))


@aten(*both("square"))
def _square(call: Call) -> Value:
    x = call.tensor("self")
    return call.onnx("Mul", x, x)


@aten(*both("log2"), *both("log10"))
def _log(call: Call) -> Value:
    base = 2.0 if "log2" in call.importer.node.op else 10.0
    return call.mul(call.onnx("Log", call.real_tensor(call.tensor("self"))), 1.0 / math.log(base))


@aten(*both("exp2"), "special_exp2.default")
def _exp2(call: Call) -> Value:
    return call.onnx("Exp", call.mul(call.real_tensor(call.tensor("self")), math.log(2.0)))


@aten(*both("leaky_relu"))
def _leaky_relu(call: Call) -> Value:
    return call.onnx("LeakyRelu", call.tensor("self"), alpha=call.real("negative_slope", 0.01))


@aten(*both("elu"))
def _elu(call: Call) -> Value:
    if call.real("input_scale", 1.0) != 1.0:
        raise UnsupportedReason("an input_scale other than 1 is not supported")
    alpha, scale = call.real("alpha", 1.0), call.real("scale", 1.0)
    return call.mul(call.onnx("Elu", call.tensor("self"), alpha=alpha), scale)


@aten(*both("celu"))
def _celu(call: Call) -> Value:
    return call.onnx("Celu", call.tensor("self"), alpha=call.real("alpha", 1.0))


@aten(*both("gelu"))
def _gelu(call: Call) -> Value:
    return call.onnx("Gelu", call.tensor("self"), approximate=call.text("approximate", "none"))


@aten("prelu.default", "_prelu_kernel.default")
def _prelu(call: Call) -> Value:
    x, weight = call.tensor("self"), call.tensor("weight")
    if call.importer.node.op == "aten.prelu.default" and len(x.shape) > 1:
        # One slope for each channel, which is axis 1.
        weight = call.reshape(weight, (weight.type.elements, *(1 for _ in x.shape[2:])))
    return call.onnx("PRelu", x, weight)


@aten(*both("softplus"))
def _softplus(call: Call) -> Value:
    beta, threshold = call.real("beta", 1.0), call.real("threshold", 20.0)
    if beta == 0.0 or threshold < 15.0:
        raise UnsupportedReason(f"beta {beta:g} with threshold {threshold:g} is not supported")
    return call.mul(call.onnx("Softplus", call.mul(call.tensor("self"), beta)), 1.0 / beta)


@aten("log_sigmoid.default", "log_sigmoid_forward.default")
def _log_sigmoid(call: Call) -> list[Value | None]:
    return [call.onnx("Neg", call.onnx("Softplus", call.onnx("Neg", call.tensor("self"))))]


@aten("softsign.default")
def _softsign(call: Call) -> Value:
    return call.onnx("Softsign", call.tensor("self"))


@aten("glu.default")
def _glu(call: Call) -> Value:
    x = call.tensor("self")
    axis = call.axis("dim", len(x.shape), -1)
    if not x.shape or x.shape[axis] % 2:
        raise UnsupportedReason(f"axis {axis} of {x.type} has no two halves")
    left, right = call.onnx_all("Split", 2, x, axis=axis, num_outputs=2)
    return call.onnx("Mul", left, call.onnx("Sigmoid", right))


@aten("softshrink.default")
def _softshrink(call: Call) -> Value:
    x, limit = call.tensor("self"), call.real("lambd", 0.5)
    return call.onnx("Sub", x, call.onnx("Clip", x, -limit, limit))


@aten("hardshrink.default")
def _hardshrink(call: Call) -> Value:
    x, limit = call.tensor("self"), call.real("lambd", 0.5)
    return where(call, call.onnx("Greater", call.onnx("Abs", x), limit), x, 0.0)


@aten(*both("threshold"))
def _threshold(call: Call) -> Value:
    x, limit, value = call.tensor("self"), call.real("threshold"), call.real("value")
    if value == 0.0:
        return call.onnx("ThresholdedRelu", x, alpha=limit)
    return where(call, call.onnx("Greater", x, limit), x, value)


# ---- bounds


def _clip(call: Call, x: Value, low: Scalar | None, high: Scalar | None) -> Value:
    """Returns a tensor within bounds; where they cross, the upper one wins, in ONNX as here."""
    (x,) = call.together(x, *(bound for bound in (low, high) if bound is not None))[:1]
    bounds = [None if bound is None else call.constant(bound, x.type.dtype) for bound in (low, high)]
    if x.type.dtype is DType.F32:
        return call.onnx("Clip", x, *bounds)
    x = x if bounds[0] is None else call.onnx("Max", x, bounds[0])
    return x if bounds[1] is None else call.onnx("Min", x, bounds[1])


@aten("relu6.default", "relu6_.default")
def _relu6(call: Call) -> Value:
    return _clip(call, call.tensor("self"), 0.0, 6.0)


@aten(*both("hardtanh"))
def _hardtanh(call: Call) -> Value:
    return _clip(call, call.tensor("self"), call.real("min_val", -1.0), call.real("max_val", 1.0))


@aten(*both("clamp"), *both("clip"), *both("clamp_min"), *both("clamp_max"))
def _clamp(call: Call) -> Value:
    low, high = (call.scalar(name) if call.has(name) else None for name in ("min", "max"))
    return _clip(call, call.tensor("self"), low, high)


@aten(*both("clamp", "Tensor"), *both("clip", "Tensor"))
def _clamp_tensors(call: Call) -> Value:
    x = call.tensor("self")
    for name, op in (("min", "Max"), ("max", "Min")):
        bound = call.optional(name)
        x = x if bound is None else call.onnx(op, *call.together(x, bound))
    return x


# ---- of two numbers


def _scaled(call: Call, value: Value | Scalar) -> Value | Scalar:
    """Returns the second operand of a sum, times `alpha`."""
    alpha = call.scalar("alpha", 1)
    if alpha == 1:
        return value
    if not isinstance(value, Value):
        return value * alpha
    return call.onnx("Mul", *call.together(value, alpha))


@aten(*both("add", "Tensor"), *both("add", "Scalar"))
def _add(call: Call) -> Value:
    return call.onnx("Add", *call.together(call.operand("self"), _scaled(call, call.operand("other"))))


@aten(*both("sub", "Tensor"), *both("sub", "Scalar"), *both("subtract", "Tensor"))
def _sub(call: Call) -> Value:
    return call.onnx("Sub", *call.together(call.operand("self"), _scaled(call, call.operand("other"))))


@aten("rsub.Scalar", "rsub.Tensor")
def _rsub(call: Call) -> Value:
    return call.onnx("Sub", *call.together(call.operand("other"), _scaled(call, call.tensor("self"))))


def _two(op: str) -> Callable[[Call], Value]:
    return lambda call: call.onnx(op, *call.together(call.operand("self"), call.operand("other")))


aten(*both("mul", "Tensor"), *both("mul", "Scalar"), *both("multiply", "Tensor"))(_two("Mul"))
aten("maximum.default", "max.other", "fmax.default")(_two("Max"))
aten("minimum.default", "min.other", "fmin.default")(_two("Min"))
for _name, _op in (("eq", "Equal"), ("lt", "Less"), ("le", "LessOrEqual"), ("gt", "Greater"), ("ge", "GreaterOrEqual")):
    aten(f"{_name}.Tensor", f"{_name}.Scalar")(_two(_op))


@aten("ne.Tensor", "ne.Scalar")
def _ne(call: Call) -> Value:
    return call.onnx("Not", _two("Equal")(call))


def _truth(call: Call, value: Value) -> Value:
    """Returns whether elements are not 0."""
    return call.cast(value, DType.BOOL)


@aten(*both("logical_not"))
def _logical_not(call: Call) -> Value:
    return call.onnx("Not", _truth(call, call.tensor("self")))


@aten(*both("bitwise_not"))
def _bitwise_not(call: Call) -> Value:
    x = call.tensor("self")
    return call.onnx("Not" if x.type.dtype is DType.BOOL else "BitwiseNot", x)


def _logic(word: str, overloads: tuple[str, ...], *, bits: bool) -> None:
    def body(call: Call) -> Value:
        if not bits:
            return call.onnx(word, _truth(call, call.tensor("self")), _truth(call, call.tensor("other")))
        pair = call.together(call.operand("self"), call.operand("other"))
        return call.onnx(word if pair[0].type.dtype is DType.BOOL else f"Bitwise{word}", *pair)

    aten(*overloads)(body)


for _word in ("And", "Or", "Xor"):
    _logic(_word, (f"logical_{_word.lower()}.default",), bits=False)
    _logic(
        _word,
        (
            *(f"bitwise_{_word.lower()}.{kind}" for kind in ("Tensor", "Scalar")),
            *(f"__{_word.lower()}__.{kind}" for kind in ("Tensor", "Scalar")),
        ),
        bits=True,
    )


def whole(call: Call, x: Value) -> Value:
    """Returns real numbers without what is behind the point."""
    return call.onnx("Mul", call.onnx("Sign", x), call.onnx("Floor", call.onnx("Abs", x)))


@aten(*both("trunc"), *both("fix"))
def _trunc(call: Call) -> Value:
    x = call.tensor("self")
    return whole(call, x) if x.type.dtype is DType.F32 else x


@aten(*both("frac"))
def _frac(call: Call) -> Value:
    x = call.tensor("self")
    return call.onnx("Sub", x, whole(call, x))


@aten("atan2.default", "arctan2.default")
def _atan2(call: Call) -> Value:
    pair = map(call.real_tensor, call.together(call.tensor("self"), call.tensor("other")))
    return call.emit(Map2("Atan2", rounding=Rounding.NEAREST_EVEN), *pair)


@aten("hypot.default")
def _hypot(call: Call) -> Value:
    left, right = call.together(call.tensor("self"), call.tensor("other"))
    return call.onnx("Sqrt", call.add(call.onnx("Mul", left, left), call.onnx("Mul", right, right)))


@aten("logaddexp.default")
def _logaddexp(call: Call) -> Value:
    """The greater one, and log(1 + exp(-distance)); equal ones may be infinite."""
    left, right = call.together(call.tensor("self"), call.tensor("other"))
    distance = call.onnx("Neg", call.onnx("Abs", call.onnx("Sub", left, right)))
    more = call.emit(Map1("Log1p", (), Rounding.NEAREST_EVEN), call.onnx("Exp", distance))
    more = where(call, call.onnx("Equal", left, right), math.log(2.0), more)
    return call.add(call.onnx("Max", left, right), more)


@aten("erfc.default", "special_erfc.default")
def _erfc(call: Call) -> Value:
    return call.onnx("Sub", 1.0, call.onnx("Erf", call.real_tensor(call.tensor("self"))))


@aten("rrelu.default", harmless={"generator": "nothing is drawn at inference"})
def _rrelu(call: Call) -> Value:
    if call.flag("training"):
        raise UnsupportedReason("it draws slopes at random: call model.eval() before torch.export.export")
    slope = (call.real("lower", 1 / 8) + call.real("upper", 1 / 3)) / 2
    return call.onnx("LeakyRelu", call.tensor("self"), alpha=slope)


@aten("addcmul.default")
def _addcmul(call: Call) -> Value:
    product = call.onnx("Mul", call.tensor("tensor1"), call.tensor("tensor2"))
    return call.add(call.tensor("self"), call.mul(product, call.real("value", 1.0)))


@aten("addcdiv.default")
def _addcdiv(call: Call) -> Value:
    quotient = call.onnx("Div", call.tensor("tensor1"), call.tensor("tensor2"))
    return call.add(call.tensor("self"), call.mul(quotient, call.real("value", 1.0)))


@aten("lerp.Scalar", "lerp.Tensor")
def _lerp(call: Call) -> Value:
    start, weight = call.tensor("self"), call.operand("weight")
    distance = call.onnx("Sub", call.tensor("end"), start)
    return call.add(start, call.onnx("Mul", *call.together(distance, weight)))


@aten(
    *both("pow", "Tensor_Scalar"),
    *both("pow", "Tensor_Tensor"),
    "pow.Scalar",
    *both("float_power", "Tensor_Scalar"),
)
def _pow(call: Call) -> Value:
    base, exponent = call.operand("self"), call.operand("exponent")
    if exponent == 0 and isinstance(base, Value):
        return call.constant(np.ones(base.shape, base.type.dtype.numpy))
    if exponent == 3 and isinstance(base, Value):
        return call.onnx("Mul", call.onnx("Mul", base, base), base)
    return call.onnx("Pow", *call.together(base, exponent))


# ---- choices


def where(call: Call, condition: Value, left: Value | Scalar, right: Value | Scalar) -> Value:
    """Returns `left` where the condition holds, else `right`."""
    pair = call.together(left, right)
    return call.onnx("Where", _truth(call, condition), *pair)


@aten("where.self", "where.ScalarSelf", "where.ScalarOther", "where.Scalar")
def _where(call: Call) -> Value:
    return where(call, call.tensor("condition"), call.operand("self"), call.operand("other"))


@aten(*both("masked_fill", "Scalar"), *both("masked_fill", "Tensor"))
def _masked_fill(call: Call) -> Value:
    x = call.tensor("self")
    value = call.operand("value")
    filled = call.cast(value, x.type.dtype) if isinstance(value, Value) else call.constant(value, x.type.dtype)
    return call.onnx("Where", call.tensor("mask"), filled, x)


@aten("nan_to_num.default")
def _nan_to_num(call: Call) -> Value:
    x = call.tensor("self")
    if x.type.dtype is not DType.F32:
        return x
    greatest = float(np.finfo(np.float32).max)
    low = call.real("neginf") if call.has("neginf") else -greatest
    high = call.real("posinf") if call.has("posinf") else greatest
    x = where(call, call.onnx("Equal", x, x), x, call.real("nan", 0.0))
    x = where(call, call.onnx("Equal", x, math.inf), high, x)
    return where(call, call.onnx("Equal", x, -math.inf), low, x)


@aten("isnan.default")
def _isnan(call: Call) -> Value:
    x = call.tensor("self")
    # Nothing else differs from itself.
    return call.onnx("Not", call.onnx("Equal", x, x))


@aten("isinf.default")
def _isinf(call: Call) -> Value:
    return call.onnx("Equal", call.onnx("Abs", call.tensor("self")), math.inf)
