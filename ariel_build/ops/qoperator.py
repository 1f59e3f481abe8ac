"""ONNX operators on stored integers (QLinearConv, QGemm, ..): importers only, onto the same int8 operators as QDQ.

Each brings scale and zero point of its operands and of its result as constant inputs behind each tensor.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array, DType, Quant, Value
from ariel_build.ops.affine import quantized
from ariel_build.ops.base import UnsupportedReason, constant, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.concat import Concat
from ariel_build.ops.conv2d import convolution, layer
from ariel_build.ops.elementwise import BYTES
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.formula import map2
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.matmul import centred, of_rows, product
from ariel_build.ops.nchw import channels_first, channels_last, from_nhwc, spatial_shape, to_nhwc
from ariel_build.ops.pool2d import PoolKind, pool
from ariel_build.ops.quantize import Quantize
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select
from ariel_build.ops.softmax import Softmax
from ariel_build.ops.transpose import transpose
from ariel_build.ops.unfolded import unfolded

__all__: list[str] = []

_RNE = Rounding.NEAREST_EVEN


def quant_at(importer: Importer, index: int, axis: int | None = None) -> tuple[Quant, DType]:
    """Returns the quantisation that inputs `index` (scale) and `index` + 1 (zero point) describe, and the stored type.

    Several scales lie along `axis`.
    """
    scales = importer.constant_input(index, "the scale").astype(np.float32).reshape(-1)
    zero_point = importer.optional_input(index + 1)
    zeros: Array = np.zeros(scales.size, np.uint8)
    if zero_point is not None:
        zeros = importer.constant_input(index + 1, "the zero point").reshape(-1)
    if not np.all(np.isfinite(scales)) or not np.all(scales > 0) or zeros.size not in (1, scales.size):
        raise UnsupportedReason("scale and zero point are not one positive number and one integer per channel")
    if scales.size != 1 and axis is None:
        raise UnsupportedReason(f"{scales.size} scales are supported for weights only")
    zeros = np.broadcast_to(zeros, scales.shape)
    quant = Quant(tuple(float(s) for s in scales), tuple(int(z) for z in zeros), axis if scales.size > 1 else None)
    return quant, DType.of(zeros.dtype)


def stored(importer: Importer, index: int, axis: int | None = None) -> Value:
    """Returns input `index`, with the quantisation that the two inputs behind it describe."""
    value, (quant, _) = importer.input(index), quant_at(importer, index + 1, axis)
    if not quant.per_tensor and (quant.axis is None or value.shape[quant.axis] != len(quant.scales)):
        raise UnsupportedReason(f"{len(quant.scales)} scales do not fit {value.type}")
    if value.data is not None:
        return importer.constant(value.data, value.name, quant)
    return importer.view(value, quant)


def result(importer: Importer, index: int, dtype: DType) -> Quant:
    """Returns the quantisation of the result, from inputs `index` and `index` + 1; it has the operands' type."""
    quant, own = quant_at(importer, index)
    if own is not dtype:
        raise UnsupportedReason(f"operands of {dtype.value} with a result of {own.value} are not supported")
    return quant


@imports("onnx", "QLinearConv", "com.microsoft:QLinearConv")
def _convolution(importer: Importer) -> None:
    parameters = [importer.optional_input(k) for k in range(1, 9)]
    if any(value is not None and value.data is None for value in parameters) or _zeros_differ(importer):
        importer.bind(channels_last(importer, _convolution_in_steps(importer)))
        return
    x, filter_ = channels_first(importer, stored(importer, 0)), stored(importer, 3, axis=0)
    bias = importer.optional_input(8)
    constant(filter_, "the filter")
    if bias is not None:
        constant(bias, "the bias")
    y = convolution(importer, x, filter_, bias, result(importer, 6, x.type.dtype))
    importer.bind(channels_last(importer, y))


def _zeros_differ(importer: Importer) -> bool:
    """Whether the weights' channels have zero points of their own, which no integer kernel subtracts."""
    zeros = importer.optional_input(5)
    return zeros is not None and zeros.data is not None and np.unique(zeros.data).size > 1


