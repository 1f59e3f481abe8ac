"""ATen operators that make tensors of shapes and numbers alone, and that write such a tensor, or another, over one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.aten.elementwise import both
from ariel_build.ops.aten.views import expanded
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.shape import bounded

__all__: list[str] = []


def _full(call: Call, shape: Sequence[int], value: bool | float, default: DType | None) -> Value:
    dtype = call.dtype("dtype", default)
    if dtype is None:
        dtype = DType.BOOL if isinstance(value, bool) else DType.I64 if isinstance(value, int) else DType.F32
    return call.constant(np.full(bounded(tuple(shape)), value, dtype.numpy))


@aten("full.default")
def _full_of(call: Call) -> Value:
    return _full(call, call.integers("size"), call.scalar("fill_value"), None)


@aten("zeros.default", "ones.default", "empty.memory_format", "empty.default")
def _zeros(call: Call) -> Value:
    return _full(call, call.integers("size"), float("ones" in call.importer.node.op), DType.F32)


@aten(*(f"{name}_like.default" for name in ("zeros", "ones", "empty", "full")))
def _like(call: Call) -> Value:
    x = call.tensor("self")
    value = call.scalar("fill_value") if call.has("fill_value") else int("ones" in call.importer.node.op)
    return _full(call, x.shape, value, x.type.dtype)


@aten(*(f"new_{name}.default" for name in ("zeros", "ones", "empty", "full")))
def _new(call: Call) -> Value:
    value = call.scalar("fill_value") if call.has("fill_value") else int("ones" in call.importer.node.op)
    return _full(call, call.integers("size"), value, call.tensor("self").type.dtype)


@aten(
    "empty_permuted.default",
    "empty_strided.default",
    harmless={"physical_layout": "it says how they lie", "stride": "likewise"},
)
def _empty(call: Call) -> Value:
    return _full(call, call.integers("size"), 0.0, DType.F32)


@aten("scalar_tensor.default")
def _scalar_tensor(call: Call) -> Value:
    return _full(call, (), call.scalar("s"), DType.F32)


@aten("arange.default", "arange.start", "arange.start_step")
def _arange(call: Call) -> Value:
    start, end, step = call.scalar("start", 0), call.scalar("end"), call.scalar("step", 1)
    if step == 0 or not math.isfinite(float(end) - float(start)):
        raise UnsupportedReason(f"a range from {start} to {end} by {step}")
    count = max(0, math.ceil((end - start) / step))
    whole = all(isinstance(v, int) for v in (start, end, step))
    dtype = call.dtype("dtype", DType.I64 if whole else DType.F32) or DType.F32
    return call.constant(np.asarray([start + k * step for k in range(bounded((count,))[0])], dtype.numpy))


@aten("linspace.default")
def _linspace(call: Call) -> Value:
    start, end, steps = call.real("start"), call.real("end"), call.integer("steps")
    dtype = call.dtype("dtype", DType.F32) or DType.F32
    return call.constant(np.linspace(start, end, bounded((steps,))[0]).astype(dtype.numpy))


@aten("eye.default", "eye.m")
def _eye(call: Call) -> Value:
    rows = call.integer("n")
    columns = call.integer("m", rows)
    dtype = call.dtype("dtype", DType.F32) or DType.F32
    return call.constant(np.eye(*bounded((rows, columns)), dtype=dtype.numpy))


# ---- over a tensor that is there


@aten(*both("fill", "Scalar"), *both("fill", "Tensor"), *both("zero"))
def _fill(call: Call) -> Value:
    x = call.tensor("self")
    value = call.operand("value") if call.has("value") else 0
    one = call.cast(value, x.type.dtype) if isinstance(value, Value) else call.constant(value, x.type.dtype)
    return expanded(call, one, x.shape)


@aten("copy.default", "copy_.default", harmless={"non_blocking": "nothing runs beside it"})
def _copy(call: Call) -> Value:
    x = call.tensor("self")
    return expanded(call, call.cast(call.tensor("src"), x.type.dtype), x.shape)
