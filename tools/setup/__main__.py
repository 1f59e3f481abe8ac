"""`python -m tools.setup`: the same as `nox -s setup`, without nox."""

from __future__ import annotations

import sys

from tools.setup import Needs, Refused, ensure


def main() -> int:
    """Sets the machine up; returns 2, with the commands to run, where the user has to act."""
    try:
        ensure(Needs.of_boards())
    except Refused as refusal:
        print(refusal.render(), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
