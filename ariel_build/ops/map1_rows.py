"""The functions of one number, a row each: what they are called, what they compute in numpy and in Rust.

A new one is one row here; `python -m tools.rows` makes its kernel.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import field

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array
from ariel_build.ops import map1_int8 as int8
from ariel_build.ops.rows import Attribute, Named, Names
from ariel_build.records import dataclass

__all__ = ["MAP1", "Map1Row"]

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Map1Row:
    """A function of one number.

    `about` is its formula. `real` computes in double, what is rounded to float32 once; `rust` computes `x` in float32,
    with `k.<parameter>`, without parameters in float64, too; `parameters` tells what each parameter is. `integer`
    computes plain integers, where it can. `stored` is TFLite's int8 where that is not simply `round(real(..) / scale)`;
    all others are tables of `real`. With `wide` it is its int16, too, and gives the fields of the kernel `<name>Int16`
    for source, target and parameters; where TFLite tabulates int16, `tabled` is the function, of numbers and of the
    least that the output can be.
    """

    name: str
    about: str
    real: Callable[..., F64]
    rust: str
    tflite: Names = ()
    onnx: Names = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    integer: Callable[[Array], Array] | None = None
    stored: int8.Formula | None = None
    wide: int8.Fields | None = None
    tabled: Callable[[F64, float], F64] | None = None

    @property
    def rust64(self) -> str:
        """What computes `x` in float64: the same functions, without the suffix."""
        text = re.sub(r"\blibm::(\w+)f\(", r"libm::\1(", self.rust).replace("core::f32", "core::f64")
        return re.sub(r"\b(?<!::)(clamp|sigmoid|sqrt)\(", r"\g<1>64(", text)


def _sigmoid(x: F64) -> F64:
    return 1.0 / (1.0 + np.exp(-x))


def _erf(x: F64) -> F64:
    return np.vectorize(math.erf, [np.float64])(x)  # type: ignore[no-any-return]


def _gelu(x: F64) -> F64:
    return 0.5 * x * np.vectorize(math.erfc, [np.float64])(-x * math.sqrt(0.5))  # type: ignore[no-any-return]


def _gelu_tanh(x: F64) -> F64:
    return np.asarray(0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x))), np.float64)


def _elu(x: F64, alpha: float) -> F64:
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


def _log(x: F64, least: float) -> F64:
    return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), least)


_LIMIT = "Limit of negative inputs, negated."

_ROWS = (
    # Importers, and what it does to int8, are in `clip.py`.
    Map1Row(
        "Clip",
        "`min(max(x, low), high)`.",
        np.clip,
        "clamp(x, k.low, k.high)",
        parameters={"low": "Least output.", "high": "Greatest output."},
    ),
    Map1Row(
        "LeakyRelu",
        "`x` where it is positive, else `slope * x`.",
        lambda x, slope: np.where(x < 0, slope * x, x),
        "if x < 0.0 { x * k.slope } else { x }",
        Named("LEAKY_RELU", (Attribute("alpha"),)),
        Named("LeakyRelu", (Attribute("alpha", 0.01),)),
        {"slope": "Slope of negative inputs."},
        stored=int8.leaky_relu,
        wide=int8.leaky_relu_fields,
    ),
    Map1Row(
        "Elu",
        "`x` where it is positive, else `alpha * (e^x - 1)`.",
        _elu,
        "if x < 0.0 { k.alpha * (libm::expf(x) - 1.0) } else { x }",
        Named("ELU", (1.0,)),
        Named("Elu", (Attribute("alpha", 1.0),)),
        {"alpha": _LIMIT},
        stored=int8.elu,
    ),
    Map1Row(
        "Selu",
        "`gamma * x` where x is positive, else `gamma * alpha * (e^x - 1)`.",
        lambda x, alpha, gamma: gamma * _elu(x, alpha),
        "k.gamma * if x < 0.0 { k.alpha * (libm::expf(x) - 1.0) } else { x }",
        (),
        Named("Selu", (Attribute("alpha", 1.67326319217681884765625), Attribute("gamma", 1.05070102214813232421875))),
        {"alpha": _LIMIT, "gamma": "Factor of all."},
    ),
    Map1Row(
        "Celu",
        "`x` where it is positive, else `alpha * (e^(x / alpha) - 1)`.",
        lambda x, alpha: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0) / alpha), x),
        "if x < 0.0 { k.alpha * (libm::expf(x / k.alpha) - 1.0) } else { x }",
        (),
        Named("Celu", (Attribute("alpha", 1.0),)),
        {"alpha": _LIMIT},
    ),
    Map1Row(
        "ThresholdedRelu",
        "`x` where it is more than `alpha`, else 0.",
        lambda x, alpha: np.where(x > alpha, x, 0.0),
        "if x > k.alpha { x } else { 0.0 }",
        (),
        Named("ThresholdedRelu", (Attribute("alpha", 1.0),)),
        {"alpha": "Threshold."},
    ),
    Map1Row(
        "Shrink",
        "`x + bias` where it is less than `-lambd`, `x - bias` where it is more than `lambd`, else 0.",
        lambda x, bias, lambd: np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0.0)),
        "if x < -k.lambd { x + k.bias } else if x > k.lambd { x - k.bias } else { 0.0 }",
        (),
        Named("Shrink", (Attribute("bias", 0.0), Attribute("lambd", 0.5))),
        {"bias": "What numbers come closer to 0.", "lambd": "Greatest number that becomes 0."},
    ),
    Map1Row(
        "HardSigmoid",
        "`min(max(alpha * x + beta, 0), 1)`.",
        lambda x, alpha, beta: np.clip(alpha * x + beta, 0.0, 1.0),
        "clamp(k.alpha * x + k.beta, 0.0, 1.0)",
        (),
        Named("HardSigmoid", (Attribute("alpha", 0.2), Attribute("beta", 0.5))),
        {"alpha": "Slope.", "beta": "Value at 0."},
    ),
    Map1Row(
        "HardSwish",
        "`x * min(max(x + 3, 0), 6) / 6`.",
        lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
        "x * clamp(x + 3.0, 0.0, 6.0) / 6.0",
        "HARD_SWISH",
        "HardSwish",
        stored=int8.hard_swish,
    ),
    Map1Row(
        "Sigmoid",
        "`1 / (1 + e^-x)`.",
        _sigmoid,
        "sigmoid(x)",
        "LOGISTIC",
        "Sigmoid",
        stored=int8.sigmoid,
        wide=int8.sigmoid_fields,
    ),
    Map1Row(
        "Swish",
        "`x / (1 + e^-x)`, and with another factor `x * sigmoid(alpha * x)`.",
        lambda x, alpha: x * _sigmoid(alpha * x),
        "x * sigmoid(k.alpha * x)",
        (),
        Named("Swish", (Attribute("alpha", 1.0),)),
        {"alpha": "Factor inside the sigmoid."},
    ),
    Map1Row(
        "Tanh",
        "`tanh(x)`.",
        np.tanh,
        "libm::tanhf(x)",
        "TANH",
        "Tanh",
        stored=int8.tanh,
        wide=int8.tanh_fields,
    ),
    Map1Row(
        "Gelu",
        "`x / 2 * (1 + erf(x / sqrt 2))`, by erfc, which does not cancel for negative inputs.",
        _gelu,
        "0.5 * x * libm::erfcf(x * -core::f32::consts::FRAC_1_SQRT_2)",
        Named("GELU", when=("approximate", False)),
        Named("Gelu", when=("approximate", "none")),
        tabled=lambda x, _: _gelu(x),
    ),
    Map1Row(
        "GeluTanh",
        "The approximation of Gelu by tanh.",
        _gelu_tanh,
        # The factor is the square root of 2 / pi.
        "0.5 * x * (1.0 + libm::tanhf(0.797_884_6 * (x + 0.044_715 * x * x * x)))",
        Named("GELU", when=("approximate", True)),
        Named("Gelu", when=("approximate", "tanh")),
        tabled=lambda x, _: _gelu_tanh(x),
    ),
    Map1Row(
        "Mish",
        "`x * tanh(ln(1 + e^x))`.",
        lambda x: x * np.tanh(np.logaddexp(0.0, x)),
        "x * libm::tanhf(if x > 20.0 { x } else { libm::log1pf(libm::expf(x)) })",
        onnx="Mish",
    ),
    Map1Row(
        "Softplus",
        "`ln(1 + e^x)`.",
        lambda x: np.logaddexp(0.0, x),
        "if x > 20.0 { x } else { libm::log1pf(libm::expf(x)) }",
        onnx="Softplus",
    ),
    Map1Row("Softsign", "`x / (1 + |x|)`.", lambda x: x / (1.0 + np.abs(x)), "x / (1.0 + x.abs())", onnx="Softsign"),
    Map1Row("Exp", "`e^x`.", np.exp, "libm::expf(x)", "EXP", "Exp", tabled=lambda x, _: np.exp(x)),
    Map1Row("Log", "`ln(x)`.", np.log, "libm::logf(x)", "LOG", "Log", stored=int8.log, tabled=_log),
    # PyTorch's, see `aten/elementwise.py`: the formats have no names for them.
    Map1Row("Expm1", "`e^x - 1`.", np.expm1, "libm::expm1f(x)"),
    Map1Row("Log1p", "`ln(1 + x)`.", np.log1p, "libm::log1pf(x)"),
    Map1Row("Sqrt", "`sqrt(x)`.", np.sqrt, "sqrt(x)", onnx="Sqrt", stored=int8.sqrt),
    Map1Row(
        "Rsqrt",
        "`1 / sqrt(x)`.",
        lambda x: 1.0 / np.sqrt(x),
        "1.0 / sqrt(x)",
        "RSQRT",
        stored=int8.rsqrt,
        wide=int8.rsqrt_fields,
    ),
    Map1Row("Reciprocal", "`1 / x`.", lambda x: 1.0 / x, "1.0 / x", onnx="Reciprocal"),
    Map1Row("Square", "`x * x`.", np.square, "x * x", "SQUARE", integer=np.square),
    Map1Row("Neg", "`-x`.", np.negative, "-x", "NEG", "Neg", integer=np.negative),
    Map1Row(
        "Abs",
        "`|x|`.",
        np.abs,
        "x.abs()",
        "ABS",
        "Abs",
        integer=np.abs,
        stored=int8.absolute,
        wide=int8.absolute_fields,
    ),
    Map1Row(
        "Sign",
        "-1, 0 or 1.",
        np.sign,
        "if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x }",
        "SIGN",
        "Sign",
        integer=np.sign,
    ),
    Map1Row("Sin", "`sin(x)`.", np.sin, "libm::sinf(x)", "SIN", "Sin"),
    Map1Row("Cos", "`cos(x)`.", np.cos, "libm::cosf(x)", "COS", "Cos"),
    Map1Row("Tan", "`tan(x)`.", np.tan, "libm::tanf(x)", onnx="Tan"),
    Map1Row("Asin", "`arcsin(x)`.", np.arcsin, "libm::asinf(x)", onnx="Asin"),
    Map1Row("Acos", "`arccos(x)`.", np.arccos, "libm::acosf(x)", onnx="Acos"),
    Map1Row("Atan", "`arctan(x)`.", np.arctan, "libm::atanf(x)", onnx="Atan"),
    Map1Row("Sinh", "`sinh(x)`.", np.sinh, "libm::sinhf(x)", onnx="Sinh"),
    Map1Row("Cosh", "`cosh(x)`.", np.cosh, "libm::coshf(x)", onnx="Cosh"),
    Map1Row("Asinh", "`arsinh(x)`.", np.arcsinh, "libm::asinhf(x)", onnx="Asinh"),
    Map1Row("Acosh", "`arcosh(x)`.", np.arccosh, "libm::acoshf(x)", onnx="Acosh"),
    Map1Row("Atanh", "`artanh(x)`.", np.arctanh, "libm::atanhf(x)", onnx="Atanh"),
    Map1Row("Erf", "The error function.", _erf, "libm::erff(x)", onnx="Erf"),
    Map1Row("Floor", "The greatest integer not above `x`.", np.floor, "libm::floorf(x)", "FLOOR", "Floor"),
    Map1Row("Ceil", "The least integer not below `x`.", np.ceil, "libm::ceilf(x)", "CEIL", "Ceil"),
    Map1Row("Round", "The nearest integer, halves to even.", np.rint, "libm::rintf(x)", "ROUND", "Round"),
)
MAP1 = {row.name: row for row in _ROWS}
