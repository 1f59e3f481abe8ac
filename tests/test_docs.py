"""The pages that are made from the code are current, and no document offers what does not exist."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.commands import COMMANDS
from tools import book
from tools.docs import DOCS, PAGES
from tools.recorded import ROOT

PROSE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", *sorted(DOCS.glob("*.md"))]
PROSE += sorted((ROOT / "examples").glob("*/README.md"))


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    """`python -m tools.docs` would change nothing."""
    assert DOCS.joinpath(name).read_text(encoding="utf-8") == PAGES[name](), "run `python -m tools.docs`"


def test_every_command_that_is_offered_exists() -> None:
    known = set(COMMANDS)
    form = re.compile(
        r"(?:cargo ariel|ariel-build|python3? -m ariel_build) ([a-z][a-z-]*)\b(?!`? (?:is|has|comes|came))"
    )
    offered: dict[str, Path] = {}
    for path in PROSE:
        # Commands are in code: between backticks, or on lines of blocks.
        for code in re.findall(r"`[^`\n]+`|^ {4,}.+$", path.read_text(encoding="utf-8"), re.MULTILINE):
            offered |= dict.fromkeys(form.findall(code), path)
    assert {"inspect", "verify"} <= set(offered)
    assert {name: path.name for name, path in offered.items() if name not in known} == {}


def test_the_quick_start_lists_all_commands() -> None:
    """But `cargo`, which build scripts call."""
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "quick-start.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([a-z]+)[` ]", row)} == set(COMMANDS) - {"cargo"}


def test_readme_names_the_boards() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Boards")[2].partition("## ")[0]
    known = {name for name in boards.known() if not boards.load(name).is_generic}
    assert set(re.findall(r"`([\w-]+)`", text)) == known


def test_readme_compares_as_the_benchmarks_do() -> None:
    taken: dict[str, dict[str, int]] = {}
    for row in json.loads((DOCS / "benchmarks.json").read_text(encoding="utf-8"))["rows"]:
        if row["board"] == "qemu-cortex-m7" and row["element"] == "int8" and row.get("instructions"):
            taken.setdefault(row["model"], {})[row["engine"]] = row["instructions"]
    peer = "TFLite-Micro + CMSIS-NN"
    shares = [engines["Ariel-ML"] / engines[peer] for engines in taken.values() if peer in engines]
    text = f"takes {min(shares):.2f} to {max(shares):.2f} times the instructions of TFLite-Micro with CMSIS-NN"
    assert text in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_book_has_every_page_once() -> None:
    """And no other; `nox -s docs` also follows anchors."""
    pages = [path.relative_to(ROOT).as_posix() for path in book.pages()]
    nav = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(nav) == sorted([*pages, "crates.md"])


def test_no_link_leads_nowhere() -> None:
    assert book.lost_links() == []


def test_contributing_lists_the_sessions_of_nox() -> None:
    """All of them, and no document one that does not exist."""
    sessions = []
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        for mark in function.decorator_list:
            if ast.unparse(mark).startswith("nox.session"):
                named = [w.value for w in mark.keywords if w.arg == "name"] if isinstance(mark, ast.Call) else []
                sessions.append(ast.literal_eval(named[0]) if named else function.name)
    assert {"tests", "setup", "fresh"} <= set(sessions)
    offered = {path: set(re.findall(r"nox -s ([a-z]+)", path.read_text(encoding="utf-8"))) for path in PROSE}
    assert offered[ROOT / "CONTRIBUTING.md"] == set(sessions)
    assert set().union(*offered.values()) <= set(sessions)
