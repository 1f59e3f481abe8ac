"""Layers: sums of products as data, before a kernel is chosen: weights as they are, and what becomes of each sum.

Nothing is packed here. Each kernel's maker packs once, for itself (`isa`), and proves what it needs of the numbers.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array, Quant
from ariel_build.kernels.declared.dynamic_quantize import Rescale
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.quant import (
    Bounds,
    DoubleRounding,
    DoubleRounding16,
    Narrow,
    NearestEven,
    Reduced,
)
from ariel_build.kernels.declared.window import Window
from ariel_build.kernels.kernel import Operand
from ariel_build.records import dataclass

__all__ = [
    "Convolution",
    "Dense",
    "Depthwise",
    "Finish",
    "Int4",
    "Layer",
    "Real",
    "Requantize",
    "Stored",
    "Transposed",
    "kept_packed",
]

Requantize = DoubleRounding | DoubleRounding16 | Narrow | NearestEven | Reduced


@dataclass(frozen=True, eq=False)
class Stored:
    """Integers: `requantize(sum + bias - filter_zero_point * inputs)`; the input's zero point is part of the bias."""

    bias: Array
    requantize: Requantize
    bounds: Bounds
    filter_zero_point: int = 0


@dataclass(frozen=True, eq=False)
class Real:
    """float32: `clamp(sum + bias, min, max)`."""

    bias: Array
    min: float
    max: float


#: What becomes of a sum; `Rescale` where activations were quantised while the model runs.
Finish = Stored | Real | Rescale


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """Weights [output channels, products of a sum] as they are, and what becomes of the sums."""

    weights: Array
    finish: Finish

    @property
    def count(self) -> int:
        """Output channels."""
        return int(self.weights.shape[0])


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution(Layer):
    """Sums over the taps of a window, and the input channels of a group."""

    input: Image
    output: Image
    window: Window
    groups: int = 1
    #: What padding reads as.
    input_zero_point: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Transposed(Layer):
    """Weights [output channels, rows, columns, input channels of a group], which each input pixel adds to the output.

    `stamp` is the window that it writes to, without dilation. The input's zero point is taken off the input itself.
    """

    input: Image
    output: Image
    stamp: Window
    groups: int = 1
    input_zero_point: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Depthwise(Layer):
    """Sums over the taps of a window of one input channel, which as many output channels share as the counts say."""

    input: Image
    output: Image
    window: Window
    input_zero_point: int = 0

    def as_convolution(self) -> Convolution:
        """Returns the convolution with a group for each input channel."""
        return Convolution(**vars(self), groups=self.input.channels)


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense(Layer):
    """Sums over a row. Rows of which only some may be there are `apart`: tiles are rows, if only a few."""

    input: Operand
    output: Operand
    rows: int
    apart: bool = False

    @property
    def depth(self) -> int:
        """Elements of an input row."""
        return int(self.weights.shape[1])

    def as_convolution(self) -> Convolution:
        """Returns the pointwise convolution of an image of one row, whose pixels are the rows."""
        return self._as_image(1, self.rows)

    def as_column(self) -> Convolution:
        """Returns the pointwise convolution of an image of one column, whose rows are the rows."""
        return self._as_image(self.rows, 1)

    def _as_image(self, height: int, width: int) -> Convolution:
        steps = dict.fromkeys(("height", "width", "stride_h", "stride_w", "dilation_h", "dilation_w"), 1)
        images = [
            Image(region=region, height=height, width=width, channels=size, row=width * size, pixel=size)
            for region, size in ((self.input, self.depth), (self.output, self.count))
        ]
        window = Window(**steps, pad_top=0, pad_left=0)
        return Convolution(weights=self.weights, finish=self.finish, input=images[0], output=images[1], window=window)


@dataclass(frozen=True, eq=False, kw_only=True)
class Int4(Layer):
    """A dense layer or a pointwise convolution whose weights have four bits, and stay so in flash."""

    layer: Convolution | Dense


#: What four bits hold.
_LEAST, _GREATEST = -8, 7


def kept_packed(layer: Convolution | Dense, filter_: Quant | None) -> Convolution | Dense | Int4:
    """Returns the layer as one of packed weights, where the file has four bits for them and kernels take them so.

    That is where activations are int8, and each sum reads all channels of one pixel.
    """
    finish, weights = layer.finish, layer.weights
    if filter_ is None or filter_.bits != 4 or not isinstance(finish, Stored) or finish.filter_zero_point:
        return layer
    # Who changes numbers may leave the bits of the file behind.
    fits = weights.dtype == np.int8 and weights.min() >= _LEAST and weights.max() <= _GREATEST
    if not fits or not isinstance(finish.requantize, DoubleRounding | NearestEven):
        return layer
    if isinstance(layer, Convolution):
        window = layer.window
        pointwise = (window.height, window.width, window.pad_top, window.pad_left) == (1, 1, 0, 0)
        if not pointwise or layer.groups != 1:
            return layer
    return Int4(weights=weights, finish=finish, layer=layer)
