"""Rows of operators: the kernels that they describe are those of the runtime crate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.recorded import ROOT
from tools.rows import FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_kernels_are_those_of_the_rows(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == "\n".join([*FILES[path](), ""]), "run `python -m tools.rows`"
