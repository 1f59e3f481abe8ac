"""Compiled = what becomes of a model: the module, the weights, the plan, and what these take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ariel_build.codegen.code_size import Bounds
from ariel_build.cores.predict import Clock, Prediction, predict
from ariel_build.cores.units import Units
from ariel_build.errors import BudgetError, Diagnostic
from ariel_build.ir import Graph
from ariel_build.memory import MemoryPlan
from ariel_build.passes import PassLog
from ariel_build.records import dataclass
from ariel_build.schedule import Aliases, Schedule

if TYPE_CHECKING:
    from ariel_build.boards import Board
    from ariel_build.config.metadata import ModelOptions

__all__ = ["Compiled", "FastPlace", "beside", "check_budget", "main_memory", "predicted_of"]

#: Bytes that tell whose the scratch in fast memory is.
_OWNER = 4


@dataclass(frozen=True)
class FastPlace:
    """Where something is that is not in the arena: in a memory of the board, or with all data (empty)."""

    memory: str
    section: str


@dataclass(frozen=True)
class Compiled:
    """A compiled model: the Rust module, the weights, and what `inspect` and reports tell of it.

    `aliases` are values that share bytes, those that bodies give and the results of their branches among them.
    """

    module: str
    module_text: str
    weights: bytes
    graph: Graph
    schedule: Schedule
    plan: MemoryPlan
    bounds: Bounds
    predicted: Prediction
    log: PassLog
    operators: Mapping[str, int]
    notes: tuple[str, ...] = ()
    dependencies: tuple[Path, ...] = ()
    units: Units | None = None
    aliases: Aliases = field(default_factory=dict)
    #: Bytes of the weights that are copied to fast memory before the first inference, and where that is.
    hot_bytes: int = 0
    hot_place: FastPlace | None = None
    #: Where the scratch of each core is that is not in the arena.
    fast_places: tuple[FastPlace, ...] = ()
    #: The memory in which all else is, that of firmware's data; empty where the board names none.
    main_memory: str = ""

    def on(self, board: Board, workers: int) -> Compiled:
        """Returns the same for a board on which it is equal but for names and time."""
        clock = Clock.of(board, workers)
        predicted = predicted_of(self.graph, self.schedule, self.plan, self.units, clock)
        return replace(self, predicted=predicted, main_memory=main_memory(board))

    @property
    def ram_bytes(self) -> int:
        """Bytes of static RAM: arena, scratch elsewhere, hot weights, and what there is besides (`main_bytes`)."""
        return self.main_bytes + sum(self.elsewhere.values())

    @property
    def main_bytes(self) -> int:
        """Those in the memory of firmware's data.

        The arena, what tells whether states have begun, where cores' units wait, whose scratch in fast memory is.
        """
        units = self.units.room_bytes if self.units else 0
        more = _OWNER + self.plan.fast_bytes * sum(not p.memory for p in self.fast_places) if self.fast_places else 0
        return self.plan.arena_bytes + beside(self.graph) + units + more

    @property
    def elsewhere(self) -> Mapping[str, int]:
        """Those that board file and linker script place: the bytes for each memory of the board that has some."""
        found: Counter[str] = Counter()
        for place in self.fast_places:
            if place.memory:
                found[place.memory] += self.plan.fast_bytes
        if self.hot_place is not None:
            found[self.hot_place.memory] += self.hot_bytes
        return dict(sorted(found.items()))

    @property
    def ram_by_memory(self) -> Mapping[str, int]:
        """The bytes of static RAM in each memory of the board; nothing where the board names none."""
        if not self.main_memory:
            return {}
        found = Counter({self.main_memory: self.main_bytes})
        found.update(self.elsewhere)
        return dict(found)

    @property
    def features(self) -> frozenset[str]:
        """The features of the runtime crate without which a kernel of the model is not compiled."""
        return frozenset(feature for step in self.schedule.steps for feature in step.call.kernel.FEATURES)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return self.schedule.macs


def predicted_of(graph: Graph, schedule: Schedule, plan: MemoryPlan, units: Units | None, clock: Clock) -> Prediction:
    """Returns what an inference takes on the cores of the clock."""
    given, kept = sum(v.type.bytes for v in graph.inputs), sum(copy.source.bytes for copy in plan.copies)
    return predict(schedule, units, clock, given, kept)


def main_memory(board: Board) -> str:
    """Returns the name of the memory that firmware's data is in; empty where the board names none."""
    return next((memory.name for memory in board.banks("ram")), "")


def beside(graph: Graph) -> int:
    """Returns the bytes of static RAM beside the arena: what tells whether states have begun, and sizes."""
    beside = (4 if graph.memories else 0) + 4 * len(graph.sizes)
    return (beside + 15) // 16 * 16


def check_budget(compiled: Compiled, options: ModelOptions) -> None:
    """Raises BudgetError where the model needs more RAM or flash than the user allows."""
    needs = {
        "ram": compiled.plan.arena_bytes,
        "flash": compiled.bounds.flash,
        "stack": compiled.bounds.stack,
    }
    problems = []
    for what, need in needs.items():
        limit: int | None = getattr(options.budget, what)
        if limit is not None and need > limit:
            bound = "" if what == "ram" else "up to "
            problems.append(
                Diagnostic(
                    f"the model needs {bound}{need:,} bytes of {what}, its budget is {limit:,}",
                    options.given.get(f"budget.{what}", ""),
                    f"raise `budget.{what}`, or make the model smaller",
                )
            )
    if problems:
        raise BudgetError(problems)
