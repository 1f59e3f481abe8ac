"""`python -m tools.pages docs/keras.md`: does what a page says, block by block, in a folder of its own.

A block is fenced, or indented by four spaces, which makes it lines of a shell. `<!-- not run: why -->` before a block
says why nobody can do what it says. Of the others

- Python is run; blocks share their names, as cells of a notebook do;
- lines of a shell are run, and have to succeed: `cargo ariel`, `ariel-build` and `python` by this interpreter. Sessions
  of nox are not, for they run this;
- TOML whose first line is the name of a file is written to that; models that it describes have to be there by then;
- text behind lines of a shell is what the last of them prints, where `..` stands for anything;
- Rust is compiled by tests/readme/test_snippets.py.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Block", "blocks", "main", "perform"]

_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->", re.DOTALL)
_OURS = ("ariel-build", "cargo-ariel")


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, its text, the line it begins on, from 1, and why it is not run, if it is not."""

    language: str
    text: str
    line: int
    reason: str = ""


def blocks(text: str) -> list[Block]:
    """Returns the blocks of a page in their order."""
    found: list[Block] = []
    lines = text.splitlines()
    place = 0
    prose: list[str] = []
    while place < len(lines):
        start, language = place, ""
        if lines[place].startswith("```"):
            language = lines[place].removeprefix("```").strip() or "nothing"
            place += 1
            while place < len(lines) and not lines[place].startswith("```"):
                place += 1
            body = lines[start + 1 : place]
            place += 1
        elif lines[place].startswith("    "):
            language = "sh"
            while place < len(lines) and lines[place].startswith("    "):
                place += 1
            body = [line[4:] for line in lines[start:place]]
        else:
            prose.append(lines[place])
            place += 1
            continue
        reason = _NOT_RUN.search("\n".join(prose))
        found.append(Block(language, "\n".join([*body, ""]), start + 1, reason[1] if reason else ""))
        prose = []
    return found


def perform(page: Path, env: Mapping[str, str] | None = None, python: Path | None = None) -> dict[str, Any]:
    """Does what a page says, in the current folder, with this environment (else that of this process).

    Commands run by the interpreter `python`, else by this one.

    Returns:
        The names that its Python defined, with their values.

    Raises:
        Exception: What a block of Python raises.
        RuntimeError: A command failed or printed something else, or a model of its metadata is not there; or the page
            has nothing to do.
    """
    names: dict[str, Any] = {}
    todo = [block for block in blocks(page.read_text(encoding="utf-8")) if not block.reason]
    if not todo:
        raise RuntimeError(f"{page} has no block of Python or TOML, and no command")
    printed: str | None = None
    # A command may stand before the file that it reads.
    for block in todo:
        if block.language == "toml":
            _write(block.text)
    start = Path.cwd()
    with contextlib.chdir(start):
        for block in todo:
            place = f"{page}:{block.line}"
            if block.language == "python":
                # Lines before it, so that a traceback tells lines of the page.
                code = compile("\n" * block.line + block.text, str(page), "exec")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    exec(code, names)  # noqa: S102 - pages are ours
            elif block.language == "toml":
                _check_metadata(block.text, place, start)
            elif block.language == "sh":
                for number, line in enumerate(block.text.splitlines(), block.line):
                    printed = _command(line, f"{page}:{number}", env, str(python or sys.executable))
            elif block.language == "text":
                _compare(block.text, printed, place)
    return names


def _write(text: str) -> None:
    """Writes TOML to the file that its first line names; a Cargo.toml is a part of one, and stays what it is."""
    named = re.match(r"# ([\w/.-]+\.toml)\b", text)
    if named and named[1] != "Cargo.toml":
        Path(named[1]).parent.mkdir(parents=True, exist_ok=True)
        Path(named[1]).write_text(text, encoding="utf-8")


def _check_metadata(text: str, place: str, start: Path) -> None:
    """Raises RuntimeError where a model that the metadata names is not there, from the folder where the page began."""
    tables: Any = tomllib.loads(text)
    for options in tables.get("package", {}).get("metadata", {}).get("ariel", {}).get("models", {}).values():
        if not (start / options["path"]).exists():
            raise RuntimeError(f"{place}: no block before this one makes {options['path']}")


def _command(text: str, place: str, env: Mapping[str, str] | None, python: str) -> str:
    """Runs a line; returns what it printed, or raises RuntimeError where it does not succeed."""
    words = shlex.split(text, comments=True)
    if not words or words[0] == "nox":
        return ""
    if words[0] == "cd":
        os.chdir(words[1])
        return ""
    if words[0] in _OURS or words[:2] == ["cargo", "ariel"]:
        rest = words[1:] if words[0] in _OURS else words[2:]
        words = [python, "-m", "ariel_build", *rest]
    elif words[0] in ("python", "python3"):
        words[0] = python
    elif words[0] != "cargo":
        raise RuntimeError(f"{place}: {words[0]} is not run here; say why in <!-- not run: .. -->")
    ended = subprocess.run(words, capture_output=True, text=True, check=False, env=env, stdin=subprocess.DEVNULL)
    if ended.returncode != 0:
        raise RuntimeError(f"{place}: {text} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
    return ended.stdout


def _compare(text: str, printed: str | None, place: str) -> None:
    """Raises RuntimeError where a block of text is not what was printed."""
    pattern = ".*?".join(re.escape(part) for part in text.rstrip().split(".."))
    if printed is None or not re.fullmatch(pattern, printed.rstrip(), re.DOTALL):
        raise RuntimeError(f"{place}: the command before it prints\n{printed}")


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
