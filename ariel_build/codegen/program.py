"""Program = the kernels of a module, and the order in which they run: steps, parts of steps, and moves of rows.

Of a bottleneck each layer is a kernel of its own, for some rows: they take turns. Where a value rolls, the pieces of
the steps that make and read it are kernels for fewer rows, most of which run many times; and between them rows are
moved up. Of an operand that is there in whole, each time finds other rows than the one before: as many bytes further
on. Where nothing of that is, there is one kernel for each step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from ariel_build.cores.units import Unit
from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.kernels import Bottleneck, Feed, Kernel, KernelCall, Operand, Within, parts_within
from ariel_build.kernels.declared.memory import Image
from ariel_build.memory import MemoryPlan, Move, Region
from ariel_build.records import dataclass
from ariel_build.schedule import Schedule, Step, Tile
from ariel_build.schedule.parts import part

__all__ = ["Program", "Run", "Runnable", "program"]

#: How many pieces repeat at most, and the largest number that a piece of the runtime crate has room for.
_LONGEST, _FURTHEST = 600, 255


@dataclass(frozen=True)
class Runnable:
    """What runs as one: a step, a part of one (`kernel`, whose operands lie at `places`), or a move of rows.

    `strides` are the operands that lie so many bytes further on from one time to the next: the field that is their
    region, as Rust names it, and the bytes.
    """

    step: Step
    name: str
    extent: int
    units: int
    kernel: Kernel | None = None
    places: Mapping[Value, Region] = field(default_factory=dict)
    strides: tuple[tuple[str, int], ...] = ()
    move: Move | None = None
    #: The call of the layer, where the step has several.
    layer: KernelCall | None = None

    @property
    def call(self) -> KernelCall:
        """The call of the step, or of a layer of it."""
        return self.layer or self.step.call

    @property
    def takes_rows(self) -> bool:
        """Whether it stands for who gives rows of the input."""
        return self.move is None and isinstance(self.kernel or self.step.call.kernel, Feed)


@dataclass(frozen=True)
class Run:
    """A tile of the runnable of a number, for the time `at`: and when it repeats, `by` later each time.

    A number of -1 stands for a repetition: of as many runs before it as the tile begins with, so many times more.
    """

    number: int
    tile: Tile
    at: int = 0
    by: int = 0


@dataclass(frozen=True)
class Program:
    """What may run, and the runs in their order; none where each runs whole, in its order.

    Where something rolls, `placed` are the runs of each tick, what moves before its piece among them.
    """

    runnables: tuple[Runnable, ...]
    runs: tuple[Run, ...]
    placed: Mapping[tuple[int, Move | Within | None], Run] = field(default_factory=dict)

    def run_of(self, unit: Unit, piece: Tile) -> Run:
        """Returns what computes a unit of several cores, which is a tile of this piece."""
        if unit.step is None or not self.placed:
            return Run(unit.step or 0, unit.tile)
        run = self.placed[unit.tick, unit.move]
        start = run.tile.start - piece.start if unit.move is None else 0
        return replace(run, tile=Tile(unit.tile.start + start, unit.tile.end + start))

    @property
    def kernels(self) -> list[Kernel]:
        """The kernels, each with constants of its own."""
        return [run.kernel or run.step.call.kernel for run in self.runnables if run.move is None]

    @property
    def moves(self) -> int:
        """How many of them move rows."""
        return sum(run.move is not None for run in self.runnables)


def program(schedule: Schedule, plan: MemoryPlan) -> Program:
    """Returns the program of a scheduled and planned model."""
    if not plan.slides and not any(isinstance(step.call.kernel, Bottleneck) for step in schedule.steps):
        wholes = (Runnable(s, s.call.label.upper(), s.whole.end, s.tile_units) for s in schedule.steps)
        runs = [Run(s.index, p.tile) for s, p in schedule.pieces] if schedule.is_streamed else []
        return Program(tuple(wholes), tuple(runs))
    builder = _Builder(plan)
    for step, piece in schedule.pieces:
        builder.add(step, piece.tile, piece.time.start)
    return builder.program()


@dataclass
class _Group:
    """Runs of one kernel, which differ in where the operands are that are there in whole: `places` of each run."""

    runnable: Runnable
    places: list[tuple[int, ...]] = field(default_factory=list)

    def strides(self) -> tuple[int, ...]:
        """Returns by how many bytes each of these operands moves from one time to the next; none where it does not."""
        first = self.places[0]
        return tuple(math.gcd(*(place[k] - start for place in self.places)) for k, start in enumerate(first))


@dataclass
class _Builder:
    plan: MemoryPlan
    groups: dict[object, _Group] = field(default_factory=dict)
    #: For each run its group, its place among the places of it, its tile, and when it is.
    order: list[tuple[object, int, Tile, tuple[int, Move | Within | None]]] = field(default_factory=list)

    def add(self, step: Step, tile: Tile, tick: int) -> None:
        """Adds a piece, and what moves before it."""
        call, name = step.call, step.call.label.upper()
        for move in self.plan.moves(call.outputs, tick):
            self._run((step.index, move), Runnable(step, f"{name}_UP", 1, 1, move=move), (), Tile(0, 1), tick)
        if isinstance(call.kernel, Bottleneck):
            for within in parts_within(call, *tile):
                self._add_within(step, within, tick)
            return
        if not any(value in self.plan.slides for value in [*call.inputs, *call.outputs]):
            self._run((step.index,), Runnable(step, name, step.whole.end, step.tile_units), (), tile, tick)
            return
        of_tile = part(call, tile)
        spans = [*zip(call.inputs, of_tile.reads, strict=True), *zip(call.outputs, of_tile.writes, strict=True)]
        places = {v: self.plan.part(v, *span, tick) for v, span in spans if v.data is None}
        units = min(step.tile_units, of_tile.extent)
        runnable = Runnable(step, f"{name}_ROWS", of_tile.extent, units, of_tile.kernel, places)
        self._add_rows(runnable, [v for v in places if v not in self.plan.slides], tick)

    def _add_within(self, step: Step, within: Within, tick: int) -> None:
        """Adds a layer of a bottleneck: what it has of the wide rows is where the scratch of the step is."""
        places = {v: self.plan.part(v, *span, tick) for v, span in within.spans.items()}
        moving = [v for v in places if v not in self.plan.slides]
        for value, (which, start, count) in within.places.items():
            places[value] = Region(self.plan.scratch_part(step.index, which).offset + start, count)
        name = f"{step.call.label}_{within.name}".upper()
        kernel = within.call.kernel
        runnable = Runnable(step, name, within.extent, within.extent, kernel, places, layer=within.call)
        self._add_rows(runnable, moving, tick, within)

    def _add_rows(self, runnable: Runnable, moving: Sequence[Value], tick: int, within: Within | None = None) -> None:
        """Adds a kernel for some rows, with those of its operands that lie further on each time."""
        kernel, places = runnable.kernel, runnable.places
        if kernel is None:
            raise InternalError("rows of no kernel", {"of": runnable.name})
        moving = [v for v in moving if len(_fields(kernel, v)) == 1]
        fixed = tuple(place for v, place in places.items() if v not in moving)
        sizes = tuple(places[v].bytes for v in moving)
        window = dict(iter(kernel)).get("window")
        named = within.name if within else ""
        key = runnable.step.index, named, runnable.extent, fixed, sizes, getattr(window, "pad_top", 0)
        runnable = replace(runnable, strides=tuple((_fields(kernel, v)[0], 0) for v in moving))
        self._run(key, runnable, tuple(places[v].offset for v in moving), Tile(0, runnable.extent), tick, within)

    def _run(
        self,
        key: object,
        runnable: Runnable,
        place: tuple[int, ...],
        tile: Tile,
        tick: int,
        within: Within | None = None,
    ) -> None:
        group = self.groups.get(key)
        if group is not None and place and not _fits(group, place):
            # Where the first ones end, others begin.
            key = key, place
            group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = _Group(runnable)
        group.places.append(place)
        self.order.append((key, len(group.places) - 1, tile, (tick, runnable.move or within)))

    def program(self) -> Program:
        """Returns what was added, each with a name of its own."""
        runnables, numbers, counts = list[Runnable](), dict[object, int](), dict[str, int]()
        times: dict[object, list[int]] = {}
        # Those that stand for who gives rows come first: the runtime crate knows them by that.
        for key, group in sorted(self.groups.items(), key=lambda item: not item[1].runnable.takes_rows):
            runnable, strides = group.runnable, group.strides()
            if runnable.kernel is not None or runnable.move is not None:
                count = counts[runnable.name] = counts.get(runnable.name, -1) + 1
                fields = [(name, by) for (name, _), by in zip(runnable.strides, strides, strict=True) if by]
                runnable = replace(runnable, name=f"{runnable.name}_{count}", strides=tuple(fields))
            times[key] = [_time(place, group.places[0], strides) for place in group.places]
            numbers[key] = len(runnables)
            runnables.append(runnable)
        placed = {when: Run(numbers[key], tile, times[key][place]) for key, place, tile, when in self.order}
        return Program(tuple(runnables), tuple(_repeated(list(placed.values()))), placed)


def _fits(group: _Group, place: tuple[int, ...]) -> bool:
    """Whether operands at this place are some times further on than at the others, all of them equally often."""
    more = _Group(group.runnable, [*group.places, place])
    first, strides = group.places[0], more.strides()
    times = [
        {(at - start) // by for at, start, by in zip(p, first, strides, strict=True) if by} or {0} for p in more.places
    ]
    return all(len(t) == 1 and 0 <= min(t) <= _FURTHEST for t in times)


def _time(place: Sequence[int], first: Sequence[int], strides: Sequence[int]) -> int:
    return (
        max((at - start) // by if by else 0 for at, start, by in zip(place, first, strides, strict=True))
        if place
        else 0
    )


def _fields(kernel: Kernel, value: Value) -> list[str]:
    """Returns the fields of a kernel that are the region of a value, as Rust names them."""
    found = []
    for name, held in kernel:
        if isinstance(held, Operand) and held.value is value:
            found.append(name)
        elif isinstance(held, Image) and held.region.value is value:
            found.append(f"{name}.region")
    return found


def _repeated(runs: Sequence[Run]) -> list[Run]:
    """Returns the runs, those that repeat only once: with how many of them repeat, and how many times more."""
    found: list[Run] = []
    kinds = [(run.number, run.tile) for run in runs]
    at = 0
    while at < len(runs):
        best, period, by = 0, 1, [0]
        for length in range(1, min(_LONGEST, (len(runs) - at) // 2) + 1):
            if kinds[at] != kinds[at + length]:
                continue
            end, steps = at + length, list[int]()
            while end < len(runs) and kinds[end] == kinds[end - length]:
                step = runs[end].at - runs[end - length].at
                if not 0 <= step <= _FURTHEST or (end - at >= 2 * length and step != steps[(end - at) % length]):
                    break
                steps.append(step)
                end += 1
            more = (end - at) // length - 1
            if more * length > best + 1:
                best, period, by = more * length, length, steps[:length]
        found += [replace(run, by=step) for run, step in zip(runs[at : at + period], by, strict=True)]
        if best:
            found.append(Run(-1, Tile(period, best // period)))
        at += period + best
    return found
