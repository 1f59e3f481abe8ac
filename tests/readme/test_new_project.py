"""docs/new-project.md names every board that a project is made for."""

from __future__ import annotations

import re

from ariel_build import boards
from tools.recorded import ROOT

PAGE = (ROOT / "docs" / "new-project.md").read_text(encoding="utf-8")


def test_the_table_names_the_boards() -> None:
    rows = re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    named |= {f"qemu-cortex{name}" for name in named if name.startswith("-m")}
    made = {name for name in boards.known() if boards.load(name).project} | {"host", "qemu-cortex-m33x2"}
    assert made <= named
