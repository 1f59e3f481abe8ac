"""Every block of README and of docs/ does what it says, or says in its source why nobody can do it here.

Commands run one after the other, in a folder with the files that the page takes for granted. Blocks of Rust are
compiled by test_snippets.py, the workflow of docs/fit.md is run by test_fit.py.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.boards.board import Board
from ariel_build.config import metadata
from ariel_build.machine import resources
from ariel_build.run import toolchain
from tests.examples.support import TARGET
from tests.zoo import FLOAT, Ends, node, onnx_file
from tools import pages
from tools.recorded import DIGITS, ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: What runs the blocks of pages that need more than tests have, or more than their commands to succeed.
ELSEWHERE = {
    "keras.md": "nox -s keras",
    "pytorch.md": "nox -s pytorch",
    "scikit-learn.md": "tests/ops/ml/test_scikit_learn.py",
    "troubleshooting.md": "tests/readme/test_troubleshooting.py",
}
LANGUAGES = {"sh", "python", "toml", "text", "rust"}
PROGRAMS = {"cargo", "ariel-build", "python", "python3", "cd", "nox"}
#: Boards that a page's commands run firmware on without naming them behind `--on`.
ALSO = {"new-project.md": ("qemu-cortex-m7",), "quick-start.md": ("qemu-cortex-m7",)}
LOG = "ariel-profile keywords: 1 inferences, 1000 Hz\nariel-profile keywords: step 0, 1 tiles, 5 ticks, 5 at most\n"


def blocks(page: Path) -> list[pages.Block]:
    """Returns the blocks of a page that are to be run."""
    return [block for block in pages.blocks(page.read_text(encoding="utf-8")) if not block.reason]


def emulated(page: Path) -> list[Board]:
    """Returns the boards on which a page runs firmware."""
    text = "".join(block.text for block in blocks(page) if block.language == "sh")
    names = {*re.findall(r"--on ([\w-]+)", text), *ALSO.get(page.name, ())}
    return [boards.load(name) for name in sorted(names - {"host"})]


def marked(page: Path) -> object:
    """Returns the page with the marks that its boards ask for."""
    marks = []
    for board in emulated(page):
        assert board.run is not None
        marks.append(pytest.mark.target(board.target))
        pico = board.run.emulator == "rp2040js"
        marks.append(pytest.mark.pico if pico else pytest.mark.emulator(board.run.emulator))
    return pytest.param(page, id=page.name, marks=marks)


def has_commands(page: Path) -> bool:
    return any(block.language in ("sh", "python", "text") for block in blocks(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_somebody_runs_every_block(page: Path) -> None:
    for block in blocks(page):
        place = f"{page.name}:{block.line}"
        known = LANGUAGES | ({"yaml"} if page.name == "fit.md" else set())
        assert block.language in known, f"{place}: nobody runs `{block.language}`: a reason in <!-- not run: .. -->?"
        if block.language == "sh":
            for line in block.text.splitlines():
                assert line.split()[0] in PROGRAMS, f"{place}: `{line}` is not run: a reason in <!-- not run: .. -->?"
        if block.language == "rust":
            assert re.match(r"// (?:build\.rs$|[\w/.]+, )", block.text, re.MULTILINE), f"{place}: no test compiles it"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_metadata_is_right(page: Path) -> None:
    for block in blocks(page):
        if block.language == "toml" and "[package.metadata.ariel" in block.text:
            metadata.read(f'[package]\nname = "firmware"\n{block.text}')


def test_what_runs_elsewhere_is_there() -> None:
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    for page, where in ELSEWHERE.items():
        assert (ROOT / "docs" / page).exists()
        name = where.removeprefix("nox -s ")
        assert f'"docs/{page}"' in sessions if name != where else page in (ROOT / where).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [marked(page) for page in PAGES if has_commands(page) and page.name not in ELSEWHERE])
def test_the_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, is_crate=page.name == "profile.md")
    pages.perform(page, environment(emulated(page)))


def lay_out(folder: Path, *, is_crate: bool) -> None:
    """Writes the files that pages take for granted: models, their inputs, a board, a log; and a crate around them."""
    for name in ("models", "other", "boards", "our/boards"):
        (folder / name).mkdir(parents=True)
    for name in ("digits", "keywords", "keywords-smaller", "model", "models/keywords"):
        shutil.copy(DIGITS, folder / f"{name}.tflite")
    given: Ends = {"x": (FLOAT, [1, 4])}
    made: Ends = {"y": (FLOAT, [1, 3])}
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    for name in ("models/keywords.onnx", "other/net.onnx"):
        onnx_file(folder / name, nodes, given, made, {"w": (np.arange(12).reshape(4, 3) / 8 - 0.5).astype(np.float32)})
    random = np.random.default_rng(1)
    np.savez(folder / "models" / "keywords.npz", x=random.normal(size=(64, 1, 4)).astype(np.float32))
    np.savez(folder / "in.npz", input_0=random.integers(-128, 128, (1, 1, 8, 8, 1), np.int8))
    for name in ("boards/mine.toml", "our/boards/ours.toml"):
        shutil.copy(resources.path("boards") / "stm32f4.toml", folder / name)
    (folder / "device.log").write_text(LOG)
    if is_crate:
        (folder / "Cargo.toml").write_text(
            '[package]\nname = "firmware"\n\n[package.metadata.ariel]\nmodel = "keywords.tflite"\n'
        )


def environment(used: list[Board]) -> dict[str, str]:
    """Returns a user's environment, with our compiler, and the emulators on PATH."""
    env = toolchain.find(used[0].target if used else "host").environment()
    path = [env["PATH"]]
    for board in used:
        program = resources.emulator(board.run.emulator) if board.run else None
        path[:0] = [str(program.parent)] if program else []
    return env | {
        "PATH": os.pathsep.join(path),
        "ARIEL_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "CARGO_TARGET_DIR": str(TARGET),
    }
