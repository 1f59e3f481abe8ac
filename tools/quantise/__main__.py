"""Prints the table, and with `--refresh` writes it into docs/quantisation.md.

    python -m tools.quantise [--refresh] [NAME ..]

It needs onnxruntime and scikit-learn (`nox -s quantise` installs both), and for most of the rows the folder of models
beside the checkout.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tools.quantise.compare import ROWS, Case, compare, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quantisation.md"
BEGIN, END = "<!-- made by `python -m tools.quantise --refresh` -->\n", "<!-- end -->\n"


def main() -> int:
    """Measures the rows that are asked for."""
    parser = argparse.ArgumentParser(prog="tools.quantise", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows (default: all)")
    parser.add_argument("--refresh", action="store_true", help="write the table into docs/quantisation.md")
    arguments = parser.parse_args()
    rows: list[Case] = [row for row in ROWS if not arguments.names or row.name in arguments.names]
    if arguments.refresh and len(rows) < len(ROWS):
        parser.error("--refresh is for all rows")
    found = []
    with tempfile.TemporaryDirectory(prefix="ariel-") as folder:
        for row in rows:
            print(f"{row.name} ..", file=sys.stderr, flush=True)
            found.append(compare(row, Path(folder)))
    text = table(found)
    print(text, end="")
    if arguments.refresh:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(before + BEGIN + text + END + rest.partition(END)[2], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
