"""Operators of one, two and three numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.aten.case import BITS, POSITIVE, WHOLE, Cases, K, X, Y, sigmoid, singles

CASES = Cases()
case = CASES.add

erf = np.vectorize(math.erf)

# ---- one number
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "exp": np.exp,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asinh": np.arcsinh,
    "erf": erf,
    "special_erf": erf,
    "reciprocal": lambda x: 1 / x,
    "abs": np.abs,
    "neg": np.negative,
    "sign": np.sign,
    "sgn": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "square": np.square,
    "exp2": np.exp2,
    "special_exp2": np.exp2,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
    "log_sigmoid_forward": lambda x: -np.log1p(np.exp(-x)),
    "gelu": lambda x: x / 2 * (1 + erf(x / math.sqrt(2))),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "isnan": np.isnan,
    "isinf": np.isinf,
    "nan_to_num": lambda x: x,
    "softshrink": lambda x: x - np.clip(x, -0.5, 0.5),
    "hardshrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
}
for _name, _function in FUNCTIONS.items():
    case(_name, _function, self=X)
for _name, _function in {"log": np.log, "sqrt": np.sqrt, "log2": np.log2, "log10": np.log10}.items():
    case(_name, _function, self=POSITIVE)
case("rsqrt", lambda x: 1 / np.sqrt(x), self=POSITIVE)
case("expm1 special_expm1", np.expm1, self=X)
case("log1p special_log1p", np.log1p, self=POSITIVE)
case("acosh", np.arccosh, self=POSITIVE + np.float32(1))
case("asin", np.arcsin, self=np.tanh(X))
case("acos", np.arccos, self=np.tanh(X))
case("atanh", np.arctanh, self=np.tanh(X))
case("sqrt", lambda x: np.sqrt(x.astype(np.float32)), self=np.abs(WHOLE))
case("floor", lambda x: x, self=WHOLE)
case("leaky_relu", lambda x: np.where(x > 0, x, 0.3 * x), self=X, negative_slope=0.3)
case("elu", lambda x: 2 * np.where(x > 0, x, 0.5 * np.expm1(x)), self=X, alpha=0.5, scale=2.0, input_scale=1)
case("celu", lambda x: np.where(x > 0, x, 0.5 * np.expm1(x / 0.5)), self=X, alpha=0.5)
case(
    "gelu", lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))), self=X, approximate="tanh"
)
case("softplus", lambda x: np.log1p(np.exp(2 * x)) / 2, self=X, beta=2)
case("threshold", lambda x: np.where(x > 0.3, x, 0), self=X, threshold=0.3, value=0)
case("threshold", lambda x: np.where(x > 0.3, x, 7), self=X, threshold=0.3, value=7)
case("glu", lambda x: x[..., :2] * sigmoid(x[..., 2:]), self=X)
case(
    "prelu",
    lambda x: np.where(x > 0, x, x * np.array([1, 2, 3])[:, None]),
    self=X,
    weight=K(np.array([1, 2, 3], np.float32)),
)
case("_prelu_kernel", lambda x: np.where(x > 0, x, x * 0.5), self=X, weight=K(np.full((1, 1, 1), 0.5, np.float32)))
case("hardtanh", lambda x: np.clip(x, 0, 6), self=X, min_val=0, max_val=6)
case("clamp clip", lambda x: np.clip(x, -0.5, 0.25), self=X, min=-0.5, max=0.25)
case("clamp_min", lambda x: np.maximum(x, 0), self=X, min=0)
case("clamp_max", lambda x: np.minimum(x, 0.5), self=X, max=0.5)
LOWS, HIGHS = np.array([-1, 0, 0, -1], np.float32), np.array([0, 1, 1, 2], np.float32)
case("clamp.Tensor clip.Tensor", lambda x: np.clip(x, LOWS, HIGHS), self=X, min=K(LOWS), max=K(HIGHS))

# ---- two numbers
for _name, _function in {
    "add.Tensor": np.add,
    "sub.Tensor": np.subtract,
    "subtract.Tensor": np.subtract,
    "mul.Tensor": np.multiply,
    "multiply.Tensor": np.multiply,
    "div.Tensor": np.divide,
    "divide.Tensor": np.divide,
    "true_divide.Tensor": np.divide,
    "maximum": np.maximum,
    "max.other": np.maximum,
    "fmax": np.maximum,
    "minimum": np.minimum,
    "min.other": np.minimum,
    "fmin": np.minimum,
    "eq.Tensor": np.equal,
    "ne.Tensor": np.not_equal,
    "lt.Tensor": np.less,
    "le.Tensor": np.less_equal,
    "gt.Tensor": np.greater,
    "ge.Tensor": np.greater_equal,
    "floor_divide": np.floor_divide,
    "remainder.Tensor": np.mod,
    "fmod.Tensor": np.fmod,
}.items():
    case(_name, _function, self=X, other=Y)
for _name, _function in {
    "add.Scalar": np.add,
    "add.Tensor": np.add,
    "sub.Scalar": np.subtract,
    "mul.Scalar": np.multiply,
    "mul.Tensor": np.multiply,
    "div.Scalar": np.divide,
    "eq.Scalar": np.equal,
    "ne.Scalar": np.not_equal,
    "lt.Scalar": np.less,
    "le.Scalar": np.less_equal,
    "gt.Scalar": np.greater,
    "ge.Scalar": np.greater_equal,
    "floor_divide.Scalar": np.floor_divide,
    "remainder.Scalar": np.mod,
    "fmod.Scalar": np.fmod,
    "pow.Tensor_Scalar": np.power,
}.items():
    case(_name, lambda x, f=_function: f(x, np.float32(0.5)), self=POSITIVE, other=0.5) if "pow" not in _name else case(
        _name, lambda x, f=_function: f(x, np.float32(0.5)), self=POSITIVE, exponent=0.5
    )
case("add.Tensor", lambda x, y: x + 2 * y, self=X, other=Y, alpha=2)
case("sub.Tensor", lambda x: x - 3, self=X, other=1.5, alpha=2)
case("sub.Tensor", lambda x: 5 - x, self=5, other=X)
case("rsub.Scalar rsub.Tensor", lambda x: 5 - 2 * x, self=X, other=5, alpha=2)
case("add.Tensor", lambda x, y: (x + y).astype(np.float32), self=X[:, :, :1], other=WHOLE)
case("mul.Tensor", lambda x: x * np.float32(0.5), self=WHOLE, other=0.5)
case("div.Tensor", lambda x: (x / 2).astype(np.float32), self=WHOLE, other=2)
case("div.Tensor_mode div.Scalar_mode", lambda x: np.floor(x / 0.5), self=X, other=0.5, rounding_mode="floor")
case("div.Tensor_mode", lambda x: np.trunc(x / 0.5), self=X, other=0.5, rounding_mode="trunc")
case("pow.Tensor_Tensor", np.power, self=POSITIVE, exponent=Y)
case("pow.Scalar", lambda y: np.power(np.float32(2), y), self=2, exponent=Y)
case("pow.Tensor_Scalar float_power.Tensor_Scalar", lambda x: x**2, self=X, exponent=2)
case("pow.Tensor_Scalar", lambda x: x**3, self=X, exponent=3)
case("pow.Tensor_Scalar", np.ones_like, self=X, exponent=0)
for _name, _function in {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}.items():
    case(f"logical_{_name}", _function, self=BITS, other=Y > 0)
    case(f"logical_{_name}", lambda x, y, f=_function: f(x != 0, y), self=X, other=Y > 0)
    case(f"bitwise_{_name}.Tensor __{_name}__.Tensor", _function, self=BITS, other=Y > 0)
    case(f"bitwise_{_name}.Scalar __{_name}__.Scalar", lambda x, f=_function: f(x, True), self=BITS, other=True)
case("logical_not bitwise_not", np.logical_not, self=BITS)
case("addcmul", lambda x, y, z: x + 0.5 * y * z, self=X, tensor1=Y, tensor2=X, value=0.5)
case("addcdiv", lambda x, y, z: x + 0.5 * y / z, self=X, tensor1=Y, tensor2=POSITIVE, value=0.5)
case("lerp.Scalar", lambda x, y: x + 0.3 * (y - x), self=X, end=Y, weight=0.3)
case("lerp.Tensor", lambda x, y, w: x + w * (y - x), self=X, end=Y, weight=POSITIVE)
case("where.self", np.where, condition=BITS, self=X, other=Y)
case("where.ScalarOther", lambda c, x: np.where(c, x, 2), condition=BITS, self=X, other=2.0)
case("where.ScalarSelf", lambda c, x: np.where(c, 2, x), condition=BITS, self=2.0, other=X)
case("where.Scalar", lambda c: np.where(c, np.float32(1), np.float32(2)), condition=BITS, self=1.0, other=2.0)
case("masked_fill.Scalar", lambda x, m: np.where(m, -1, x), self=X, mask=BITS, value=-1.0)
case("masked_fill.Tensor", lambda x, m: np.where(m, -1, x), self=X, mask=BITS, value=K(np.float32(-1)))
case("trunc fix", np.trunc, self=X * 3)
case("trunc", lambda x: x, self=WHOLE)
case("frac", lambda x: x - np.trunc(x), self=X * 3)
case("atan2 arctan2", np.arctan2, self=X, other=Y)
case("hypot", np.hypot, self=X, other=Y)
case("logaddexp", np.logaddexp, self=X * 20, other=Y)
case("logaddexp", lambda x: x + np.log(2), self=singles([-np.inf, 3]), other=K(singles([-np.inf, 3])))
case("erfc special_erfc", lambda x: 1 - np.vectorize(math.erf)(x), self=X)
case("rrelu", lambda x: np.where(x > 0, x, x * 0.2), self=X, lower=0.1, upper=0.3, training=False)
