"""The commands, one file each: `add(subparsers)` declares it, `main(arguments)` does it and returns the exit code."""

from ariel_build.commands import boards, cargo, compile, inspect, run, verify

__all__ = ["COMMANDS"]

COMMANDS = (cargo, compile, inspect, run, verify, boards)
