"""Every ATen operator that is imported computes what PyTorch does, told here in numpy; or says what it lacks.

`nox -s pytorch` asks torch itself about whole modules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ops import IMPORTERS
from ariel_build.ops.aten.memory import is_in_place
from ariel_build.passes import optimize
from tests.pt2_writer import Program, T, dtype, node, v

#: Arrays and numbers: formulas are told as numpy reads them, and numpy's types do not follow.
Numbers: TypeAlias = Any

RNG = np.random.default_rng(3)


def real(*shape: int) -> Numbers:
    return RNG.standard_normal(shape).astype(np.float32)


def singles(numbers: Sequence[float]) -> Numbers:
    return np.array(numbers, np.float32)


@dataclass(frozen=True)
class K:
    """A constant of the module."""

    data: Numbers


@dataclass(frozen=True)
class Case:
    """Operators, their arguments (arrays are inputs), and what they give for these arrays."""

    names: Sequence[str]
    arguments: dict[str, Any]
    wanted: Callable[..., Any]


CASES: list[Case] = []


def case(names: str | Sequence[str], wanted: Callable[..., Any], **arguments: Any) -> None:  # noqa: ANN401 - any argument
    """Adds a case; names without a dot have the overload `default`."""
    split = names.split() if isinstance(names, str) else names
    CASES.append(Case([n if "." in n else f"{n}.default" for n in split], arguments, wanted))


X, Y = real(2, 3, 4), real(2, 3, 4)
IMAGE, ROW = real(1, 4, 6, 8), real(1, 4, 12)
POSITIVE = np.abs(X) + np.float32(0.1)
BITS, WHOLE = X > 0, np.arange(-5, 7, dtype=np.int32).reshape(3, 4)


def sigmoid(x: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-x))


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

# ---- moves
case(
    "clone contiguous alias detach lift_fresh_copy lift_fresh lift to.device positive resolve_conj resolve_neg "
    "alias_copy detach_copy data real",
    lambda x: x,
    self=X,
)
case("detach_ requires_grad_", lambda x: x, self=X)
case("dropout feature_dropout alpha_dropout feature_alpha_dropout", lambda x: x, input=X, p=0.5, train=False)
case("dropout_", lambda x: x, self=X, p=0.5, train=False)
case("native_dropout", lambda x: x, input=X, p=0.5, train=False)
case("to.dtype to.dtype_layout _to_copy type.dtype", lambda x: x.astype(np.int32), self=X, dtype=dtype("int32"))
case("type_as to.other", lambda x, y: x.astype(y.dtype), self=WHOLE, other=X)
case("view _unsafe_view view_copy", lambda x: x.reshape(2, -1), self=X, size=[2, -1])
case("reshape", lambda x: x.reshape(4, 6), self=X, shape=[4, 6])
case("_reshape_copy", lambda x: x.reshape(4, 6), self=X, size=[4, 6])
case("view_as reshape_as", lambda x, y: x.reshape(y.shape), self=X, other=Y.reshape(6, 4))
case("flatten.using_ints", lambda x: x.reshape(2, 12), self=X, start_dim=1)
case("unflatten.int", lambda x: x.reshape(2, 3, 2, 2), self=X, dim=-1, sizes=[2, -1])
case("squeeze", lambda x: x.squeeze(), self=X[:, :1, None])
case("squeeze.dim", lambda x: x.squeeze(1), self=X[:, :1, None], dim=1)
case("squeeze.dims squeeze_copy.dims", lambda x: x.squeeze((1, 2)), self=X[:, :1, None], dim=[0, 1, 2])
case("unsqueeze unsqueeze_copy", lambda x: x[:, None], self=X, dim=-3)
case("permute permute_copy", lambda x: x.transpose(2, 0, 1), self=X, dims=[2, 0, -2])
case("transpose.int transpose_copy.int swapdims", lambda x: x.swapaxes(0, 2), self=X, dim0=0, dim1=-1)
case("swapaxes", lambda x: x.swapaxes(0, 2), self=X, axis0=0, axis1=-1)
case("t numpy_T t_copy", lambda x: x.T, self=X[0])
case("mT adjoint", lambda x: x.swapaxes(1, 2), self=X)
case("movedim.int moveaxis.int", lambda x: np.moveaxis(x, 0, 2), self=X, source=0, destination=2)
case(
    "movedim.intlist moveaxis.intlist",
    lambda x: np.moveaxis(x, (0, 1), (2, 0)),
    self=X,
    source=[0, 1],
    destination=[2, 0],
)
case("expand expand_copy", lambda x: np.broadcast_to(x, (5, 2, 3, 4)), self=X[:, :, :1], size=[5, -1, 3, 4])
case("broadcast_to", lambda x: np.broadcast_to(x, (2, 3, 4)), self=X[:, :1], size=[2, 3, 4])
case("expand_as", lambda x, y: np.broadcast_to(x, y.shape), self=X[:, :1], other=Y)
case("repeat", lambda x: np.tile(x, (2, 1, 3, 1)), self=X, repeats=[2, 1, 3, 1])
case("tile", lambda x: np.tile(x, (2,)), self=X, dims=[2])
case("repeat_interleave.self_int", lambda x: np.repeat(x, 3, 1), self=X, repeats=3, dim=1)
case("cat concat concatenate", lambda x, y: np.concatenate([x, y], 1), tensors=[X, Y], dim=1)
case("stack", lambda x, y: np.stack([x, y], 1), tensors=[X, Y], dim=1)
case("hstack", lambda x, y: np.hstack([x, y]), tensors=[X, Y])
case("vstack", lambda x, y: np.vstack([x, y]), tensors=[X, Y])
case("slice.Tensor slice_copy.Tensor", lambda x: x[:, :, 1:4:2], self=X, dim=2, start=1, end=1 << 62, step=2)
case("narrow narrow_copy", lambda x: x[:, 1:3], self=X, dim=1, start=1, length=2)
case("select.int select_copy.int", lambda x: x[:, -1], self=X, dim=1, index=-1)
case("split.Tensor split_copy.Tensor", lambda x: [x[:, :2], x[:, 2:]], self=X, split_size=2, dim=1)
case("split_with_sizes split_with_sizes_copy", lambda x: [x[:, :1], x[:, 1:]], self=X, split_sizes=[1, 2], dim=1)
case("split.sizes", lambda x: [x[:, :1], x[:, 1:]], self=X, split_size=[1, 2], dim=1)
case("chunk", lambda x: [x[:, :2], x[:, 2:]], self=X, chunks=2, dim=1)
case("tensor_split.sections", lambda x: np.array_split(x, 3, 2), self=X, sections=3, dim=2)
case("tensor_split.indices", lambda x: np.split(x, [1, 3], 2), self=X, indices=[1, 3], dim=2)
case("unbind.int unbind_copy.int", list, self=X)
case("flip", lambda x: x[:, ::-1, ::-1], self=X, dims=[1, 2])
case("roll", lambda x: np.roll(x, (1, -1), (1, 2)), self=X, shifts=[1, -1], dims=[1, 2])
case("roll", lambda x: np.roll(x, 5), self=X, shifts=[5])
case("meshgrid.indexing", lambda a, b: np.meshgrid(a, b, indexing="ij"), tensors=[real(2), real(3)], indexing="ij")
case("meshgrid", lambda a, b: np.meshgrid(a, b, indexing="ij"), tensors=[real(2), real(3)])


def shuffled(x: Numbers) -> Numbers:
    return x.reshape(1, 1, 2, 2, 6, 8).transpose(0, 1, 4, 2, 5, 3).reshape(1, 1, 12, 16)


case("pixel_shuffle", shuffled, self=IMAGE, upscale_factor=2)
case("pixel_unshuffle", lambda x: x, self=shuffled(IMAGE), downscale_factor=2)
CASES[-1] = Case(CASES[-1].names, CASES[-1].arguments, lambda _: IMAGE)
case("channel_shuffle", lambda x: x[:, [0, 2, 1, 3]], self=IMAGE, groups=2)
case("pad", lambda x: np.pad(x, ((0, 0), (1, 0), (2, 1)), constant_values=1.5), self=X, pad=[2, 1, 1, 0], value=1.5)
case("constant_pad_nd", lambda x: x[:, :, 1:], self=X, pad=[-1, 0])
for _mode, _word in (("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")):
    case("pad", lambda x, w=_word: np.pad(x, ((0, 0), (0, 0), (2, 1)), w), self=X, pad=[2, 1], mode=_mode)
case(
    "reflection_pad1d reflection_pad2d reflection_pad3d",
    lambda x: np.pad(x, ((0, 0), (0, 0), (2, 1)), "reflect"),
    self=X,
    padding=[2, 1],
)
case(
    "replication_pad1d replication_pad2d replication_pad3d",
    lambda x: np.pad(x, ((0, 0), (0, 0), (2, 1)), "edge"),
    self=X,
    padding=[2, 1],
)
INDEX = K(np.array([2, 0], np.int64))
case("index_select", lambda x: x[:, [2, 0]], self=X, dim=1, index=INDEX)
case("index.Tensor", lambda x: x[:, [2, 0]], self=X, indices=[None, INDEX])
case("index.Tensor", lambda x: x[[1, 0], [2, 0]], self=X, indices=[K(np.array([1, 0])), INDEX])
case("embedding", lambda: X[0][[2, 0]], weight=K(X[0]), indices=INDEX)
case("embedding", lambda i: X[0][i], weight=K(X[0]), indices=np.array([2, 0, 1], np.int64))
case(
    "gather",
    lambda x: np.take_along_axis(x, np.array([[[1, 0, 1, 0]]] * 2), 1),
    self=X,
    dim=1,
    index=K(np.array([[[1, 0, 1, 0]]] * 2)),
)
case("tril", np.tril, self=X)
case("triu", lambda x: np.triu(x, 1), self=X, diagonal=1)
case("select_scatter", lambda x, y: np.stack([x[:, 0], y, x[:, 2]], 1), self=X, src=real(2, 4), dim=1, index=1)
case("slice_scatter", lambda x, y: np.concatenate([x[:, :1], y], 1), self=X, src=real(2, 2, 4), dim=1, start=1, end=3)
case("copy", lambda _, y: y, self=X, src=Y)
case("copy_", lambda _, y: np.broadcast_to(y, (2, 3, 4)), self=X, src=real(4))
case("fill.Scalar", lambda x: np.full_like(x, 2), self=X, value=2.0)
case("fill.Tensor", lambda x: np.full_like(x, 2), self=X, value=K(np.float32(2)))
case("zero", np.zeros_like, self=X)

# ---- of shapes alone
F32 = dtype("float32")
case("full", lambda: np.full((2, 3), 2.5, np.float32), size=[2, 3], fill_value=2.5)
case("full", lambda: np.full((2, 3), 2, np.int64), size=[2, 3], fill_value=2)
case("zeros empty.memory_format empty", lambda: np.zeros((2, 3), np.float32), size=[2, 3], dtype=F32)
case("ones", lambda: np.ones((2, 3), np.int32), size=[2, 3], dtype=dtype("int32"))
case("zeros_like empty_like", np.zeros_like, self=X)
case("ones_like", np.ones_like, self=X)
case("full_like", lambda x: np.full_like(x, 3), self=X, fill_value=3)
case("new_zeros new_empty", lambda _: np.zeros((4,), np.float32), self=X, size=[4])
case("new_ones", lambda _: np.ones((4,), np.float32), self=X, size=[4])
case("new_full", lambda _: np.full((4,), 2, np.float32), self=X, size=[4], fill_value=2)
case("empty_permuted", lambda: np.zeros((2, 3), np.float32), size=[2, 3], physical_layout=[0, 1])
case("empty_strided", lambda: np.zeros((2, 3), np.float32), size=[2, 3], stride=[3, 1])
case("scalar_tensor", lambda: np.float32(2), s=2)
case("arange", lambda: np.arange(4), end=4)
case("arange.start", lambda: np.arange(1, 4), start=1, end=4)
case("arange.start_step", lambda: np.array([0, 0.5, 1, 1.5], np.float32), start=0, end=2, step=0.5)
case("linspace", lambda: np.linspace(0, 1, 5, dtype=np.float32), start=0, end=1, steps=5)
case("eye", lambda: np.eye(3, dtype=np.float32), n=3)
case("eye.m", lambda: np.eye(3, 2, dtype=np.float32), n=3, m=2)

# ---- layers


def convolved(x: Numbers, w: Numbers, stride: int = 1, pad: int = 0, groups: int = 1) -> Numbers:
    """A convolution of NCHW as it is defined."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    h, width = (x.shape[2] - w.shape[2]) // stride + 1, (x.shape[3] - w.shape[3]) // stride + 1
    out = np.zeros((1, w.shape[0], h, width), np.float32)
    for c in range(w.shape[0]):
        start = c // (w.shape[0] // groups) * w.shape[1]
        for i in range(h):
            for j in range(width):
                part = x[
                    0,
                    start : start + w.shape[1],
                    i * stride : i * stride + w.shape[2],
                    j * stride : j * stride + w.shape[3],
                ]
                out[0, c, i, j] = (part * w[c]).sum()
    return out


