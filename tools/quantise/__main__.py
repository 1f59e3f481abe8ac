"""Prints the table, and with `--refresh` writes it into docs/quantisation.md.

    python -m tools.quantise [--int4] [--refresh] [NAME ..]

`--int4` is the table of weights of 4 bits, which runs models on an emulated Cortex-M7 as well.
It needs onnxruntime and scikit-learn (`nox -s quantise` installs both), and for most of the rows the folder of models
beside the checkout.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.quantise.compare import ROWS, Case, compare, table
from tools.quantise.int4 import NAMES, both, int4_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quantisation.md"
BEGIN, END = "<!-- made by `python -m tools.quantise --refresh` -->\n", "<!-- end -->\n"
BEGIN_INT4 = "<!-- made by `python -m tools.quantise --int4 --refresh` -->\n"


def main() -> int:
    """Measures the rows that are asked for."""
    parser = argparse.ArgumentParser(prog="tools.quantise", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows (default: all)")
    parser.add_argument("--refresh", action="store_true", help="write the table into docs/quantisation.md")
    parser.add_argument("--int4", action="store_true", help="the table of weights of 4 bits instead")
    arguments = parser.parse_args()
    every = [row for row in ROWS if not arguments.int4 or row.name in NAMES]
    rows: list[Case] = [row for row in every if not arguments.names or row.name in arguments.names]
    if arguments.refresh and len(rows) < len(every):
        parser.error("--refresh is for all rows")
    with tempfile.TemporaryDirectory(prefix="ariel-") as folder:
        if arguments.int4:
            text = int4_table([both(row, Path(folder)) for row in _told(rows)])
        else:
            text = table([compare(row, Path(folder)) for row in _told(rows)])
    print(text, end="")
    if arguments.refresh:
        begin = BEGIN_INT4 if arguments.int4 else BEGIN
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
        PAGE.write_text(before + begin + text + END + rest.partition(END)[2], encoding="utf-8")
    return 0


def _told(rows: Sequence[Case]) -> Iterator[Case]:
    """Yields the rows, and says which one comes."""
    for row in rows:
        print(f"{row.name} ..", file=sys.stderr, flush=True)
        yield row


if __name__ == "__main__":
    sys.exit(main())
