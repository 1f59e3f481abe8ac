"""The guard for CI in docs/fit.md does what its text says: it passes a model that fits, and fails one that does not."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ariel_build.machine import resources
from tools.recorded import DIGITS

ROOT = resources.path("ariel-ml-rs").parent
DOCS = ROOT / "docs" / "fit.md"


def guard() -> list[str]:
    """Returns the last command of the workflow."""
    (block,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    runs = re.findall(r"^ *- run: (.*)$", block, re.MULTILINE)
    assert runs[0] == "pip install ariel-build"
    # As long as the README says so, this page does.
    says = ["**Not published yet**" in page.read_text() for page in (ROOT / "README.md", DOCS)]
    assert says[0] == says[1]
    return shlex.split(runs[-1])


@pytest.mark.parametrize("budget, code", [("96K", 0), ("1K", 1)])
def test_the_guard(budget: str, code: int, tmp_path: Path) -> None:
    words = [word.replace("96K", budget) for word in guard()]
    assert words[0] == "ariel-build"
    model = tmp_path / words[2]
    model.parent.mkdir()
    shutil.copyfile(DIGITS, model)
    ended = subprocess.run(
        [sys.executable, "-m", "ariel_build", *words[1:]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    assert "stm32f4" in ended.stdout
