"""Prediction = makespan and longest tile, from the cost of each tile on each core: what deadlines are held against.

One core runs steps one after the other. Several take units as the pool does: a worker prefers those whose home it is,
in their order, else it takes the last of another's. Where control flow decides, the longest way counts.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, NamedTuple

from ariel_build.cores.split import TILE
from ariel_build.cores.units import Unit, Units
from ariel_build.kernels import Axis, KernelCall
from ariel_build.kernels.flow import worst
from ariel_build.records import dataclass
from ariel_build.schedule.cost import around, instructions, weight_bytes
from ariel_build.schedule.overhead import slid
from ariel_build.schedule.slow import Slow
from ariel_build.schedule.steps import Schedule, Step
from ariel_build.schedule.tiles import Tile, cut

if TYPE_CHECKING:
    from ariel_build.boards.board import Board, Core

__all__ = ["Clock", "Prediction", "Run", "predict", "runs", "step_costs", "tiles_within"]

Tiles = tuple[Tile, ...]
#: What the pool adds to each unit, gates included.
_UNIT_INSTRUCTIONS = 110
#: Of a core without work until it sleeps: `IDLE_ROUNDS` of the runtime crate's pool, and the way there and back.
_IDLE = 2500.0
#: A decision of control flow: on one core, and where the leader of several begins another block.
_TEST, _BEGIN = 10, 400


@dataclass(frozen=True)
class Prediction:
    """Cycles of an inference from call to return, and of the longest time between two yields."""

    #: A whole number; infinity where a loop has no bound.
    cycles: float
    #: Of all cores together, likewise.
    instructions: float
    longest_cycles: int
    #: Of the slowest core that may run them; None where a clock is not known.
    seconds: float | None
    longest_seconds: float | None
    #: The step with the longest tile, and whether that tile cannot be cut further.
    longest: Step | None
    is_granule: bool = False


class Run(NamedTuple):
    """Work of a step on a core, from one time to another, in cycles of the first core."""

    core: int
    start: float
    end: float
    step: int


@dataclass(frozen=True)
class Clock:
    """How long calls take on the cores that take part, and on the memory that they share.

    `bytes_per_cycle` is what that memory gives of weights in a cycle of the first core; None where it keeps up.
    `slow` is the memory with the weights, where cores wait for what they read of it.
    """

    cores: tuple[Core, ...]
    bytes_per_cycle: float | None = None
    slow: Slow | None = None
    #: What `times` and `work` have found: they are asked for each tile of a call.
    _known: dict[KernelCall, Sequence[float]] = field(default_factory=dict, repr=False, compare=False)
    _work: dict[tuple[KernelCall, Tiles, bool], Sequence[float]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, board: Board, workers: int) -> Clock:
        """Returns the clock of the board's first cores; a computer's cores are alike, however many are asked for."""
        last = len(board.cores) - 1
        cores = tuple(_as_compiled(board.cores[min(worker, last)], board) for worker in range(workers))
        return cls(cores, board.weights_per_cycle, Slow.of(board))

    def work(self, call: KernelCall, tiles: Tiles = (), *, alone: bool = False) -> Sequence[float]:
        """Returns the instructions of the whole call on each core, in `tiles` if there are any."""
        key = (call, tiles, alone)
        if key not in self._work:
            known: dict[Core, float] = {}
            for core in self.cores:
                if core not in known:
                    known[core] = instructions(call, core, tiles, alone=alone)
            self._work[key] = [known[core] for core in self.cores]
        return self._work[key]

    def cycles(self, call: KernelCall) -> list[float]:
        """Returns the cycles of the whole call on each core, at the clock of that core, if memory keeps up."""
        work = zip(self.work(call), self.cores, strict=True)
        return [self._waited(call, instructions, core) for instructions, core in work]

    def _waited(self, call: KernelCall, instructions: float, core: Core) -> float:
        """Returns the cycles of so many instructions of the call, with those in which a core waits for its weights."""
        cycles = instructions * (core.cycles_per_instruction or 1.0)
        return self.slow.time(call, cycles) if self.slow else cycles

    def fetch(self, call: KernelCall) -> float:
        """Returns how long the weights of the call, each read once, take the memory, in cycles of the first core."""
        return weight_bytes(call) / self.bytes_per_cycle if self.bytes_per_cycle and not call.hot else 0.0

    def fed(self, call: KernelCall) -> int:
        """Returns how many cores the memory keeps busy with the call, at least 1: what more would do is wait."""
        fetch = self.fetch(call)
        return len(self.cores) if not fetch else max(min(math.ceil(max(self._times(call)) / fetch), len(self.cores)), 1)

    def times(self, call: KernelCall) -> Sequence[float]:
        """Returns how long the whole call takes each core, its weights as fast as they come, in cycles of the first."""
        if call not in self._known:
            fetch = self.fetch(call)
            self._known[call] = [max(time, fetch) for time in self._times(call)]
        return self._known[call]

    def pieces(self, step: Step, *, alone: bool) -> tuple[float, float]:
        """Returns instructions and cycles of a step on the first core, in its pieces, its weights as they come."""
        work = self.work(step.call, tuple(piece.tile for piece in step.streamed), alone=alone)[0]
        return work, max(self._waited(step.call, work, self.cores[0]), self.fetch(step.call))

    def _times(self, call: KernelCall) -> list[float]:
        first = self.cores[0].clock_hz
        return [
            cycles * (first / core.clock_hz if first and core.clock_hz else 1.0)
            for cycles, core in zip(self.cycles(call), self.cores, strict=True)
        ]

    def tile(self, call: KernelCall, tile: Tile) -> list[float]:
        """Returns how long a tile takes each core, in cycles of the first."""
        return _of_tile(self.times(call), call, tile)

    def tile_work(self, call: KernelCall, tile: Tile) -> list[float]:
        """Returns the instructions of a tile on each core."""
        return _of_tile(self.work(call), call, tile)

    def divisible(self, call: KernelCall, limit: float | None) -> KernelCall:
        """Returns the call; without the pairs for which it has to be one tile where it takes longer than `limit`."""
        if limit is None or max(self.times(call)) <= limit:
            return call
        return replace(call, in_place_whole=())

    def limit(self, seconds: float | None) -> float | None:
        """Returns the cycles of the first core in so many seconds; None where either is not known."""
        clock = self.cores[0].clock_hz
        return seconds * clock if seconds is not None and clock else None


def tiles_within(clock: Clock, limit: float | None) -> Callable[[KernelCall], tuple[Tile, ...]] | None:
    """Returns what cuts calls into tiles of which none takes the slowest core longer than `limit`, where that can be.

    Returns None where there is no limit. The schedule is made of these tiles, and checked with them.
    """
    if limit is None:
        return None
    room = max(int(limit) - TILE, 1)
    return lambda call: cut(call.tiling, int(max(clock.times(call))), room)


def predict(
    schedule: Schedule,
    units: Units | None,
    clock: Clock,
    input_bytes: int,
    kept_bytes: int = 0,
    alone: Collection[str] | None = None,
) -> Prediction:
    """Returns what an inference takes; `units` for several cores.

    `alone` are the kernels that have one call in the firmware; None where the model has it to itself.
    """
    begin, begun = _begin(clock, input_bytes, kept_bytes)
    flow = schedule.flow or (schedule.blocks[0],)
    # The same model may also run unwired, in the tiles of one core.
    tiles = [(step, tile) for step in schedule.steps for tile in step.tiles]
    taken = step_costs(schedule, clock, alone)
    work = {b: sum(taken[k][0] for k in b) for b in schedule.blocks}
    if units is None:
        times = {b: sum(taken[k][1] for k in b) for b in schedule.blocks}
        makespan = begun + worst(flow, times.__getitem__, _TEST)
        total = begin + worst(flow, work.__getitem__, _TEST)
    else:
        pairs = list(zip(schedule.blocks, units.blocks, strict=True))
        done = {steps: _simulated(schedule, units, clock, block) for steps, block in pairs}
        times = {steps: _last(found) for steps, found in done.items()}
        makespan = begun + worst(flow, times.__getitem__, _TEST + _BEGIN)
        executed = {steps: _executed(schedule, units, clock, found) for steps, found in done.items()}
        total = begin + worst(flow, executed.__getitem__, _TEST + _BEGIN)
        tiles += [
            (schedule.steps[unit.step], unit.tile) for unit in units.units if unit.step is not None and not unit.move
        ]
    longest, step, tile = max(
        ((max(clock.tile(step.call, tile)), step, tile) for step, tile in tiles),
        key=lambda found: found[0],
        default=(0.0, None, Tile(0, 0)),
    )
    granule = step is not None and _is_granule(step, tile)
    hz = clock.cores[0].clock_hz
    seconds, longest_seconds = (makespan / hz, longest / hz) if hz else (None, None)
    return Prediction(
        _rounded(makespan),
        _rounded(total),
        int(longest),
        seconds,
        longest_seconds,
        step,
        granule,
    )


def _of_tile(costs: Sequence[float], call: KernelCall, tile: Tile) -> list[float]:
    """Returns what a tile takes of the costs of the whole call, and what it costs besides."""
    share = (tile.end - tile.start) / max(call.tiling.extent, 1)
    return [cost * share + (0.0 if share == 1 else TILE) for cost in costs]


def _as_compiled(core: Core, board: Board) -> Core:
    """Returns the core without its FPU where code for its program's target leaves that alone."""
    target = core.target or board.target
    return replace(core, fpu=None) if target.startswith("thumb") and not target.endswith("hf") else core


