"""`python -m tools.pages docs/keras.md`: does what a page says, block by block, in a folder of its own.

Python blocks share their names, as cells of a notebook do. Commands (indented, `ariel-build ..`) run with this
interpreter and have to succeed. The models that a block of TOML describes have to be there by then.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["main", "perform"]

_FORM = re.compile(r"```(python|toml)\n(.*?)```|^ {4}(ariel-build [^\n]+)$", re.MULTILINE | re.DOTALL)


def perform(page: Path) -> dict[str, Any]:
    """Runs the blocks and commands of a page in the current folder.

    Returns:
        The names that its Python defined, with their values.

    Raises:
        Exception: What a block of Python raises.
        RuntimeError: A command failed, or a model of its metadata is not there; or the page has nothing to run.
    """
    names: dict[str, Any] = {}
    parts = list(_parts(page.read_text(encoding="utf-8")))
    if not parts:
        raise RuntimeError(f"{page} has no block of Python or TOML, and no command")
    for language, text, line in parts:
        if language == "python":
            # Lines before it, so that a traceback tells lines of the page.
            code = compile("\n" * line + text, str(page), "exec")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(code, names)  # noqa: S102 - pages are ours
        elif language == "toml":
            _check_metadata(text, f"{page}:{line}")
        else:
            _command(text, f"{page}:{line}")
    return names


def _parts(text: str) -> Iterator[tuple[str, str, int]]:
    """Yields what there is to do in a page: its language, its text, and the line that it stands on, from 1."""
    for found in _FORM.finditer(text):
        yield found[1] or "shell", found[2] or found[3], text.count("\n", 0, found.start()) + 1


def _check_metadata(text: str, place: str) -> None:
    """Raises RuntimeError where a model that the metadata names is not in the current folder."""
    tables: Any = tomllib.loads(text)
    for options in tables["package"]["metadata"]["ariel"]["models"].values():
        if not Path(options["path"]).exists():
            raise RuntimeError(f"{place}: no block before this one makes {options['path']}")


def _command(text: str, place: str) -> None:
    """Runs a command of ariel-build; raises RuntimeError where it does not succeed."""
    words = [sys.executable, "-m", "ariel_build", *text.split()[1:]]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"{place}: {text} ended with {ended.returncode}: {ended.stderr}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs each page in a new folder; an exception ends it."""
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description="run the blocks of pages")
    parser.add_argument("pages", nargs="+", type=Path)
    for page in parser.parse_args(arguments).pages:
        path = page.resolve()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, contextlib.chdir(folder):
            perform(path)
        print(f"{page}: every block does what it says", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
