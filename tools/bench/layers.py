"""Instructions of each step of a model: firmware with a marker before every step, so that outliers show."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Layer"]


@dataclass(frozen=True)
class Layer:
    """One step: its kernel, what it gives, and what it cost in one inference."""

    step: str
    kernel: str
    output: str
    macs: int
    instructions: int
    cycles: int | None = None
