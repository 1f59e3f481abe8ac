"""The dependencies that pyproject.toml declares."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

__all__ = ["dependencies", "oldest"]


def dependencies(root: Path) -> list[Requirement]:
    """Returns what every installation of the package gets."""
    project = tomllib.loads(root.joinpath("pyproject.toml").read_text())["project"]
    return [Requirement(text) for text in project["dependencies"]]


def oldest(root: Path) -> list[str]:
    """Returns the requirements that install the oldest version of each that is allowed."""
    bounds = {each.name: [s.version for s in each.specifier if s.operator == ">="] for each in dependencies(root)}
    return [f"{name}=={version}" for name, (version,) in bounds.items()]