def _convolution_in_steps(importer: Importer) -> Value:
    """Returns the convolution that no kernel computes in one: exact sums, scaled in float32.

    Its filters or scales are known at run time only, or each of its channels has a zero point of its own.
    """
    x, filter_, bias, dtype = (
        channels_first(importer, importer.input(0)),
        importer.input(3),
        importer.optional_input(8),
        importer.input(7).type.dtype,
    )
    if dtype not in BYTES:
        raise UnsupportedReason(f"a result of {dtype.value} is not supported")
    spans, groups = layer(importer, x, filter_)

    def of_filters(numbers: Value, axes: int) -> Value:
        """Returns one number for all filters, or one for each, in front of so many axes."""
        if numbers.type.elements == 1:
            return reshape(importer, numbers, ())
        if numbers.shape != (filter_.shape[0],):
            raise UnsupportedReason(f"{numbers.type} does not fit {filter_.shape[0]} filters")
        return reshape(importer, numbers, (*numbers.shape, *[1] * axes))

    rank = len(filter_.shape)
    images = centred(importer, x, reshape(importer, importer.input(2), ()))
    filters = centred(importer, filter_, of_filters(importer.input(5), rank - 1))
    sums = cast(importer, unfolded(importer, images, filters, bias, spans, groups), DType.F32)
    scale = reshape(importer, importer.input(1), ())
    real = map2(importer, "Mul", sums, map2(importer, "Mul", of_filters(importer.input(4), rank - 2), scale))
    y_scale, y_zero_point = (reshape(importer, importer.input(k), ()) for k in (6, 7))
    return quantized(importer, real, y_scale, y_zero_point, dtype, dtype.range)


@imports("onnx", "QLinearMatMul")
def _product(importer: Importer) -> None:
    if any(importer.input(k).data is None for k in (1, 2, 4, 5, 6, 7)) or _zeros_differ(importer):
        importer.bind(_product_in_steps(importer, importer.input(0), importer.input(3), None, 6))
        return
    columns = len(importer.input(3).shape) - 1
    x, y = stored(importer, 0), stored(importer, 3, axis=columns)
    importer.bind(product(importer, x, y, result(importer, 6, x.type.dtype)))


def _product_in_steps(importer: Importer, a: Value, b: Value, bias: Value | None, end: int) -> Value:
    """Returns a product that no kernel computes in one: exact sums and a bias, scaled in float32.

    Scales are known at run time only, or each column has a zero point of its own. Inputs 1, 2, 4 and 5 are scales and
    zero points of the factors, `end` and the one behind it those of the result.
    """
    scale, zero = importer.input(end), importer.input(end + 1)
    sums = product(
        importer,
        centred(importer, a, of_rows(importer, a, importer.input(2))),
        centred(importer, b, importer.input(5)),
    )
    if bias is not None:
        sums = map2(importer, "Add", sums, bias)
    rows = of_rows(importer, a, importer.input(1))
    if rows is None or zero.type.dtype not in BYTES:
        raise UnsupportedReason(f"a result of {zero.type.dtype.value} is not supported")
    factor = map2(importer, "Mul", rows, importer.input(4))
    real = map2(importer, "Mul", cast(importer, sums, DType.F32), factor)
    return quantized(importer, real, scale, zero, zero.type.dtype, zero.type.dtype.range)


@imports("onnx", "com.microsoft:QGemm")
def _gemm(importer: Importer) -> None:
    trans_a, trans_b = bool(importer.integer("transA")), bool(importer.integer("transB"))
    x, matrix = stored(importer, 0), stored(importer, 3, axis=0 if trans_b else 1)
    constant(matrix, "B")
    if len(x.shape) != 2 or len(matrix.shape) != 2:
        raise UnsupportedReason(f"factors {x.type} and {matrix.type} are not supported, only 2 axes")
    if importer.real("alpha", 1.0) != 1.0:
        raise UnsupportedReason(f"alpha = {importer.real('alpha'):g} is not supported, only 1")
    if importer.optional_input(7) is None:
        raise UnsupportedReason("a result of float32 is not supported")
    rows = transpose(importer, x, (1, 0)) if trans_a else x
    bias = importer.optional_input(6)
    if _zeros_differ(importer):
        columns = transpose(importer, matrix, (1, 0)) if trans_b else matrix
        importer.bind(_product_in_steps(importer, rows, columns, bias, 7))
        return
    filter_ = matrix if trans_b else transpose(importer, matrix, (1, 0))
    count = filter_.shape[0]
    if bias is not None:
        data = constant(bias, "C")
        if data.size not in (1, count):
            raise UnsupportedReason(f"C is {bias.type}, not one number for each of {count} columns")
        bias = importer.constant(np.ascontiguousarray(np.broadcast_to(data.reshape(-1), (count,))), bias.name)
    quant = result(importer, 7, x.type.dtype)
    importer.bind(*importer.emit(FullyConnected(rounding=_RNE), [rows, filter_, bias], [quant]))


