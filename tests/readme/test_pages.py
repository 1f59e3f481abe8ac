"""Pages that are done block by block: what fails in a page is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import pages


def _page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_blocks_share_their_names(tmp_path: Path) -> None:
    page = _page(tmp_path, "```python\na = 2\n```\n\ntext\n\n```python\nb = a + 1\n```\n    ariel-build boards\n")
    assert pages.perform(page)["b"] == 3


@pytest.mark.parametrize(
    "text, said",
    [
        ("a\n\n    ariel-build inspect none.onnx\n", r"page\.md:3: ariel-build inspect none\.onnx ended with 2"),
        (
            '```toml\n[package.metadata.ariel.models.a]\npath = "none.onnx"\n```\n',
            r"page\.md:1: no block .* none\.onnx",
        ),
        ("nothing to do", "no block of Python"),
    ],
)
def test_what_fails_is_told(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=said):
        pages.perform(_page(tmp_path, text))


def test_an_exception_has_the_line_of_the_page(tmp_path: Path) -> None:
    page = _page(tmp_path, "# Title\n\n```python\nfirst = 1\nassert first == 2\n```\n")
    with pytest.raises(AssertionError) as raised:
        pages.perform(page)
    assert raised.traceback[-1].lineno == 4  # from 0
