"""ATen layers: convolutions, dense layers, products of matrices, pools."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ariel_build.ir import Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.concat import concat
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

__all__ = ["product_of"]

# ---- convolutions


def _batched(call: Call, name: str, spatial: int) -> tuple[Value, bool]:
    """Returns an image with an axis of batches, and whether it was given one for that."""
    x = call.tensor(name)
    if len(x.shape) == spatial + 1:
        return call.reshape(x, (1, *x.shape)), True
    if len(x.shape) != spatial + 2:
        raise UnsupportedReason(f"{x.type} has not {spatial} spatial axes")
    return x, False


def _unbatched(call: Call, y: Value, alone: bool) -> Value:
    return call.reshape(y, y.shape[1:]) if alone else y


def _convolved(call: Call, spatial: int, *, transposed: bool = False) -> Value:
    weight = call.tensor("weight")
    if len(weight.shape) != spatial + 2:
        raise UnsupportedReason(f"a filter {weight.type} has not {spatial} spatial axes")
    x, alone = _batched(call, "input", spatial)
    ones = (1,) * spatial
    attributes: dict[str, object] = {
        "strides": call.integers("stride", ones, spatial),
        "dilations": call.integers("dilation", ones, spatial),
        "group": call.integer("groups", 1),
        "kernel_shape": weight.shape[2:],
    }
    padding = call.plain("padding", (0,) * spatial)
    if padding == "same":
        # The larger half is behind.
        totals = [d * (k - 1) for d, k in zip(call.integers("dilation", ones, spatial), weight.shape[2:], strict=True)]
        attributes["pads"] = (*(t // 2 for t in totals), *(t - t // 2 for t in totals))
    elif padding == "valid":
        attributes["pads"] = (0,) * (2 * spatial)
    else:
        attributes["pads"] = call.integers("padding", (0,) * spatial, spatial) * 2
    if transposed:
        attributes["output_padding"] = call.integers("output_padding", (0,) * spatial, spatial)
    y = call.onnx("ConvTranspose" if transposed else "Conv", x, weight, call.optional("bias"), **attributes)
    return _unbatched(call, y, alone)


def _of_rank(spatial: int, *, transposed: bool) -> Callable[[Call], Value]:
    return lambda call: _convolved(call, spatial, transposed=transposed)


for _spatial in (1, 2, 3):
    aten(f"conv{_spatial}d.default", f"conv{_spatial}d.padding")(_of_rank(_spatial, transposed=False))
    _name = f"conv_transpose{_spatial}d"
    aten(f"{_name}.default", f"{_name}.input")(_of_rank(_spatial, transposed=True))


@aten("convolution.default", "_convolution.default")
def _convolution(call: Call) -> Value:
    transposed = call.flag("transposed")
    if not transposed and any(call.integers("output_padding", ())):
        raise UnsupportedReason("an output_padding without transposition means nothing")
    return _convolved(call, len(call.tensor("weight").shape) - 2, transposed=transposed)


# ---- matrices


@aten("linear.default")
def _linear(call: Call) -> Value:
    x, weight, bias = call.tensor("input"), call.tensor("weight"), call.optional("bias")
    if len(weight.shape) != 2:
        raise UnsupportedReason(f"a weight {weight.type} has not 2 axes")
    if weight.data is None or (bias is not None and bias.data is None) or not x.shape:
        product = call.onnx("MatMul", x, transpose(call.importer, weight, (1, 0)))
        return product if bias is None else call.add(product, bias)
    rows = call.reshape(x, (1, *x.shape)) if len(x.shape) == 1 else x
    y = call.emit(FullyConnected(rounding=Rounding.NEAREST_EVEN, keep_dims=True), rows, weight, bias)
    return call.reshape(y, y.shape[1:]) if len(x.shape) == 1 else y


@aten("addmm.default", "addmv.default")
def _addmm(call: Call) -> Value:
    alpha, beta = call.real("alpha", 1.0), call.real("beta", 1.0)
    bias = call.tensor("self")
    if call.has("mat1"):
        return call.onnx("Gemm", call.tensor("mat1"), call.tensor("mat2"), bias, alpha=alpha, beta=beta)
    product = call.mul(call.onnx("MatMul", call.tensor("mat"), call.tensor("vec")), alpha)
    return call.add(call.mul(bias, beta), product)


@aten("baddbmm.default")
def _baddbmm(call: Call) -> Value:
    product = call.mul(call.onnx("MatMul", call.tensor("batch1"), call.tensor("batch2")), call.real("alpha", 1.0))
    beta = call.real("beta", 1.0)
    return product if beta == 0.0 else call.add(call.mul(call.tensor("self"), beta), product)


@aten("matmul.default", "mm.default", "bmm.default", "mv.default", "dot.default")
def _matmul(call: Call) -> Value:
    name = next(name for name in ("other", "mat2", "vec", "tensor") if call.has(name))
    return call.onnx("MatMul", call.tensor("self"), call.tensor(name))


@aten("einsum.default", harmless={"path": "it is the order of products"})
def _einsum(call: Call) -> Value:
    return call.onnx("Einsum", *call.all_tensors("tensors"), equation=call.text("equation"))


def product_of(call: Call, left: Value, right: Value) -> Value:
    """Returns left times the transpose of right, over the last axes of both."""
    return call.emit(BatchMatMul(adj_y=True, rounding=Rounding.NEAREST_EVEN), left, right)


# ---- pools


def _pool_attributes(call: Call, spatial: int) -> dict[str, object]:
    size = call.integers("kernel_size", None, spatial)
    pads = call.integers("padding", (0,) * spatial, spatial)
    return {
        "kernel_shape": size,
        "strides": call.integers("stride", size, spatial),
        "pads": pads * 2,
        "ceil_mode": int(call.flag("ceil_mode")),
    }


def _max_pool(spatial: int) -> Callable[[Call], list[Value | None]]:
    def body(call: Call) -> list[Value | None]:
        x, alone = _batched(call, "self", spatial)
        if call.wants(1):
            raise UnsupportedReason("the places of the maxima are not supported")
        dilations = call.integers("dilation", (1,) * spatial, spatial)
        y = call.onnx("MaxPool", x, dilations=dilations, **_pool_attributes(call, spatial))
        return [_unbatched(call, y, alone)]

    return body


def _avg_pool(spatial: int) -> Callable[[Call], Value]:
    def body(call: Call) -> Value:
        x, alone = _batched(call, "self", spatial)
        attributes = _pool_attributes(call, spatial)
        counted = call.flag("count_include_pad", default=True)
        divisor = call.integer("divisor_override") if call.has("divisor_override") else None
        if divisor is not None and (divisor == 0 or attributes["ceil_mode"]):
            raise UnsupportedReason(f"divisor_override {divisor} is not supported here")
        counted = counted or divisor is not None
        y = call.onnx("AveragePool", x, count_include_pad=int(counted), **attributes)
        if divisor is not None:
            y = call.mul(y, float(np.prod(call.integers("kernel_size", None, spatial))) / divisor)
        return _unbatched(call, y, alone)

    return body


for _spatial in (1, 2, 3):
    aten(f"max_pool{_spatial}d.default", f"max_pool{_spatial}d_with_indices.default")(_max_pool(_spatial))
    aten(f"avg_pool{_spatial}d.default")(_avg_pool(_spatial))


def _bins(extent: int, count: int) -> list[tuple[int, int]]:
    """Returns (first, size) of the bins into which PyTorch cuts an axis; they may overlap by one."""
    starts = [k * extent // count for k in range(count)]
    return [(start, -(-(k + 1) * extent // count) - start) for k, start in enumerate(starts)]


#: Bins that are cut one by one, where they are not alike.
_MOST_BINS = 64


def _adaptive(call: Call, spatial: int, *, average: bool) -> Value:
    x, alone = _batched(call, "self", spatial)
    # None for an axis, which keeps it, is -1 here.
    given = call.plain("output_size")
    wanted = (given,) if isinstance(given, int) else given
    if not isinstance(wanted, tuple):
        raise UnsupportedReason(f"output_size {given!r} is not supported")
    counts = [x.shape[2 + k] if n is None or n == -1 else n for k, n in enumerate(wanted * (spatial // len(wanted)))]
    if len(counts) != spatial or not all(isinstance(n, int) and n > 0 for n in counts):
        raise UnsupportedReason(f"output_size {given!r} is not supported")
    sizes = x.shape[2:]
    if all(n == 1 for n in counts):
        y = call.onnx("GlobalAveragePool" if average else "GlobalMaxPool", x)
    elif all(extent % n == 0 for extent, n in zip(sizes, counts, strict=True)):
        window = tuple(extent // n for extent, n in zip(sizes, counts, strict=True))
        y = call.onnx("AveragePool" if average else "MaxPool", x, kernel_shape=window, strides=window)
    else:
        y = x
        for axis, count in enumerate(counts, 2):
            y = _binned(call, y, axis, count, average=average)
    return _unbatched(call, y, alone)


def _binned(call: Call, x: Value, axis: int, count: int, *, average: bool) -> Value:
    """Returns the means, or maxima, of the bins of an axis; bins are rectangles: one axis may follow another."""
    if count == x.shape[axis]:
        return x
    if count > _MOST_BINS:
        raise UnsupportedReason(f"{count} bins of an axis of {x.shape[axis]} are not alike, and more than {_MOST_BINS}")
    op = "ReduceMean" if average else "ReduceMax"
    parts = [emit_slice(call.importer, x, {axis: (start, size, 1)}) for start, size in _bins(x.shape[axis], count)]
    return concat(call.importer, [call.onnx(op, part, [axis], keepdims=1) for part in parts], axis)


def _adaptive_average(spatial: int) -> Callable[[Call], Value]:
    return lambda call: _adaptive(call, spatial, average=True)


def _adaptive_max(spatial: int) -> Callable[[Call], list[Value | None]]:
    def body(call: Call) -> list[Value | None]:
        if call.wants(1):
            raise UnsupportedReason("the places of the maxima are not supported")
        return [_adaptive(call, spatial, average=False)]

    return body


for _spatial in (1, 2, 3):
    aten(f"adaptive_avg_pool{_spatial}d.default", f"_adaptive_avg_pool{_spatial}d.default")(_adaptive_average(_spatial))
    aten(f"adaptive_max_pool{_spatial}d.default")(_adaptive_max(_spatial))
