"""What the boards rtl-riscv32 need: Verilator, a C++ compiler, and the sources of the CV32E40X."""

from __future__ import annotations

import shutil
import sys

from ariel_build.machine import resources
from tools.setup import debian, store
from tools.setup.process import Refused, run, say

__all__ = ["ensure_sources", "ensure_verilator", "is_complete"]

#: The programs, which are packages of Debian by the same names.
PROGRAMS = ("verilator", "make", "g++")
_FETCH = ("-m", "pip", "install", "--no-deps", "--target")


def is_complete() -> bool:
    """Returns whether the boards can run."""
    return not _missing() and resources.cv32e40x() is not None


def ensure_verilator() -> bool:
    """Installs Verilator and what it calls; returns whether anything was missing."""
    missing = _missing()
    if not missing:
        return False
    if not debian.has_apt():
        raise debian.other_systems(
            " and ".join(missing),
            fedora="verilator make gcc-c++",
            arch="verilator make gcc",
            macos="brew install verilator",
        )
    debian.refresh()
    debian.install(missing, "Verilator")
    return True


def ensure_sources() -> bool:
    """Has pip put the sources of the core into a folder of the cache; returns whether they were missing."""
    if resources.cv32e40x():
        return False
    say("fetching the sources of the CV32E40X core (1 MB)")
    home = resources.cv32e40x_home()
    with store.in_one_step(home) as fresh:
        result = run(sys.executable, *_FETCH, str(fresh), resources.CV32E40X)
        if not result.ok:
            message = f"pip could not fetch {resources.CV32E40X}: {result.reason}"
            raise Refused(message, commands=[" ".join(["python3", *_FETCH, str(home), resources.CV32E40X])])
    return True


def _missing() -> list[str]:
    """Returns the programs that are not there."""
    return [program for program in PROGRAMS if shutil.which(program) is None]
