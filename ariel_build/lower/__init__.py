"""Graph -> kernel calls."""

from ariel_build.lower.lowering import Lowered, keep_rows_apart, lower

__all__ = ["Lowered", "keep_rows_apart", "lower"]
