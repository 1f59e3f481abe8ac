"""Bottleneck: `project(depthwise(expand(x)))` as one call, whose expansion and what is filtered of it are scratch.

Some rows of the output come at a time, and of these some channels of the expansion after the others: expanded under
the windows, then filtered; when all are, they are projected. So of the wide tensors there are only a few channels of a
few rows, and rows of the expansion under the windows of several turns are computed anew in each: more MACs, less RAM.

It is no kernel of the runtime crate: each of its parts is a call of the layer's own kernel (`parts_within`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from ariel_build.ir import Value
from ariel_build.kernels.call import KernelCall
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.window import Window
from ariel_build.kernels.kernel import Access, Axis, Kernel, Packed, Scratch
from ariel_build.records import dataclass

__all__ = ["Bottleneck", "Within", "images", "parts_within"]


class Bottleneck(Kernel):
    """An inverted bottleneck, `rows` of its output at a time.

    `groups` are an expansion and a depthwise convolution of some channels each: all write the place `expanded`, and
    their channels of `filtered`. `room` is the scratch of the layers themselves, which take turns.
    """

    ROOMS = ("kernels::bottleneck",)
    PATHS: ClassVar[Mapping[tuple[str, ...], str]] = {(): "bottleneck"}
    ACCESS = Access.WINDOW
    ELEMENTS: ClassVar[Mapping[str, str]] = {"input": "i8", "output": "i8"}
    input: Image
    output: Image
    window: Window
    groups: tuple[tuple[KernelCall, KernelCall], ...]
    project: KernelCall
    rows: int
    expanded: Scratch
    filtered: Scratch
    room: Scratch

    @property
    def layers(self) -> Iterator[KernelCall]:
        """The calls of the layers, each of `rows` rows of the output."""
        for pair in self.groups:
            yield from pair
        yield self.project

    @property
    def constants(self) -> Iterator[Packed]:
        """The constants of all layers."""
        for call in self.layers:
            yield from (value for _, value in call.kernel if isinstance(value, Packed))


@dataclass(frozen=True, eq=False)
class Within:
    """A layer of a bottleneck for some rows: its call, and what it reads and writes.

    `spans` are bytes (first, one past the last) of the bottleneck's own input and output, `places` those of its
    scratches `expanded` (0) and `filtered` (1): (which, first byte, bytes).
    """

    name: str
    call: KernelCall
    extent: int
    spans: Mapping[Value, tuple[int, int]]
    places: Mapping[Value, tuple[int, int, int]]

    @property
    def alone(self) -> KernelCall:
        """The call as a layer of these rows by itself: what it takes follows from how much it reads and writes."""
        read, written, _ = images(self.call)
        return replace(
            self.call,
            inputs=[_of_size(self.call.inputs[0], read), *self.call.inputs[1:]],
            outputs=[_of_size(self.call.outputs[0], written)],
        )


def images(call: KernelCall) -> tuple[Image, Image, Window]:
    """Returns input, output and window of a layer's kernel."""
    match dict(iter(call.kernel)):
        case {"input": Image() as source, "output": Image() as output, "window": Window() as window}:
            return source, output, window
    raise TypeError("a layer without images")


def parts_within(call: KernelCall, start: int, end: int) -> Iterator[Within]:
    """Yields what computes the pixels [start, end), whole rows of the output, in the order in which it runs."""
    kernel = call.kernel
    if not isinstance(kernel, Bottleneck):
        raise TypeError("parts of another kernel")
    window, width = kernel.window, kernel.output.width
    given, made = kernel.input.height, kernel.output.row
    row = kernel.input.row
    for first in range(start // width, end // width, kernel.rows):
        rows = min(kernel.rows, end // width - first)
        top = first * window.stride_h - window.pad_top
        low, high = max(top, 0), min(top + (rows - 1) * window.stride_h + window.height, given)
        filtered = 0
        for number, (expand, depthwise) in enumerate(kernel.groups):
            wide, narrow = expand.outputs[0], depthwise.outputs[0]
            image, filters = images(expand)[1], images(depthwise)[1]
            place = (0, 0, (high - low) * image.row)
            yield Within(
                f"expand_{number}",
                _of_rows(expand, high - low, high - low, 0),
                _extent(expand, high - low),
                {expand.inputs[0]: (low * row, high * row)},
                {wide: place},
            )
            yield Within(
                f"depthwise_{number}",
                _of_rows(depthwise, high - low, rows, max(-top, 0)),
                _extent(depthwise, rows),
                {},
                # All channels of the last pixel are its row's.
                {wide: place, narrow: (1, filtered, rows * filters.row - filtered)},
            )
            filtered += filters.channels
        last = kernel.project
        yield Within(
            "project",
            _of_rows(last, rows, rows, 0),
            _extent(last, rows),
            {last.outputs[0]: (first * made, (first + rows) * made)},
            {last.inputs[0]: (1, 0, rows * images(last)[0].row)},
        )


def _of_rows(call: KernelCall, given: int, made: int, pad_top: int) -> KernelCall:
    """Returns the call of a layer for so many rows of its input and output."""
    kernel = call.kernel
    source, output, window = images(call)
    macs = call.macs * made // output.height
    rows = kernel.replace(
        input=source.replace(height=given),
        output=output.replace(height=made),
        window=window.replace(pad_top=pad_top),
    )
    return replace(call, kernel=rows, macs=macs)


def _of_size(value: Value, image: Image) -> Value:
    return Value(value.type.with_shape((1, image.height, image.width, image.channels)), value.name)


def _extent(call: KernelCall, rows: int) -> int:
    """Returns the units of so many rows of a layer."""
    output = images(call)[1]
    match call.tiling.axis:
        case Axis.PIXELS:
            return rows * output.width
        case Axis.ROWS:
            return rows
        case _:
            return call.tiling.extent
