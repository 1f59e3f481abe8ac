"""tiles(step, workers): into how many tiles a step is cut so that cores share it.

A step that takes less than `WORTH` units of work stays whole: handing it over costs more than it saves. Others get a
few tiles per worker, so that whoever is done first takes from the others and the tail is short, but none so small that
the pool's own instructions show.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ariel_build.kernel import Axis
from ariel_build.schedule.cost import work_of
from ariel_build.schedule.steps import Step
from ariel_build.schedule.tiles import Tile

__all__ = ["split"]

#: Work (see `cost`) below which a step stays whole.
WORTH = 4_000
#: Work that a tile should have at least: the pool takes some hundred instructions per tile.
LEAST = 2_000
#: Tiles per worker of a large step.
PER_WORKER = 3


def split(step: Step, workers: int) -> Sequence[Tile]:
    """Returns tiles of nearly equal size that cover the step."""
    tiling = step.call.tiling
    work = work_of(step.call)
    granules = -(-tiling.extent // max(tiling.granularity, 1))
    if workers == 1 or tiling.axis is Axis.WHOLE or work < WORTH or granules < 2:
        return [step.whole]
    each = max(1, min(PER_WORKER, work // (workers * 10 * LEAST)))
    count = min(workers * each, granules, max(2, work // LEAST))
    # Whole granules, spread so that tiles differ by one granule at most.
    edges = [0, *(granules * (k + 1) // count * tiling.granularity for k in range(count))]
    edges[-1] = tiling.extent
    return [Tile(a, b) for a, b in pairwise(edges) if b > a]