def _begin(clock: Clock, input_bytes: int, kept_bytes: int) -> tuple[float, float]:
    """Returns instructions and cycles of what the first core does before the steps."""
    begin = around(clock.cores[0], input_bytes, kept_bytes)
    return begin, begin * (clock.cores[0].cycles_per_instruction or 1.0)


def step_costs(schedule: Schedule, clock: Clock, alone: Collection[str] | None = None) -> Sequence[tuple[float, float]]:
    """Returns instructions and cycles of each step on the first core; `alone` as for `predict`."""
    if alone is None:
        alone = {path for path, users in Counter(c.kernel.path for c in schedule.calls).items() if users == 1}
    # What runs in pieces is called with other tiles each time: the linker makes it for none of them.
    return [clock.pieces(s, alone=s.call.kernel.path in alone and len(s.streamed) < 2) for s in schedule.steps]


def runs(schedule: Schedule, units: Units | None, clock: Clock, input_bytes: int, kept_bytes: int = 0) -> Sequence[Run]:
    """Returns what the cores do, as predicted, each block of steps once: bodies of branches one after the other."""
    _, now = _begin(clock, input_bytes, kept_bytes)
    found: list[Run] = []
    if units is None:
        costs = step_costs(schedule, clock)
        for step, piece in schedule.pieces:
            share = (piece.tile.end - piece.tile.start) / max(step.call.tiling.extent, 1)
            took = costs[step.index][1] * (share if step.streamed else 1.0)
            found.append(Run(0, now, now + took, step.index))
            now += took
        return found
    for block in units.blocks:
        of_block = _simulated(schedule, units, clock, block)
        for run in of_block:
            index = units.units[run.step].step
            if index is not None:
                found.append(Run(run.core, now + run.start, now + run.end, index))
        now += _last(of_block)
    return found


