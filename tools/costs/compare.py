"""Predicted beside counted instructions of whole models, as a board runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ariel_build.boards.board import Board
from tools.costs.measure import measure

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
    """Returns the figures of the models that a board runs, and that have a bound."""
    return [
        Compared(one.model.name, one.model.predicted, one.instructions)
        for one in measure(paths, board, say=say)
        if one.model.predicted is not None
    ]
