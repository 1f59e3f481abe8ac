"""What is kept between runs: folders that one process at a time builds in, and files named after their content.

Everything lies under `resources.cache_dir()` and may be deleted at any time. Processes that run at once meet here
only: a folder is locked while something is built in it, and a finished file appears whole or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ariel_build.errors import SetupError
from ariel_build.machine import resources
from ariel_build.machine.files import write_atomically

__all__ = ["digest", "digest_of_files", "folder", "publish", "slot", "trim"]

#: Files of one kind that are kept: enough for all models of a test suite on one board.
KEEP = 400


def folder(*names: str) -> Path:
    """Returns a folder of the cache, made where missing."""
    path = resources.cache_dir().joinpath(*names)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"cannot make the cache folder: {error.strerror}",
            origin=str(path),
            help="XDG_CACHE_HOME names another place",
        ) from None
    return path


def digest(parts: Iterable[str | bytes]) -> str:
    """Returns 24 hexadecimal digits that stand for the parts, in order."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        # The length first: ("ab", "c") and ("a", "bc") differ.
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()[:24]


def digest_of_files(root: Path) -> str:
    """Returns the digest of all files under `root`, or of that one file: names and bytes, no build output."""
    if root.is_file():
        return digest([root.name, root.read_bytes()])
    found = sorted(path for path in root.rglob("*") if path.is_file() and "target" not in path.relative_to(root).parts)
    return digest(part for path in found for part in (path.relative_to(root).as_posix(), path.read_bytes()))


@contextmanager
def slot(parent: Path) -> Iterator[Path]:
    """Locks one of the numbered folders in `parent` and returns it: as many may build at once as there are cores."""
    count = os.cpu_count() or 1
    # All are tried; where all are taken, processes queue behind different ones.
    attempts = [(index, fcntl.LOCK_EX | fcntl.LOCK_NB) for index in range(count)]
    attempts.append((os.getpid() % count, fcntl.LOCK_EX))
    for index, how in attempts:
        with (parent / f"{index}.lock").open("w") as lock:
            if not _lock(lock, how):
                continue
            path = parent / str(index)
            path.mkdir(exist_ok=True)
            # Closing the file releases the lock, also when this process dies.
            yield path
            return


def _lock(file: IO[str], how: int) -> bool:
    """Returns whether the lock was obtained."""
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    return True


def publish(source: Path, target: Path) -> None:
    """Copies `source`, a program or a library, to `target`: others see all of it or nothing."""
    write_atomically(target, source.read_bytes(), 0o777)


def trim(parent: Path, pattern: str) -> None:
    """Deletes the files that were used longest ago, beyond `KEEP`."""
    aged: list[tuple[float, Path]] = []
    for path in parent.glob(pattern):
        # Another process may trim, too.
        with suppress(FileNotFoundError):
            aged.append((path.stat().st_mtime, path))
    for _, path in sorted(aged)[:-KEEP]:
        path.unlink(missing_ok=True)
