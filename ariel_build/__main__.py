"""`python -m ariel_build`, `ariel-build`, `cargo ariel`."""

import sys

from ariel_build.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
