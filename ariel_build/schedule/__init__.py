"""The schedule: in which order, in which tiles and when the kernel calls run."""

from ariel_build.schedule.aliases import Aliases, Place, resolve, storage_roots
from ariel_build.schedule.cost import work_of
from ariel_build.schedule.order_calls import order_calls
from ariel_build.schedule.steps import BEFORE, Interval, Moment, Piece, Schedule, Step, Tile, schedule, tiles_of
from ariel_build.schedule.tiles import cut

__all__ = [
    "BEFORE",
    "Aliases",
    "Interval",
    "Moment",
    "Piece",
    "Place",
    "Schedule",
    "Step",
    "Tile",
    "cut",
    "order_calls",
    "resolve",
    "schedule",
    "storage_roots",
    "tiles_of",
    "work_of",
]
