"""Sources that we write for a user, laid out by rustfmt where it is installed: a line is as long as a model's name."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ariel_build.errors import ArielError
from ariel_build.machine import process

__all__ = ["formatted"]


def formatted(files: Mapping[str, bytes], root: str) -> dict[str, bytes]:
    """Returns the files with the source `root` and its modules as rustfmt's defaults have them.

    As they are where there is no rustfmt, or it takes offence.
    """
    if shutil.which("rustfmt") is None:
        return dict(files)
    sources = [name for name in files if name.endswith(".rs")]
    with tempfile.TemporaryDirectory(prefix="ariel-") as folder:
        for name in sources:
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
        with suppress(ArielError):
            process.run(["rustfmt", "--edition", "2024", root], timeout=60, cwd=Path(folder))
        return {**files, **{name: (Path(folder) / name).read_bytes() for name in sources}}