W2, W1, B = real(6, 4, 3, 3), real(6, 4, 3), real(6)
case(
    "conv2d",
    lambda x: convolved(x, W2, 2, 1) + B[:, None, None],
    input=IMAGE,
    weight=K(W2),
    bias=K(B),
    stride=[2, 2],
    padding=[1, 1],
)
case("conv2d.padding", lambda x: convolved(x, W2, 1, 1), input=IMAGE, weight=K(W2), bias=None, padding="same")
case("conv2d.padding", lambda x: convolved(x, W2), input=IMAGE, weight=K(W2), bias=None, padding="valid")
case("conv2d", lambda x: convolved(x[None], W2)[0], input=IMAGE[0], weight=K(W2))
case("conv1d", lambda x: convolved(x[:, :, None], W1[:, :, None])[:, :, 0], input=ROW, weight=K(W1))
case(
    "conv1d.padding",
    lambda x: convolved(x[:, :, None], W1[:, :, None])[:, :, 0],
    input=ROW,
    weight=K(W1),
    padding="valid",
)
case(
    "convolution _convolution",
    lambda x: convolved(x, W2[:, :2], groups=2),
    input=IMAGE,
    weight=K(W2[:, :2]),
    bias=None,
    stride=[1, 1],
    padding=[0, 0],
    dilation=[1, 1],
    transposed=False,
    output_padding=[0, 0],
    groups=2,
)
case(
    "conv3d conv3d.padding",
    lambda _: np.zeros((1, 2, 2, 3, 3), np.float32),
    input=real(1, 1, 2, 3, 3),
    weight=K(np.zeros((2, 1, 1, 1, 1), np.float32)),
    padding="valid",
)


