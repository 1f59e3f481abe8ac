"""Files that others see whole or not at all: written beside their place, then moved there."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

__all__ = ["make_folder", "write_all", "write_atomically", "write_if_changed"]


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Writes a file, whole or not at all, in a folder that is made where missing; the user's umask limits `mode`."""
    staged = _staged(path, data, mode & ~_umask())
    try:
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def write_all(files: Mapping[Path, bytes]) -> None:
    """Writes all the files, or none: where one cannot be put in its place, those before it get their old bytes back.

    A file that exists keeps its mode; a link stays one, and what it leads to is written.
    """
    places = {path.resolve(): data for path, data in files.items()}
    before = {path: path.read_bytes() if path.exists() else None for path in places}
    made = [folder for path in places for folder in path.parents if not folder.exists()]
    staged: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path, data in places.items():
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
            staged[path] = _staged(path, data, mode)
        for path in places:
            staged[path].replace(path)
            done.append(path)
    except BaseException:
        for path in reversed(done):
            old = before[path]
            if old is None:
                path.unlink()
            else:
                _staged(path, old, path.stat().st_mode & 0o777).replace(path)
        for path in staged.values():
            path.unlink(missing_ok=True)
        for folder in sorted(set(made), key=lambda folder: len(folder.parts), reverse=True):
            with suppress(OSError):  # somebody else's files are in it by now
                folder.rmdir()
        raise


def make_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes a folder that does not exist yet, with these files, whole or not at all.

    Raises FileExistsError where there is something of that name.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, data in files.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        beside.chmod(0o777 & ~_umask())
        _refuse_taken(folder)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _refuse_taken(folder: Path) -> None:
    """Raises FileExistsError where there is something, if only an empty folder, whose place `rename` would take."""
    if folder.exists() or folder.is_symlink():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _staged(path: Path, data: bytes, mode: int) -> Path:
    """Returns a new file beside `path` with the data and the mode that `path` is to have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes the file private; what we write is as public as any file of the user.
        Path(name).chmod(mode)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def write_if_changed(path: Path, data: bytes) -> None:
    """Writes a file, whole or not at all, and leaves it alone where it has these bytes: cargo rebuilds what it must."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == data:
            return
    write_atomically(path, data)
