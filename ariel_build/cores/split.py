"""tiles(step): into which tiles a step is cut so that cores share it, and where each would best run.

A step that takes less than `WORTH` instructions stays whole: handing it over costs more than it saves. Of others,
every core gets a range as long as it is fast (see `cost`), in a few tiles, so that whoever is done first takes from the
others and the tail is short, but none so small that the pool's own instructions show. Where cores differ, the tiles of
a range become smaller towards its end, which is where others steal. Where a memory cannot feed all cores with weights,
a step gets a tile for each core that it can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from ariel_build.kernels import Axis, KernelCall
from ariel_build.records import dataclass
from ariel_build.schedule.cost import work_of
from ariel_build.schedule.steps import Step
from ariel_build.schedule.tiles import Tile

__all__ = ["Split", "split"]

#: What a call takes on each worker's core, in instructions or other units.
Costs = Callable[[KernelCall], Sequence[float]]
#: Cost below which a step stays whole.
WORTH = 4_000
#: Cost that a tile should have at least: the pool takes some hundred instructions per tile.
LEAST = 2_000
#: What a tile costs besides its share of the step: its call, and what tiles compute twice.
TILE = 120
#: Tiles of a large step, and the fewest per worker: what is idle at a step's end is a part of one tile.
TILES = 16
PER_WORKER = 6
#: Parts of a core's range where cores differ, for as many tiles: the last are small.
_GUIDED = {1: (1.0,), 2: (0.7, 1.0), 3: (0.55, 0.85, 1.0)}


def split(step: Step, workers: int) -> Sequence[Tile]:
    """Returns tiles of nearly equal size that cover the step."""
    return Split(lambda call: [work_of(call)] * workers).tiles(step)


@dataclass(frozen=True)
class Split:
    """Cuts steps for cores of which each takes what `costs` says for a call."""

    costs: Costs
    #: What a tile may cost the slowest worker, where it can be cut so far.
    limit: float | None = None
    #: How many workers the memory keeps busy with a call; all of them where none is given.
    fed: Callable[[KernelCall], int] | None = None

    def speeds(self, call: KernelCall) -> list[float]:
        """Returns which part of the call each worker would do in the same time: the faster, the more."""
        speeds = [1 / max(cost, 1) for cost in self.costs(call)]
        return [speed / sum(speeds) for speed in speeds]

    def shares(self, step: Step) -> list[float]:
        """Returns the same of a step."""
        return self.speeds(step.call)

    def tiles(self, step: Step) -> Sequence[Tile]:
        """Returns tiles that cover the step, in the order of the workers' ranges."""
        tiles = self._tiles(step)
        tiling = step.call.tiling
        if self.limit is None or tiling.axis is Axis.WHOLE:
            return tiles
        unit = max(self.costs(step.call)) / max(tiling.extent, 1)
        most = max(int((self.limit - TILE) / max(unit, 1e-9)) // max(tiling.granularity, 1), 1) * tiling.granularity
        return [
            Tile(start, min(start + most, tile.end)) for tile in tiles for start in range(tile.start, tile.end, most)
        ]

    def _tiles(self, step: Step) -> Sequence[Tile]:
        tiling, costs = step.call.tiling, self.costs(step.call)
        workers = len(costs)
        granules = -(-tiling.extent // max(tiling.granularity, 1))
        # What the step takes a core of mean speed.
        work = workers / sum(1 / max(cost, 1) for cost in costs)
        fed = workers if self.fed is None else self.fed(step.call)
        if min(workers, fed) == 1 or tiling.axis is Axis.WHOLE or work < WORTH or granules < 2:
            return [step.whole]
        if fed < workers:
            # More tiles would only wait for weights beside each other.
            edges = [granules * (k + 1) // fed * tiling.granularity for k in range(fed)]
            return _tiles([0, *edges], tiling.extent)
        each = 1 if tiling.few else max(1, int(work // (workers * 10 * LEAST)))
        if len(set(costs)) > 1:
            return self._ranges(step, granules, min(each, max(_GUIDED)))
        each = min(each, max(PER_WORKER, TILES // workers))
        count = int(min(workers * each, granules, max(2, work // LEAST)))
        # Whole granules, spread so that tiles differ by one granule at most.
        edges = [0, *(granules * (k + 1) // count * tiling.granularity for k in range(count))]
        return _tiles(edges, tiling.extent)

    def _ranges(self, step: Step, granules: int, each: int) -> Sequence[Tile]:
        """Returns up to `each` tiles of every worker's range."""
        edges, start = [0.0], 0.0
        for share in self.shares(step):
            edges += [(start + part * share) * granules for part in _GUIDED[each]]
            start += share
        granularity = max(step.call.tiling.granularity, 1)
        return _tiles([round(edge) * granularity for edge in edges], step.call.tiling.extent)


def _tiles(edges: Sequence[int], extent: int) -> list[Tile]:
    """Returns the tiles between ascending edges, the last of which is the extent."""
    bounds = [min(edge, extent) for edge in edges[:-1]] + [extent]
    return [Tile(a, b) for a, b in pairwise(bounds) if b > a]
