"""Kernel calls: what lowering makes of nodes, and what scheduling, memory planning and codegen read. Data, no Rust.

A `KernelCall` names a kernel of the runtime crate and the values of its fields. Field values are numbers, booleans,
tuples of them, `Operand` (a value's region of the arena), `Packed` (bytes in the weights section) or `Nested`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from ariel_build.ir import Array, Value

__all__ = [
    "Axis",
    "Field",
    "KernelCall",
    "Nested",
    "Operand",
    "Packed",
    "Reads",
    "Scratch",
    "Slice",
    "Tiling",
    "Variant",
]


class Axis(Enum):
    """Along which part of its output a kernel is cut into tiles."""

    ROWS = "Rows"
    PIXELS = "Pixels"
    CHANNELS = "Channels"
    ELEMENTS = "Elements"
    WHOLE = "Whole"


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
class Operand:
    """The region of the arena (or of the weights, for a constant) that holds a value."""

    value: Value


@dataclass(frozen=True)
class Packed:
    """Constant elements as the kernel reads them: little-endian in the weights section, 16-aligned."""

    data: Array
    what: str

    def __hash__(self) -> int:
        """Equal bytes may share one place."""
        return hash((self.data.dtype.str, self.data.shape, self.data.tobytes()))

    def __eq__(self, other: object) -> bool:
        """Equal where type, shape and bytes are equal."""
        return (
            isinstance(other, Packed)
            and self.data.dtype == other.data.dtype
            and self.data.shape == other.data.shape
            and self.data.tobytes() == other.data.tobytes()
        )


@dataclass(frozen=True)
class Scratch:
    """A region that lives only during the call, one per core."""

    bytes: int


@dataclass(frozen=True)
class Nested:
    """A struct of the runtime crate with named fields, such as `Geometry`."""

    type: str
    fields: Mapping[str, Field]


@dataclass(frozen=True)
class Variant:
    """A path of the runtime crate, such as `Axis::Rows`."""

    path: str


@dataclass(frozen=True)
class Slice:
    """A `&'static` slice of values that stand in the generated text itself, such as the moves of a copy."""

    items: tuple[Field, ...]


Field = int | float | bool | tuple["Field", ...] | Operand | Packed | Scratch | Nested | Slice | Variant


@dataclass(frozen=True)
class Reads:
    """Which part of an input a tile reads.

    All of it ("whole"), the units that it writes ("same"), or ("rows") the rows of an image of `rows` rows under the
    windows of its output rows.
    Output row y reads `extent` input rows from `y * stride - before` on; a row of the output has `units_per_row` units.
    """

    kind: Literal["whole", "same", "rows"] = "whole"
    rows: int = 1
    stride: int = 1
    before: int = 0
    extent: int = 1
    units_per_row: int = 1


@dataclass(eq=False)
class KernelCall:
    """One call of a kernel: `kernel` is its path under `ariel_ml_rs::kernels`, such as `conv2d::Int8`."""

    kernel: str
    fields: Mapping[str, Field]
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

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch that each core needs during the call."""
        return sum(f.bytes for f in self.fields.values() if isinstance(f, Scratch))
