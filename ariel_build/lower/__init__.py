"""Graph -> kernel calls."""

from ariel_build.lower.lowering import Lowered, lower

__all__ = ["Lowered", "lower"]
