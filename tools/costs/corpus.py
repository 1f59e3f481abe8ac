"""The models whose steps are measured: the recorded ones that are here, and what `made` makes for rare kernels."""

from __future__ import annotations

from pathlib import Path

from ariel_build.ir import Graph
from tools.costs.made import graphs
from tools.recorded.models import dev_models, single_operators

__all__ = ["corpus"]


def corpus() -> tuple[list[Path | Graph], list[Path | Graph]]:
    """Returns files, and graphs of single operators."""
    recorded = (*dev_models().values(), *single_operators().values())
    return [model.path for model in recorded], list(graphs())