def spread(x: Numbers, w: Numbers, stride: int) -> Numbers:
    """A transposed convolution without padding."""
    out = np.zeros(
        (1, w.shape[1], (x.shape[2] - 1) * stride + w.shape[2], (x.shape[3] - 1) * stride + w.shape[3]), np.float32
    )
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            part = np.einsum("c,cohw->ohw", x[0, :, i, j], w)
            out[0, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]] += part
    return out


WT = real(4, 3, 3, 3)
case(
    "conv_transpose2d.input conv_transpose2d",
    lambda x: spread(x, WT, 2)[:, :, 1:, 1:],
    input=IMAGE,
    weight=K(WT),
    stride=[2, 2],
    padding=[1, 1],
    output_padding=[1, 1],
)
case(
    "conv_transpose1d.input conv_transpose1d",
    lambda x: spread(x[:, :, None], WT[:, :, :1], 2)[:, :, 0],
    input=ROW,
    weight=K(WT[:, :, 0]),
    stride=[2],
)
case(
    "conv_transpose3d.input conv_transpose3d",
    lambda _: np.zeros((1, 1, 2, 3, 3), np.float32),
    input=real(1, 1, 2, 3, 3),
    weight=K(np.zeros((1, 1, 1, 1, 1), np.float32)),
)
M = real(4, 5)
case("linear", lambda x: x @ M + B[:5], input=X, weight=K(M.T.copy()), bias=K(B[:5]))
case("linear", lambda x: x @ M, input=X[0, 0], weight=K(M.T.copy()))
case("linear", lambda x, w: x @ w.T, input=X, weight=M.T.copy())
case("addmm", lambda b, x: 2 * b + 0.5 * (x @ M), self=real(5), mat1=X[0], mat2=K(M), beta=2, alpha=0.5)
case("addmv", lambda b, m, x: b + m @ x, self=real(3), mat=X[0], vec=real(4))
case(
    "baddbmm",
    lambda b, x, y: 2 * b + 0.5 * (x @ y),
    self=real(2, 3, 3),
    batch1=X,
    batch2=real(2, 4, 3),
    beta=2,
    alpha=0.5,
)
case("matmul", np.matmul, self=X, other=real(4, 5))
case("mm", np.matmul, self=X[0], mat2=M)
case("bmm", np.matmul, self=X, mat2=real(2, 4, 5))
case("mv", np.matmul, self=X[0], vec=real(4))
case("dot", np.dot, self=real(4), tensor=real(4))
case("einsum", lambda x, y: np.einsum("bij,bkj->bik", x, y), equation="bij,bkj->bik", tensors=[X, Y])
BLOCKS = IMAGE.reshape(1, 4, 3, 2, 4, 2)
case("max_pool2d max_pool2d_with_indices", lambda _: BLOCKS.max((3, 5)), self=IMAGE, kernel_size=[2, 2])
case("avg_pool2d", lambda _: BLOCKS.mean((3, 5)), self=IMAGE, kernel_size=[2], stride=[])
case("avg_pool2d", lambda _: BLOCKS.sum((3, 5)) / 3, self=IMAGE, kernel_size=[2, 2], divisor_override=3)
case("max_pool1d max_pool1d_with_indices", lambda x: x.reshape(1, 4, 6, 2).max(3), self=ROW, kernel_size=[2])
case("avg_pool1d", lambda x: x.reshape(1, 4, 6, 2).mean(3), self=ROW, kernel_size=[2])
CUBE = real(1, 2, 2, 2, 2)
case(
    "max_pool3d max_pool3d_with_indices adaptive_max_pool3d",
    lambda x: x.max((2, 3, 4), keepdims=True),
    self=CUBE,
    kernel_size=[2],
)
case("avg_pool3d", lambda x: x.mean((2, 3, 4), keepdims=True), self=CUBE, kernel_size=[2])
CASES[-2] = Case([n for n in CASES[-2].names if "adaptive" not in n], CASES[-2].arguments, CASES[-2].wanted)
case("adaptive_max_pool3d", lambda x: x.max((2, 3, 4), keepdims=True), self=CUBE, output_size=[1])
case("adaptive_avg_pool3d _adaptive_avg_pool3d", lambda x: x.mean((2, 3, 4), keepdims=True), self=CUBE, output_size=[1])
case(
    "adaptive_avg_pool2d _adaptive_avg_pool2d", lambda x: x.mean((2, 3), keepdims=True), self=IMAGE, output_size=[1, 1]
)
case("adaptive_avg_pool2d", lambda _: BLOCKS.mean((3, 5)), self=IMAGE, output_size=[3, 4])
case(
    "adaptive_max_pool2d",
    lambda x: np.maximum(x[..., :3, :], x[..., 3:, :]).reshape(1, 4, 3, 8).max(2, keepdims=True).max(3, keepdims=True),
    self=IMAGE,
    output_size=[1, 1],
)
FIVE = [ROW[..., a:b] for a, b in ((0, 3), (2, 5), (4, 8), (7, 10), (9, 12))]
case(
    "adaptive_avg_pool1d _adaptive_avg_pool1d",
    lambda _: np.stack([p.mean(2) for p in FIVE], 2),
    self=ROW,
    output_size=[5],
)
case("adaptive_max_pool1d", lambda _: np.stack([p.max(2) for p in FIVE], 2), self=ROW, output_size=[5])

