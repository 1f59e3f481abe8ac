"""ATen normalisations: y = (x - mean) / sqrt(variance + eps) * weight + bias, and softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.map1 import Map1

__all__: list[str] = []

_TRAINING = "it computes the statistics of a batch, as in training: call model.eval() before torch.export.export"


def _by_running(call: Call) -> Value:
    """Returns the input normalised by constant statistics."""
    x = call.tensor("input")
    mean, variance = call.optional("running_mean"), call.optional("running_var")
    if mean is None or variance is None:
        return _by_batch(call)
    if x.type.dtype is not DType.F32 or len(x.shape) < 2:
        raise UnsupportedReason(f"{x.type} is not supported, only float32 with at least 2 axes")
    channels = x.shape[1]
    given = [call.optional(name) for name in ("weight", "bias")]
    weight, bias = (
        call.constant(np.full(channels, fill, np.float32)) if value is None else value
        for value, fill in zip(given, (1.0, 0.0), strict=True)
    )
    eps = call.real("eps", 1e-5)
    return call.onnx("BatchNormalization", x, weight, bias, mean, variance, epsilon=eps)


def _by_batch(call: Call) -> Value:
    """Returns the input normalised by its own statistics, which a layer without running ones does at inference too."""
    x = call.tensor("input")
    if len(x.shape) < 2:
        raise UnsupportedReason(f"{x.type} has no channels")
    axes = [axis for axis in range(len(x.shape)) if axis != 1]
    return _affine(call, _normalised(call, x, axes, call.real("eps", 1e-5)), (x.shape[1], *(1 for _ in x.shape[2:])))


_MOMENTUM = {"momentum": "it is of use in training only"}


@aten("batch_norm.default", harmless=_MOMENTUM)
def _batch_norm(call: Call) -> Value:
    if call.flag("training") and call.has("running_mean"):
        raise UnsupportedReason(_TRAINING)
    return _by_running(call)


@aten(
    "_native_batch_norm_legit_no_training.default",
    "_native_batch_norm_legit.default",
    "_native_batch_norm_legit.no_stats",
    "native_batch_norm.default",
    "_batch_norm_no_update.default",
    harmless=_MOMENTUM,
)
def _native_batch_norm(call: Call) -> list[Value | None]:
    if call.has("training") and call.flag("training") and call.has("running_mean"):
        raise UnsupportedReason(_TRAINING)
    return [_by_running(call)]


def _normalised(call: Call, x: Value, axes: Sequence[int], eps: float, *, centred: bool = True) -> Value:
    """Returns x without its mean over some axes, divided by its deviation."""
    if x.type.dtype is not DType.F32:
        raise UnsupportedReason(f"{x.type} is not supported, only float32")
    if centred:
        x = call.onnx("Sub", x, call.onnx("ReduceMean", x, list(axes), keepdims=1))
    variance = call.onnx("ReduceMean", call.onnx("Mul", x, x), list(axes), keepdims=1)
    return call.onnx("Mul", x, call.emit(Map1("Rsqrt", (), Rounding.NEAREST_EVEN), call.add(variance, eps)))


def _affine(call: Call, x: Value, shape: Sequence[int]) -> Value:
    """Returns x times the weight plus the bias, which broadcast as `shape`."""
    weight, bias = call.optional("weight"), call.optional("bias")
    x = x if weight is None else call.onnx("Mul", x, call.reshape(weight, shape))
    return x if bias is None else call.add(x, call.reshape(bias, shape))


def _layer_normed(call: Call) -> Value:
    x, shape = call.tensor("input"), call.integers("normalized_shape")
    if not shape or x.shape[-len(shape) :] != shape:
        raise UnsupportedReason(f"a normalised shape of {list(shape)} does not fit {x.type}")
    axes = range(len(x.shape) - len(shape), len(x.shape))
    return _affine(call, _normalised(call, x, axes, call.real("eps", 1e-5)), shape)


@aten("layer_norm.default")
def _layer_norm(call: Call) -> Value:
    return _layer_normed(call)


@aten("native_layer_norm.default")
def _native_layer_norm(call: Call) -> list[Value | None]:
    if call.wants(1) or call.wants(2):
        raise UnsupportedReason("the mean and the deviation are not supported as outputs")
    return [_layer_normed(call)]


def _rms_normed(call: Call) -> Value:
    x, shape = call.tensor("input"), call.integers("normalized_shape")
    axes = range(len(x.shape) - len(shape), len(x.shape))
    # What float32 has between 1 and the next number.
    eps = call.real("eps") if call.has("eps") else float(np.finfo(np.float32).eps)
    return _affine(call, _normalised(call, x, axes, eps, centred=False), shape)


@aten("rms_norm.default")
def _rms_norm(call: Call) -> Value:
    return _rms_normed(call)


@aten("_fused_rms_norm.default")
def _fused_rms_norm(call: Call) -> list[Value | None]:
    return [_rms_normed(call)]


def _group_normed(call: Call, x: Value, groups: int, eps: float) -> Value:
    if len(x.shape) < 2 or groups < 1 or x.shape[1] % groups:
        raise UnsupportedReason(f"{groups} groups do not divide the channels of {x.type}")
    rows = call.reshape(x, (x.shape[0], groups, math.prod(x.shape[1:]) // groups))
    normed = call.reshape(_normalised(call, rows, [2], eps), x.shape)
    return _affine(call, normed, (x.shape[1], *(1 for _ in x.shape[2:])))


@aten("group_norm.default")
def _group_norm(call: Call) -> Value:
    return _group_normed(call, call.tensor("input"), call.integer("num_groups"), call.real("eps", 1e-5))


@aten("native_group_norm.default", harmless=dict.fromkeys(("N", "C", "HxW"), "the shape says it"))
def _native_group_norm(call: Call) -> list[Value | None]:
    return [_group_normed(call, call.tensor("input"), call.integer("group"), call.real("eps", 1e-5))]


@aten("instance_norm.default", harmless=_MOMENTUM)
def _instance_norm(call: Call) -> Value:
    if not call.flag("use_input_stats", default=True):
        return _by_running(call)
    call.optional("running_mean"), call.optional("running_var")
    x = call.tensor("input")
    return _group_normed(call, x, x.shape[1] if len(x.shape) > 1 else 0, call.real("eps", 1e-5))


def _soft(call: Call, op: str) -> Value:
    x = call.tensor("self")
    dtype = call.dtype()
    x = x if dtype is None else call.cast(x, dtype)
    if call.has("half_to_float") and call.flag("half_to_float"):
        raise UnsupportedReason("float16 is not supported: use float32")
    return call.onnx(op, x, axis=call.axis("dim", len(x.shape)))


@aten("cosine_similarity.default")
def _cosine(call: Call) -> Value:
    """Dot product of both, each divided by its length, or by eps where that is greater."""
    eps = call.real("eps", 1e-8)
    pair = [call.tensor(name) for name in ("x1", "x2")]
    axis = [call.axis("dim", max(len(v.shape) for v in pair), 1)]

    def dot(left: Value, right: Value) -> Value:
        return call.onnx("ReduceSum", call.onnx("Mul", left, right), axis, keepdims=1)

    sizes = [call.onnx("Clip", call.onnx("Sqrt", dot(v, v)), eps) for v in pair]
    units = [call.onnx("Div", v, size) for v, size in zip(pair, sizes, strict=True)]
    return call.onnx("ReduceSum", call.onnx("Mul", *units), axis, keepdims=0)


@aten("softmax.int", "_softmax.default", "special_softmax.int")
def _softmax(call: Call) -> Value:
    return _soft(call, "Softmax")


@aten("log_softmax.int", "_log_softmax.default", "special_log_softmax.int")
def _log_softmax(call: Call) -> Value:
    return _soft(call, "LogSoftmax")


@aten("softmin.int")
def _softmin(call: Call) -> Value:
    x = call.onnx("Neg", call.tensor("self"))
    return call.onnx("Softmax", x, axis=call.axis("dim", len(x.shape)))


@aten("_safe_softmax.default")
def _safe_softmax(call: Call) -> Value:
    # It differs only in rows that are masked out whole, of which a softmax makes no numbers.
    return _soft(call, "Softmax")
