"""Random convolutions and dense layers for TFLite, in int8, 16x8, float32 and hybrid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ariel_build.ir import Array
from ariel_build.ops.window import same_padding
from tests.ops import tflm
from tests.ops.parity import stored

__all__ = ["ACTIVATIONS", "Sum", "filter_scales", "output_size", "samples_for"]

#: NONE, RELU, RELU_N1_TO_1, RELU6 of the schema.
ACTIVATIONS = (0, 1, 2, 3)


@dataclass(frozen=True)
class Sum:
    """The quantisation of a random sum of products of `k` terms into `count` channels."""

    scale: float
    zero_point: int
    filter_scales: tuple[float, ...]
    output_scale: float
    output_zero_point: int
    dtype: str = "int8"

    @classmethod
    def random(cls, rng: np.random.Generator, k: int, count: int, *, per_channel: bool, dtype: str = "int8") -> Sum:
        """Draws scales such that outputs neither vanish nor all saturate; int16 is symmetric."""
        scale = float(np.float32(rng.uniform(0.005, 0.1)))
        scales = filter_scales(rng, count if per_channel else 1)
        spread = scale * float(np.mean(scales)) * 74 * 74 * np.sqrt(k)
        output = float(np.float32(spread / rng.uniform(20, 90)))
        zero, output_zero = (int(z) for z in rng.integers(-128, 128, 2)) if dtype == "int8" else (0, 0)
        return cls(scale, zero, scales, output, output_zero, dtype)

    def tensors(
        self,
        rng: np.random.Generator,
        image: tuple[int, ...],
        filter_: tuple[int, ...],
        axis: int,
        *,
        bias: bool,
        narrow: bool = True,
    ) -> list[tflm.Tensor | None]:
        """Returns input, filter and bias; that of int16 has 64 bits or, now and then where `narrow`, 32."""
        count = filter_[axis]
        weights = stored(rng, filter_, "extreme" if rng.random() < 0.2 else "random")
        inputs: list[tflm.Tensor | None] = [
            tflm.Tensor(self.dtype, image, self.scale, self.zero_point),
            tflm.Tensor("int8", filter_, self.filter_scales, 0, weights, axis),
            None,
        ]
        if bias:
            biases = [np.float32(self.scale * s) for s in self.filter_scales]
            most = 20_000 if self.dtype == "int8" else 4_000_000
            wide = self.dtype == "int16" and (not narrow or rng.random() < 0.7)
            data = rng.integers(-most, most, count).astype(np.int64 if wide else np.int32)
            inputs[2] = tflm.Tensor(data.dtype.name, (count,), [float(b) for b in biases], 0, data)
        return inputs

    def output(self, shape: tuple[int, ...]) -> tflm.Tensor:
        """Returns the output."""
        return tflm.Tensor(self.dtype, shape, self.output_scale, self.output_zero_point)


def filter_scales(rng: np.random.Generator, count: int) -> tuple[float, ...]:
    """Returns random float32 scales."""
    return tuple(float(np.float32(s)) for s in rng.uniform(0.002, 0.02, count))


def samples_for(rng: np.random.Generator, operators: list[tflm.Operator], count: int = 3) -> list[list[Array]]:
    """Returns samples for the run-time inputs of the operators; in the last one all integers are extremes."""
    inputs = [t for op in operators for t in op.inputs if t is not None and t.data is None]

    def draw(tensor: tflm.Tensor, kind: str) -> Array:
        if tensor.dtype == "float32":
            return rng.normal(0, 1, tensor.shape).astype(np.float32)
        return stored(rng, tensor.shape, kind, np.dtype(tensor.dtype).type)

    return [[draw(t, "extreme" if k == count - 1 else "random") for t in inputs] for k in range(count)]


def with_computed_filter(operator: tflm.Operator) -> tflm.Operator:
    """Returns a convolution whose filter is an input of the model."""
    image, filter_, *rest = operator.inputs
    assert filter_ is not None
    return replace(operator, inputs=[image, replace(filter_, data=None), *rest])


def output_size(size: int, window: int, stride: int, dilation: int = 1, *, same: bool) -> int:
    """Returns the extent that TFLite gives the output of a window."""
    total = sum(same_padding(size, window, stride, dilation)) if same else 0
    return (size + total - (window - 1) * dilation - 1) // stride + 1
