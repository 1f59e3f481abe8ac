"""Builds firmware around a generated module, runs it on the host or an emulated board, and measures it."""

from ariel_build.run.execute import Execution, execute
from ariel_build.run.stats import Facts, Stats

__all__ = ["Execution", "Facts", "Stats", "execute"]
