"""`python -m tools.soak [inferences]`: 100,000 inferences on each of the beds; exit 1 where an answer is wrong."""

from __future__ import annotations

import sys
import time

from tools.soak import BEDS, soak


def main() -> int:
    """Soaks each bed and prints what came of it."""
    inferences = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    wrong = 0
    for board, cores in BEDS:
        began = time.monotonic()
        report = soak(board, cores, inferences, say=lambda text: print(text, flush=True))
        print(f"{cores} cores of {board}: {report} in {time.monotonic() - began:.0f} s", flush=True)
        wrong += report.wrong + report.refused
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
