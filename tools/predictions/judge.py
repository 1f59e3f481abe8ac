"""What a prediction is held to, and what it is of rows whose firmware was measured before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ariel_build.boards.board import Board
from ariel_build.codegen.code_size import bounds_of
from ariel_build.codegen.program import program
from ariel_build.cores.predict import Clock, predict, step_costs
from tools.predictions.measure import Row

__all__ = ["LAYER", "LIMITS", "SHARE", "Limit", "again", "misses"]

#: Layers that take more than this part of their model are held to a limit of their own.
SHARE = 0.02
LAYER = "layer"


@dataclass(frozen=True)
class Limit:
    """How far a prediction may be below and above what is measured, as parts of that."""

    below: float
    above: float

    def holds(self, ratio: float) -> bool:
        """Whether predicted by measured is near enough."""
        return 1 - self.below <= ratio <= 1 + self.above


LIMITS = {
    "ram": Limit(0, 0),
    "flash": Limit(0.05, 0.05),
    "stack": Limit(0, 0.2),
    "instructions": Limit(0.1, 0.1),
    LAYER: Limit(0.15, 0.15),
}


def misses(row: Row) -> dict[str, float]:
    """Returns predicted by measured of what is further off than it may be."""
    found = {name: row.ratio(name) for name in LIMITS if name != LAYER}
    worst = row.worst(SHARE)
    found |= {LAYER: worst.ratio} if worst is not None else {}
    return {name: ratio for name, ratio in found.items() if not LIMITS[name].holds(ratio)}


def again(row: Row, board: Board) -> Row:
    """Returns the row with what is predicted now of the firmware that was measured."""
    model = row.compiled
    schedule, clock = model.schedule, Clock(board.cores[:1])
    given = sum(value.type.bytes for value in model.graph.inputs)
    kept = sum(copy.source.bytes for copy in model.plan.copies)
    runs, core = program(schedule, model.plan), board.cores[0].name
    bounds = bounds_of(schedule, len(model.weights), board.image_target, runs=runs, core=core)
    predicted = {
        "ram": float(model.ram_bytes),
        "flash": float(bounds.expected_flash),
        "stack": float(bounds.expected_stack),
        "instructions": predict(schedule, None, clock, given, kept).instructions,
    }
    costs = {step.name: cost for step, (cost, _) in zip(schedule.steps, step_costs(schedule, clock), strict=True)}
    layers = [replace(layer, predicted=costs[layer.name] * layer.times) for layer in row.layers]
    return replace(row, predicted=predicted, layers=layers)