@imports("onnx", "com.microsoft:QLinearAdd", "com.microsoft:QLinearMul")
def _binary(importer: Importer) -> None:
    left, right = stored(importer, 0), stored(importer, 3)
    op = Map2("Add", rounding=_RNE) if importer.node.op.endswith("Add") else Map2("Mul", rounding=_RNE)
    importer.bind(*importer.emit(op, [left, right], [result(importer, 6, left.type.dtype)]))


@imports("onnx", "com.microsoft:QLinearSigmoid", "com.microsoft:QLinearLeakyRelu")
def _unary(importer: Importer) -> None:
    x = stored(importer, 0)
    op = Map1("Sigmoid", (), _RNE)
    if importer.node.op.endswith("LeakyRelu"):
        op = Map1("LeakyRelu", (importer.real("alpha", 0.01),), _RNE)
    importer.bind(*importer.emit(op, [x], [result(importer, 3, x.type.dtype)]))


@imports("onnx", "com.microsoft:QLinearSoftmax")
def _softmax(importer: Importer) -> None:
    x = stored(importer, 0)
    # The attribute names the opset of the Softmax that it stands for: before 13 all axes from `axis` on were one.
    flat = importer.integer("opset", 13) < 13
    op = Softmax(importer.integer("axis", 1 if flat else -1), flat, _RNE)
    importer.bind(*importer.emit(op, [x], [result(importer, 3, x.type.dtype)]))


@imports("onnx", "com.microsoft:QLinearAveragePool", "com.microsoft:QLinearGlobalAveragePool")
def _average(importer: Importer) -> None:
    x = channels_first(importer, stored(importer, 0))
    quant = result(importer, 3, x.type.dtype)
    if not importer.node.op.endswith("GlobalAveragePool"):
        importer.bind(channels_last(importer, pool(importer, x, PoolKind.AVERAGE, quant)))
        return
    spatial_shape(x)
    op = Fold("Mean", (1, 2), keep_dims=True, rounding=_RNE)
    (y,) = importer.emit(op, [to_nhwc(importer, x)], [quant])
    importer.bind(channels_last(importer, from_nhwc(importer, y, len(x.shape))))


@imports("onnx", "com.microsoft:QLinearConcat")
def _concat(importer: Importer) -> None:
    quant, dtype = quant_at(importer, 0)
    parts = [stored(importer, k) for k in range(2, len(importer.node.inputs), 3)]
    if not parts:
        raise UnsupportedReason("it has no inputs")
    axis, rank = importer.integer("axis"), len(parts[0].shape)
    if not -rank <= axis < rank:
        raise UnsupportedReason(f"axis {axis} is outside {parts[0].type}")
    alike = [v if v.type.quant == quant else _requantized(importer, v, dtype, quant) for v in parts]
    importer.bind(*importer.emit(Concat(axis % rank), alike, [quant]))


@imports("onnx", "com.microsoft:QLinearWhere")
def _choice(importer: Importer) -> None:
    sides = [stored(importer, k) for k in (1, 4)]
    quant = result(importer, 7, sides[0].type.dtype)
    left, right = (v if v.type.quant == quant else _requantized(importer, v, v.type.dtype, quant) for v in sides)
    importer.bind(select(importer, importer.input(0), left, right))


def _requantized(importer: Importer, value: Value, dtype: DType, quant: Quant) -> Value:
    return importer.emit(Quantize(dtype, _RNE), [value], [quant])[0]
