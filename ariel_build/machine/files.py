"""Files that others see whole or not at all: written beside their place, then moved there."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["write_if_changed", "write_whole"]


def write_whole(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Writes a file, whole or not at all, in a folder that is made where missing; the user's umask limits `mode`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes the file private; what we write is as public as any file of the user.
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(mode & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_if_changed(path: Path, data: bytes) -> None:
    """Writes a file, whole or not at all, and leaves it alone where it has these bytes: cargo rebuilds what it must."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == data:
            return
    write_whole(path, data)
