"""Random dense layers and pointwise convolutions with weights of four bits, as TFLite and ONNX have them."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from ariel_build.ir import Array
from tests.ops import tflm
from tests.ops.qdq import Builder
from tests.ops.sums import ACTIVATIONS, filter_scales

__all__ = ["LAYERS", "layer_of_onnx", "layer_of_tflite"]

#: (size of the image, input channels, output channels, strides), or (rows, depth, channels) of a dense layer: deep rows,
#: rows and patches of no whole words, single pixels, and channels that make no whole four.
LAYERS = (
    ((8, 8), 16, 8, (1, 1)),
    ((5, 7), 12, 6, (1, 1)),
    ((1, 3), 8, 9, (1, 1)),
    ((1, 1), 24, 5, (1, 1)),
    ((7, 6), 9, 3, (2, 2)),
    ((6, 9), 20, 12, (1, 2)),
    ((4, 4), 3, 17, (1, 1)),
    ((3, 3), 130, 4, (1, 1)),
    (1, 16, 8),
    (1, 264, 10),
    (1, 300, 7),
    (1, 33, 23),
    (2, 640, 5),
    (3, 5, 4),
    (4, 40, 11),
    (9, 70, 1),
    (1, 7, 2),
    (11, 64, 16),
    # The fourth of each four channels may not stay packed so on Arm: its sums, were all weights extreme, have too many bits.
    (1, 700, 8),
)


def weights(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Weights of four bits, now and then nothing but extremes."""
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


def layer_of_tflite(rng: np.random.Generator, shape: tuple[object, ...]) -> tflm.Operator:
    """Returns a CONV_2D or a FULLY_CONNECTED of a shape of `LAYERS`."""
    *_, terms, count = shape[:3]
    assert isinstance(terms, int)
    assert isinstance(count, int)
    scale, zero, output_zero = float(np.float32(rng.uniform(0.01, 0.1))), *(int(z) for z in rng.integers(-128, 128, 2))
    dense = len(shape) == 3
    # TFLite-Micro knows one scale of four bits in dense layers.
    scales = filter_scales(rng, 1 if dense else count)
    filter_shape = (count, terms) if dense else (count, 1, 1, terms)
    filter_ = tflm.Tensor("int4", filter_shape, scales, 0, _packed(weights(rng, filter_shape)), 0)
    bias = None
    if rng.random() < 0.8:
        products = [float(np.float32(scale * s)) for s in scales]
        bias = tflm.Tensor("int32", (count,), products, 0, _biases(rng, count))
    own: dict[str, object] = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))}
    if dense:
        sizes = [(shape[0], terms), (shape[0], count)]
        options = "FullyConnectedOptions"
    else:
        (height, width), (down, across) = shape[0], shape[3]  # type: ignore[misc]
        sizes = [(1, height, width, terms), (1, -(-height // down), -(-width // across), count)]
        options = "Conv2DOptions"
        own |= {"padding": 1, "strideH": down, "strideW": across, "dilationHFactor": 1, "dilationWFactor": 1}
    x = tflm.Tensor("int8", sizes[0], scale, zero)  # type: ignore[arg-type]
    y = tflm.Tensor("int8", sizes[1], _output(rng, scale, scales, terms), output_zero)  # type: ignore[arg-type]
    return tflm.Operator("FULLY_CONNECTED" if dense else "CONV_2D", [x, filter_, bias], [y], (options, own), 7)


def layer_of_onnx(model: Builder, rng: np.random.Generator, shape: tuple[object, ...]) -> None:
    """Adds a Conv, a Gemm or a MatMul of a shape of `LAYERS`, between QuantizeLinear and DequantizeLinear."""
    *_, terms, count = shape[:3]
    assert isinstance(terms, int)
    assert isinstance(count, int)
    scale, zero, output_zero = float(np.float32(rng.uniform(0.01, 0.1))), *(int(z) for z in rng.integers(-128, 128, 2))
    scales = filter_scales(rng, count)
    dense = len(shape) == 3
    product = dense and rng.random() < 0.5
    data = weights(rng, (terms, count) if product else (count, terms) if dense else (count, terms, 1, 1))
    name = f"w{len(model.constants)}"
    model.constants.append(helper.make_tensor(name, TensorProto.INT4, data.shape, data.reshape(-1).tolist()))
    given = (shape[0], terms) if dense else (1, terms, *shape[0])  # type: ignore[misc]
    x = model.input(given, (scale, zero))  # type: ignore[arg-type]
    inputs = [x, model.op("DequantizeLinear", [name, model.constant(np.float32(scales))], axis=int(product))]
    if not product and rng.random() < 0.8:
        products = [float(np.float32(scale) * np.float32(s)) for s in scales]
        inputs.append(model.weights(_biases(rng, count), products))
    if product:
        result = model.op("MatMul", inputs)
    elif dense:
        result = model.op("Gemm", inputs, transB=1)
    else:
        result = model.op("Conv", inputs, strides=shape[3])
    result = model.op("Relu", [result]) if rng.random() < 0.3 else result
    model.output(result, (_output(rng, scale, scales, terms), output_zero))
