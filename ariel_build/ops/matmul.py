"""ONNX MatMul and Gemm, and TFLite BATCH_MATMUL: FullyConnected over a constant right side, BatchMatMul otherwise."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Quant, Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.batch_matmul import PLAIN, BatchMatMul
from ariel_build.ops.cast import cast
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.importer import Importer
from ariel_build.ops.map2 import Map2
from ariel_build.ops.quantize import Dequantize, flipped, real_constant
from ariel_build.ops.reshape import reshape
from ariel_build.ops.transpose import transpose

__all__ = ["centred", "gemm", "of_rows", "product"]


@imports(
    "tflite",
    "BATCH_MATMUL",
    harmless={"asymmetric_quantize_inputs": "a factor of int8 beside one of float32 becomes the floats it stands for"},
)
def _batch_matmul_from_tflite(importer: Importer) -> None:
    x, y = importer.input(0), importer.input(1)
    if x.type.dtype is DType.F32 and y.type.dtype is DType.I8:
        # Hybrid, see docs/supported-ops.md.
        y = real_constant(importer, y) if y.is_constant else importer.emit(Dequantize(), [y])[0]
    if x.type.dtype is not y.type.dtype:
        raise UnsupportedReason(f"factors of different types, {x.type} and {y.type}, are not supported")
    adj_x = bool(importer.attribute("adj_x", False))
    adj_y = bool(importer.attribute("adj_y", False))
    declared = importer.output_type()
    # Weights of dense layers are int8.
    matrix = None if y.type.dtype is DType.I16 else _matrix(importer, y)
    if matrix is not None and not adj_x and len(x.shape) >= len(y.shape):
        filter_ = matrix if adj_y else transpose(importer, matrix, (1, 0))
        importer.bind(*importer.emit(FullyConnected(keep_dims=True), [x, filter_, None], types=[declared]))
    else:
        importer.bind(*importer.emit(BatchMatMul(adj_x, adj_y), [x, y], types=[declared]))


def _matrix(importer: Importer, value: Value) -> Value | None:
    """Returns a constant of one matrix with its two axes only, or None."""
    if not value.is_constant or len(value.shape) < 2 or value.type.elements == 0:
        return None
    if any(d != 1 for d in value.shape[:-2]):
        return None
    return reshape(importer, value, value.shape[-2:])


@imports("onnx", "MatMul")
def _matmul_from_onnx(importer: Importer) -> None:
    importer.bind(product(importer, importer.input(0), importer.input(1)))


_SIGNED = {DType.U32: DType.I32, DType.U64: DType.I64}


def product(importer: Importer, x: Value, y: Value, quant: Quant | None = None) -> Value:
    """Returns the ONNX MatMul of two values, whose result is quantised by `quant`."""
    for side in (x, y):
        if not side.shape:
            raise UnsupportedReason("a factor is a scalar")
    signed = _SIGNED.get(x.type.dtype)
    if signed is not None and y.type.dtype is x.type.dtype:
        # Products that wrap are the same bits, with a sign or without.
        return cast(importer, product(importer, cast(importer, x, signed), cast(importer, y, signed)), x.type.dtype)
    # A vector on the left is a row, on the right a column; the axis goes again afterwards.
    is_row, is_column = len(x.shape) == 1, len(y.shape) == 1
    x = reshape(importer, x, (1, *x.shape)) if is_row else x
    y = reshape(importer, y, (*y.shape, 1)) if is_column else y
    matrix = _matrix(importer, y)
    if matrix is not None and len(x.shape) >= len(y.shape) and x.type.dtype not in PLAIN:
        filter_ = transpose(importer, matrix, (1, 0))
        dense = FullyConnected(rounding=Rounding.NEAREST_EVEN, keep_dims=True)
        (out,) = importer.emit(dense, [x, filter_, None], [quant])
    else:
        # onnxruntime's optimiser puts values of int8 beside a softmax of uint8.
        op = BatchMatMul(rounding=Rounding.NEAREST_EVEN)
        (out,) = importer.emit(op, [x, flipped(importer, y, x.type.dtype)], [quant])
    shape = list(out.shape)
    if is_column:
        del shape[-1]
    if is_row:
        del shape[-1 if is_column else -2]
    return reshape(importer, out, shape)


@imports("onnx", "MatMulInteger")
def _integers_from_onnx(importer: Importer) -> None:
    """Products of bytes less their zero points, in int32."""
    a, b = importer.input(0), importer.input(1)
    zero_a, zero_b = importer.optional_input(2), importer.optional_input(3)
    # One zero point for each row of the left side, and for each column of the right one.
    zero_a = of_rows(importer, a, zero_a)
    importer.bind(product(importer, centred(importer, a, zero_a), centred(importer, b, zero_b)))


def of_rows(importer: Importer, factor: Value, numbers: Value | None) -> Value | None:
    """Returns one number for all, or one for each row of the left factor, in a shape that broadcasts to it."""
    if numbers is None or len(numbers.shape) != 1 or numbers.type.elements == 1 or len(factor.shape) < 2:
        return numbers
    return reshape(importer, numbers, (*numbers.shape, 1))


def centred(importer: Importer, stored: Value, zero: Value | None) -> Value:
    """Returns plain bytes less a zero point, in int32."""
    if stored.type.dtype not in (DType.I8, DType.U8) or (zero is not None and zero.type.dtype is not stored.type.dtype):
        raise UnsupportedReason(f"{stored.type} is not supported with that zero point, only int8 and uint8")
    wide = cast(importer, importer.view(stored, None), DType.I32)
    if zero is None:
        return wide
    wide_zero = cast(importer, importer.view(zero, None), DType.I32)
    return importer.emit(Map2("Sub", rounding=Rounding.NEAREST_EVEN), [wide, wide_zero])[0]


@imports("onnx", "Gemm")
def _gemm_from_onnx(importer: Importer) -> None:
    importer.bind(gemm(importer))


def gemm(importer: Importer) -> Value:
    """Returns alpha * a * b + beta * c of a Gemm node, a and b transposed as it says."""
    a, b, c = importer.input(0), importer.input(1), importer.optional_input(2)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise UnsupportedReason(f"factors of {len(a.shape)} and {len(b.shape)} axes are not supported, only 2")
    alpha, beta = importer.real("alpha", 1.0), importer.real("beta", 1.0)
    trans_a, trans_b = bool(importer.integer("transA")), bool(importer.integer("transB"))
    if beta == 0.0:
        c = None
    columns = b.shape[0 if trans_b else 1]
    c = None if c is None else _scaled(importer, c, beta)
    if b.is_constant and b.type.dtype not in PLAIN:
        filter_ = _scaled(importer, b if trans_b else transpose(importer, b, (1, 0)), alpha)
        rows = transpose(importer, a, (1, 0)) if trans_a else a
        bias = _bias(importer, c, columns)
        (out,) = importer.emit(FullyConnected(rounding=Rounding.NEAREST_EVEN), [rows, filter_, bias])
        c = None if bias is not None else c
    else:
        (out,) = importer.emit(BatchMatMul(trans_a, trans_b, Rounding.NEAREST_EVEN), [a, b])
        out = _scaled(importer, out, alpha)
    if c is not None:
        (out,) = importer.emit(Map2("Add", rounding=Rounding.NEAREST_EVEN), [out, c])
    return out


def _scaled(importer: Importer, value: Value, factor: float) -> Value:
    """Returns a value times a factor; the stored twin of a constant is of no use then."""
    if factor == 1.0:
        return value
    if value.type.dtype not in (DType.F32, DType.F64):
        raise UnsupportedReason(f"a factor of {factor:g} on {value.type.dtype.value} is not supported")
    factors = importer.constant(np.array(factor, value.type.dtype.numpy))
    return importer.emit(Map2("Mul", rounding=Rounding.NEAREST_EVEN), [value, factors])[0]


def _bias(importer: Importer, c: Value | None, columns: int) -> Value | None:
    """Returns a constant C as a bias [n], if it is one for every row."""
    if c is None or c.data is None or any(d != 1 for d in c.shape[:-1]):
        return None
    if c.type.elements == columns:
        return reshape(importer, c, (columns,))
    if c.type.elements != 1:
        return None
    spread = importer.constant(np.repeat(c.data.reshape(-1), columns), c.name)
    if c.stored is not None and c.stored.data is not None:
        repeated = np.repeat(c.stored.data.reshape(-1), columns)
        spread.stored = importer.constant(repeated, c.stored.name, c.stored.type.quant)
    return spread
