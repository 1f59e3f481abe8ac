"""Runs any firmware of an RP2040 on the emulated one: `python -m ariel_build.run.rp2040_sim [options] ELF`.

An application with embassy-rp, for one. Its text (RTT or semihosting) comes on standard output, and its status is that
of this program. `docs/rp2040-sim.md` has the options; they are those of `harness/rp2040/main.mjs`.
"""

from __future__ import annotations

import os
import sys

from ariel_build.errors import ArielError
from ariel_build.machine import process
from ariel_build.run.emulators import rp2040


def main() -> int:
    """Runs a firmware as the command line says; returns its status, or 2 where something is missing."""
    try:
        command, variables = rp2040.command(), rp2040.environment()
    except ArielError as error:
        print(error.render(), file=sys.stderr)  # noqa: T201  a command of its own
        return 2
    return process.hand_over([*command, *sys.argv[1:]], env={**os.environ, **variables})


if __name__ == "__main__":
    sys.exit(main())
