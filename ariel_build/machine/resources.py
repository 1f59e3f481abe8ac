"""Finds what stands outside the Python package: board files, the crates' sources, the emulators, a core's sources.

A wheel carries boards and crates in `ariel_build/_data`; a checkout has them at its root.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = [
    "CV32E40X",
    "RP2040JS",
    "cache_dir",
    "cv32e40x",
    "cv32e40x_home",
    "emulator",
    "path",
    "rp2040js",
    "rp2040js_home",
]

_PACKAGE = Path(__file__).resolve().parents[1]

#: The package of PyPI with the sources of OpenHW's CV32E40X (Solderpad licence): fetched, never copied into ours.
CV32E40X = "pythondata-cpu-cv32e40x==0.6.0.post161"
#: The package of npm that emulates the RP2040 (MIT licence); `harness/rp2040/package-lock.json` pins its bytes.
RP2040JS = "rp2040js@1.4.1"


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
    # A folder for each package, and before that one for all of them.
    unpacked = [*sorted(cache_dir().glob("qemu-*/usr/bin")), cache_dir() / "qemu" / "usr" / "bin"]
    found = shutil.which(program) or shutil.which(program, path=os.pathsep.join(map(str, unpacked)))
    return Path(found) if found else None


def cv32e40x_home() -> Path:
    """Returns the folder that set-up installs the package `CV32E40X` to."""
    return cache_dir() / CV32E40X.replace("==", "-")


def cv32e40x() -> Path | None:
    """Returns the folder with the sources of the CV32E40X (`rtl`, `bhv`), or None where set-up has not fetched them."""
    found = cv32e40x_home() / "pythondata_cpu_cv32e40x" / "system_verilog"
    return found if found.is_dir() else None


def rp2040js_home() -> Path:
    """Returns the folder that set-up installs the package `RP2040JS` below."""
    return cache_dir() / RP2040JS.replace("@", "-")


def rp2040js() -> Path | None:
    """Returns the folder of the package rp2040js, or None where set-up has not fetched it."""
    found = rp2040js_home() / "node_modules" / "rp2040js"
    return found if found.joinpath("package.json").is_file() else None
