"""docs/new-project.md does what it says: its commands run one after the other, in an empty folder with a model."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.machine import process, resources
from ariel_build.run import toolchain
from tests.commands.test_new import expected
from tools.recorded import DIGITS, ROOT

PAGE = (ROOT / "docs" / "new-project.md").read_text(encoding="utf-8")
M7 = boards.load("qemu-cortex-m7")


def environment(folder: Path) -> dict[str, str]:
    """Returns a user's environment, with the emulators, and the programs of the package, on PATH."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("cargo-ariel", "ariel-build"):
        (programs / name).write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m ariel_build "$@"\n')
        (programs / name).chmod(0o755)
    emulator = resources.emulator("qemu-system-arm")
    assert emulator is not None
    env = toolchain.find(M7.target).environment()
    path = os.pathsep.join([str(programs), str(emulator.parent), env["PATH"]])
    return env | {
        "PATH": path,
        "ARIEL_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "CARGO_TARGET_DIR": str(ROOT / "target" / "new"),
    }


@pytest.mark.emulator("qemu-system-arm")
@pytest.mark.target(M7.target)
def test_the_page_runs(tmp_path: Path) -> None:
    env = environment(tmp_path)
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copy(DIGITS, folder)
    printed: dict[str, str] = {}
    for line in re.findall(r"^    (\S.*)$", PAGE, re.MULTILINE):
        words = shlex.split(line, comments=True)
        if words[0] == "cd":
            folder = folder / words[1]
            continue
        done = process.run(words, timeout=1800, cwd=folder, env=env)
        assert done.status == 0, f"{line}\n{done.stdout}{done.stderr}"
        printed[line] = done.stdout
    assert printed["cargo run --release"] == expected()


def test_the_table_names_the_boards() -> None:
    rows = re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    named |= {f"qemu-cortex{name}" for name in named if name.startswith("-m")}
    made = {name for name in boards.known() if boards.load(name).project} | {"host", "qemu-cortex-m33x2"}
    assert made <= named
