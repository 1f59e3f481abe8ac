"""Small convolutional networks: trained by JAX, written as ONNX, quantised to int8 by ONNX Runtime.

What the training scripts of several examples share. A network is a list of layers, from a grey image or a spectrogram
`[height, width, 1]` to scores; its file has int8 or uint8 at both ends, so that a firmware's samples go straight in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import optax
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

__all__ = ["Conv", "Depthwise", "Network", "quantised", "train"]

Array = np.ndarray[Any, Any]
Tensor = jax.Array | Array
Weights = list[tuple[Any, Any]]


@dataclass(frozen=True)
class Conv:
    """A convolution of windows of `size` rows and columns, and ReLU; padded to give `ceil(input / stride)` of each."""

    channels: int
    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Depthwise:
    """A convolution of each channel by itself, and ReLU; padded likewise."""

    size: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Network:
    """Layers, then the mean over rows and columns, a dense layer and softmax.

    `padded`: else no layer looks beyond the edges, and gives `(input - size) // stride + 1` of rows and columns.
    """

    shape: tuple[int, int]
    layers: Sequence[Conv | Depthwise]
    classes: int
    padded: bool = True

    def initial(self, rng: np.random.Generator) -> Weights:
        """Returns random weights `[height, width, in, out]` and biases for each layer, the dense one last."""
        weights: Weights = []
        channels = 1
        for layer in self.layers:
            if isinstance(layer, Conv):
                shape = (*layer.size, channels, layer.channels)
                channels = layer.channels
            else:
                shape = (*layer.size, 1, channels)
            fan = np.prod(shape[:3])
            weights.append((rng.normal(0, np.sqrt(2 / fan), shape).astype(np.float32), np.zeros(channels, np.float32)))
        dense = rng.normal(0, np.sqrt(1 / channels), (channels, self.classes)).astype(np.float32)
        return [*weights, (dense, np.zeros(self.classes, np.float32))]

    def scores(self, weights: Weights, images: Tensor) -> jax.Array:
        """Returns the dense layer's sums for images `[n, height, width, 1]`."""
        return self.outputs(weights, images)[-1]

    def outputs(self, weights: Weights, images: Tensor) -> list[jax.Array]:
        """Returns what each layer gives, `[n, height, width, channels]`, and at last the sums `[n, classes]`."""
        values, found = images, []
        for layer, (kernel, bias) in zip(self.layers, weights[:-1], strict=True):
            pads = self._padding(layer, values.shape[1:3])
            if isinstance(layer, Depthwise):
                values = _depthwise(values, kernel, layer.stride, pads)
            else:
                order = ("NHWC", "HWIO", "NHWC")
                values = jax.lax.conv_general_dilated(values, kernel, layer.stride, pads, dimension_numbers=order)
            values = jax.nn.relu(values + bias)
            found.append(values)
        kernel, bias = weights[-1]
        return [*found, values.mean(axis=(1, 2)) @ kernel + bias]

    def to_onnx(self, weights: Weights) -> onnx.ModelProto:
        """Returns the network in float32, with channels first as ONNX has them."""
        nodes, constants = [], []
        last, (height, width) = "samples", self.shape
        for index, (layer, (kernel, bias)) in enumerate(zip(self.layers, weights[:-1], strict=True)):
            group = kernel.shape[3] if isinstance(layer, Depthwise) else 1
            (top, bottom), (left, right) = self._padding(layer, (height, width))
            height, width = (
                (n + sum(pads) - size) // step + 1
                for n, pads, size, step in zip(
                    (height, width), ((top, bottom), (left, right)), layer.size, layer.stride, strict=True
                )
            )
            constants += [
                _constant(f"kernel{index}", np.transpose(kernel, (3, 2, 0, 1))),
                _constant(f"bias{index}", bias),
            ]
            attributes = {"strides": layer.stride, "pads": [top, left, bottom, right], "group": group}
            nodes.append(
                helper.make_node("Conv", [last, f"kernel{index}", f"bias{index}"], [f"sums{index}"], **attributes)
            )
            nodes.append(helper.make_node("Relu", [f"sums{index}"], [f"layer{index}"]))
            last = f"layer{index}"
        constants += [_constant("dense", weights[-1][0]), _constant("offsets", weights[-1][1])]
        nodes += [
            helper.make_node("GlobalAveragePool", [last], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
            helper.make_node("Gemm", ["flat", "dense", "offsets"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["scores"]),
        ]
        graph = helper.make_graph(
            nodes,
            "network",
            [helper.make_tensor_value_info("samples", TensorProto.FLOAT, [1, 1, *self.shape])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, self.classes])],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _padding(self, layer: Conv | Depthwise, lengths: Sequence[int]) -> list[tuple[int, int]]:
        """Returns what is added before and behind rows and columns, so that `ceil(length / stride)` windows fit."""
        if not self.padded:
            return [(0, 0)] * 2
        found = []
        for size, stride, length in zip(layer.size, layer.stride, lengths, strict=True):
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            found.append((total // 2, total - total // 2))
        return found


def _depthwise(
    values: jax.Array, kernel: Tensor, stride: tuple[int, int], pads: Sequence[tuple[int, int]]
) -> jax.Array:
    """Returns the convolution of each channel as a sum of products: JAX's own for groups is slow on CPUs."""
    padded = jnp.pad(values, ((0, 0), *pads, (0, 0)))
    height, width = (n - size + 1 for n, size in zip(padded.shape[1:3], kernel.shape, strict=False))
    return sum(
        padded[:, y : y + height : stride[0], x : x + width : stride[1]] * kernel[y, x, 0]
        for y in range(kernel.shape[0])
        for x in range(kernel.shape[1])
    )


def _constant(name: str, values: Array) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name)


def train(
    network: Network,
    batches: Callable[[], tuple[Array, Array]],
    steps: int,
    seed: int,
    report: Callable[[int, Weights], None],
    rate: float = 3e-3,
) -> Weights:
    """Returns weights after `steps` steps of Adam; each takes a batch `[n, height, width, 1]` and its classes."""
    weights = network.initial(np.random.default_rng(seed))
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, steps // 20, steps)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=1e-3))
    state = optimizer.init(weights)

    def loss(weights: Weights, images: jax.Array, classes: jax.Array) -> jax.Array:
        wanted = optax.smooth_labels(jax.nn.one_hot(classes, network.classes), 0.05)
        return optax.softmax_cross_entropy(network.scores(weights, images), wanted).mean()

    @jax.jit
    def step(
        weights: Weights, state: optax.OptState, images: jax.Array, classes: jax.Array
    ) -> tuple[Weights, optax.OptState]:
        updates, state = optimizer.update(jax.grad(loss)(weights, images, classes), state, weights)
        return optax.apply_updates(weights, updates), state

    for number in range(1, steps + 1):
        weights, state = step(weights, state, *map(jnp.asarray, batches()))
        if number % (steps // 10) == 0:
            report(number, weights)
    return [(np.asarray(kernel), np.asarray(bias)) for kernel, bias in weights]


class _Samples(quantization.CalibrationDataReader):
    """Feeds the images from which ranges are measured."""

    def __init__(self, images: Array) -> None:
        self._left = iter(images)

    def get_next(self) -> dict[str, Array] | None:
        """Returns the next image as the network's input."""
        image = next(self._left, None)
        return None if image is None else {"samples": image.reshape(1, 1, *image.shape[:2])}


def quantised(model: onnx.ModelProto, images: Array, *, unsigned: bool) -> onnx.ModelProto:
    """Returns the network in int8, its ranges measured on the images `[n, height, width, 1]`.

    Its input and output are integers: the nodes that would quantise and dequantise at the ends are taken off, since the
    firmware's numbers are integers anyway. `unsigned`: the input is uint8, which is how cameras give their pixels.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, source)
        kind = quantization.QuantType.QUInt8 if unsigned else quantization.QuantType.QInt8
        quantization.quantize_static(
            source,
            target,
            _Samples(images),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=kind,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        found = onnx.load(target)
    return _integers_at_the_ends(found, TensorProto.UINT8 if unsigned else TensorProto.INT8)


def scores(model: onnx.ModelProto, samples: Array) -> Array:
    """Returns what ONNX Runtime gives for each sample of `[n, height, width]`, in the type of the input."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.stack([session.run(None, {"samples": sample[None, None]})[0][0] for sample in samples])


def _integers_at_the_ends(model: onnx.ModelProto, element: int) -> onnx.ModelProto:
    graph = model.graph
    first = next(node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "samples")
    last = next(node for node in graph.node if node.op_type == "DequantizeLinear" and node.output[0] == "scores")
    for node in graph.node:
        node.input[:] = ["samples" if name == first.output[0] else name for name in node.input]
        node.output[:] = ["scores" if name == last.input[0] else name for name in node.output]
    graph.node.remove(first)
    graph.node.remove(last)
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.elem_type = element
    del graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model
