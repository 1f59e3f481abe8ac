"""Builds example firmwares as a user would, with cargo, and runs them as their `.cargo/config.toml` says."""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from pathlib import Path

from ariel_build.machine import process, resources
from ariel_build.run import toolchain

__all__ = ["EXAMPLES", "ROOT", "TARGET", "build", "cargo_build", "digits", "run"]

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
#: One folder for all firmware that users build: what two have in common, such as a HAL, is compiled once.
TARGET = ROOT / "target" / "examples"
_TIMEOUT = 1200


def digits() -> dict[str, str | int]:
    """Returns what the training script recorded of the reference."""
    found: dict[str, str | int] = json.loads((EXAMPLES / "digits-mps2-an500/models/digits.json").read_text())
    return found


def _config(name: str) -> tuple[str, list[str]]:
    """Returns the target of an example (`host` where it names none), and the command that runs its firmware."""
    file = EXAMPLES / name / ".cargo" / "config.toml"
    config = tomllib.loads(file.read_text()) if file.exists() else {}
    target: str = config.get("build", {}).get("target", "host")
    table = config.get("target", {})
    # Cargo reads the dot in `thumbv8m.main` as TOML does: a table in a table.
    for part in target.split("."):
        table = table.get(part, {})
    return target, shlex.split(table.get("runner", ""))


def build(name: str, *options: str, program: str = "") -> Path:
    """Returns the program of an example, which cargo builds as its lock file says."""
    return cargo_build(name, EXAMPLES / name, "--locked", *options, program=program)


def cargo_build(name: str, package: Path, *options: str, program: str = "") -> Path:
    """Returns the program of the package in this folder, for the target of the example of that name.

    It is called `name` unless `program` says otherwise.
    """
    target, _ = _config(name)
    env = toolchain.find(target).environment()
    env |= {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "CARGO_TARGET_DIR": str(TARGET)}
    done = process.run(["cargo", "build", *options], timeout=_TIMEOUT, cwd=package, env=env)
    assert done.status == 0, done.stderr
    profile = "release" if "--release" in options else "debug"
    return (TARGET if target == "host" else TARGET / target) / profile / (program or name)


def run(name: str, *options: str) -> str:
    """Builds an example, runs it, and returns what it printed; it has to end well."""
    program = build(name, *options)
    _, runner = _config(name)
    command: list[str | Path] = [*runner, program]
    if runner:
        emulator = resources.emulator(runner[0])
        assert emulator is not None
        command[0] = emulator
    done = process.run(command, timeout=300)
    assert done.status == 0, done.stdout + done.stderr
    return done.stdout
