"""Calls: what lowering makes of nodes, and what scheduling, memory planning and codegen read. Data, no Rust.

Lowering makes a `KernelCall` where one kernel computes a node, and a `LayerCall` where several may; `isa.select` makes
a `KernelCall` of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cached_property
from typing import Literal

from ariel_build.ir import Value
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.window import Window
from ariel_build.kernels.kernel import Access, Axis, Kernel, Operand, Packed, Part, Scratch, Source
from ariel_build.kernels.layer import Layer
from ariel_build.records import dataclass

__all__ = ["KernelCall", "LayerCall", "Reads", "Tiling", "constants_of", "image_tiling", "operands"]


@dataclass(frozen=True)
class Tiling:
    """How a kernel's work can be cut: `extent` units along `axis`, in multiples of `granularity`.

    With `few`, every tile repeats some of the work, so that each core should have one at most.
    """

    axis: Axis
    extent: int
    granularity: int = 1
    few: bool = False


@dataclass(frozen=True)
class Reads:
    """Which part of an input a tile reads.

    All of it ("whole"), the units that it writes ("same"), or ("rows") the rows of an image of `rows` rows under the
    windows of its output rows.
    Output row y reads `extent` input rows from y * stride - before on; a row of the output has `units_per_row` units.
    """

    kind: Literal["whole", "same", "rows"] = "whole"
    rows: int = 1
    stride: int = 1
    before: int = 0
    extent: int = 1
    units_per_row: int = 1


@dataclass(eq=False)
class LayerCall:
    """A layer that several kernels can compute, before one is chosen."""

    layer: Layer
    inputs: list[Value]
    outputs: list[Value]
    macs: int = 0
    label: str = ""
    origin: str = ""
    summary: str = ""

    def by(self, kernel: Kernel, tiling: Tiling) -> KernelCall:
        """Returns the call of the kernel that is to compute the layer."""
        named = {name: getattr(self, name) for name in ("label", "origin", "summary")}
        return KernelCall.of(kernel, self.inputs, self.outputs, tiling, self.macs, **named)


@dataclass(eq=False)
class KernelCall:
    """One call of a kernel."""

    kernel: Kernel
    inputs: list[Value]
    outputs: list[Value]
    tiling: Tiling
    macs: int = 0
    in_place: tuple[tuple[int, int], ...] = ()
    label: str = ""
    origin: str = ""
    summary: str = field(default="")
    reads: tuple[Reads, ...] = ()
    #: Pairs (input, output) for working in place where the call is one tile.
    in_place_whole: tuple[tuple[int, int], ...] = ()
    #: Whether its constants are in a fast memory (`cores/hot.py`), apart from those of others.
    hot: bool = False
    #: Whether its scratch is in fast memory of the core that runs it (`memory/fast.py`), and not in the arena.
    fast: bool = False
    #: Whether its first input is what a ReLU left (`schedule/rectified.py`): many of the elements are 0.
    rectified: bool = False

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        inputs: list[Value],
        outputs: list[Value],
        tiling: Tiling,
        macs: int = 0,
        *,
        label: str = "",
        origin: str = "",
        summary: str = "",
    ) -> KernelCall:
        """Returns the call, with what its tiles read, and which inputs it may lie over, as the kernel declares."""
        reads = _reads(kernel, inputs, outputs, tiling)
        pairs, whole = _pairs(kernel, inputs, outputs), _named(kernel, kernel.OVER_WHOLE, inputs, outputs)
        return cls(kernel, inputs, outputs, tiling, macs, pairs, label, origin, summary, reads, whole)

    def by(self, kernel: Kernel, tiling: Tiling) -> KernelCall:
        """Returns the call of another kernel that computes the same."""
        named = {name: getattr(self, name) for name in ("label", "origin", "summary")}
        return KernelCall.of(kernel, self.inputs, self.outputs, tiling, self.macs, **named)

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch that each core needs during the call."""
        return sum(scratch.bytes for scratch in self.scratches)

    @property
    def arena_scratch_bytes(self) -> int:
        """Those of them that are in the arena."""
        return 0 if self.fast else self.scratch_bytes

    @cached_property
    def scratches(self) -> list[Scratch]:
        """The regions that live only during the call; searches for an order ask a hundred times."""
        return list(_scratches(self.kernel))


