"""The networks of msf-CNN's tables (NeurIPS 2025), by their layer lists, int8: what the arena of ours is held against.

An image comes as rows of pixels; behind the last layer of the lists stands a global average, so that what goes out is
small. msf-CNN counts neither the image nor what residuals keep; an arena of ours holds all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from tools.bench.noise import Noise

__all__ = ["NETWORKS", "Layers"]

Numbers = npt.NDArray[np.generic]
Network = tuple[list[onnx.NodeProto], dict[str, Numbers]]


def _mobilenet_v2() -> Network:
    """MobileNetV2 with 0.35 of its channels."""
    net = Layers(Noise(6))
    net.convolution(int(32 * 0.35), 3, 2, 1)
    rows = [(16, 1, 1), (24, 6, 2), (24, 6, 1), (32, 6, 2), (32, 6, 1), (32, 6, 1), (64, 6, 2), *[(64, 6, 1)] * 3]
    rows += [(96, 6, 1), (96, 6, 1), (96, 6, 1), (160, 6, 2), (160, 6, 1), (160, 6, 1), (320, 6, 1)]
    for channels, expansion, stride in rows:
        net.inverted(int(channels * 0.35), expansion, stride)
    net.convolution(448, 1, 1, 0)
    return net.averaged()


def _mcunet_v2_vww() -> Network:
    """MCUNetV2's network that tells people from none at 5 frames a second."""
    net = Layers(Noise(7))
    net.convolution(16, 3, 2, 1)
    net.depthwise(3, 1, 1)
    net.convolution(8, 1, 1, 0, rectify=False)
    for row in (
        (16, 6, 2),
        (16, 3, 1),
        (16, 3, 1),
        (24, 3, 2, 3, 7),
        (24, 6, 1),
        (24, 5, 1, 2, 5),
        (40, 6, 2, 3, 7),
        (40, 6, 1, 3, 7),
        (48, 6, 1, 1, 3),
        (48, 4, 1),
        (96, 5, 2, 2, 5),
        (96, 5, 1),
        (96, 4, 1),
        (160, 3, 1, 3, 7),
    ):
        net.inverted(*row)
    return net.averaged()


@dataclass
class Layers:
    """A network as it grows: `name` is its last value, of so many channels, whose integers are `scale` apart."""

    noise: Noise
    name: str = "image"
    channels: int = 3
    scale: float = 1 / 32
    rectified: bool = False
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, Numbers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Takes rows of pixels as they come from a camera."""
        self.nodes.append(helper.make_node("Transpose", ["x"], ["image"], perm=[0, 3, 1, 2]))
        self.constants |= {"linear": np.asarray(0, np.int8), "rectified": np.asarray(-128, np.int8)}

    def convolution(self, channels: int, size: int, stride: int, padding: int, *, rectify: bool = True) -> None:
        """Adds a convolution; what it makes is cut at zero by the range of its integers, if `rectify`."""
        self._window(channels, 1, size, stride, padding, rectify)

    def depthwise(self, size: int, stride: int, padding: int) -> None:
        """Adds a rectified convolution of each channel by itself."""
        self._window(self.channels, self.channels, size, stride, padding, rectify=True)

    def inverted(self, channels: int, expansion: int, stride: int, padding: int = 1, size: int = 3) -> None:
        """Adds an inverted bottleneck: wider, depthwise, narrower; and the input once more where the shapes agree."""
        before, kept = (self.name, self.scale, self._zero()), self.channels
        if expansion != 1:
            self.convolution(kept * expansion, 1, 1, 0)
        self.depthwise(size, stride, padding)
        self.convolution(channels, 1, 1, 0, rectify=False)
        if stride == 1 and kept == channels:
            name, scale, zero = before
            after = (self.name, f"{self.name}_scale", self._zero())
            self.constants[f"{name}_scale"] = np.asarray(scale, np.float32)
            inputs = [name, f"{name}_scale", zero, *after]
            self._add("QLinearAdd", inputs, float(np.hypot(scale, self.scale)), rectify=False, domain="com.microsoft")

    def averaged(self) -> Network:
        """Returns the nodes and constants, with a global average at the end."""
        inputs = [self.name, f"{self.name}_scale", self._zero()]
        # A mean of noise is smaller than the noise.
        self._add("QLinearGlobalAveragePool", inputs, self.scale / 8, rectify=self.rectified, domain="com.microsoft")
        self.nodes[-1].output[0] = "y"
        return self.nodes, self.constants

    def _zero(self) -> str:
        return "rectified" if self.rectified else "linear"

    def _window(self, channels: int, groups: int, size: int, stride: int, padding: int, rectify: bool) -> None:
        layer, taps = len(self.nodes), self.channels // groups * size * size
        self.constants |= {
            f"{self.name}_scale": np.asarray(self.scale, np.float32),
            f"w{layer}": self.noise.int8(channels, self.channels // groups, size, size),
            f"b{layer}": np.asarray(self.noise(channels) * 2000, np.int32),
        }
        # A sum of products deviates with the root of their number; half of what is rectified is zero.
        deviation = np.sqrt(taps / (2 if self.rectified else 1))
        self.constants[f"w{layer}_scale"] = np.asarray(1 / (133 * deviation), np.float32)
        inputs = [self.name, f"{self.name}_scale", self._zero(), f"w{layer}", f"w{layer}_scale", "linear"]
        window = {"pads": [padding] * 4, "strides": [stride] * 2, "kernel_shape": [size] * 2, "group": groups}
        self._add("QLinearConv", inputs, self.scale, rectify=rectify, bias=f"b{layer}", **window)
        self.channels = channels

    def _add(  # helper.make_node, with what it makes
        self,
        op: str,
        inputs: list[str],
        scale: float,
        *,
        rectify: bool,
        bias: str = "",
        **attributes: Any,  # noqa: ANN401 - helper.make_node's own type
    ) -> None:
        made = f"v{len(self.nodes)}"
        self.rectified, self.scale = rectify, scale
        self.constants[f"{made}_scale"] = np.asarray(scale, np.float32)
        given = [*inputs, f"{made}_scale", self._zero(), *([bias] if bias else [])]
        self.nodes.append(helper.make_node(op, given, [made], **attributes))
        self.name = made


#: What the bench calls them, the edge of their square image, and how they are made.
NETWORKS: dict[str, tuple[int, Callable[[], Network]]] = {
    "made MobileNetV2 0.35, 144x144": (144, _mobilenet_v2),
    "made MCUNetV2 vww, 80x80": (80, _mcunet_v2_vww),
}