# ---- normalisations


def normed(x: Numbers, axes: Any) -> Numbers:  # noqa: ANN401 - numpy's axes
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


G4, B4, MEAN, VAR = real(4), real(4), real(4), np.abs(real(4)) + np.float32(0.5)


def running(x: Numbers) -> Numbers:
    g, b, m, s = (a[:, None, None] for a in (G4, B4, MEAN, VAR))
    return (x - m) / np.sqrt(s + 1e-5) * g + b


STATS = {"weight": K(G4), "bias": K(B4), "running_mean": K(MEAN), "running_var": K(VAR)}
case("batch_norm", running, input=IMAGE, **STATS, training=False, momentum=0.1, eps=1e-5)
case("batch_norm", lambda x: normed(x, (0, 2, 3)), input=IMAGE, training=True, momentum=0.1, eps=1e-5)
case(
    "_native_batch_norm_legit_no_training _batch_norm_no_update", running, input=IMAGE, **STATS, momentum=0.1, eps=1e-5
)
case(
    "_native_batch_norm_legit native_batch_norm", running, input=IMAGE, **STATS, training=False, momentum=0.1, eps=1e-5
)
case(
    "_native_batch_norm_legit.no_stats",
    lambda x: normed(x, (0, 2, 3)),
    input=IMAGE,
    training=True,
    momentum=0.1,
    eps=1e-5,
)
AFFINE = {"weight": K(G4), "bias": K(B4)}
case(
    "layer_norm native_layer_norm", lambda x: normed(x, -1) * G4 + B4, input=X, normalized_shape=[4], **AFFINE, eps=1e-5
)
case(
    "rms_norm _fused_rms_norm",
    lambda x: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * G4,
    input=X,
    normalized_shape=[4],
    weight=K(G4),
    eps=1e-5,
)
WIDE = IMAGE.reshape(1, 2, -1)
GROUPS = {"input": IMAGE, **AFFINE, "eps": 1e-5}
case(
    "group_norm",
    lambda x: normed(WIDE, 2).reshape(x.shape) * G4[:, None, None] + B4[:, None, None],
    num_groups=2,
    **GROUPS,
)
case(
    "native_group_norm",
    lambda x: normed(WIDE, 2).reshape(x.shape) * G4[:, None, None] + B4[:, None, None],
    group=2,
    N=1,
    C=4,
    HxW=48,
    **GROUPS,
)
case("instance_norm", lambda x: normed(x, (2, 3)), input=IMAGE, use_input_stats=True, momentum=0.1, eps=1e-5)
case("instance_norm", running, input=IMAGE, **STATS, use_input_stats=False, momentum=0.1, eps=1e-5)


