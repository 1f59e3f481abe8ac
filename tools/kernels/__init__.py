"""`python -m tools.kernels`: makes `ariel_build/kernels/declared` of what the runtime crate's kernels declare."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ariel_build.machine import resources

__all__ = ["FOLDER", "SRC", "Refused", "declare"]

SRC = resources.path("ariel-ml-rs") / "src"
FOLDER = resources.path("ariel-ml-rs").parent / "ariel_build" / "kernels" / "declared"
_INIT = '"""The kernels of the runtime crate as classes, made of its sources by `nox -s kernels`; do not edit."""\n'


class Refused(Exception):
    """A kernel's declaration lacks something: what, a line each."""


def declare(folder: Path, src: Path) -> None:
    """Writes the modules that the sources in `src` declare into an empty `folder`, formatted, or raises Refused."""
    root = resources.path("ariel-ml-rs").parent
    told = subprocess.run(
        ["cargo", "run", "--quiet", "--package", "kernels", "--", str(src), str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise Refused(told.stderr)
    (folder / "__init__.py").write_text(_INIT)
    settings = ["--config", str(root / "pyproject.toml")]
    for command in (["check", "--quiet", "--select", "I,RUF022", "--fix"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *settings, str(folder)], check=True)
