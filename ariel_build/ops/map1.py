"""Map1: output = f(input), one function of one number; in int8 it is a table of 256 bytes.

A function is one line of `FUNCTIONS` and one of the runtime's `map1/mod.rs`; what TFLite computes in fixed point
instead is in `map1_int8.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Kernel, KernelCall
from ariel_build.kernels.declared import map1 as declared
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.elementwise import (
    BYTES,
    call_of,
    dequantize,
    lookup_call,
    one_operand,
    quant_of,
    quantize,
    same_type,
)
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1_int8 import TFLITE
from ariel_build.ops.traits import POINTWISE, alike, never

__all__ = ["FUNCTIONS", "Map1"]

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Function:
    """A real function and the names of its parameters; `integer` computes it on plain integers, where it can."""

    real: Callable[..., F64]
    parameters: tuple[str, ...] = ()
    integer: Callable[[Array], Array] | None = None


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


#: Computed in double and rounded to float32 once.
FUNCTIONS = {
    "Abs": Function(np.abs, integer=np.abs),
    "Ceil": Function(np.ceil),
    "Celu": Function(lambda x, alpha: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0) / alpha), x), ("alpha",)),
    "Cos": Function(np.cos),
    "Elu": Function(_elu, ("alpha",)),
    "Erf": Function(_erf),
    "Exp": Function(np.exp),
    "Floor": Function(np.floor),
    "Gelu": Function(_gelu),
    "GeluTanh": Function(_gelu_tanh),
    "HardSigmoid": Function(lambda x, alpha, beta: np.clip(alpha * x + beta, 0.0, 1.0), ("alpha", "beta")),
    "HardSwish": Function(lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0),
    "LeakyRelu": Function(lambda x, slope: np.where(x < 0, slope * x, x), ("slope",)),
    "Log": Function(np.log),
    "Mish": Function(lambda x: x * np.tanh(np.logaddexp(0.0, x))),
    "Neg": Function(np.negative, integer=np.negative),
    "Reciprocal": Function(lambda x: 1.0 / x),
    "Round": Function(np.rint),
    "Rsqrt": Function(lambda x: 1.0 / np.sqrt(x)),
    "Selu": Function(lambda x, alpha, gamma: gamma * _elu(x, alpha), ("alpha", "gamma")),
    "Sigmoid": Function(_sigmoid),
    "Sign": Function(np.sign, integer=np.sign),
    "Sin": Function(np.sin),
    "Softplus": Function(lambda x: np.logaddexp(0.0, x)),
    "Softsign": Function(lambda x: x / (1.0 + np.abs(x))),
    "Sqrt": Function(np.sqrt),
    "Square": Function(np.square, integer=np.square),
    "Swish": Function(lambda x, alpha: x * _sigmoid(alpha * x), ("alpha",)),
    "Tanh": Function(np.tanh),
    "ThresholdedRelu": Function(lambda x, alpha: np.where(x > alpha, x, 0.0), ("alpha",)),
}


@dataclass(frozen=True)
class Map1(Operator):
    """The function `kind` of every element; `parameters` in the order in which `FUNCTIONS` names them."""

    traits = POINTWISE
    passed_on = never
    permuted = alike

    kind: str
    parameters: tuple[float, ...] = ()
    rounding: Rounding = Rounding.DOUBLE

    @property
    def name(self) -> str:
        """The function's name."""
        return self.kind

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T -> T."""
        type_ = same_type(inputs)
        if type_.dtype not in (DType.F32, *BYTES) and FUNCTIONS[self.kind].integer is None:
            raise ValueError(f"{self.kind} of {type_.dtype.value} is not supported")
        return [type_]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Computes in double; int8 by TFLite's formula, or rne of the real function."""
        x = inputs[0]
        assert x is not None  # noqa: S101 - infer has seen it
        function = FUNCTIONS[self.kind]
        if x.dtype == np.float32:
            return [self.real(x)]
        if node.output.type.quant is None:
            if function.integer is None:
                raise UnsupportedReason(f"{self.kind} of {node.output.type.dtype.value} without quantisation")
            return [function.integer(x).astype(x.dtype)]
        source, target = quant_of(node.input(0), "the input"), quant_of(node.output, "the output")
        dtype = node.output.type.dtype
        special = TFLITE.get(self.kind) if self.rounding is Rounding.DOUBLE else None
        if special is not None:
            return [special(x.astype(np.int64), source, target, dtype, self.parameters)]
        return [quantize(self.real(dequantize(x, source)), target, dtype, self.rounding)]

    def real(self, x: Array) -> Array:
        """Returns the function of float32 elements; its parameters are float32 too."""
        parameters = [float(np.float32(p)) for p in self.parameters]
        with np.errstate(all="ignore"):
            return np.asarray(FUNCTIONS[self.kind].real(x.astype(np.float64), *parameters), np.float32)

    def lower(self, node: Node) -> KernelCall:
        """`lookup::Table` or `map1::<kind>`."""
        x = node.input(0)
        if x.type.dtype in BYTES:
            return lookup_call(node, x, lambda data: self.reference([data], node)[0])
        if x.type.dtype is not DType.F32:
            raise UnsupportedReason(f"{self.kind} of {x.type.dtype.value} is not supported")
        names = FUNCTIONS[self.kind].parameters
        kernel: type[Kernel] = getattr(declared, self.kind)
        parameters = dict(zip(names, self.parameters, strict=True))
        return call_of(kernel.made({**one_operand(node), **parameters}), node)


