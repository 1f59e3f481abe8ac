"""Lays out the pages of the book, where MkDocs builds them: `python -m tools.book` -> target/book/pages.

Pages stay where GitHub shows them; here they keep their places beside each other, so that their links hold. A link to a
folder leads to its README there, and the crates' documentation, which has to be made by then, comes along.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path

from tools.recorded import ROOT

__all__ = ["lost_links", "main", "pages"]

PAGES = ROOT / "target" / "book" / "pages"
RUSTDOC = ROOT / "target" / "doc"
_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")


def pages() -> list[Path]:
    """Returns the files of the book: README, what is in docs, the examples, and how to contribute."""
    top = [ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG")]
    return [*top, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("**/README.md"))]


def lost_links() -> list[str]:
    """Returns the links that lead to no file, each with its page; whether anchors are there, MkDocs sees."""
    return [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages()
        for _, link in _LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists() or not (page.parent / link).resolve().is_relative_to(ROOT)
    ]


def main() -> int:
    """Writes the pages and what they link to; 1 where a link leads nowhere."""
    shutil.rmtree(PAGES, ignore_errors=True)
    lost = lost_links()
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for _, link in _LINK.findall(text):
            target = (page.parent / link).resolve()
            if target.is_file() and target.suffix != ".md":
                _copy(target)
        place = PAGES / page.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_linked(page, text), encoding="utf-8")
    _lay_out_rustdoc()
    for line in lost:
        print(f"a link leads nowhere: {line}", file=sys.stderr)
    return 1 if lost else 0


def _copy(file: Path) -> None:
    place = PAGES / file.relative_to(ROOT)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, place)


def _linked(page: Path, text: str) -> str:
    """Returns the text of a page with links to files only."""
    return _LINK.sub(lambda found: found[1] + _readme(page, found[2]), text)


def _readme(page: Path, link: str) -> str:
    """Returns the link, or where it leads to a folder, one to the README of that or of the nearest folder around it."""
    target = page.parent / link
    if not target.is_dir():
        return link
    place = Path(link)
    while not (page.parent / place / "README.md").exists() and place != place.parent:
        place = place.parent
    return (place / "README.md").as_posix()


def _lay_out_rustdoc() -> None:
    """Puts the crates' documentation beside the pages, with a page that leads to it."""
    (PAGES / "crates").symlink_to(RUSTDOC)
    lines = ["# The crates", "", "| crate | |", "|---|---|"]
    for pattern in tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]:
        for manifest in sorted(ROOT.glob(f"{pattern}/Cargo.toml")):
            package = tomllib.loads(manifest.read_text())["package"]
            folder = package["name"].replace("-", "_")
            lines.append(f"| [{package['name']}](crates/{folder}/index.html) | {package['description']} |")
    (PAGES / "crates.md").write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    sys.exit(main())