def _scratches(part: Part) -> Iterator[Scratch]:
    for _, value in part:
        if isinstance(value, Scratch):
            yield value
        elif isinstance(value, Part):
            yield from _scratches(value)


#: Pixels from which on an image is cut into ranges of pixels; smaller ones are cut into ranges of channels: then each
#: core reads only its share of the filter.
MANY_PIXELS = 16


def image_tiling(output: Image, unit: int) -> Tiling:
    """Returns how the work on an image is cut into tiles, those of channels in multiples of `unit`."""
    pixels = output.height * output.width
    return Tiling(Axis.PIXELS, pixels) if pixels >= MANY_PIXELS else Tiling(Axis.CHANNELS, output.channels, unit)


def operands(kernel: Kernel, part: Part | None = None, prefix: str = "") -> Iterator[tuple[Value, str]]:
    """Yields the values that a kernel, or a struct in it, reads and writes, each with its elements, such as `i8`."""
    for name, value in part or kernel:
        for item in value if isinstance(value, tuple) else (value,):
            match item:
                case Operand() | Source():
                    yield item.value, kernel.holds(prefix + name, part)
                case Image():
                    yield item.region.value, kernel.holds(prefix + name, part)
                case Part():
                    yield from operands(kernel, item, f"{prefix}{name}.")


def constants_of(part: Part) -> Iterator[Packed]:
    """Yields the constants of a kernel, each as the weights hold it."""
    for _, value in part:
        for item in value if isinstance(value, tuple) else (value,):
            match item:
                case Packed():
                    yield item
                case Source(value=operand) if operand.data is not None:
                    yield Packed(operand.data, "operand")
                case Part():
                    yield from constants_of(item)


def _reads(kernel: Kernel, inputs: Sequence[Value], outputs: Sequence[Value], tiling: Tiling) -> tuple[Reads, ...]:
    """Returns the rule of each input; those without one are read whole."""
    match kernel.ACCESS:
        case Access.WHOLE:
            return ()
        case Access.UNITS:
            return (Reads("same"),) * len(inputs)
        case Access.STATES:
            fields = dict(_fields(kernel))
            states = [fields[source] for source, _ in kernel.OVER or ()]
            return tuple(Reads("same" if v in states else "whole") for v in inputs)
        case Access.ELEMENTS:
            count = outputs[0].type.elements
            return tuple(Reads("same" if v.type.elements == count else "whole") for v in inputs)
    if tiling.axis is Axis.CHANNELS:
        own = kernel.ACCESS in (Access.WINDOW_OF_CHANNELS, Access.COPIED_WINDOW_OF_CHANNELS)
        return (Reads("same"),) if own else ()
    image, window, output = (getattr(kernel, name) for name in ("input", "window", "output"))
    return (rows(image, window, output),)


def rows(image: Image, window: Window, output: Image) -> Reads:
    """Returns what ranges of pixels read of an image: the rows under their windows."""
    extent = (window.height - 1) * window.dilation_h + 1
    return Reads("rows", image.height, window.stride_h, window.pad_top, extent, output.width)


def _pairs(kernel: Kernel, inputs: Sequence[Value], outputs: Sequence[Value]) -> tuple[tuple[int, int], ...]:
    """Returns the pairs (input, output) whose regions may be one."""
    if kernel.OVER is not None:
        return _named(kernel, kernel.OVER, inputs, outputs)
    if kernel.ACCESS is not Access.ELEMENTS:
        return ()
    output = outputs[0].type
    fit = [v.type.elements == output.elements and v.type.bytes == output.bytes for v in inputs]
    return tuple((index, 0) for index, fits in enumerate(fit) if fits)


def _named(
    kernel: Kernel, fields: Sequence[tuple[str, str]], inputs: Sequence[Value], outputs: Sequence[Value]
) -> tuple[tuple[int, int], ...]:
    """Returns the pairs (input, output) of the values in pairs of fields, where both have as many bytes."""
    values = dict(_fields(kernel))
    return tuple(
        (inputs.index(values[source]), outputs.index(values[target]))
        for source, target in fields
        if not values[source].is_constant and values[source].type.bytes == values[target].type.bytes
    )


def _fields(part: Part) -> Iterator[tuple[str, Value]]:
    """Yields the operands of a kernel, and of structs in it, by the names of their fields."""
    for name, value in part:
        if isinstance(value, Operand | Source):
            yield name, value.value
        elif isinstance(value, Part) and not isinstance(value, Image):
            yield from _fields(value)
