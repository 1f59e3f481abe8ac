"""The pages that are made from the code are current."""

from __future__ import annotations

import pytest

from tools.docs import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    """`python -m tools.docs` would change nothing."""
    assert DOCS.joinpath(name).read_text(encoding="utf-8") == PAGES[name](), "run `python -m tools.docs`"
