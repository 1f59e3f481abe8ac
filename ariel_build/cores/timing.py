"""What a prediction says of `deadline` and `max-tile`: `check_timing` warns, `refuse_late` holds strict deadlines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ariel_build.cores.predict import Prediction
from ariel_build.errors import BudgetError, Diagnostic

if TYPE_CHECKING:
    from ariel_build.boards.board import Board
    from ariel_build.config.options import ModelOptions

__all__ = ["check_timing", "refuse_late"]


def check_timing(options: ModelOptions, board: Board, predicted: Prediction) -> list[str]:
    """Returns warnings; a miss of a strict deadline is none, but an error of `refuse_late`."""
    notes = []
    wanted = {"deadline": options.deadline, "max-tile": options.max_tile}
    if predicted.seconds is None:
        return [
            f"`{key}` is not checked: the board file of {board.name} gives no `clock-hz`"
            for key, seconds in wanted.items()
            if seconds is not None
        ]
    late = _late(options, board, predicted)
    if late and not options.strict_deadline:
        notes.append(late)
    limit = options.max_tile or board.max_tile
    longest = predicted.longest_seconds
    if limit is not None and longest is not None and longest > limit and predicted.longest is not None:
        step = predicted.longest
        notes.append(
            f"a tile of {step.name} ({step.call.origin}) holds a core for about {_shown(longest)}, longer than "
            f"`max-tile` = {_shown(limit)}: it cannot be cut further"
        )
    return notes


def refuse_late(options: ModelOptions, board: Board, predicted: Prediction) -> None:
    """Raises BudgetError where a deadline is strict and a miss is predicted."""
    late = _late(options, board, predicted)
    if late and options.strict_deadline:
        advice = "raise `deadline`, use more `cores`, or make the model smaller"
        raise BudgetError([Diagnostic(late, options.given.get("deadline", ""), advice)])


def _late(options: ModelOptions, board: Board, predicted: Prediction) -> str:
    """Returns what is said of a deadline that is missed as predicted, or an empty string."""
    if options.deadline is None or predicted.seconds is None or predicted.seconds <= options.deadline:
        return ""
    if math.isinf(predicted.seconds):
        return "a loop of the model has no bound, so that `deadline` cannot be held: state `max-iterations`"
    return (
        f"an inference takes about {_shown(predicted.seconds)} on {board.name}, "
        f"its deadline is {_shown(options.deadline)}"
    )


def _shown(seconds: float) -> str:
    """Returns a time in the unit in which it is easily read."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
