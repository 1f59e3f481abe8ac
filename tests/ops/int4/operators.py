"""Random dense layers and pointwise convolutions with weights of four bits, as TFLite and ONNX have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper

from ariel_build.ir import Array
from tests.ops import tflm
from tests.ops.qdq import Builder
from tests.ops.sums import ACTIVATIONS, filter_scales

__all__ = ["LAYERS", "layer_of_onnx", "layer_of_tflite"]


@dataclass(frozen=True)
class Shape:
    """An image and strides, or, without an image, the rows of a dense layer; and what goes in and comes out."""

    terms: int
    count: int
    rows: int = 1
    image: tuple[int, int] | None = None
    strides: tuple[int, int] = (1, 1)
    extreme: bool = False


#: Deep rows, rows and patches of no whole words, single pixels, and channels that make no whole four.
LAYERS = (
    Shape(16, 8, image=(8, 8)),
    Shape(12, 6, image=(5, 7)),
    Shape(8, 9, image=(1, 3)),
    Shape(24, 5, image=(1, 1)),
    Shape(9, 3, image=(7, 6), strides=(2, 2)),
    Shape(20, 12, image=(6, 9), strides=(1, 2)),
    Shape(3, 17, image=(4, 4)),
    Shape(130, 4, image=(3, 3)),
    Shape(16, 8),
    Shape(264, 10),
    Shape(300, 7),
    Shape(33, 23),
    Shape(640, 5, rows=2),
    Shape(5, 4, rows=3),
    Shape(40, 11, rows=4),
    Shape(70, 1, rows=9),
    Shape(7, 2),
    Shape(64, 16, rows=11),
    # The fourth of four channels has sums of more than 32 bits, before they are shifted.
    Shape(1000, 8, extreme=True),
    Shape(1000, 4, rows=5, extreme=True),
)


def weights(rng: np.random.Generator, shape: tuple[int, ...], *, extreme: bool) -> Array:
    """Weights of four bits, now and then nothing but extremes."""
    if extreme:
        return np.full(shape, -8, np.int8)
    if rng.random() < 0.25:
        return rng.choice(np.array([-8, 7], np.int8), shape)
    return rng.integers(-8, 8, shape).astype(np.int8)


def _biases(rng: np.random.Generator, count: int) -> Array:
    """Biases, in part of dead channels."""
    bias = rng.integers(-9000, 9000, count).astype(np.int32)
    if rng.random() < 0.3:
        bias[rng.integers(0, count)] = int(rng.choice([-1, 1])) * int(rng.integers(1 << 22, 1 << 30))
    return bias


def _output(rng: np.random.Generator, scale: float, scales: tuple[float, ...], terms: int) -> float:
    """Returns a scale with which outputs neither vanish nor all saturate."""
    return float(np.float32(scale * np.mean(scales) * 74 * 4.6 * np.sqrt(terms) / rng.uniform(20, 90)))


def _packed(data: Array) -> Array:
    """Two in a byte, the first one in its low half."""
    halves = np.pad(data.reshape(-1), (0, data.size % 2)).reshape(-1, 2).astype(np.uint8) & 15
    return halves[:, 0] | halves[:, 1] << 4


def _ends(rng: np.random.Generator) -> tuple[float, int, int]:
    """Returns scale and zero point of the input, and the zero point of the output."""
    zero, output_zero = (int(z) for z in rng.integers(-128, 128, 2))
    return float(np.float32(rng.uniform(0.01, 0.1))), zero, output_zero


def layer_of_tflite(rng: np.random.Generator, shape: Shape) -> tflm.Operator:
    """Returns a CONV_2D or a FULLY_CONNECTED."""
    terms, count = shape.terms, shape.count
    scale, zero, output_zero = _ends(rng)
    # TFLite-Micro knows one scale of four bits in dense layers.
    scales = filter_scales(rng, 1 if shape.image is None else count)
    filter_shape = (count, terms) if shape.image is None else (count, 1, 1, terms)
    filter_ = tflm.Tensor(
        "int4", filter_shape, scales, 0, _packed(weights(rng, filter_shape, extreme=shape.extreme)), 0
    )
    bias = None
    if rng.random() < 0.8:
        products = [float(np.float32(scale * s)) for s in scales]
        bias = tflm.Tensor("int32", (count,), products, 0, _biases(rng, count))
    own: dict[str, object] = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))}
    sizes: tuple[tuple[int, ...], tuple[int, ...]]
    if shape.image is None:
        kind, options, sizes = "FULLY_CONNECTED", "FullyConnectedOptions", ((shape.rows, terms), (shape.rows, count))
    else:
        kind, options = "CONV_2D", "Conv2DOptions"
        rows, columns = (-(-n // step) for n, step in zip(shape.image, shape.strides, strict=True))
        sizes = (1, *shape.image, terms), (1, rows, columns, count)
        own |= {"padding": 1, "strideH": shape.strides[0], "strideW": shape.strides[1]}
        own |= {"dilationHFactor": 1, "dilationWFactor": 1}
    x = tflm.Tensor("int8", sizes[0], scale, zero)
    y = tflm.Tensor("int8", sizes[1], _output(rng, scale, scales, terms), output_zero)
    return tflm.Operator(kind, [x, filter_, bias], [y], (options, own), 7)


def layer_of_onnx(model: Builder, rng: np.random.Generator, shape: Shape) -> None:
    """Adds a Conv, a Gemm or a MatMul, between QuantizeLinear and DequantizeLinear."""
    terms, count = shape.terms, shape.count
    scale, zero, output_zero = _ends(rng)
    scales = filter_scales(rng, count)
    product = shape.image is None and rng.random() < 0.5
    filter_shape = (terms, count) if product else (count, terms) if shape.image is None else (count, terms, 1, 1)
    data = weights(rng, filter_shape, extreme=shape.extreme)
    name = f"w{len(model.constants)}"
    model.constants.append(helper.make_tensor(name, TensorProto.INT4, filter_shape, data.reshape(-1).tolist()))
    x = model.input((shape.rows, terms) if shape.image is None else (1, terms, *shape.image), (scale, zero))
    own = model.constant(np.array(scales, np.float32))
    inputs = [x, model.op("DequantizeLinear", [name, own], axis=int(product))]
    if not product and rng.random() < 0.8:
        products = [float(np.float32(scale) * np.float32(s)) for s in scales]
        inputs.append(model.weights(_biases(rng, count), products))
    if product:
        result = model.op("MatMul", inputs)
    elif shape.image is None:
        result = model.op("Gemm", inputs, transB=1)
    else:
        result = model.op("Conv", inputs, strides=shape.strides)
    result = model.op("Relu", [result]) if rng.random() < 0.3 else result
    model.output(result, (_output(rng, scale, scales, terms), output_zero))
