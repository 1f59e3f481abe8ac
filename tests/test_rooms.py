"""The order of the rooms: who may import whom."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.recorded import ROOT

#: Each may import what stands before it. ARCHITECTURE.md tells what each is.
ORDER = (
    "records",
    "errors",
    "machine",
    "config",
    "ir",
    "boards",
    "link",
    "frontends",
    "kernels",
    "ops",
    "answers",
    "passes",
    "lower",
    "isa",
    "schedule",
    "memory",
    "cores",
    "codegen",
    "compilation",
    "driver",
    "quantize",
    "project",
    "cargo",
    "run",
    "report",
    "sweep",
    "commands",
    "cli",
    "__main__",
)
PACKAGE = ROOT / "ariel_build"


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yields the modules that a file imports, those for annotations only and those inside of functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_a_place() -> None:
    there = {room(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert there == set(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_a_room_knows_only_those_before_it(name: str) -> None:
    before = set(ORDER[: ORDER.index(name) + 1])
    files = [path for path in PACKAGE.rglob("*.py") if room(path) == name]
    assert files
    later = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for path in files
        for module in imports(path)
        if module.startswith("ariel_build.") and module.split(".")[1] in set(ORDER) - before
    ]
    assert later == []


@pytest.mark.parametrize(
    "module, only",
    [
        ("subprocess", "machine/process.py"),
        ("tempfile.mkstemp", "machine/files.py"),
        ("dataclasses.dataclass", "records.py"),
    ],
)
def test_processes_files_and_records_have_one_place(module: str, only: str) -> None:
    """Who starts a program or replaces a file in one step asks `machine` to; who declares data, `records`."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if module in used | set(imports(path)):
            found.add(path.relative_to(PACKAGE).as_posix())
    assert found == {only}


@pytest.mark.parametrize("folder, unknown", [("ariel_build", ("tests", "tools")), ("tools", ("tests",))])
def test_what_ships_knows_no_tools_and_tools_no_tests(folder: str, unknown: tuple[str, ...]) -> None:
    files = list((ROOT / folder).rglob("*.py"))
    modules = itertools.chain.from_iterable(imports(path) for path in files)
    assert files and not [module for module in modules if module.split(".")[0] in unknown]
