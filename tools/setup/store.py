"""The folder of what no package manager keeps, `~/.cache/ariel-ml`: things come into it whole, none touches another.

What is being made lies in a folder `.new-*` beside its place and is renamed when it is whole, so that an end at any
moment (Ctrl-C, a full disk) leaves the old or the new. One process at a time sets up; the next sweeps such remains.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ariel_build.machine import resources
from tools.setup.process import say

__all__ = ["alone", "in_one_step"]

_UNFINISHED = ".new-"


@contextmanager
def alone() -> Iterator[None]:
    """Waits until no other process sets this machine up, and keeps others out meanwhile."""
    home = resources.cache_dir()
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another set-up is at work on this machine: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for remains in home.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(remains, ignore_errors=True)
        yield


@contextmanager
def in_one_step(place: Path) -> Iterator[Path]:
    """Yields an empty folder that takes this place in the store when the block ends well, and goes when it does not.

    What was there before is replaced: a caller comes here because it is absent or broken. Files that are in the new
    folder must not name the place that they were made in.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=resources.cache_dir()))
    try:
        fresh = work / "new"
        fresh.mkdir()
        yield fresh
        if place.exists() and not place.is_symlink():
            place.rename(work / "old")
        with suppress(FileNotFoundError):
            place.unlink()
        fresh.rename(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)
