"""Finds what stands outside the Python package: board files, the crates' sources, the emulators.

A wheel carries boards and crates in `ariel_build/_data`; a checkout has them at its root.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["cache_dir", "emulator", "path"]

_PACKAGE = Path(__file__).resolve().parent


def path(name: str) -> Path:
    """Returns the place of `name` (`boards`, `ariel-ml-rs`, ..): in the wheel's data if there, else in the checkout."""
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.exists() else _PACKAGE.parent / name


def cache_dir() -> Path:
    """Returns the folder that may be deleted at any time at the price of some minutes: `~/.cache/ariel-ml`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "ariel-ml"


def emulator(program: str) -> Path | None:
    """Returns the emulator `program` (`qemu-system-arm`), or None where there is none.

    Looked for in the folder `ARIEL_QEMU`, on PATH, then where `nox -s setup` unpacks emulators if the system's package
    manager refuses to install them.
    """
    chosen = os.environ.get("ARIEL_QEMU", "")
    if chosen:
        found = shutil.which(program, path=chosen)
        if found:
            return Path(found)
    found = shutil.which(program) or shutil.which(program, path=str(cache_dir() / "qemu" / "usr" / "bin"))
    return Path(found) if found else None
