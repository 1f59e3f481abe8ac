"""`python -m tools.kernels`: makes `ariel_build/kernels/declared` of what the runtime crate's kernels declare."""

from __future__ import annotations

import functools
import pkgutil
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from ariel_build.kernels import Kernel, Part, declared
from ariel_build.machine import resources

__all__ = ["FOLDER", "SRC", "Refused", "classes", "declare", "in_rust", "paths"]

SRC = resources.path("ariel-ml-rs") / "src"
FOLDER = resources.path("ariel-ml-rs").parent / "ariel_build" / "kernels" / "declared"
_PARAMETER = re.compile(r"\b[A-Z]\w*(?=[,>])")
_INIT = '"""The kernels of the runtime crate as classes, made of its sources by `nox -s kernels`; do not edit."""\n'


class Refused(Exception):
    """A kernel's declaration lacks something: what, a line each."""


@functools.cache
def classes() -> tuple[type[Part], ...]:
    """Returns the classes of all kernels, and of what they are made of."""
    names = [module.name for module in pkgutil.iter_modules(declared.__path__)]
    modules = [import_module(f"{declared.__name__}.{name}") for name in names]
    found = (vars(module)[name] for module in modules for name in module.__all__)
    return tuple(one for one in found if isinstance(one, type) and issubclass(one, Part))


@functools.cache
def paths() -> Mapping[str, str]:
    """Returns what generated modules call each kernel, by how the crate spells its type."""
    found = {}
    for one in (one for one in classes() if issubclass(one, Kernel)):
        for arguments, path in one.PATHS.items():
            spelled = one.SPELLED or f"{one.ROOMS[0].removeprefix('kernels::')}::{one.__name__}"
            found[f"{spelled}<{', '.join(arguments)}>" if arguments else spelled] = path
    return found


def in_rust(spelled: str) -> str:
    """Returns the whole path of a kernel's type, and of its parameters, by which another crate can name it."""

    def with_home(found: re.Match[str]) -> str:
        home = next(one.ROOMS[0] for one in classes() if one.__name__ == found[0] and not issubclass(one, Kernel))
        return f"ariel_ml_rs::{home}::{found[0]}"

    return f"ariel_ml_rs::kernels::{_PARAMETER.sub(with_home, spelled)}"


def declare(folder: Path, src: Path) -> None:
    """Writes the modules that the sources in `src` declare into an empty `folder`, formatted, or raises Refused."""
    root = resources.path("ariel-ml-rs").parent
    told = subprocess.run(
        ["cargo", "run", "--quiet", "--manifest-path=tools/kernels/Cargo.toml", "--", str(src), str(folder)],
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
