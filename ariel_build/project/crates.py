"""Where a project gets the crates from, until they are on crates.io: from where the compiler is installed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ariel_build.machine import resources

__all__ = ["BUILD", "RUNTIME", "build_finds_us", "crate_path", "runtime"]

RUNTIME, BUILD = "ariel-ml-rs", "ariel-ml-build"


def crate_path(crate: str, package: Path) -> str:
    """Returns the path of a crate as the Cargo.toml in the folder `package` is to name it.

    Relative where both move together: the crate is in the package (its `.venv`) or in a folder beside it (a clone).
    """
    there = resources.path(crate).resolve()
    package = package.resolve()
    if there.is_relative_to(package) or (len(package.parts) > 2 and there.is_relative_to(package.parent)):
        return Path(os.path.relpath(there, package)).as_posix()
    return there.as_posix()


def runtime(package: Path, features: Sequence[str]) -> dict[str, object]:
    """Returns the dependency on the runtime crate with no more than these features."""
    entry: dict[str, object] = {"path": crate_path(RUNTIME, package), "default-features": False}
    return {**entry, "features": list(features)} if features else entry


def build_finds_us(package: Path, environment: Mapping[str, str] | None = None) -> bool:
    """Whether build.rs of the package would run this installation: the order is that of `ariel-ml-build`."""
    environment = os.environ if environment is None else environment
    if environment.get("ARIEL_PYTHON"):
        return True  # the user has chosen
    prefix = Path(sys.prefix).resolve()
    for folder in (environment.get("VIRTUAL_ENV"), package / ".venv"):
        if folder and Path(folder).resolve() == prefix:
            return True
    program = shutil.which("cargo-ariel", path=environment.get("PATH"))
    if program is not None and Path(program).parent.resolve() == prefix / "bin":
        return True
    python = shutil.which("python3", path=environment.get("PATH"))
    return python is not None and Path(python).parent.resolve() == prefix / "bin"
