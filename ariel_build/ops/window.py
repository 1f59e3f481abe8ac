"""The sliding window that convolutions and pools share: attributes, padding, patches, and its kernel form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeGuard

import numpy as np

from ariel_build.ir import Array, Op, TensorType, Value
from ariel_build.kernels import Operand
from ariel_build.kernels.declared import window as declared
from ariel_build.kernels.declared.memory import Image
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.importer import Importer
from ariel_build.ops.shorter import Axes, Mixed, apart
from ariel_build.ops.traits import has
from ariel_build.records import dataclass

__all__ = [
    "Span",
    "Window",
    "Windowed",
    "image",
    "is_windowed",
    "onnx_spans",
    "patches",
    "same_padding",
    "spans_of",
    "window_of",
]


@dataclass(frozen=True)
class Window:
    """Size, strides, dilations (height, width), padding (top, left, bottom, right) of a window over an NHWC image."""

    size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def taps(self) -> int:
        """Taps of the window."""
        return self.size[0] * self.size[1]

    @property
    def is_pointwise(self) -> bool:
        """Whether each output pixel reads exactly one input pixel, and none of the padding."""
        return self.size == (1, 1) and self.padding == (0, 0, 0, 0)

    def extent(self, axis: int) -> int:
        """Rows (axis 0) or columns (axis 1) that the window spans, dilation included."""
        return (self.size[axis] - 1) * self.dilations[axis] + 1

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Returns rows and columns of the output; raises ValueError where the window does not fit."""
        top, left, bottom, right = self.padding
        sizes = []
        for axis, (extent, pad) in enumerate(((height, top + bottom), (width, left + right))):
            room = extent + pad - self.extent(axis)
            if room < 0 or self.strides[axis] < 1:
                raise ValueError(
                    f"a window of {self.extent(axis)} with stride {self.strides[axis]} does not fit {extent} + {pad}"
                )
            sizes.append(room // self.strides[axis] + 1)
        return sizes[0], sizes[1]

    def shorter(self, axes: Axes) -> Axes:
        """Returns the axes of the output where those of the image [N, H, W, C] are shorter; raises Mixed(why)."""
        for axis in (0, 1):
            own = self.size[axis], self.strides[axis], self.padding[axis], self.padding[axis + 2]
            if axis + 1 in axes and own != (1, 1, 0, 0):
                raise Mixed("its windows reach along it")
        return apart(axes, [3], "its channels are")

    def kernel(self) -> declared.Window:
        """Returns the `Window` of the runtime crate."""
        if max(*self.size, *self.strides, *self.dilations, *self.padding) > 65535:
            raise UnsupportedReason("the window is larger than 65535")
        return declared.Window(
            height=self.size[0],
            width=self.size[1],
            stride_h=self.strides[0],
            stride_w=self.strides[1],
            dilation_h=self.dilations[0],
            dilation_w=self.dilations[1],
            pad_top=self.padding[0],
            pad_left=self.padding[1],
        )


class Windowed(Op, Protocol):
    """An operator that slides a window over its first input."""

    #: What `dataclasses.replace` asks for.
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def window(self) -> Window:
        """The window."""
        ...


def is_windowed(op: Op) -> TypeGuard[Windowed]:
    """Whether an operator slides a window."""
    return has(type(op), "window")


def same_padding(size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """Returns TFLite's SAME padding: total = max((out - 1) * stride + extent - in, 0), before = total / 2."""
    out = -(-size // stride)
    total = max((out - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def tflite_window(importer: Importer, size: tuple[int, int], image: TensorType) -> Window:
    """Returns the window that a TFLite convolution or pool describes."""
    if len(image.shape) != 4:
        raise UnsupportedReason(f"the image has {len(image.shape)} axes, not 4")
    strides = (importer.integer("stride_h", 1), importer.integer("stride_w", 1))
    dilations = (importer.integer("dilation_h_factor", 1), importer.integer("dilation_w_factor", 1))
    if min(*strides, *dilations, *size) < 1:
        raise UnsupportedReason(f"window {size}, strides {strides} and dilations {dilations} must be positive")
    padding = (0, 0, 0, 0)
    if importer.text("padding", "SAME") == "SAME":
        top, bottom = same_padding(image.shape[1], size[0], strides[0], dilations[0])
        left, right = same_padding(image.shape[2], size[1], strides[1], dilations[1])
        padding = (top, left, bottom, right)
    return Window(size, strides, dilations, padding)


@dataclass(frozen=True)
class Span:
    """The window along one axis: taps, stride, dilation, and the padding before and behind the image."""

    size: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def extent(self) -> int:
        """What it spans, dilation included."""
        return (self.size - 1) * self.dilation + 1

    def count(self, extent: int) -> int:
        """Returns its places along an axis; UnsupportedReason where it does not fit."""
        room = extent + self.before + self.after - self.extent
        if room < 0:
            raise UnsupportedReason(f"a window of {self.extent} does not fit {extent} + {self.before + self.after}")
        return room // self.stride + 1


def onnx_spans(importer: Importer, size: tuple[int, ...], spatial: tuple[int, ...]) -> tuple[Span, ...]:
    """Returns the window of an ONNX convolution or pool, axis by axis."""
    rank = len(spatial)
    if not rank or len(size) != rank:
        raise UnsupportedReason(f"a window of {len(size)} axes does not fit an image of {rank}")
    strides = importer.integers("strides", (1,) * rank)
    dilations = importer.integers("dilations", (1,) * rank)
    pads = importer.integers("pads", (0,) * 2 * rank)
    if len(strides) != rank or len(dilations) != rank or len(pads) != 2 * rank:
        raise UnsupportedReason("strides, dilations or pads do not have one entry per axis")
    if min(*strides, *dilations, *size) < 1 or min(pads) < 0:
        raise UnsupportedReason("strides, dilations and sizes must be positive, pads not negative")
    auto = importer.text("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pairs = [same_padding(n, k, s, d) for n, k, s, d in zip(spatial, size, strides, dilations, strict=True)]
        if auto == "SAME_LOWER":
            pairs = [(after, before) for before, after in pairs]
        pads = (*(p[0] for p in pairs), *(p[1] for p in pairs))
    elif auto == "VALID":
        pads = (0,) * 2 * rank
    elif auto != "NOTSET":
        raise UnsupportedReason(f"auto_pad `{auto}` is not known")
    return tuple(Span(*axis) for axis in zip(size, strides, dilations, pads[:rank], pads[rank:], strict=True))


def window_of(spans: Sequence[Span]) -> Window:
    """Returns the window of one or two axes; one of one gets a height of 1."""
    if len(spans) not in (1, 2):
        raise UnsupportedReason(f"{len(spans)}-dimensional windows are not supported, only 1 and 2")
    y, x = spans if len(spans) == 2 else (Span(1), spans[0])
    padding = (y.before, x.before, y.after, x.after)
    return Window((y.size, x.size), (y.stride, x.stride), (y.dilation, x.dilation), padding)


def spans_of(window: Window) -> tuple[Span, Span]:
    """Returns a window as its height and its width."""
    top, left, bottom, right = window.padding
    ends = ((top, bottom), (left, right))
    height, width = zip(window.size, window.strides, window.dilations, ends, strict=True)
    return Span(*height[:3], *height[3]), Span(*width[:3], *width[3])


def patches(window: Window, image: Array, padding: float) -> Array:
    """Returns every patch of an NHWC image as [N, rows, columns, taps, channels]; padded cells hold `padding`."""
    batch, height, width, channels = image.shape
    rows, columns = window.output_size(height, width)
    top, left, bottom, right = window.padding
    padded = np.pad(image, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=padding)
    out = np.empty((batch, rows, columns, window.taps, channels), image.dtype)
    for tap in range(window.taps):
        y, x = divmod(tap, window.size[1])
        y, x = y * window.dilations[0], x * window.dilations[1]
        out[:, :, :, tap] = padded[
            :,
            y : y + (rows - 1) * window.strides[0] + 1 : window.strides[0],
            x : x + (columns - 1) * window.strides[1] + 1 : window.strides[1],
        ]
    return out


def image(value: Value) -> Image:
    """Returns the `Image` of the runtime crate for a dense NHWC value of batch 1."""
    if len(value.shape) != 4 or value.shape[0] != 1:
        raise UnsupportedReason(f"a batch of {value.shape[0] if value.shape else 0} is not supported here, only 1")
    _, height, width, channels = value.shape
    return Image(
        region=Operand(value), height=height, width=width, channels=channels, row=width * channels, pixel=channels
    )