_TFLITE = {
    "ABS": "Abs",
    "CEIL": "Ceil",
    "COS": "Cos",
    "EXP": "Exp",
    "FLOOR": "Floor",
    "HARD_SWISH": "HardSwish",
    "LOG": "Log",
    "LOGISTIC": "Sigmoid",
    "NEG": "Neg",
    "ROUND": "Round",
    "RSQRT": "Rsqrt",
    "SIGN": "Sign",
    "SIN": "Sin",
    "SQRT": "Sqrt",
    "SQUARE": "Square",
    "TANH": "Tanh",
}


@imports("tflite", *_TFLITE)
def _from_tflite(importer: Importer) -> None:
    importer.emit_declared(Map1(_TFLITE[importer.node.op]), [importer.input(0)])


@imports("tflite", "ELU")
def _elu_from_tflite(importer: Importer) -> None:
    importer.emit_declared(Map1("Elu", (1.0,)), [importer.input(0)])


@imports("tflite", "LEAKY_RELU")
def _leaky_relu_from_tflite(importer: Importer) -> None:
    importer.emit_declared(Map1("LeakyRelu", (importer.real("alpha"),)), [importer.input(0)])


@imports("tflite", "GELU")
def _gelu_from_tflite(importer: Importer) -> None:
    importer.emit_declared(Map1("GeluTanh" if importer.attribute("approximate") else "Gelu"), [importer.input(0)])


#: Name -> attributes with their defaults, in the order of the parameters.
_ONNX: dict[str, dict[str, float]] = {
    "Abs": {},
    "Ceil": {},
    "Celu": {"alpha": 1.0},
    "Cos": {},
    "Elu": {"alpha": 1.0},
    "Erf": {},
    "Exp": {},
    "Floor": {},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "HardSwish": {},
    "LeakyRelu": {"alpha": 0.01},
    "Log": {},
    "Mish": {},
    "Neg": {},
    "Reciprocal": {},
    "Round": {},
    "Selu": {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    "Sigmoid": {},
    "Sign": {},
    "Sin": {},
    "Softplus": {},
    "Softsign": {},
    "Sqrt": {},
    "Swish": {"alpha": 1.0},
    "Tanh": {},
    "ThresholdedRelu": {"alpha": 1.0},
}


@imports("onnx", *_ONNX)
def _from_onnx(importer: Importer) -> None:
    parameters = tuple(importer.real(name, default) for name, default in _ONNX[importer.node.op].items())
    op = Map1(importer.node.op, parameters, Rounding.NEAREST_EVEN)
    importer.bind(*importer.emit(op, [importer.input(0)]))


@imports("onnx", "Gelu")
def _gelu_from_onnx(importer: Importer) -> None:
    kinds, word = {"none": "Gelu", "tanh": "GeluTanh"}, importer.text("approximate", "none")
    if word not in kinds:
        raise UnsupportedReason(f"approximate is `{word}`, neither `none` nor `tanh`")
    kind = kinds[word]
    importer.bind(*importer.emit(Map1(kind, (), Rounding.NEAREST_EVEN), [importer.input(0)]))


@imports("onnx", "Identity")
def _identity_from_onnx(importer: Importer) -> None:
    importer.bind(importer.input(0))


@imports(
    "onnx",
    "Dropout",
    harmless={"ratio": "nothing is dropped at inference", "seed": "nothing is dropped at inference"},
)
def _dropout_from_onnx(importer: Importer) -> None:
    if importer.optional_input(2) is not None and importer.constant_input(2, "the training mode").any():
        raise UnsupportedReason("training mode is not supported: export the model for inference")
    # At inference nothing is dropped.
    x = importer.input(0)
    importer.bind(x, importer.constant(np.ones(x.shape, np.bool_)))
