"""Program = the kernels of a module, and the order in which they run: steps, parts of steps, and moves of rows.

Where a value rolls, the pieces of the steps that make and read it are kernels for fewer rows, most of which run many
times; and between them rows are moved up. Where nothing rolls, there is one kernel for each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ariel_build.ir import Value
from ariel_build.kernels import Kernel
from ariel_build.memory import MemoryPlan, Region, Slide
from ariel_build.schedule import Schedule, Step, Tile
from ariel_build.schedule.parts import part

__all__ = ["Program", "Runnable", "program"]

#: Pieces among which the beginning of what repeats is looked for, and how many of them repeat at most.
_LONGEST = 600


@dataclass(frozen=True)
class Runnable:
    """What runs as one: a step, a part of one (`kernel`, whose operands lie at `places`), or a move of rows."""

    step: Step
    name: str
    extent: int
    units: int
    kernel: Kernel | None = None
    places: Mapping[Value, Region] = field(default_factory=dict)
    move: tuple[int, Slide] | None = None


@dataclass(frozen=True)
class Program:
    """What may run, and (number of it, tile) in the order of the pieces; none where each runs whole, in its order.

    A number of -1 stands for a repetition: of so many pieces before it, so many times more.
    """

    runnables: tuple[Runnable, ...]
    pieces: tuple[tuple[int, Tile], ...]

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
    if not plan.slides:
        wholes = (Runnable(s, s.call.label.upper(), s.whole.end, s.tile_units) for s in schedule.steps)
        pieces = [(s.index, p.tile) for s, p in schedule.pieces] if schedule.is_streamed else []
        return Program(tuple(wholes), tuple(pieces))
    builder = _Builder(plan)
    for step, piece in schedule.pieces:
        builder.add(step, piece.tile, piece.time.start)
    return Program(tuple(builder.runnables), tuple(_repeated(builder.pieces)))


@dataclass
class _Builder:
    plan: MemoryPlan
    runnables: list[Runnable] = field(default_factory=list)
    pieces: list[tuple[int, Tile]] = field(default_factory=list)
    _numbers: dict[object, int] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, step: Step, tile: Tile, tick: int) -> None:
        """Adds a piece, and what moves before it."""
        call, name = step.call, step.call.label.upper()
        for value in call.outputs:
            for slide in self.plan.slides.get(value, ()):
                if slide.time == tick and slide.kept:
                    start = self.plan.region(value).offset
                    move = Slide(0, slide.by, slide.kept)
                    self.run((step.index, start, move), Runnable(step, f"{name}_UP", 1, 1, move=(start, move)))
        if not any(value in self.plan.slides for value in [*call.inputs, *call.outputs]):
            self.run((step.index,), Runnable(step, name, step.whole.end, step.tile_units), tile)
            return
        of_tile = part(call, tile)
        spans = [*zip(call.inputs, of_tile.reads, strict=True), *zip(call.outputs, of_tile.writes, strict=True)]
        places = {v: self.plan.part(v, *span, tick) for v, span in spans if v.data is None}
        window = dict(of_tile.kernel).get("window")
        key = step.index, of_tile.extent, tuple(places.values()), getattr(window, "pad_top", 0)
        units = min(step.tile_units, of_tile.extent)
        self.run(key, Runnable(step, f"{name}_ROWS", of_tile.extent, units, of_tile.kernel, places))

    def run(self, key: object, runnable: Runnable, tile: Tile | None = None) -> None:
        if key not in self._numbers:
            count = self._counts[runnable.name] = self._counts.get(runnable.name, -1) + 1
            if runnable.kernel is not None or runnable.move is not None:
                runnable = _named(runnable, f"{runnable.name}_{count}")
            self._numbers[key] = len(self.runnables)
            self.runnables.append(runnable)
        number = self._numbers[key]
        self.pieces.append((number, tile or Tile(0, runnable.extent)))


def _named(runnable: Runnable, name: str) -> Runnable:
    return Runnable(
        runnable.step, name, runnable.extent, runnable.units, runnable.kernel, runnable.places, runnable.move
    )


def _repeated(pieces: Sequence[tuple[int, Tile]]) -> list[tuple[int, Tile]]:
    """Returns the pieces, those that repeat only once: with how many of them repeat, and how many times more."""
    found: list[tuple[int, Tile]] = []
    numbers: dict[tuple[int, Tile], int] = {}
    ids = [numbers.setdefault(piece, len(numbers)) for piece in pieces]
    at = 0
    while at < len(ids):
        best, period, times = 0, 0, 0
        for length in range(1, min(_LONGEST, (len(ids) - at) // 2) + 1):
            if ids[at] != ids[at + length]:
                continue
            end = at + length
            while end < len(ids) and ids[end] == ids[end - length]:
                end += 1
            more = (end - at) // length - 1
            if more * length > best + 1:
                best, period, times = more * length, length, more
        found += pieces[at : at + max(period, 1)]
        if period:
            found.append((-1, Tile(period, times)))
        at += max(period, 1) + best
    return found
