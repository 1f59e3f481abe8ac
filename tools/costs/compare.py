"""Predicted beside counted instructions of whole models, as a board runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ariel_build.boards.board import Board
from ariel_build.cores.predict import Clock, predict
from tools.costs.measure import Inference, measure

__all__ = ["Compared", "compared"]


@dataclass(frozen=True)
class Compared:
    """What a model was predicted to take, and what it took, on one core; inputs were random."""

    name: str
    predicted: float
    counted: int

    @property
    def ratio(self) -> float:
        """Predicted by counted."""
        return self.predicted / self.counted

    def __str__(self) -> str:
        """In words."""
        return f"{self.name}: {self.predicted:,.0f} predicted, {self.counted:,} counted: {self.ratio:.3f}"


def compared(paths: Iterable[Path], board: Board, say: Callable[[str], None] = lambda _: None) -> list[Compared]:
    """Returns the figures of the models that the first core of a board runs, many of them in one firmware."""
    return [_compared(one, board) for one in measure(paths, board, say=say)]


def _compared(one: Inference, board: Board) -> Compared:
    model = one.model
    given = sum(value.type.bytes for value in model.graph.inputs)
    kept = sum(copy.source.bytes for copy in model.plan.copies)
    told = predict(model.schedule, None, Clock(board.cores[:1]), given, kept, one.alone)
    return Compared(model.name, told.instructions, one.instructions)
