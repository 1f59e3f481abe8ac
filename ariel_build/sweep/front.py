"""The Pareto front of a sweep: rows that no other row of the same board beats in everything."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ariel_build.sweep.table import Row

__all__ = ["mark_front"]

#: What is better: less, or (accuracy) more.
_LESS, _MORE = ("latency_ms", "ram_bytes", "flash_bytes"), ("accuracy",)


def mark_front(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows with `pareto`: whether a row is in the front of its board; None where it does not fit or failed.

    What no row of a board knows does not count there, such as latency without a clock. A row that lacks what others
    know is worst in it.
    """
    costs: dict[object, set[tuple[float, ...]]] = {}
    for row in rows:
        if row.get("fits"):
            costs.setdefault(row["board"], set()).add(_costs(row))
    fronts = {board: _front(found) for board, found in costs.items()}
    return [{**row, "pareto": _costs(row) in fronts[row["board"]] if row.get("fits") else None} for row in rows]


def _front(costs: Collection[tuple[float, ...]]) -> set[tuple[float, ...]]:
    """Returns those that no other beats. In ascending order, who beats another comes before it."""
    front: list[tuple[float, ...]] = []
    for one in sorted(costs):
        if not any(_beats(other, one) for other in front):
            front.append(one)
    return set(front)


def _costs(row: Row) -> tuple[float, ...]:
    less = [row.get(name) for name in _LESS]
    more = [row.get(name) for name in _MORE]
    worst = float("inf")
    return (
        *(float(value) if isinstance(value, int | float) else worst for value in less),
        *(-float(value) if isinstance(value, int | float) else worst for value in more),
    )


def _beats(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether `a` is nowhere worse than `b`, and somewhere better."""
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))
