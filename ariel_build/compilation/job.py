"""Job = what a model is compiled for: what the user asks, and what follows from that alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ariel_build.boards.fit import workers_of
from ariel_build.compilation.result import FastPlace
from ariel_build.cores.predict import Clock
from ariel_build.cores.sharing import Sharing
from ariel_build.cores.split import Split
from ariel_build.ir import Graph, Value
from ariel_build.isa.select import swaps
from ariel_build.memory import RAM, SPEED, Effort
from ariel_build.records import dataclass

if TYPE_CHECKING:
    from ariel_build.boards import Board, Memory
    from ariel_build.config.metadata import ModelOptions

__all__ = ["Job"]

#: Instructions per unit of the model's work that RAM within `budget.ram` may cost: the least with which it is kept.
_DEARER = (0.06, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Job:
    """One model, one board, one firmware."""

    module: str
    options: ModelOptions
    board: Board
    portable: bool
    keep_all: bool
    must_fit: bool
    shares: bool = False

    @property
    def workers(self) -> int:
        """Cores that share the work."""
        return workers_of(self.board, self.options)

    @property
    def small(self) -> bool:
        """Whether shorter code is worth more than faster code."""
        return self.options.optimize == "size"

    @property
    def fetches(self) -> bool:
        """Whether RAM may be spent on weights that are fetched ahead."""
        return not self.portable and self.options.optimize == "speed" and self.options.budget.ram is None

    @property
    def hot(self) -> Memory | None:
        """The fast memory that weights may be in; models whose constants others read, too, have them in one place."""
        return None if self.portable or self.board.image or self.shares else self.board.for_hot(self.workers)

    @property
    def hot_section(self) -> str:
        """The section of the weights that are in fast memory; empty where none are."""
        return f"{self.hot.section}.ariel.{self.module}" if self.hot is not None else ""

    @cached_property
    def fast_room(self) -> int:
        """Bytes of scratch that each core may have in fast memory.

        Whose it is must be told in one step, or under a critical section, which only pools of several cores have.
        """
        if self.portable or self.board.image or (self.workers == 1 and not swaps(self.board.cores[0].isa)):
            return 0
        return self.board.scratch_room(self.workers)

    def fast_places(self) -> tuple[FastPlace, ...]:
        """Where the scratch of each core is that is not in the arena."""
        return tuple(
            FastPlace(m.name if m else "", f"{m.section if m else '.bss'}.scratch.ariel.{self.module}")
            for m in self.board.for_scratch(self.workers)
        )

    @property
    def streams(self) -> bool:
        """Whether rows of the input are given one by one; not where each result is looked at."""
        return self.options.stream and not self.keep_all

    def inputs(self, graph: Graph) -> list[Value]:
        """Returns what is in the arena when an inference begins: nothing, where a call stands for who gives rows."""
        return [] if self.streams else list(graph.inputs)

    @property
    def efforts(self) -> Sequence[Effort]:
        """What the planner may spend, and may cost, to save RAM: one after the other, until `budget.ram` is kept."""
        if self.options.optimize == "ram":
            return (RAM,)
        if not self.options.budget.ram or self.keep_all:
            # A model that keeps every result is looked at, and keeps no budget.
            return (SPEED,)
        # What comes before each was tried as the first.
        return (SPEED, *(replace(RAM, budget=budget, before=None) for budget in _DEARER))

    def is_fastest(self, effort: Effort) -> bool:
        """Whether speed is what counts: several cores judge for themselves what pieces are worth."""
        return effort is SPEED

    @property
    def recomputes(self) -> bool:
        """Whether layers may compute rows anew for less RAM: on one core, where RAM is what counts."""
        wanted = self.options.optimize == "ram" or self.options.budget.ram is not None
        return wanted and self.workers == 1 and not self.portable and not self.keep_all

    @property
    def target(self) -> str:
        """The triple that the code is for."""
        return "any" if self.portable else self.board.image_target

    @property
    def section(self) -> str:
        """Where the weights go."""
        return self.options.weights_section or f".rodata.ariel.{self.module}"

    @cached_property
    def clock(self) -> Clock:
        """The time of a call on each core."""
        return Clock.of(self.board, self.workers)

    @cached_property
    def cut(self) -> Split:
        """What cuts steps for the cores."""
        return Split(self.clock.times, self.limit, self.clock.fed)

    @cached_property
    def limit(self) -> float | None:
        """Cycles that a tile may hold a core, at most."""
        return self.clock.limit(self.options.max_tile or self.board.max_tile)

    @cached_property
    def sharing(self) -> Sharing | None:
        """The cores that share the work; None where one has it all."""
        return Sharing(self.workers, self.clock, self.cut) if self.workers > 1 else None
