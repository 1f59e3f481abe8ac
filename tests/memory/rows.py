"""Random chains of image kernels that read rows under windows, and an interpreter that runs them piece by piece."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from ariel_build.ir import DType, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Reads, Tiling
from ariel_build.memory import MemoryPlan
from ariel_build.schedule import Schedule
from tests.kernels import Plain, plain
from tests.memory.interpreter import noise

Bytes = npt.NDArray[np.uint8]


@dataclass
class Rows:
    """Images [rows, width] of bytes; a call makes each row of the windows over it, or of two images row by row."""

    width: int = 16
    calls: list[KernelCall] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)

    def image(self, rows: int, width: int, name: str) -> Value:
        """Returns an image."""
        return Value(TensorType(DType.I8, (1, rows, width, 1)), name)

    def input(self, rows: int) -> Value:
        """Adds the model's input."""
        self.inputs.append(self.image(rows, self.width, "input"))
        return self.inputs[-1]

    def window(self, x: Value, extent: int, stride: int, before: int, *, width: int, scratch: int = 0) -> Value:
        """Adds a call whose output row y reads `extent` rows from y * stride - before on."""
        rows = x.shape[1]
        count = max((rows + 2 * before - extent) // stride + 1, 1)
        y = self.image(count, width, f"window_{len(self.calls)}")
        reads = (Reads("rows", rows, stride, before, extent, width),)
        tiling = Tiling(Axis.PIXELS, count * width)
        self.calls.append(KernelCall(plain(scratch), [x], [y], tiling, label=y.name, reads=reads))
        return y

    def add(self, a: Value, b: Value) -> Value:
        """Adds a call on two images of one size, element by element, which may work in place."""
        y = self.image(a.shape[1], a.shape[2], f"add_{len(self.calls)}")
        tiling = Tiling(Axis.ELEMENTS, y.type.elements)
        reads = (Reads("same"), Reads("same"))
        pairs = ((0, 0), (1, 0))
        self.calls.append(KernelCall(Plain(), [a, b], [y], tiling, 0, pairs, y.name, reads=reads))
        return y


def compute(call: KernelCall, reads: list[Bytes], start: int, end: int) -> Bytes:
    """Returns elements `start .. end` of the output of a call, given its whole inputs."""
    out = np.empty(end - start, np.uint8)
    if len(call.inputs) == 2:
        out[:] = reads[0][start:end] * np.uint8(3) + reads[1][start:end]
        return out
    rule, (rows, width) = call.reads[0], call.inputs[0].shape[1:3]
    image = reads[0].reshape(rows, width)
    for unit in range(start, end):
        y, x = divmod(unit, rule.units_per_row)
        low, high = (min(max(y * rule.stride - rule.before + k, 0), rows) for k in (0, rule.extent))
        out[unit - start] = noise(zlib.crc32(image[low:high].tobytes() + bytes([x % 256])), 1)[0]
    return out


def apart(net: Rows, data: Bytes) -> list[Bytes]:
    """Returns the outputs, every value in memory of its own, calls whole and in order."""
    memory = {net.inputs[0]: data}
    for call in net.calls:
        result = compute(call, [memory[v] for v in call.inputs], 0, call.tiling.extent)
        memory[call.outputs[0]] = result
    return [memory[v] for v in net.outputs]


def planned(net: Rows, schedule: Schedule, plan: MemoryPlan, data: Bytes, tile: int) -> list[Bytes]:
    """Returns the outputs as generated code computes them: pieces in order, in tiles of `tile`, in one arena."""
    arena = np.full(plan.arena_bytes, 0xAA, np.uint8)
    offset, size = plan.region(net.inputs[0])
    arena[offset : offset + size] = data
    for step, piece in schedule.pieces:
        call = step.call
        region = plan.scratch(step.index)
        for start in range(piece.tile.start, piece.tile.end, tile):
            end = min(start + tile, piece.tile.end)
            arena[region.offset : region.end] = 0xEE
            reads = [arena[plan.region(v).offset : plan.region(v).end] for v in call.inputs]
            offset = plan.region(call.outputs[0]).offset
            arena[offset + start : offset + end] = compute(call, reads, start, end)
    for copy in plan.copies:
        arena[copy.target.offset : copy.target.end] = arena[copy.source.offset : copy.source.end].copy()
    return [arena[plan.region(v).offset : plan.region(v).end].copy() for v in net.outputs]


@st.composite
def images(draw: st.DrawFn) -> Rows:
    """Draws a chain of windows with residual sums."""
    net = Rows()
    x = net.input(draw(st.integers(4, 14)))
    for _ in range(draw(st.integers(2, 6))):
        if draw(st.booleans()):
            extent = draw(st.integers(1, 3))
            stride = draw(st.sampled_from([1, 1, 2]))
            before = draw(st.integers(0, extent - 1))
            width = draw(st.sampled_from([8, 16, 16, 32]))
            x = net.window(x, extent, stride, before, width=width, scratch=draw(st.sampled_from([0, 0, 24])))
        else:
            width = x.shape[2]
            y = net.window(x, 3, 1, 1, width=width)
            y = net.window(y, 3, 1, 1, width=width)
            x = net.add(x, y)
    net.outputs = [x]
    return net
