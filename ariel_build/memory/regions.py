"""MemoryPlan: where in the arena each value, each core's scratch and the input and output structs lie. Data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.records import dataclass
from ariel_build.schedule import Interval

__all__ = ["FAST", "Block", "Copy", "Group", "MemoryPlan", "Move", "Region", "ScratchPlan", "Slide"]


#: Offsets from here on are in fast memory, of which each core has its own: `Region::FAST` of the runtime crate.
FAST = 1 << 31


class Region(NamedTuple):
    """`bytes` of the arena from `offset` on; of scratch in fast memory from `offset - FAST` on."""

    offset: int
    bytes: int

    @property
    def end(self) -> int:
        """The first byte after the region."""
        return self.offset + self.bytes


@dataclass(frozen=True)
class Group:
    """The inputs (or outputs) as one `repr(C, align(16))` struct of fields that are aligned so themselves.

    `fields[i]` is the byte offset of the i-th field from the beginning of the struct, `bytes` the struct's size.
    """

    offset: int
    bytes: int
    fields: tuple[int, ...]

    @property
    def region(self) -> Region:
        """The whole struct, padding included."""
        return Region(self.offset, self.bytes)


@dataclass(frozen=True)
class ScratchPlan:
    """Scratch of one step: core `c` owns [offset + c * stride, + stride), `parts` are its fields, relative to that.

    In fast memory, from the offset `FAST` on, each core owns [offset, offset + stride) of a memory of its own.
    """

    offset: int
    stride: int
    parts: tuple[Region, ...]

    @property
    def is_fast(self) -> bool:
        """Whether it is in fast memory."""
        return self.offset >= FAST

    def of(self, core: int) -> int:
        """Returns the first offset of a core."""
        return self.offset if self.is_fast else self.offset + core * self.stride


@dataclass(frozen=True)
class Copy:
    """A copy after the last step, for an output or a state that cannot be computed where it has to lie."""

    source: Region
    target: Region
    what: str


class Slide(NamedTuple):
    """A move in the buffer of a value that rolls: `kept` bytes from `by` on to its beginning, before tick `time`."""

    time: int
    by: int
    kept: int


class Move(NamedTuple):
    """Bytes of the arena that move from `source` to `target`, of as many bytes, which may overlap."""

    source: Region
    target: Region


@dataclass(frozen=True)
class Block:
    """One rectangle of the memory map over time: bytes of the arena that hold `name` during `time`."""

    name: str
    kind: str
    region: Region
    time: Interval


@dataclass(frozen=True)
class MemoryPlan:
    """The arena of one model. `lower_bound` is the largest sum of live bytes: no plan of this schedule has less."""

    arena_bytes: int
    lower_bound: int
    regions: Mapping[Value, Region]
    scratches: tuple[ScratchPlan | None, ...]
    input_group: Group
    output_group: Group
    copies: tuple[Copy, ...]
    in_place: tuple[tuple[tuple[int, int], ...], ...]
    refusals: tuple[str, ...]
    blocks: tuple[Block, ...]
    #: The values of which only some rows are there, in regions that are smaller than they, and what moves when.
    slides: Mapping[Value, tuple[Slide, ...]] = field(default_factory=dict)
    #: Bytes of scratch that each core has in fast memory.
    fast_bytes: int = 0

    def part(self, value: Value, start: int, end: int, tick: int) -> Region:
        """Returns where the bytes [start, end) of `value` are from the slides before `tick` on."""
        gone = sum(slide.by for slide in self.slides.get(value, ()) if slide.time <= tick)
        return Region(self.region(value).offset + start - gone, end - start)

    def moves(self, values: Sequence[Value], tick: int) -> list[Move]:
        """Returns what moves in the buffers of `values` just before the piece of a tick that makes more of them."""
        found = []
        for value in values:
            for slide in self.slides.get(value, ()):
                if slide.time == tick and slide.kept:
                    start = self.region(value).offset
                    found.append(Move(Region(start + slide.by, slide.kept), Region(start, slide.kept)))
        return found

    def region(self, value: Value) -> Region:
        """Returns where `value` is while the steps run; a constant has no region."""
        if value not in self.regions:
            raise InternalError("the value has no region in the arena", {"value": value})
        return self.regions[value]

    def scratch(self, step: int, core: int = 0) -> Region:
        """Returns all the scratch that `core` has during a step; zero bytes where the call needs none."""
        plan = self.scratches[step]
        return Region(0, 0) if plan is None else Region(plan.of(core), plan.stride)

    def scratch_part(self, step: int, part: int, core: int = 0) -> Region:
        """Returns the region for the `part`-th `Scratch` among the fields of the step's call."""
        plan = self.scratches[step]
        if plan is None:
            raise InternalError("the step has no scratch", {"step": step})
        offset, count = plan.parts[part]
        return Region(plan.of(core) + offset, count)

    def live_bytes(self, tick: int) -> int:
        """Returns the bytes that are needed during a tick, for the memory map of the report."""
        spans = sorted((b.region.offset, b.region.end) for b in self.blocks if b.time.start <= tick < b.time.end)
        total = reached = 0
        for start, end in spans:
            total += max(end - max(start, reached), 0)
            reached = max(reached, end)
        return total
