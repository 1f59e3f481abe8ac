"""`python -m tools.report_picture` takes the picture of docs/report.md: the report of the model that the demo reads."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ariel_build import cli
from tools.browsing import opened
from tools.recorded import DIGITS, ROOT

__all__ = ["main"]

PICTURE = ROOT / "docs" / "report.webp"
#: What is left of the page for the picture, so that each of its drawings is in it.
_SHORT = """
document.querySelector("#graph .panel").style.maxHeight = "330px";
ariel.choose(3);
"""


def main() -> None:
    """Writes the picture, of a report for both cores of a chip."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        cli.main(["report", str(DIGITS), "--board", "rp2350", "-o", str(folder / "report.html")])
        with opened(folder / "browser") as page:
            page.size(1240, 1500)
            page.colours("light")
            page.open(folder / "report.html")
            page.run(_SHORT)
            page.run("new Promise(done => setTimeout(done, 500))")
            page.picture(PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
