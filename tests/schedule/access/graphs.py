"""Random float graphs in ONNX: convolutions, pools, sums, concatenations, crops and transposes, with branches."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from tests.zoo import FLOAT, node, onnx_file

__all__ = ["random_graph"]

Shape = tuple[int, int, int, int]


@dataclass
class _Graph:
    """A graph under construction: NCHW images by name."""

    rng: random.Random
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, npt.ArrayLike] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def some(self) -> str:
        """Returns a value, mostly a late one."""
        return self.rng.choice(list(self.shapes)[-3:])

    def add(self, op: str, inputs: list[str], shape: Shape, **attributes: Any) -> str:  # noqa: ANN401 - as ONNX has them
        """Adds a node and returns its output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(node(op, inputs, [name], **attributes))
        self.shapes[name] = shape
        return name

    def constant(self, data: npt.ArrayLike) -> str:
        """Adds a constant and returns its name."""
        name = f"c{len(self.constants)}"
        self.constants[name] = data
        return name

    def weights(self, *shape: int) -> str:
        """Adds random numbers."""
        noise = np.random.default_rng(self.rng.randrange(1 << 30))
        return self.constant(noise.uniform(-0.3, 0.3, shape).astype(np.float32))

    def convolution(self) -> None:
        x = self.some()
        _, channels, height, width = self.shapes[x]
        size, stride = self.rng.choice([1, 3, 5]), self.rng.choice([1, 1, 2])
        pad = size // 2
        sizes = ((height - 1) // stride + 1, (width - 1) // stride + 1)
        if self.rng.random() < 0.4:
            count, filter_, group = channels, self.weights(channels, 1, size, size), channels
        else:
            count, group = self.rng.randint(1, 9), 1
            filter_ = self.weights(count, channels, size, size)
        inputs = [x, filter_, self.weights(count)]
        shape = (1, count, *sizes)
        self.add("Conv", inputs, shape, group=group, pads=[pad] * 4, strides=[stride] * 2, kernel_shape=[size] * 2)

    def unary(self) -> None:
        x = self.some()
        self.add(self.rng.choice(["Relu", "Sigmoid", "Tanh"]), [x], self.shapes[x])

    def pool(self) -> None:
        x = self.some()
        _, channels, height, width = self.shapes[x]
        if min(height, width) < 2:
            return
        shape = (1, channels, height - 1, width - 1)
        op = self.rng.choice(["MaxPool", "AveragePool"])
        self.add(op, [x], shape, kernel_shape=[2, 2], strides=[1, 1])

    def binary(self) -> None:
        x = self.some()
        same = [name for name, shape in self.shapes.items() if shape == self.shapes[x]]
        channels = self.weights(1, self.shapes[x][1], 1, 1)
        self.add(self.rng.choice(["Add", "Mul"]), [x, self.rng.choice([*same, channels])], self.shapes[x])

    def concat(self) -> None:
        x = self.some()
        _, channels, *size = self.shapes[x]
        fitting = [name for name, shape in self.shapes.items() if list(shape[2:]) == size]
        y = self.rng.choice(fitting)
        self.add("Concat", [x, y], (1, channels + self.shapes[y][1], size[0], size[1]), axis=1)

    def transpose(self) -> None:
        x = self.some()
        _, channels, height, width = self.shapes[x]
        self.add("Transpose", [x], (1, channels, width, height), perm=[0, 1, 3, 2])

    def crop(self) -> None:
        x = self.some()
        _, channels, height, width = self.shapes[x]
        if height < 3:
            return
        words = [self.constant(np.array([v], np.int64)) for v in (1, height - 1, 2)]
        self.add("Slice", [x, *words], (1, channels, height - 2, width))


def random_graph(path: Path, seed: int) -> Path:
    """Writes a graph of about a dozen nodes, and returns its path."""
    rng = random.Random(seed)  # noqa: S311 - no secrets here
    graph = _Graph(rng)
    first: Shape = (1, rng.randint(1, 5), rng.randint(4, 12), rng.randint(4, 12))
    graph.shapes["x"] = first
    graph.convolution()
    kinds = (graph.convolution, graph.unary, graph.pool, graph.binary, graph.concat, graph.transpose, graph.crop)
    while len(graph.nodes) < 12:
        rng.choice(kinds)()
    used = {name for made in graph.nodes for name in made.input}
    outputs = {name: (FLOAT, shape) for name, shape in graph.shapes.items() if name not in used}
    return onnx_file(path, graph.nodes, {"x": (FLOAT, first)}, outputs, graph.constants)
