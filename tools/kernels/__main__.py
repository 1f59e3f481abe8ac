"""Makes the classes of the tree anew."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tools.kernels import FOLDER, SRC, Refused, declare


def main() -> int:
    """Replaces the folder as a whole: kernels that are no more leave it."""
    with tempfile.TemporaryDirectory() as place:
        try:
            declare(Path(place), SRC)
        except Refused as refused:
            sys.stderr.write(str(refused))
            return 1
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(place, FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