def soft(x: Numbers, axis: int) -> Numbers:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


case("softmax.int special_softmax.int", lambda x: soft(x, 1), self=X, dim=1)
case("_softmax", lambda x: soft(x, 1), self=X, dim=1, half_to_float=False)
case("_safe_softmax", lambda x: soft(x, -1), self=X, dim=-1)
case("log_softmax.int special_log_softmax.int", lambda x: np.log(soft(x, 1)), self=X, dim=1)
case("_log_softmax", lambda x: np.log(soft(x, 1)), self=X, dim=1, half_to_float=False)
case("softmin.int", lambda x: soft(-x, 1), self=X, dim=1)
case("cosine_similarity", lambda x, y: (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1)), x1=X, x2=Y)

# ---- reductions
case("mean.dim", lambda x: x.mean((0, 2)), self=X, dim=[0, -1])
case("mean", lambda x: x.mean(), self=X)
case("sum.dim_IntList", lambda x: x.sum(1, keepdims=True), self=X, dim=[1], keepdim=True)
case("sum", lambda x: x.sum(), self=X)
case("prod.dim_int", lambda x: x.prod(1), self=X, dim=1)
case("prod", lambda x: x.prod(), self=X)
case("amax", lambda x: x.max((0, 1)), self=X, dim=[0, 1])
case("amin", lambda x: x.min((0, 1)), self=X, dim=[0, 1])
case("max", lambda x: x.max(), self=X)
case("min", lambda x: x.min(), self=X)
case("max.dim", lambda x: [x.max(1), x.argmax(1)], self=X, dim=1)
case("min.dim", lambda x: [x.min(1), x.argmin(1)], self=X, dim=1)
case("argmax", lambda x: x.argmax(1), self=X, dim=1)
case("argmin", lambda x: x.argmin(), self=X)
case("topk", lambda x: [-np.sort(-x, -1)[..., :2], np.argsort(-x, -1)[..., :2]], self=X, k=2)
case("cumsum", lambda x: x.cumsum(1), self=X, dim=1)
for _turns in range(4):
    case("rot90", lambda x, k=_turns: np.rot90(x, k, (1, 2)), self=X, k=_turns, dims=[1, 2])
case("logsumexp special_logsumexp", lambda x: np.log(np.exp(x).sum(1)), self=X, dim=[1])
case(
    "logsumexp",
    lambda _: np.array([[np.inf], [-np.inf]]),
    self=np.array([[np.inf, 1], [-np.inf] * 2], np.float32),
    dim=[1],
    keepdim=True,
)
case("any.dim", lambda x: x.any(1), self=BITS, dim=1)
case("any.dims", lambda x: x.any((1, 2)), self=BITS, dim=[1, 2])
case("any", lambda x: x.any(), self=BITS)
case("all.dim", lambda x: (x != 0).all(1), self=X, dim=1)
case("all.dims", lambda x: x.all((1, 2)), self=BITS, dim=[1, 2])
case("all", lambda x: x.all(), self=BITS)
case("var.correction", lambda x: x.var(1, ddof=0), self=X, dim=[1], correction=0)
case("var.dim", lambda x: x.var(1, ddof=1), self=X, dim=[1])
case("var", lambda x: x.var(ddof=1), self=X)
case("std.correction", lambda x: x.std(1, ddof=1, keepdims=True), self=X, dim=[1], keepdim=True)
case("std.dim", lambda x: x.std(1, ddof=0), self=X, dim=[1], unbiased=False)
case("std", lambda x: x.std(ddof=1), self=X)
case("var_mean.correction var_mean.dim", lambda x: [x.var(1, ddof=1), x.mean(1)], self=X, dim=[1])
case("var_mean", lambda x: [x.var(ddof=1), x.mean()], self=X)
case("std_mean.correction std_mean.dim", lambda x: [x.std(1, ddof=1), x.mean(1)], self=X, dim=[1])
case("linalg_vector_norm", lambda x: np.abs(x).sum(1), self=X, ord=1, dim=[1])
case("linalg_vector_norm", lambda x: np.abs(x).max(1), self=X, ord=math.inf, dim=[1])
case("norm.ScalarOpt_dim", lambda x: np.sqrt((x * x).sum(1)), self=X, p=2, dim=[1])
case("norm.Scalar", lambda x: np.sqrt((x * x).sum()), self=X, p=2)
case("frobenius_norm.dim", lambda x: np.sqrt((x * x).sum((1, 2))), self=X, dim=[1, 2])

# ---- recurrent