def _executed(schedule: Schedule, units: Units, clock: Clock, found: Sequence[Run]) -> float:
    """Returns the instructions of all cores for what they do in a block, and while they look for more to do."""
    total, until = 0.0, [0.0] * units.workers
    for run in found:
        total += _unit_cost(schedule, units.units[run.step], clock.tile_work, run.core)
        total += min(run.start - until[run.core], _IDLE)
        until[run.core] = run.end
    return total + sum(min(_last(found) - end, _IDLE) for end in until)


def _last(found: Sequence[Run]) -> float:
    return max((run.end for run in found), default=0.0)


def _rounded(number: float) -> float:
    return math.floor(number) if math.isfinite(number) else number


def _is_granule(step: Step, tile: Tile) -> bool:
    """Whether a tile cannot be cut further."""
    tiling = step.call.tiling
    return tiling.axis is Axis.WHOLE or tile.end - tile.start <= max(tiling.granularity, 1)


def _simulated(schedule: Schedule, units: Units, clock: Clock, block: range) -> Sequence[Run]:
    """Returns the units of a block (in place of steps) with their times, of which the first begins at 0."""
    after, waits = units.successors(), [len(unit.needs) for unit in units.units]
    ready: list[list[int]] = [[] for _ in range(units.workers)]
    done, running = 0.0, list[tuple[float, int, int]]()
    taken = list[Run]()
    idle = set(range(units.workers))
    cost: Callable[[int, int], float] = lambda unit, worker: _unit_cost(schedule, units.units[unit], clock.tile, worker)  # noqa: E731
    ready[0].append(block.start)
    while True:
        for worker in sorted(idle):
            unit = _take(ready, worker)
            if unit is not None:
                idle.discard(worker)
                taken.append(Run(worker, done, done + cost(unit, worker), unit))
                heapq.heappush(running, (taken[-1].end, worker, unit))
        if not running:
            return taken
        done, worker, unit = heapq.heappop(running)
        idle.add(worker)
        for successor in after[unit]:
            waits[successor] -= 1
            if not waits[successor]:
                found = units.units[successor]
                heapq.heappush(ready[worker if found.step is None else found.worker], successor)


def _take(ready: Sequence[list[int]], worker: int) -> int | None:
    """Returns the first of a worker's own units, or else the last of those of the next who has some."""
    if ready[worker]:
        return heapq.heappop(ready[worker])
    for step in range(1, len(ready)):
        other = ready[(worker + step) % len(ready)]
        if other:
            last = max(other)
            other.remove(last)
            heapq.heapify(other)
            return last
    return None


def _unit_cost(
    schedule: Schedule, unit: Unit, of_tile: Callable[[KernelCall, Tile], Sequence[float]], worker: int
) -> float:
    """Returns what a unit costs a worker, with what the pool adds; `of_tile` tells that of a tile on each core."""
    if unit.step is None:
        return _UNIT_INSTRUCTIONS
    if unit.move is not None:
        return slid(1, unit.move.source.bytes) + _UNIT_INSTRUCTIONS
    return of_tile(schedule.steps[unit.step].call, unit.tile)[worker] + _UNIT_INSTRUCTIONS
