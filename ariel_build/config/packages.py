"""Packages and workspaces on disk: which Cargo.toml a folder belongs to."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

__all__ = ["package_of", "toml", "workspace", "workspace_dependencies"]


def toml(path: Path) -> Mapping[str, object]:
    """Returns a manifest, which cargo reads, too; an empty one where we cannot."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}


def package_of(folder: Path) -> Path | None:
    """Returns the nearest folder, from `folder` upwards, that has a Cargo.toml; None where there is none."""
    return next((place for place in (folder, *folder.resolve().parents) if (place / "Cargo.toml").is_file()), None)


def workspace(package: Path = Path()) -> Path | None:
    """Returns the root folder of the workspace that the package in this folder belongs to, relative to it."""
    table = toml(package / "Cargo.toml").get("package")
    given = table.get("workspace") if isinstance(table, dict) else None
    if isinstance(given, str):
        return package / given
    above = package.resolve().parents
    folders = [package, *(package / os.path.relpath(folder, package.resolve()) for folder in above)]
    return next((folder for folder in folders if "workspace" in toml(folder / "Cargo.toml")), None)


def workspace_dependencies(root: Path) -> Mapping[str, object]:
    """Returns the dependencies that members of the workspace in the folder `root` may inherit."""
    found = toml(root / "Cargo.toml").get("workspace")
    table = found.get("dependencies") if isinstance(found, dict) else None
    return table if isinstance(table, dict) else {}