def lstm(x: Numbers, h: Numbers, c: Numbers, w: Sequence[Numbers]) -> list[Numbers]:
    """One step; gates are i, f, g, o."""
    i, f, g, o = np.split(x @ w[0].T + h @ w[1].T + w[2] + w[3], 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru(x: Numbers, h: Numbers, w: Sequence[Numbers]) -> Numbers:
    """One step; gates are r, z, n."""
    a, b = np.split(x @ w[0].T + w[2], 3, -1), np.split(h @ w[1].T + w[3], 3, -1)
    r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
    return (1 - z) * np.tanh(a[2] + r * b[2]) + z * h


def weights(gates: int) -> list[Numbers]:
    return [real(gates * 5, 4), real(gates * 5, 5), real(gates * 5), real(gates * 5)]


WL, WG, WR = weights(4), weights(3), weights(1)
PLAIN: dict[str, Callable[..., Any]] = {"rnn_tanh": np.tanh, "rnn_relu": lambda x: np.maximum(x, 0)}
NAMES = ("w_ih", "w_hh", "b_ih", "b_hh")
H, C = real(1, 5), real(1, 5)
case(
    "lstm_cell",
    lambda x, h, c: lstm(x, h, c, WL),
    input=real(1, 4),
    hx=[H, C],
    **dict(zip(NAMES, map(K, WL), strict=True)),
)
case("gru_cell", lambda x, h: gru(x, h, WG), input=real(1, 4), hx=H, **dict(zip(NAMES, map(K, WG), strict=True)))
for _name, _function in PLAIN.items():
    case(
        f"{_name}_cell",
        lambda x, h, f=_function: f(x @ WR[0].T + h @ WR[1].T + WR[2] + WR[3]),
        input=real(1, 4),
        hx=H,
        **dict(zip(NAMES, map(K, WR), strict=True)),
    )


def over(step: Callable[[Numbers, Numbers], Numbers]) -> Callable[[Numbers, Numbers], list[Numbers]]:
    """Runs a layer of one state over x [t, 1, k]."""

    def run(x: Numbers, h: Numbers) -> list[Numbers]:
        every = []
        for row in x:
            h = np.asarray([step(row, h[0])])
            every.append(h[0])
        return [np.stack(every), h]

    return run


def lstm_over(x: Numbers, h: Numbers, c: Numbers) -> list[Numbers]:
    every, h, c = [], h[0], c[0]
    for row in x:
        h, c = lstm(row, h, c, WL)
        every.append(h)
    return [np.stack(every), h[None], c[None]]


LAYER = {
    "has_biases": True,
    "num_layers": 1,
    "dropout": 0.0,
    "train": False,
    "bidirectional": False,
    "batch_first": False,
}
STEPS = real(6, 1, 4)
case("lstm.input", lstm_over, input=STEPS, hx=[H[None], C[None]], params=[*map(K, WL)], **LAYER)
case("gru.input", over(lambda x, h: gru(x, h, WG)), input=STEPS, hx=H[None], params=[*map(K, WG)], **LAYER)


def plain(function: Callable[..., Any]) -> Callable[[Numbers, Numbers], Numbers]:
    """Returns a step of a layer without gates."""
    return lambda x, h: function(x @ WR[0].T + h @ WR[1].T + WR[2] + WR[3])


for _name, _function in PLAIN.items():
    case(
        f"{_name}.input",
        over(plain(_function)),
        input=STEPS,
        hx=H[None],
        params=[*map(K, WR)],
        **LAYER,
    )

# ---- attention, resizing, quantisation, numbers
Q, KEYS, VALUES = real(1, 2, 5, 4), real(1, 2, 5, 4), real(1, 2, 5, 4)


def attended(q: Numbers, k: Numbers, x: Numbers, mask: Any = 0.0, scale: float = 0.5) -> Numbers:  # noqa: ANN401 - numbers
    return soft(q @ k.swapaxes(-1, -2) * scale + mask, -1) @ x


CAUSAL = np.triu(np.full((5, 5), -np.inf), 1)
HEADS = {"query": Q, "key": KEYS, "value": VALUES}
case("scaled_dot_product_attention", attended, **HEADS)
case(
    "scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_attention_math",
    lambda q, k, x: attended(q, k, x, CAUSAL, 0.3),
    **HEADS,
    is_causal=True,
    scale=0.3,
)
case("scaled_dot_product_attention", lambda q, k, x: attended(q, k, x, CAUSAL), **HEADS, attn_mask=K(CAUSAL == 0))
case("scaled_dot_product_attention", attended, **HEADS, attn_mask=real(5, 5))
case(
    "scaled_dot_product_attention",
    lambda q, k, x: attended(q, np.repeat(k, 2, 1), np.repeat(x, 2, 1)),
    query=real(1, 4, 5, 4),
    key=KEYS,
    value=VALUES,
    enable_gqa=True,
)
TWICE = {"output_size": None, "scale_factors": [2.0, 2.0]}
case(
    "upsample_nearest2d.vec _upsample_nearest_exact2d.vec", lambda x: x.repeat(2, 2).repeat(2, 3), input=IMAGE, **TWICE
)
case(
    "upsample_nearest2d _upsample_nearest_exact2d",
    lambda x: x.repeat(2, 2).repeat(2, 3),
    self=IMAGE,
    output_size=[12, 16],
)
ONCE = {"output_size": None, "scale_factors": [3.0]}
case("upsample_nearest1d.vec _upsample_nearest_exact1d.vec", lambda x: x.repeat(3, 2), input=ROW, **ONCE)
case("upsample_nearest1d _upsample_nearest_exact1d", lambda x: x.repeat(3, 2), self=ROW, output_size=[36])
CUBED = {"output_size": None, "scale_factors": [2.0, 2.0, 2.0]}
case(
    "upsample_nearest3d.vec _upsample_nearest_exact3d.vec",
    lambda x: x.repeat(2, 2).repeat(2, 3).repeat(2, 4),
    input=CUBE,
    **CUBED,
)
case(
    "upsample_nearest3d _upsample_nearest_exact3d",
    lambda x: x.repeat(2, 2).repeat(2, 3).repeat(2, 4),
    self=CUBE,
    output_size=[4, 4, 4],
)


def lines(x: Numbers, size: int, axis: int, *, corners: bool) -> Numbers:
    """Linear interpolation along an axis."""
    extent = x.shape[axis]
    places = (
        np.arange(size) * (extent - 1) / (size - 1)
        if corners
        else np.clip((np.arange(size) + 0.5) * extent / size - 0.5, 0, None)
    )
    low = np.minimum(np.floor(places).astype(int), extent - 1)
    part = (places - low).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    return np.take(x, low, axis) * (1 - part) + np.take(x, np.minimum(low + 1, extent - 1), axis) * part


for _corners in (False, True):
    case(
        "upsample_bilinear2d.vec",
        lambda x, c=_corners: lines(lines(x, 9, 2, corners=c), 13, 3, corners=c),
        input=IMAGE,
        output_size=[9, 13],
        align_corners=_corners,
        scale_factors=None,
    )
    case(
        "upsample_bilinear2d",
        lambda x, c=_corners: lines(lines(x, 3, 2, corners=c), 13, 3, corners=c),
        self=IMAGE,
        output_size=[3, 13],
        align_corners=_corners,
    )
    case(
        "upsample_linear1d",
        lambda x, c=_corners: lines(x, 17, 2, corners=c),
        self=ROW,
        output_size=[17],
        align_corners=_corners,
    )
case(
    "upsample_linear1d.vec",
    lambda x: lines(x, 24, 2, corners=False),
    input=ROW,
    output_size=None,
    align_corners=False,
    scale_factors=[2.0],
)
case(
    "upsample_trilinear3d.vec",
    lambda x: lines(lines(lines(x, 4, 2, corners=False), 4, 3, corners=False), 4, 4, corners=False),
    input=CUBE,
    align_corners=False,
    **CUBED,
)
case(
    "upsample_trilinear3d",
    lambda x: lines(lines(lines(x, 4, 2, corners=False), 4, 3, corners=False), 4, 4, corners=False),
    self=CUBE,
    output_size=[4, 4, 4],
    align_corners=False,
)
# A straight line stays one, away from its ends.
case("upsample_bicubic2d.vec upsample_bicubic2d", lambda x: x, self=IMAGE, output_size=[6, 8], align_corners=False)
I8 = dtype("int8")
PER_TENSOR = {"scale": 0.05, "zero_point": 3, "quant_min": -128, "quant_max": 127, "dtype": I8}


def stored(x: Numbers, scale: Any = 0.05, zero: Any = 3, low: int = -128) -> Numbers:  # noqa: ANN401 - numbers
    return np.clip(np.rint(x / np.float32(scale)) + zero, low, 127).astype(np.int8)


QD = "quantized_decomposed:"
case(
    f"{QD}quantize_per_tensor {QD}quantize_per_tensor.tensor {QD}quantize_per_tensor.tensor2",
    stored,
    input=X,
    **PER_TENSOR,
)
case(f"{QD}quantize_per_tensor", lambda x: stored(x, low=-10), input=X, **PER_TENSOR | {"quant_min": -10})
case(
    f"{QD}quantize_per_tensor.tensor",
    stored,
    input=X,
    **PER_TENSOR | {"scale": K(np.float32(0.05)), "zero_point": K(np.int64(3))},
)
STORED = stored(X)
case(
    f"{QD}dequantize_per_tensor {QD}dequantize_per_tensor.tensor {QD}dequantize_per_tensor.tensor2",
    lambda x: (x.astype(np.float32) - 3) * np.float32(0.05),
    input=STORED,
    **PER_TENSOR,
)
CHANNELS = {
    "scales": K(singles([0.1, 0.2, 0.3])),
    "zero_points": K(np.array([0, 1, 2], np.int64)),
    "axis": 1,
    "quant_min": -127,
    "quant_max": 127,
    "dtype": I8,
}
SCALES, ZEROS = singles([0.1, 0.2, 0.3])[:, None], np.array([0, 1, 2])[:, None]
case(f"{QD}quantize_per_channel", lambda: stored(X, SCALES, ZEROS, -127), input=K(X), **CHANNELS)
case(f"{QD}dequantize_per_channel", lambda: (STORED - ZEROS).astype(np.float32) * SCALES, input=K(STORED), **CHANNELS)
AO = {"scale": K(singles([0.05])), "zero_point": K(np.array([3], np.int32)), "block_size": [2, 3, 4]}
case("torchao:quantize_affine", stored, input=X, **AO, output_dtype=I8, quant_min=-128, quant_max=127)
case(
    "torchao:dequantize_affine",
    lambda x: (x.astype(np.float32) - 3) * np.float32(0.05),
    input=STORED,
    **AO,
    input_dtype=I8,
    output_dtype=F32,
)
case("item _local_scalar_dense", lambda: np.float32(2), self=K(singles([2])))

#: Operators that are always refused, and the words that say why; those of which nothing comes.
REFUSED = {
    "quantized_decomposed.choose_qparams.tensor": "computed at run time",
    "quantized_decomposed.choose_qparams_symmetric.tensor": "computed at run time",
    "quantized_decomposed.choose_qparams_per_token.default": "computed at run time",
    "torchao.choose_qparams_affine.default": "computed at run time",
    **{f"aten.{name}.data": "packed sequences" for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
}
#: What is not supported yet of ONNX's operators, in their importers' words.
WAITING = (
    "the indices (input 1) is computed at run time",
    "an image of 5 axes is not supported",
    "3-dimensional windows",
)
#: Told by tests of their own, in `test_programs.py`.
ELSEWHERE = {
    "buffer_mutation",
    "higher_order.cond",
    "aten.sym_size.int",
    "aten.sym_numel.default",
    "aten.numel.default",
}


def full(name: str) -> str:
    return name.replace(":", ".") if ":" in name else f"aten.{name}"


def keeps_type(one: Case) -> bool:
    """Whether what an operator gives can stand where its first argument is."""
    target = one.arguments.get("self")
    if not isinstance(target, np.ndarray):
        return False
    arrays = [a for a in one.arguments.values() if isinstance(a, np.ndarray)]
    result = np.asarray(one.wanted(*arrays))
    result = result.astype(np.float32) if result.dtype == np.float64 else result
    return bool(result.shape == target.shape and result.dtype == target.dtype)


def programs() -> dict[str, tuple[str, Case]]:
    """Returns the cases of every operator, and of the one that does the same in place."""
    found: dict[str, tuple[str, Case]] = {}
    for number, one in enumerate(CASES):
        for name in one.names:
            twins = [full(name)]
            base, _, overload = full(name).rpartition(".")
            if ("pt2", f"{base}_.{overload}") in IMPORTERS and keeps_type(one):
                twins.append(f"{base}_.{overload}")
            found |= {f"{op.removeprefix('aten.')}-{number}": (op, one) for op in twins}
    return found


PROGRAMS = programs()


def written(op: str, one: Case) -> tuple[Program, list[Numbers], list[Numbers]]:
    """Returns the program of a case, its inputs, and what it gives."""
    inputs: dict[str, Numbers] = {}
    constants: dict[str, Numbers] = {}

    def told(value: Any) -> Any:  # noqa: ANN401 - any argument
        if isinstance(value, K):
            constants[f"k{len(constants)}"] = np.asarray(value.data)
            return v(f"k{len(constants) - 1}")
        if isinstance(value, np.ndarray):
            inputs[f"x{len(inputs)}"] = np.ascontiguousarray(value)
            return v(f"x{len(inputs) - 1}")
        return [told(one) for one in value] if isinstance(value, list) else value

    arguments = {name: told(value) for name, value in one.arguments.items()}
    wanted = one.wanted(*inputs.values())
    results = [np.asarray(w) for w in (wanted if isinstance(wanted, list | tuple) else [wanted])]
    outputs = {}
    for number, result in enumerate(results):
        results[number] = result.astype(np.float32) if result.dtype == np.float64 else result
        outputs[f"y{number}"] = T(result.shape, results[number].dtype.name)
    made = node(op, outputs, **arguments)
    types = {name: T(array.shape, array.dtype.name) for name, array in inputs.items()}
    return Program(types, [made], list(outputs), constants), list(inputs.values()), results


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch_computes_it(name: str, tmp_path: Path) -> None:
    op, one = PROGRAMS[name]
    program, inputs, wanted = written(op, one)
    path = tmp_path / "model.pt2"
    path.write_bytes(program.write())
    try:
        graph, _ = import_file(path)
    except UnsupportedError as error:
        told = error.render()
        takes = told.partition("it takes ONNX's ")[2].partition(",")[0]
        assert ("onnx", takes) not in IMPORTERS
        assert takes or any(word in told for word in WAITING), told
        assert f"{op}: " in told
        return
    for result, want in zip(Interpreter(graph).outputs(inputs), wanted, strict=True):
        assert result.dtype == want.dtype
        np.testing.assert_allclose(np.asarray(result, want.dtype), want, 1e-4, 1e-5)
    optimize(graph)
    for result, want in zip(Interpreter(graph).outputs(inputs), wanted, strict=True):
        np.testing.assert_allclose(np.asarray(result, want.dtype), want, 1e-4, 1e-5)


@pytest.mark.parametrize("op", REFUSED)
def test_what_no_program_can_have_is_refused_by_name(op: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    made = node(op, {"y": T((2, 3, 4))}, 'File "net.py", line 3, in forward\n    y = f(x)', input=v("x"))
    path.write_bytes(Program({"x": T((2, 3, 4))}, [made], ["y"]).write())
    with pytest.raises(UnsupportedError) as caught:
        import_file(path)
    told = caught.value.render()
    assert f"error: {op}: " in told
    assert REFUSED[op] in told
    assert "net.py:3: `y = f(x)`" in told


def test_every_operator_has_a_case() -> None:
    known = {op for op, _ in PROGRAMS.values()} | set(REFUSED) | ELSEWHERE
    numbers = ("_operator.", "math.", "torch.sym", "aten._assert", "aten.sym_constrain", "aten._functional_assert")
    named = {name for source, name in IMPORTERS if source == "pt2" and not name.startswith(numbers)}
    assert named - known == set()


def test_operators_that_write_are_marked_by_their_names() -> None:
    assert is_in_place("aten.relu_.default")
    assert not is_in_place("aten.relu.default")
    assert not is_in_place("aten.__and__.Tensor")
    assert not is_in_place("aten.detach_.default")
