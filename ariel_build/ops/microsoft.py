"""Operators of com.microsoft that onnxruntime's optimiser and quantiser write: importers only, onto formulas.

The operators on stored integers are in `qoperator.py`.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array, DType, Value
from ariel_build.ops.base import UnsupportedReason, constant, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.clip import clipped
from ariel_build.ops.compare import Compare
from ariel_build.ops.conv2d import onnx_convolution
from ariel_build.ops.formula import fold, map1, map2, real_input
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.integers_onnx import scaled_product, stored_by_range
from ariel_build.ops.matmul import gemm, of_rows, product
from ariel_build.ops.row_norm import RowNorm
from ariel_build.ops.transpose import transpose

__all__: list[str] = []


@imports("onnx", "com.microsoft:Gelu", "com.microsoft:BiasGelu")
def _gelu(importer: Importer) -> None:
    x = real_input(importer)
    if importer.node.op.endswith("BiasGelu"):
        x = map2(importer, "Add", x, real_input(importer, 1))
    importer.bind(map1(importer, "Gelu", x))


@imports("onnx", "com.microsoft:FastGelu")
def _fast_gelu(importer: Importer) -> None:
    x = real_input(importer)
    if importer.optional_input(1) is not None:
        x = map2(importer, "Add", x, real_input(importer, 1))
    importer.bind(map1(importer, "GeluTanh", x))


@imports("onnx", "com.microsoft:QuickGelu")
def _quick_gelu(importer: Importer) -> None:
    x = real_input(importer)
    importer.bind(
        map2(importer, "Mul", x, map1(importer, "Sigmoid", map2(importer, "Mul", x, importer.real("alpha", 1.702))))
    )


def _activated(importer: Importer, x: Value, parameters: list[float]) -> Value:
    """Returns the activation that the attribute `activation` names, with its parameters, those left out by default."""
    name = importer.text("activation")

    def parameter(index: int, default: float) -> float:
        return parameters[index] if index < len(parameters) else default

    match name:
        case "":
            return x
        case "Relu":
            return clipped(importer, x, (0.0, np.inf))
        case "Clip":
            return clipped(importer, x, (parameter(0, -np.inf), parameter(1, np.inf)))
        case "Sigmoid" | "Tanh":
            return map1(importer, name, x)
        case "LeakyRelu":
            return map1(importer, name, x, parameter(0, 0.01))
        case "HardSigmoid":
            return map1(importer, name, x, parameter(0, 0.2), parameter(1, 0.5))
    raise UnsupportedReason(f"the activation `{name}` is not supported")


@imports("onnx", "com.microsoft:FusedConv")
def _convolution(importer: Importer) -> None:
    y = onnx_convolution(importer)
    if importer.optional_input(3) is not None:
        y = map2(importer, "Add", y, real_input(importer, 3))
    parameters = np.asarray(importer.attribute("activation_params", ()), np.float64).reshape(-1).tolist()
    importer.bind(_activated(importer, y, parameters))


@imports("onnx", "com.microsoft:FusedGemm")
def _gemm(importer: Importer) -> None:
    names = [f"activation_{name}" for name in ("alpha", "beta", "gamma")]
    given = [importer.real(name) for name in names if importer.attribute(name) is not None]
    importer.bind(_activated(importer, gemm(importer), given))


@imports("onnx", "com.microsoft:FusedMatMul", "com.microsoft:TransposeMatMul")
def _matmul(importer: Importer) -> None:
    sides = []
    for index, side in enumerate("AB"):
        x = real_input(importer, index)
        rank = len(x.shape)
        if importer.integer(f"transBatch{side}") and rank > 2:
            # The first axis and those of the batch.
            x = transpose(importer, x, (*range(1, rank - 1), 0, rank - 1))
        if importer.integer(f"trans{side}") and rank > 1:
            x = transpose(importer, x, (*range(rank - 2), rank - 1, rank - 2))
        sides.append(x)
    y, alpha = product(importer, sides[0], sides[1]), importer.real("alpha", 1.0)
    importer.bind(y if alpha == 1 else map2(importer, "Mul", y, alpha))


@imports("onnx", "com.microsoft:MatMulIntegerToFloat", "com.microsoft:DynamicQuantizeMatMul")
def _integers(importer: Importer) -> None:
    b = importer.input(1)
    zeros: tuple[Value | None, Value | None]
    if importer.node.op.endswith("DynamicQuantizeMatMul"):
        a, a_scale, a_zero = stored_by_range(importer, real_input(importer))
        b_scale, zeros, bias = real_input(importer, 2), (a_zero, importer.optional_input(3)), importer.optional_input(4)
    else:
        a, b_scale, bias = importer.input(0), real_input(importer, 3), importer.optional_input(6)
        a_scale = of_rows(importer, a, real_input(importer, 2)) or real_input(importer, 2)
        zeros = of_rows(importer, a, importer.optional_input(4)), importer.optional_input(5)
    y = scaled_product(importer, (a, b), zeros, map2(importer, "Mul", a_scale, b_scale))
    importer.bind(y if bias is None else map2(importer, "Add", y, bias))


#: Bits of an element of MatMulNBits.
_BITS = (2, 4, 8)


@imports(
    "onnx", "com.microsoft:MatMulNBits", harmless={"accuracy_level": "it allows to compute with less than float32"}
)
def _small_weights(importer: Importer) -> None:
    """The weights are unpacked here, into float32: they are [N, blocks, bytes of a block], the lowest bits first."""
    depth, count = importer.integer("K"), importer.integer("N")
    bits, block = importer.integer("bits", 4), importer.integer("block_size")
    if bits not in _BITS or block < 1 or min(depth, count) < 1:
        raise UnsupportedReason(f"{bits} bits in blocks of {block}, K = {depth}, N = {count}, are not supported")
    if importer.optional_input(4) is not None:
        raise UnsupportedReason("the order of groups (input 4) is not supported")
    blocks = -(-depth // block)
    packed, scales = (np.asarray(constant(importer.input(k), what)) for k, what in ((1, "B"), (2, "the scales")))
    if packed.dtype != np.uint8 or packed.size * 8 != count * blocks * block * bits or scales.size != count * blocks:
        raise UnsupportedReason(f"B {list(packed.shape)} or the scales {list(scales.shape)} do not fit K and N")
    numbers = _unpacked(packed.reshape(count * blocks, -1), bits)[:, :block].astype(np.float32)
    zeros = np.full((count, blocks), 1 << (bits - 1), np.float32)
    if importer.optional_input(3) is not None:
        given = np.asarray(constant(importer.input(3), "the zero points"))
        if given.dtype == np.uint8:
            given = _unpacked(given.reshape(count, -1), bits)[:, :blocks]
        if given.size != count * blocks:
            raise UnsupportedReason(f"{given.size} zero points do not fit {count * blocks} blocks")
        zeros = given.reshape(count, blocks).astype(np.float32)
    real = (numbers - zeros.reshape(-1, 1)) * scales.reshape(-1, 1).astype(np.float32)
    weights = real.reshape(count, blocks * block)[:, :depth]
    y = product(importer, real_input(importer), importer.constant(np.ascontiguousarray(weights.T)))
    bias = importer.optional_input(5)
    importer.bind(y if bias is None else map2(importer, "Add", y, bias))


def _unpacked(rows: Array, bits: int) -> Array:
    """Returns the integers of rows of bytes, the lowest bits first."""
    shifts = np.arange(0, 8, bits)
    return np.asarray((rows.astype(np.int64)[:, :, None] >> shifts) & ((1 << bits) - 1)).reshape(len(rows), -1)


@imports("onnx", "com.microsoft:SkipLayerNormalization", "com.microsoft:SkipSimplifiedLayerNormalization")
def _skip_layer_norm(importer: Importer) -> None:
    """A sum, then its rows normalised; the fourth output is the sum."""
    simplified = importer.node.op.endswith("SimplifiedLayerNormalization")
    x = map2(importer, "Add", real_input(importer), real_input(importer, 1))
    if importer.optional_input(3 if simplified else 4) is not None:
        x = map2(importer, "Add", x, real_input(importer, 3 if simplified else 4))
    if x.shape != importer.input(0).shape:
        raise UnsupportedReason(f"what is added to {importer.input(0).type} makes {x.type} of it")
    scale, rows = real_input(importer, 2), x.shape[-1:]
    given = None if simplified else importer.optional_input(3)
    bias = importer.constant(np.zeros(rows, np.float32)) if given is None else real_input(importer, 3)
    op = RowNorm(len(x.shape) - 1, importer.real("epsilon", 1e-12), not simplified)
    (y,) = importer.emit(op, [x, scale, bias])
    if any(importer.model.tensors[key].name for key in importer.node.outputs[1:3]):
        raise UnsupportedReason("the mean and the deviation (outputs 1 and 2) are not supported")
    importer.bind(y, None, None, x)


@imports("onnx", "com.microsoft:EmbedLayerNormalization", harmless={"mask_index_type": "it says what the output is"})
def _embedded(importer: Importer) -> None:
    """Rows of up to three tables, summed, then normalised; output 1 is how many words the mask lets through."""
    ids = importer.input(0)
    if len(ids.shape) != 2:
        raise UnsupportedReason(f"words {ids.type} are not supported, only [batch, words]")
    words, places, kinds = real_input(importer, 2), real_input(importer, 3), importer.optional_input(4)

    def looked_up(table: Value, indices: Value) -> Value:
        return importer.emit(Gather(axis=0, wraps=False), [table, indices])[0]

    x, at = looked_up(words, ids), importer.optional_input(8)
    if at is None:
        at = importer.constant(np.arange(ids.shape[1], dtype=np.int32))
    x = map2(importer, "Add", x, looked_up(places, at))
    if kinds is not None and importer.optional_input(1) is not None:
        x = map2(importer, "Add", x, looked_up(kinds, importer.input(1)))
    op = RowNorm(2, importer.real("epsilon", 1e-12), centred=True)
    (y,) = importer.emit(op, [x, real_input(importer, 5), real_input(importer, 6)])
    mask = importer.optional_input(7)
    if mask is None:
        seen = importer.constant(np.zeros(ids.shape[0], np.int32))
    else:
        (ones,) = importer.emit(Compare("Equal"), [mask, importer.constant(np.ones((), mask.type.dtype.numpy))])
        seen = fold(importer, "Sum", cast(importer, ones, DType.I32), [1], keep_dims=False)
    importer.bind(y, seen, x)
